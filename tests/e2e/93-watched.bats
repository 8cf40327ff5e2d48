#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Watched: which epolls hold a stuck socket when the report is made, and how many bytes it has received and sent.

load helpers

# left WAY [OPTIONS]: the victim runs to its end; its report is in $output, and as JSON in $TESTTMP/log
left()
{
    rm -f "$TESTTMP"/log*
    run with_agent "log_format=json:log_path=$TESTTMP/log.%p:${2-}" "$VICTIMS/watched" "$1" </dev/null
    [ "$status" -eq 0 ]
    cat "$TESTTMP"/log.* >"$TESTTMP/log"
    run with_agent "${2-}" "$VICTIMS/watched" "$1" </dev/null
}
# stays WAY [OPTIONS]: the victim waits for its word; its number in $pid, what the agent writes in $TESTTMP/v.err
stays()
{
    mkfifo "$TESTTMP/in"
    start_agent v "${2-}" bash -c "exec '$VICTIMS/watched' $1 <'$TESTTMP/in'"
    exec 7>"$TESTTMP/in"
    wait_for 20 grep -q '^ready' "$TESTTMP/v.out"
}
# report: the command's report of it, as text and JSON
report()
{
    "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report.txt"
    "$SOCKLEAK" report --min-age 0 --format json "$pid" >"$TESTTMP/report.json"
}
# epolls FILE: of the leaks: mask and how many sockets of each epoll
epolls() { json "$1" '" ".join(sorted("%s:%d" % (w["events"], w["count"]) for l in leaks for w in l["watched"] or []))'; }

@test "an epoll that is edge-triggered and not asked for EPOLLRDHUP is said to be so" {
    left edge
    contains "$output" '^  watched: by epoll fd [0-9]+ for IN \(edge-triggered, no EPOLLRDHUP\)$'
    [ "$(epolls "$TESTTMP/log")" = "IN|ET:4" ]
    [ "$(json "$TESTTMP/log" '[l["watched"][0]["data"] for l in leaks]')" = "[None]" ]
    [ "$(json "$TESTTMP/log" '[int(w["data"], 16) - s["fd"] for l in leaks for s in l["sockets"] for w in s["watched"]] == 4 * [0x700000]')" = True ]
    stays edge
    report
    contains "$TESTTMP/report.txt" '^  watched: by epoll fd [0-9]+ for IN \(edge-triggered, no EPOLLRDHUP\)$'
    [ "$(epolls "$TESTTMP/report.json")" = "IN|ET:4" ]
}

@test "those that were taken off the epoll are counted, and two epolls are both named" {
    left dropped
    contains "$output" '^  watched: by epoll fd [0-9]+ for IN \(edge-triggered, no EPOLLRDHUP; 1 of 4\); 3 of 4 by no epoll$'
    [ "$(epolls "$TESTTMP/log")" = "IN|ET:1" ]
    left two
    contains "$output" '^  watched: by epoll fd [0-9]+ for IN \(edge-triggered, no EPOLLRDHUP\), by epoll fd [0-9]+ for OUT$'
    [ "$(epolls "$TESTTMP/log")" = "IN|ET:4 OUT:4" ]
}

@test "a registration under a closed number is that of the connection that lives on, not of the one that has the number now" {
    left stale
    contains "$output" '^  watched: by epoll fd [0-9]+ for IN \(under another number\)$'
    contains "$output" '^  watched: by no epoll of this process$'
    [ "$(json "$TESTTMP/log" 'sorted((s["fd"], [w["fd"] != s["fd"] for w in s["watched"]]) for l in leaks for s in l["sockets"])[1]')" = "(100, [True])" ]
    [ "$(json "$TESTTMP/log" 'sorted((s["fd"], s["watched"]) for l in leaks for s in l["sockets"])[0][1]')" = "[]" ]
    [ "$(json "$TESTTMP/log" 'sorted(s["fd"] for l in leaks for s in l["sockets"])[0] == [w["fd"] for l in leaks for s in l["sockets"] for w in s["watched"]][0]')" = True ]
}

@test "a one-shot registration that has fired watches nothing any more" {
    left oneshot
    contains "$output" '^  watched: by epoll fd [0-9]+ for nothing any more: its one shot was fired$'
    [ "$(epolls "$TESTTMP/log")" = "ONESHOT:1" ]
}

