#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# PHP's functions, files and lines are the program's own code in a stack, in every way that a report can be had.

# shellcheck disable=SC2030,SC2031 # each test has a shell of its own
load helpers
load runtimes

LEAK=$BATS_TEST_DIRNAME/../victims/php_leak.php

setup()
{
    helpers_setup
    PROGRAM=(php "$LEAK")
    line_a=$(grep -n 'function guilty_a' "$LEAK" | cut -d: -f1) line_a=$((line_a + 2))
    line_b=$(grep -n 'function guilty_b' "$LEAK" | cut -d: -f1) line_b=$((line_b + 2))
}

# php-fpm's workers live on without it
teardown()
{
    [[ ! ${fpm_pid-} ]] || { kill -TERM "$fpm_pid" && wait "$fpm_pid"; } 2>/dev/null || :
    helpers_teardown
}

# two_groups FILE: a text report of guilty_a's three and guilty_b's two, their lines first, and of nobody else.
two_groups()
{
    three_and_two "$1"
    contains "$1" "#0 Pool::guilty_a +.*php_leak.php:$line_a\$"
    contains "$1" "#0 guilty_b +.*php_leak.php:$line_b\$"
    lacks "$1" execute_ex
}

@test "two guilty functions and an innocent one are two groups with their own counts, the guilty lines first" {
    leaks plain
    two_groups "$TESTTMP/log"
    contains "$TESTTMP/log" '#1 plain +.*php_leak.php:'
    contains "$TESTTMP/log" '#2 \{main\} +.*php_leak.php:'
    contains "$TESTTMP/log" 'SUMMARY: sockleak: 5 sockets leaked at 2 sites'
}

@test "a site has one name in three runs, from another folder, and with another folder's build of the library" {
    local run
    mkdir "$TESTTMP/elsewhere"
    cp "$LEAK" "$TESTTMP/elsewhere/"
    cp "$AGENT" "$TESTTMP/elsewhere/"
    for run in 1 2 3 4 5; do
        [ $run -lt 4 ] || PROGRAM[1]=$TESTTMP/elsewhere/php_leak.php
        [ $run -lt 5 ] || AGENT=$TESTTMP/elsewhere/libsockleak.so
        leaks generators
        same_two_sites
    done
}

