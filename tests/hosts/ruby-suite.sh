# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# ruby-suite: Ruby's own tests of sockets and Net::HTTP, each test's outcome listed. What fails is run once more: what passes then has passed. The certificates of
# the tests of TLS have an end: behind it they fail bare too.
what="Ruby's own tests of sockets, of Net::HTTP and its TLS"
needs="ruby=ruby ss=iproute2"
limit=2000

work()
{
    own_source ruby test/socket test/net tool/lib tool/test/runner.rb || return
    cd "$SOURCE" || return
    one first
    grep -qE ' (failed|error)$' "$DIR/first" && one second
    best_of "$DIR/first" "$DIR/second"
    grep -q '^[0-9]* tests, ' "$DIR/tests.first" || echo "the tests did not come to their end"
}
# one WHICH: the outcomes, one a line, in $DIR/WHICH. What fails is told of behind all tests: a line "N) Failure:", and one that begins with the name.
one()
{
    "${WITH[@]}" timeout -k 5 900 ruby tool/test/runner.rb -v --seed=1 ${RUBY_TESTS:-test/socket test/net} >"$DIR/tests.$1" 2>"$DIR/tests.err" </dev/null &
    pid=$!
    STARTED+=("$pid")
    looks "$pid"
    wait "$pid"
    awk '/^\[ *[0-9]+\/[0-9]+\] / { sub(/^\[[^]]*\] /, ""); if (!($1 in outcome)) outcome[$1] = "ok" }
         /^ +[0-9]+\) (Failure|Error|Skipped):$/ {
             what = $2 == "Failure:" ? "failed" : $2 == "Error:" ? "error" : "skipped"
             getline
             sub(/:$/, "", $1)
             if (outcome[$1] == "ok" || outcome[$1] == "skipped") outcome[$1] = what
         }
         END { for (name in outcome) print name, outcome[name] }' "$DIR/tests.$1" >"$DIR/$1"
}
