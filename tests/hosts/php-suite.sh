# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# php-suite: PHP's own tests of sockets, streams, the network, HTTP and FTP, each test's outcome listed, four at a time. What fails is run once more, one after the
# other: what passes then has passed.
what="PHP's own tests of sockets, streams, network, HTTP and FTP"
needs="/usr/bin/php=php-cli /usr/lib/php/*/curl.so=php-curl ss=iproute2"
limit=1800

SUITES='ext/sockets/tests ext/standard/tests/streams ext/standard/tests/network ext/standard/tests/http ext/ftp/tests'

work()
{
    # shellcheck disable=SC2086 # several paths
    own_source php run-tests.php $SUITES sapi/cli/tests || return
    cp -a "$SOURCE" "$DIR/php" && cd "$DIR/php" || return # it writes beside its tests
    # shellcheck disable=SC2086
    one first -j4 ${PHP_TESTS:-$SUITES}
    mapfile -t again < <(sed -n 's/ failed$//p' "$DIR/first")
    ((${#again[@]})) && one second "${again[@]}"
    best_of "$DIR/first" "$DIR/second"
}
# one WHICH WORD...: the outcomes, one a line, in $DIR/WHICH
one()
{
    local which=$1
    shift
    "${WITH[@]}" env SKIP_ONLINE_TESTS=1 NO_INTERACTION=1 TEST_PHP_EXECUTABLE=/usr/bin/php timeout -k 5 900 \
        php run-tests.php -q -p /usr/bin/php --set-timeout 60 -W "$DIR/outcomes.$which" "$@" >"$DIR/tests.$which" 2>"$DIR/tests.err" </dev/null &
    pid=$!
    STARTED+=("$pid")
    looks "$pid"
    wait "$pid"
    awk -F '\t' -v here="$PWD/" '{
        sub("^" here, "", $2)
        print $2, $1 == "PASSED" || $1 == "XFAILED" ? "ok" : $1 == "SKIPPED" ? "skipped" : "failed"
    }' "$DIR/outcomes.$which" >"$DIR/$which"
    grep -q '^Number of tests' "$DIR/tests.$which" || echo "the tests did not come to their end"
}