@test "what PHP closes at its end was stuck all the time: run --exitcode counts it, and says nothing of a program that closes" {
    local how
    for how in plain exits; do
        run "$SOCKLEAK" run --exitcode 23 -- php "$LEAK" $how
        [ "$status" -eq 23 ]
        two_groups "$output"
        contains "$output" '3 were stuck for up to .* until the program ended'
    done
    run "$SOCKLEAK" run --exitcode 23 -- php "$LEAK" fixed
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "what the program's own code closes at PHP's end was not stuck until then" {
    local how
    for how in destructor shutdown unset; do
        run "$SOCKLEAK" run --exitcode 23 -- php "$LEAK" $how
        printf '%s: %s\n' $how "$output"
        [ "$status" -eq 0 ]
        [ -z "$output" ]
    done
}

@test "through generators that delegate, and a closure" {
    leaks generators
    two_groups "$TESTTMP/log"
    contains "$TESTTMP/log" '#1 steps +.*php_leak.php:'
    contains "$TESTTMP/log" '#2 delegates +.*php_leak.php:'
    contains "$TESTTMP/log" '#1 \{closure[^ ]*\} +.*php_leak.php:'
}

@test "a forked child has its parent's frames, and its own" {
    waits fork interval=0
    both() { [ "$(grep -c ready "$TESTTMP/program.out")" = 2 ]; }
    wait_for 30 both
    finish
    [ "$(find "$TESTTMP" -name 'log.*' | wc -l)" = 2 ]
    local log
    for log in "$TESTTMP"/log.*; do two_groups "$log"; done
}

@test "attached to while it runs" {
    attached
    two_groups "$TESTTMP/report"
}

@test "from the state file after kill -9" {
    waits plain interval=0
    dies
    "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/report"
    two_groups "$TESTTMP/report"
}

@test "runtimes= without PHP shows native frames alone" {
    local what
    for what in none python,java php; do
        waits plain interval=0:runtimes=$what
        "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report"
        finish
        [ $what != php ] || break
        lacks "$TESTTMP/report" guilty
        contains "$TESTTMP/report" '#[0-9]+ .*php'
    done
    two_groups "$TESTTMP/report"
}

@test "JSON has all frames, each with its runtime, in the order in which they call" {
    waits plain interval=0
    dies
    "$SOCKLEAK" report --format json "$XDG_RUNTIME_DIR/sockleak" >"$TESTTMP/json"
    [ "$(json "$TESTTMP/json" 'sorted((l["count"], [f["symbol"] for f in l["frames"] if f["runtime"] == "php"]) for l in leaks)')" = \
        "[(2, ['guilty_b', 'plain', '{main}']), (3, ['Pool::guilty_a', 'plain', '{main}'])]" ]
    # the evaluator stands behind those that it runs
    [ "$(json "$TESTTMP/json" '[[f["symbol"] for f in l["frames"]].index("execute_ex") - [f["symbol"] for f in l["frames"]].index("{main}") for l in leaks]')" = '[1, 1]' ]
    [ "$(json "$TESTTMP/json" 'all(f.get("interpreter") for l in leaks for f in l["frames"] if f["symbol"] == "execute_ex")')" = True ]
}

# serves KIND: a server that closes its connections; its port is in $PORT
serves()
{
    mkfifo "$TESTTMP/server.in"
    # shellcheck disable=SC2016 # the inner shell's own
    start server bash -c 'exec "$@" <"$0"' "$TESTTMP/server.in" python3 "$BATS_TEST_DIRNAME/../victims/php_server.py" "$1"
    exec 8>"$TESTTMP/server.in"
    PORT=$(port_of server)
    export PORT
}

@test "connections of the curl extension, which is loaded with symbols of its own" {
    serves http
    leaks curl
    contains "$TESTTMP/log" 'opened 3, closed 0, stuck 3'
    contains "$TESTTMP/log" '#[0-9]+ +curl_easy_perform +\(libcurl.so'
    contains "$TESTTMP/log" '#[0-9]+ +curl_ask +.*php_leak.php:'
    contains "$TESTTMP/log" '#[0-9]+ +curl +.*php_leak.php:'
    contains "$TESTTMP/log" '#[0-9]+ +\{main\} +.*php_leak.php:'
    lacks "$TESTTMP/log" '/curl.so'
    exec 8>&-
}

@test "connections of the extensions for MySQL and Redis" {
    local how
    for how in mysqli:mysql redis:quiet; do
        serves "${how#*:}"
        waits "${how%:*}" interval=0
        "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report"
        finish
        exec 8>&-
        rm "$TESTTMP/server.in"
        # PHP asks once whether there is IPv6, by a socket that it closes at once
        contains "$TESTTMP/report" 'opened (3, closed 0|4, closed 1), stuck 3'
        contains "$TESTTMP/report" "#0 ${how%:*} +.*php_leak.php:"
        contains "$TESTTMP/report" '#1 \{main\} +.*php_leak.php:'
    done
}

@test "the example with curl: the leaking one is named by its own line, the fixed one is silent" {
    local line
    cp "$TOP"/examples/php-leak/*.p* "$TESTTMP/"
    line=$(grep -n 'curl_exec' "$TESTTMP/leaking.php" | cut -d: -f1)
    service python3 "$TESTTMP/service.py"
    leaking php "$TESTTMP/leaking.php"
    contains "$output" 'opened 4, closed 1, stuck 3'
    contains "$output" "#[0-9]+ +Session::logIn +.*/leaking.php:$line\$"
    contains "$output" "SUMMARY: .* most: 3 at Session::logIn \(.*/leaking.php:$line\)"
    fixed php "$TESTTMP/fixed.php"
}

@test "in a worker of php-fpm with opcache; the end of a request is not the program's" {
    local fpm as=()
    fpm=$(compgen -c php-fpm | head -n 1)
    [ "$(id -u)" != 0 ] || as=(-R)
    cat >"$TESTTMP/fpm.conf" <<EOF
[global]
error_log = $TESTTMP/fpm.log
daemonize = no
[www]
$([ "$(id -u)" != 0 ] || printf 'user = root\ngroup = root\n')
listen = $TESTTMP/fpm.sock
pm = static
pm.max_children = 1
pm.max_requests = 2
EOF
    serves quiet
    start_agent fpm "verbosity=1:interval=250ms:grace=0s:log_path=$TESTTMP/log" "$fpm" -F "${as[@]}" -y "$TESTTMP/fpm.conf" -d opcache.enable=1 -d opcache.file_update_protection=0
    fpm_pid=$pid
    wait_for 30 test -S "$TESTTMP/fpm.sock"
    cp "$BATS_TEST_DIRNAME/../victims/php_page.php" "$TESTTMP/"
    ask() { python3 "$BATS_TEST_DIRNAME/../victims/php_ask.py" "$TESTTMP/fpm.sock" "$TESTTMP/php_page.php" "$1"; }
    run ask "$PORT"
    contains "$output" "served $PORT"
    found_one() { cat "$TESTTMP"/log.* >"$TESTTMP/log" && grep -q 'sockets\? stuck in CLOSE_WAIT' "$TESTTMP/log"; }
    wait_for 30 found_one
    # the worker's last request
    ask none
    worker_ended() { grep -hq "$(sed -n 's/^==\([0-9]*\)==WARNING.*/\1/p' "$TESTTMP/log" | head -n 1)==.*state file is removed" "$TESTTMP"/log.*; }
    wait_for 30 worker_ended
    stop "$pid" QUIT
    exec 8>&-
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    contains "$TESTTMP/log" 'opened (1, closed 0|2, closed 1), stuck 1$'
    contains "$TESTTMP/log" '#0 Shop.Db::login +.*php_page.php:'
    contains "$TESTTMP/log" '#1 Shop.page +.*php_page.php:'
    contains "$TESTTMP/log" '#2 \{main\} +.*php_page.php:'
    lacks "$TESTTMP/log" 'until the program ended'
}

@test "a site has one name whether opcache has compiled its functions or not" {
    local how
    for how in 0 tracing 1205; do
        PROGRAM=(php -d opcache.enable_cli=1 -d opcache.jit_buffer_size=16M -d opcache.jit="$how" -d opcache.jit_hot_func=1 -d opcache.jit_hot_loop=1 -d opcache.jit_hot_return=1
            -d opcache.file_update_protection=0 "$LEAK")
        leaks generators
        two_groups "$TESTTMP/log"
        lacks "$TESTTMP/log" '#[0-9]+ +[?][?]|\[unknown'
        same_two_sites
    done
}

# unknown FLAG...: what is said of a program that looks like PHP but for the FLAGs
unknown()
{
    build_victim unknown "$BATS_TEST_DIRNAME/../victims/php_unknown.c" -rdynamic "$@"
    rm -f "$TESTTMP"/log*
    run with_agent "interval=0:grace=0s:verbosity=1:kinds=all:log_path=$TESTTMP/log" "$TESTTMP/unknown"
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    contains "$TESTTMP/log" '#0 execute_ex'
}

@test "a version or a build that is not known is refused with one line, and shown as native code" {
    unknown
    lacks "$TESTTMP/log" 'are not read'
    unknown -DAPI=20990101 '-DBUILD="API20990101,NTS"'
    contains "$TESTTMP/log" 'its version is not known'
    unknown -DAPI=20220829 '-DBUILD="API20210902,NTS"'
    contains "$TESTTMP/log" 'it is a special build'
    unknown '-DBUILD="API20220829,TS"'
    contains "$TESTTMP/log" 'it is a special build'
    unknown -DDEBUG_BUILD=1
    contains "$TESTTMP/log" 'it is a special build'
    unknown -DSIZE=1808
    contains "$TESTTMP/log" 'its structures are of another size'
    unknown -DTHREADS
    contains "$TESTTMP/log" 'it is a build with threads'
    [ "$(grep -c 'it is a build with threads' "$TESTTMP/log")" = 1 ]
}
