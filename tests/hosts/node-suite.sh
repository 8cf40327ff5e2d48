# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# node-suite: node's own tests of net, http, https and tls, each file's outcome listed, four at a time. They are of the source that Debian has of its node: where
# another is installed, those that this one fails are the same bare and preloaded. What fails is run once more, alone: what passes then has passed.
what="node's own tests of net, http, https and tls"
needs="node=nodejs openssl=openssl ss=iproute2"
limit=3000

work()
{
    local file n=0 all
    own_source node 'test/parallel/test-net-*' 'test/parallel/test-http-*' 'test/parallel/test-https-*' 'test/parallel/test-tls-*' test/common test/fixtures || return
    cd "$SOURCE" || return
    # shellcheck disable=SC2206 # a pattern
    local -a files=(test/parallel/test-${NODE_TESTS:-*}.js)
    mkdir "$DIR/first" "$DIR/second"
    all_of_them &
    all=$!
    STARTED+=("$all")
    looks "$all"
    wait "$all"
    for file in $(grep -l ' failed$' "$DIR"/first/*); do
        one "test/parallel/${file##*/}.js" second $((n += 1))
    done
    best_of "$DIR"/first/* "$DIR"/second/*
}
all_of_them()
{
    for file in "${files[@]}"; do
        while (($(jobs -rp | wc -l) >= 4)); do wait -n; done
        one "$file" first $((n += 1)) &
    done
    wait
}
# one FILE WHICH NUMBER: its outcome in $DIR/WHICH/NAME
one()
{
    local name=${1##*/} flags outcome=failed
    name=${name%.js}
    flags=$(sed -n 's,^// Flags: *,,p' "$1" | head -n 1)
    # shellcheck disable=SC2086 # several flags
    timeout -k 5 60 env NODE_TEST_DIR="$DIR/tmp" TEST_THREAD_ID="$3" NODE_COMMON_PORT=$((20000 + $3)) \
        "${WITH[@]}" node $flags "$1" >"$DIR/tmp/$name.said" 2>&1 </dev/null && outcome=ok
    [[ $outcome == ok ]] && grep -q '^1\.\.0 # Skipped' "$DIR/tmp/$name.said" && outcome=skipped
    echo "$name $outcome" >"$DIR/$2/$name"
    cat "$DIR/tmp/$name.said" >>"$DIR/tests.err"
    rm -f "$DIR/tmp/$name.said"
}
