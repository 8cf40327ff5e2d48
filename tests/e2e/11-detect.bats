#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What counts as a leak, and what is said of it.

load helpers

json() { with_agent "log_format=json:log_path=$TESTTMP/log:$1" "${@:2}"; }
# field NAME: of the first leak in the log, as it stands there
leak_field() { grep -h '"type":"leak"' "$TESTTMP"/log.* | sed -n "1s/.*\"$1\":\(\"[^\"]*\"\|[^,}]*\).*/\1/p"; }
leaks() { cat "$TESTTMP"/log.* 2>/dev/null | grep -c '"type":"leak"'; }

expect_kind() # victim's word, kind, how, eof
{
    json "" "$VICTIMS/each_kind" "$1"
    [ "$(leaks)" = 1 ]
    [ "$(leak_field kind)" = "\"$2\"" ]
    [ "$(leak_field how)" = "$3" ]
    [ "$(leak_field eof)" = "$4" ]
    [ "$(leak_field count)" = 1 ]
}

@test "5,000 leaks from 3 call sites are 3 groups with exact counts" {
    json "" "$VICTIMS/leak_three_sites"
    [ "$(leaks)" = 3 ]
    grep -q '"count":3000,.*"symbol":"first_site"' "$TESTTMP"/log.*
    grep -q '"count":1500,.*"symbol":"second_site"' "$TESTTMP"/log.*
    grep -q '"count":500,.*"symbol":"third_site"' "$TESTTMP"/log.*
    grep -q '"type":"summary".*"reason":"exit","leaks":5000,"sites":3,"suppressed":0,"dropped":0,"by_kind":{"close_wait":5000' "$TESTTMP"/log.*
}

@test "every line of a JSON report is valid by itself" {
    json "kinds=all" "$VICTIMS/each_kind" close_wait_unread
    command -v python3 || skip "no python3"
    n=0
    while IFS= read -r line; do
        printf '%s\n' "$line" | python3 -m json.tool >/dev/null
        n=$((n + 1))
    done <"$(ls "$TESTTMP"/log.*)"
    [ "$n" -ge 2 ]
}

@test "a socket whose end was read is close_wait with eof read, and the reader's stack" {
    expect_kind close_wait_read close_wait null '"read"'
    grep -q '"eof_frames":\[{[^]]*"symbol":"main"' "$TESTTMP"/log.*
}

@test "a FIN behind unread data is close_wait with eof unread and the bytes before it" {
    expect_kind close_wait_unread close_wait null '"unread"'
    grep -q '"unread":5' "$TESTTMP"/log.*
}

@test "a shut down connection whose peer does not finish is fin_wait_2" {
    json "" "$VICTIMS/each_kind" fin_wait_2
    grep -q '"kind":"fin_wait_2"' "$TESTTMP"/log.*
    grep -q '"kind":"close_wait"' "$TESTTMP"/log.*
    [ "$(leaks)" = 2 ]
}

@test "a connection that both sides finished and nobody closed is dead, finished" { expect_kind finished dead '"finished"' '"read"'; }
@test "a reset that the program was told of is dead, reset, with the stack that was told" {
    expect_kind reset dead '"reset"' null
    grep -q '"eof_frames":\[{[^]]*"symbol":"main"' "$TESTTMP"/log.*
}
@test "a reset that the program was not told of is dead, reset" { expect_kind reset_unread dead '"reset"' null; }
@test "a refused connect is never_connected" { expect_kind refused never_connected null null; }
@test "a stream socket that was bound and that nobody connected is never_connected" { expect_kind never never_connected null null; }
@test "a Unix socket whose peer has closed is hangup" {
    json "" "$VICTIMS/each_kind" hangup
    [ "$(leak_field kind)" = '"hangup"' ]
    [ "$(leaks)" = 1 ]
    grep -q '"family":"unix"' "$TESTTMP"/log.*
    grep -q '"origin":"socketpair"' "$TESTTMP"/log.*
}

@test "a datagram socket and healthy connections are no findings, but open with kinds=all" {
    json "" "$VICTIMS/each_kind" datagram
    json "" "$VICTIMS/each_kind" open
    [ "$(leaks)" = 0 ]
    json "kinds=all" "$VICTIMS/each_kind" datagram
    [ "$(leak_field kind)" = '"open"' ]
}

@test "a million sockets opened and closed give no report and no growth of memory" {
    run with_agent "" "$VICTIMS/million" 300000
    echo "$output"
    [ "$status" = 0 ]
    [[ $output =~ ^grew\ (-?[0-9]+)\ KiB$ ]]
    [ "${BASH_REMATCH[1]}" -le 100 ]
}

@test "a client that never receives is found while it runs" {
    mkfifo "$TESTTMP/in"
    start_agent v "grace=1s" bash -c "exec '$VICTIMS/never_reads' <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q "1 socket stuck in CLOSE_WAIT" "$TESTTMP/v.err"
    grep -q "forgetful_connect" "$TESTTMP/v.err"
    grep -q "unread 5" "$TESTTMP/v.err"
    exec 7>&-
}

@test "a leak that is reported and then closed is retracted" {
    mkfifo "$TESTTMP/in"
    start_agent v "grace=500ms:log_format=json" bash -c "exec '$VICTIMS/never_reads' close <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '"type":"leak"' "$TESTTMP/v.err"
    echo >&7
    wait_for 20 grep -q '"type":"release"' "$TESTTMP/v.err"
    exec 7>&-
    wait_for 20 bash -c "! kill -0 $pid 2>/dev/null"
    [ "$(grep -c '"type":"leak"' "$TESTTMP/v.err")" = 1 ]
    ! grep -q '"type":"summary"' "$TESTTMP/v.err"
}

@test "a half-close in good faith with a slow answer is not reported" {
    run with_agent "grace=1s" "$VICTIMS/half_close" 5000
    echo "$output"
    [ "$output" = "done" ]
}

@test "the state file of a killed process holds every socket that was open" {
    mkfifo "$TESTTMP/in"
    start_agent v "" bash -c "exec '$VICTIMS/hold_many' 300 <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q open "$TESTTMP/v.out"
    kill -KILL "$pid"
    wait "$pid" || true
    exec 7>&-
    [ "$(ls "$XDG_RUNTIME_DIR/sockleak" | wc -l)" = 1 ]
    run "$SOCKLEAK" report --kinds all --format json "$XDG_RUNTIME_DIR"/sockleak/*
    echo "$output"
    [[ $output == *'"count":300,'* ]]
}

@test "a clean exit leaves no state file, an exit with leaks keeps it" {
    with_agent "" "$VICTIMS/million" 100
    [ -z "$(ls "$XDG_RUNTIME_DIR/sockleak")" ]
    with_agent "log_path=/dev/null" "$VICTIMS/each_kind" hangup
    [ "$(ls "$XDG_RUNTIME_DIR/sockleak" | wc -l)" = 1 ]
}
