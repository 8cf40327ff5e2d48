#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The hard cases of meaning: what is a leak and what only looks like one. The victim runs with a short grace; what it says live and at its end is counted.

load helpers

# victim OPTIONS PROGRAM WORD...: in the background, until `finish`; waits until it is in its condition
victim()
{
    local options=$1
    shift
    mkfifo "$TESTTMP/in"
    start_agent v "grace=500ms:log_format=json:log_path=$TESTTMP/log.%p:$options" bash -c "exec '$VICTIMS/$1' ${*:2} <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -qE '^(ready|closed)' "$TESTTMP/v.out"
}
finish() { exec 7>&-; wait_for 20 ended "$pid"; cp "$TESTTMP/log.$pid" "$TESTTMP/log" 2>/dev/null || : >"$TESTTMP/log"; }
reported() { grep -q '"type":"leak"' "$TESTTMP/log.$pid"; }
# watched: the watcher has looked so often that a report would have come
watched()
{
    local now
    now=$(awk '/^voluntary_ctxt_switches/ {print $2}' "$(grep -l '^sockleak$' /proc/"$pid"/task/*/comm | head -n 1 | sed 's/comm$/status/')")
    echo "$now" >>"$TESTTMP/looks"
    ((now >= $(head -n 1 "$TESTTMP/looks") + 12))
}
# of_last EXPRESSION: over f, the last leak in the log, and s, its first socket
of_last() { json "$TESTTMP/log" "[(f, f['sockets'][0]) for f in leaks[-1:]] and (lambda f, s: $1)(leaks[-1], leaks[-1]['sockets'][0])"; }

@test "D1: a FIN behind unread data is close_wait, unread, with the bytes that wait" {
    victim "" hard_meaning behind_data
    wait_for 20 reported
    finish
    [ "$(of_last "(f['kind'], f['eof'], s['unread'], f['frames'][0]['symbol'])")" = "('close_wait', 'unread', 3, 'accepts')" ]
}

@test "D2: a program that never reads at all is found while it runs" {
    victim "" never_reads
    wait_for 20 reported
    finish
    [ "$(json "$TESTTMP/log" "(leaks[0]['reason'], leaks[0]['kind'], leaks[0]['eof'])")" = "('grace', 'close_wait', 'unread')" ]
}

@test "D3: a half-close in good faith with an answer that takes many times grace is not reported" {
    run with_agent "grace=500ms:interval=250ms" "$VICTIMS/half_close" 3000
    [ "$output" = "done" ]
}

@test "D4: the program's own SHUT_RD is not an end, though recv returns 0" {
    victim "interval=250ms" hard_meaning shut_rd
    wait_for 30 watched
    finish
    [ "$(json "$TESTTMP/log" "len(leaks)")" = 0 ]
}

@test "D5: a connection that both sides have shut down and nobody has closed is dead, finished" {
    victim "" hard_meaning shut_both
    wait_for 20 reported
    finish
    [ "$(of_last "(f['kind'], f['how'], f['count'])")" = "('dead', 'finished', 1)" ]
}

@test "D8: what a child has served and its parent forgot is the parent's leak, with the accept's stack" {
    victim "" hard_meaning child_serves
    wait_for 20 reported
    finish
    [ "$(of_last "(f['kind'], f['count'], f['frames'][0]['symbol'])")" = "('close_wait', 1, 'accepts')" ]
    [ "$(cat "$TESTTMP"/log.[0-9]* | grep -c '"reason":"exit".*"kind"')" = 1 ]
}

@test "D9: a number that was opened and closed 100,000 times carries the stack and the counts of its last opener" {
    victim leak_check_at_exit=all hard_meaning same_number # on a busy machine it has run for ten seconds by then
    wait_for 60 reported
    finish
    [ "$(json "$TESTTMP/log" "sum(l['count'] for l in leaks if l['reason'] == 'exit')")" = 1 ]
    [ "$(of_last "(f['kind'], f['count'], f['frames'][0]['symbol'], f['live'])")" = "('close_wait', 1, 'other_accepts', 1)" ]
}

@test "D10: a socket that was closed and lingers as an orphan is not reported; scan counts it apart" {
    start peer python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0))
print("listening on", s.getsockname()[1], flush=True)
kept = s.accept()
time.sleep(600)'
    local port
    port=$(port_of peer)
    victim "interval=250ms:kinds=all" hard_meaning orphan "$port"
    orphaned() { (($("$SOCKLEAK" scan --json | sed -n 's/.*"orphans_fin_wait_2":\([0-9]*\).*/\1/p') >= 1)); }
    [ "$(ss -Htn state fin-wait-2 "dport = :$port" | wc -l)" = 1 ]
    wait_for 20 orphaned
    finish
    [ "$(json "$TESTTMP/log" "len(leaks)")" = 0 ]
}
