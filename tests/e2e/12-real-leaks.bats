#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Real programs that leak are caught while they run, with exact numbers.

load helpers

REAL=$BATS_TEST_DIRNAME/../real

# run_real NAME COMMAND...: in the background with an input that stays open until finish
run_real()
{
    local name=$1
    shift
    mkfifo "$TESTTMP/in"
    start_agent "$name" "grace=1s:log_format=json:log_path=$TESTTMP/log" bash -c 'exec "$@" <"$0"' "$TESTTMP/in" "$@"
    exec 7>"$TESTTMP/in"
}
finish()
{
    exec 7>&-
    wait "$pid"
}
stuck() { cat "$TESTTMP"/log.* 2>/dev/null | grep '"type":"leak"' | grep "\"reason\":\"$1\"" | grep "\"kind\":\"$2\"" | tail -1 | sed 's/.*"count":\([0-9]*\).*/\1/'; }

@test "node: an http server whose upgrade handler never ends the socket: three of three" {
    command -v node >/dev/null || skip "no node"
    run_real node node "$REAL/upgrade.js"
    three() { [ "$(stuck grace close_wait)" = 3 ] || [ "$(stuck grace close_wait)" = 2 ]; }
    wait_for 30 three
    finish
    [ "$(stuck exit close_wait)" = 3 ]
    grep -h '"reason":"exit"' "$TESTTMP"/log.* | grep '"kind":"close_wait"' | grep -q '"origin":"accept"'
}

@test "python3: connections that the server closed and the client keeps" {
    command -v python3 >/dev/null || skip "no python3"
    run_real python python3 "$REAL/kept.py"
    wait_for 30 eval '[ "$(stuck grace close_wait)" = 2 ]'
    finish
    grep -h '"type":"leak"' "$TESTTMP"/log.* | grep -q '"eof":"unread"'
    grep -h '"type":"leak"' "$TESTTMP"/log.* | grep -q '"unread":7'
}

@test "perl: HTTP::Tiny's kept connection, closed by the server" {
    perl -MHTTP::Tiny -e 1 2>/dev/null || skip "no perl modules"
    run_real perl perl "$REAL/keep_alive.pl"
    wait_for 30 eval '[ "$(stuck grace close_wait)" = 1 ]'
    finish
    [ "$(cat "$TESTTMP/perl.out")" = kept ]
}