@test "one of ten thousand registrations is found, and the epoll is read once" {
    left many
    contains "$output" '^  watched: by epoll fd [0-9]+ for IN$'
    stays many
    command -v strace >/dev/null || skip "no strace"
    strace -f -e trace=openat -o "$TESTTMP/calls" "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report.txt"
    contains "$TESTTMP/report.txt" '^  watched: by epoll fd [0-9]+ for IN$'
    [ "$(grep -c "/proc/$pid/fdinfo/" "$TESTTMP/calls")" = 1 ]
}

@test "a running process says by itself that nobody watches the connections that its loop has forgotten" {
    stays forgotten grace=1s
    wait_for 20 grep -q 'received 16 bytes' "$TESTTMP/v.err"
    contains "$TESTTMP/v.err" '^  not watched by anybody in this process$'
    ((EUID == 0)) || skip "which calls its threads are in is asked by root here"
    report
    contains "$TESTTMP/report.txt" '^  not watched by anybody in this process$'
    [ "$(json "$TESTTMP/report.json" '[l["watched"] for l in leaks]')" = "[[]]" ]
}

@test "of a thread that polls it is not said that nobody watches" {
    stays polled grace=1s
    wait_for 20 grep -q 'received 16 bytes' "$TESTTMP/v.err"
    contains "$TESTTMP/v.err" '^  watched: by no epoll of this process$'
    lacks "$TESTTMP/v.err" 'anybody'
    report
    contains "$TESTTMP/report.txt" '^  watched: by no epoll of this process$'
    lacks "$TESTTMP/report.txt" 'anybody'
}

@test "a program without an epoll is not told that no epoll watches" {
    left blocking
    lacks "$output" '^  (not )?watched'
    [ "$(json "$TESTTMP/log" '[l["watched"] for l in leaks]')" = "[[]]" ]
}

@test "of a process that is gone nobody knows what watched its sockets, but the bytes of the last look" {
    stays edge
    report
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    report
    lacks "$TESTTMP/report.txt" '^  (not )?watched'
    contains "$TESTTMP/report.txt" '^  received 16 bytes, sent 0: never answered$'
    [ "$(json "$TESTTMP/report.json" '[l["watched"] for l in leaks]')" = "[None]" ]
}

@test "what was received and never answered is told, at the exit, of a live process, of a stopped one, and by run" {
    left edge
    contains "$output" '^  received 16 bytes, sent 0: never answered$'
    [ "$(json "$TESTTMP/log" '[(s["received"], s["sent"]) for l in leaks for s in l["sockets"]]')" = "[(16, 0), (16, 0), (16, 0), (16, 0)]" ]
    left answered
    contains "$output" '^  received 16 bytes, sent 0 to 7: 3 of 4 never answered$'
    stays answered
    report
    contains "$TESTTMP/report.txt" '^  received 16 bytes, sent 0 to 7: 3 of 4 never answered$'
    kill -STOP "$pid"
    report
    contains "$TESTTMP/report.txt" '^  received 16 bytes, sent 0 to 7: 3 of 4 never answered$'
    run "$SOCKLEAK" run -- "$VICTIMS/watched" answered 3>&- 4>&- </dev/null
    contains "$output" '^  received 16 bytes, sent 0 to 7: 3 of 4 never answered$'
}

@test "a client that has nothing to say has answered nothing, and is not blamed for it" {
    left outgoing
    contains "$output" '^  received 16 bytes, sent 0$'
    lacks "$output" 'never answered'
}

@test "whether the FIN of a reset connection is among its bytes is not known, and so not told" {
    left reset
    contains "$output" 'dead \(reset\)'
    lacks "$output" '^  received'
    [ "$(json "$TESTTMP/log" '[(s["received"], s["sent"]) for l in leaks for s in l["sockets"]]')" = "[(None, 0), (None, 0), (None, 0), (None, 0)]" ]
}

@test "how long a socket is idle is told where it is longer than its state lasts" {
    left idle
    contains "$output" 'CLOSE_WAIT 0 s  unread 16  idle [3-9] s$'
    [ "$(json "$TESTTMP/log" '[3 < s["idle_s"] - s["stuck_s"] for l in leaks for s in l["sockets"]]')" = "[True]" ]
    left edge
    lacks "$output" '  idle'
}
