#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# 30-scan: sockleak scan counts what the kernel has, by process and peer.

load helpers

stuck() # NAME KIND N...: starts a victim and waits until it holds what it should; $pid, $port
{
    start "$1" "$VICTIMS/scan_stuck" "${@:2}"
    port=$(port_of "$1")
}

# row EXPRESSION: over `rows`, the lines of type "stuck" of $output, and `last`, the line of type "scan".
row()
{
    python3 - "$1" "$output" <<'PY'
import json, sys
lines = [json.loads(line) for line in sys.argv[2].splitlines()]
rows = [line for line in lines if line["type"] == "stuck"]
last = lines[-1]
def only(**want):
    hits = [r for r in rows if all(r[k] == v for k, v in want.items())]
    assert len(hits) == 1, hits
    return hits[0]
assert last["type"] == "scan", last
value = eval(sys.argv[1])
if value is not True:
    sys.exit("%s: %r\n%s" % (sys.argv[1], value, sys.argv[2]))
PY
}

@test "scan counts CLOSE_WAIT by process and peer, with the bytes that wait and without the FIN" {
    stuck client close_wait 7
    run "$SOCKLEAK" scan "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "^CLOSE_WAIT "
    contains "${lines[1]}" "^ +7 .* $pid scan_stuck? +127\.0\.0\.1:$port\$"
    contains "$output" "^7 in CLOSE_WAIT"
    run "$SOCKLEAK" scan --json "$pid"
    row "only(peer='127.0.0.1:$port', pid=$pid)['close_wait'] == 7"
    row "rows[0]['unread'] == 35 and rows[0]['close_wait_eof_read'] == 0"
    row "rows[0]['ports_used'] >= 7 and rows[0]['ports_total'] > 1000"
    run "$SOCKLEAK" scan "$pid"
    contains "$output" "^nobody has read any of these 7 connections to its end, and none is closed$"
    contains "$output" "^7 in CLOSE_WAIT$" # one process was asked for
}

@test "scan says on how many connections nothing is left to read, and not that the end was read" {
    stuck client read_end 3
    run "$SOCKLEAK" scan --json "$pid"
    row "rows[0]['close_wait'] == 3 and rows[0]['close_wait_drained'] == 3 and rows[0]['close_wait_eof_read'] == 3 and rows[0]['unread'] == 0"
    run "$SOCKLEAK" scan "$pid"
    contains "$output" "^nothing is left to read on 3 of these 3 connections, and none is closed$"
    lacks "$output" "has read the end"
    stuck one read_end 1
    run "$SOCKLEAK" scan "$pid"
    contains "$output" "^nothing is left to read on this connection, and it is not closed$"
}

@test "scan counts IPv6, Unix, dead and never connected sockets" {
    stuck mixed hangup 2 dead 4 never 3
    run "$SOCKLEAK" scan --json "$pid"
    row "only(direction='unix')['hangup'] == 2"
    row "only(direction='none')['dead'] == 4 and only(direction='none')['never_connected'] == 3"
    row "last['dead'] == 4 and last['never_connected'] == 3 and last['hangup'] == 2 and last['close_wait'] == 0"
    start six "$VICTIMS/scan_stuck" close_wait6 2
    wait_for 20 eval "grep -q . $TESTTMP/six.out || ! kill -0 $pid" || true
    [ -s "$TESTTMP/six.out" ] || skip "no IPv6 here"
    run "$SOCKLEAK" scan --json "$pid"
    row "only(family='inet6')['close_wait'] == 2 and rows[0]['peer'].startswith('[::1]:')"
}

@test "an accepted connection is counted under the port that accepted it and the client's address" {
    stuck server fin_wait_2 5
    run "$SOCKLEAK" scan --json "$pid"
    row "only(direction='out')['fin_wait_2'] == 5 and only(direction='out')['peer'] == '127.0.0.1:$port'"
    row "only(direction='in')['close_wait'] == 5 and only(direction='in')['local_port'] == $port and only(direction='in')['peer'] == '127.0.0.1'"
    run "$SOCKLEAK" scan "$pid"
    contains "$output" ":$port < 127\.0\.0\.1"
}

@test "healthy, listening and datagram sockets are no finding" {
    stuck fine healthy 5
    run "$SOCKLEAK" scan "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "^nothing stuck: scan_stuck \(PID $pid\)"
    contains "$output" "^next: sockleak run -- "
    run "$SOCKLEAK" scan --json "$pid"
    row "rows == []"
}

@test "the worst process is the first line and the next command is for it" {
    stuck small close_wait 2
    local small=$pid
    stuck large close_wait 60
    run "$SOCKLEAK" scan --all
    [ "$status" -eq 0 ]
    local at_large at_small
    at_large=$(grep -nE " $pid scan_stuck " <<<"$output" | head -n 1 | cut -d: -f1)
    at_small=$(grep -nE " $small scan_stuck " <<<"$output" | head -n 1 | cut -d: -f1)
    [ "$at_large" -lt "$at_small" ]
    run "$SOCKLEAK" scan "$pid"
    [ "${lines[-1]}" = "next: sockleak attach $pid" ]
}

@test "connections that wait unaccepted and orphans are counted apart" {
    stuck server unaccepted 4
    run "$SOCKLEAK" scan --json
    row "last['unaccepted'] >= 4 and last['orphans_fin_wait_2'] >= 4"
    row "[r for r in rows if r['pid'] == $pid] == []"
}

@test "counts are exact, also beside a zombie, which has no network namespace" {
    unshare -npf --mount-proc true 2>/dev/null || skip "no right to make a namespace"
    run unshare -npf --mount-proc --kill-child sh -c "
        ip link set lo up
        sh -c 'true & exec sleep 60' &
        '$VICTIMS/scan_stuck' unaccepted 4 close_wait 3 hangup 1 >'$TESTTMP/all.out' &
        until grep -qs '^listening' '$TESTTMP/all.out' && grep -qs '^State:.Z' /proc/[0-9]*/status; do sleep 0.05; done
        while grep -q '^ *[0-9]*: [^ ]* [^ ]* 04 ' /proc/net/tcp; do sleep 0.05; done # FIN_WAIT_1: the answer is on its way
        '$SOCKLEAK' scan --json"
    [ "$status" -eq 0 ]
    row "(last['unaccepted'], last['orphans_fin_wait_2'], last['close_wait'], last['hangup']) == (4, 7, 3, 1)"
    row "last['namespaces'] == 1 and last['holders'] == 1 and len(rows) == 2"
}

@test "scan looks into other network namespaces" {
    unshare -n true 2>/dev/null || skip "no right to make a network namespace"
    start inside unshare -n sh -c "ip link set lo up && exec '$VICTIMS/scan_stuck' hangup 2 close_wait 6"
    port=$(port_of inside)
    run "$SOCKLEAK" scan --json
    row "only(pid=$pid, direction='out')['close_wait'] == 6 and only(pid=$pid, direction='out')['netns'] != $(stat -Lc %i /proc/self/ns/net)"
    # Unix sockets are seen only from within.
    row "only(pid=$pid, direction='unix')['hangup'] == 2"
    row "last['namespaces'] >= 2"
}

@test "an ordinary user sees his own processes and is told what he could not see" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to become someone else"
    chmod 711 "$TESTTMP"
    start own setpriv --reuid 65534 --regid 65534 --clear-groups "$VICTIMS/scan_stuck" close_wait 3
    port=$(port_of own)
    local own=$pid
    stuck roots close_wait 5
    run setpriv --reuid 65534 --regid 65534 --clear-groups "$SOCKLEAK" scan
    [ "$status" -eq 0 ]
    contains "$output" " $own scan_stuck? +127\.0\.0\.1"
    contains "$output" "\? \(uid 0\) +127\.0\.0\.1:$port\$"
    lacks "$output" " $pid scan_stuc"
    contains "$output" "^not seen: the descriptors of [0-9]+ processes of other users"
    run setpriv --reuid 65534 --regid 65534 --clear-groups "$SOCKLEAK" scan "$pid"
    [ "$status" -eq 1 ]
    contains "$output" "another user's; try sudo sockleak scan $pid\$"
}

@test "a namespace that may not be entered is read through /proc" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to become someone else"
    unshare -n true 2>/dev/null || skip "no right to make a network namespace"
    chmod 711 "$TESTTMP"
    start inside unshare -n sh -c "ip link set lo up && exec setpriv --reuid 65534 --regid 65534 --clear-groups '$VICTIMS/scan_stuck' close_wait 4"
    port=$(port_of inside)
    run setpriv --reuid 65534 --regid 65534 --clear-groups "$SOCKLEAK" scan --json "$pid"
    row "only(pid=$pid)['close_wait'] == 4 and last['namespaces_not_entered'] == 1"
}

@test "scan does not touch what it looks at: a socket that is closed while it runs ends at once" {
    stuck busy never 1 dead 1 close_wait 1
    local before after
    before=$(ls -l "/proc/$pid/fd")
    run "$SOCKLEAK" scan "$pid"
    after=$(ls -l "/proc/$pid/fd")
    [ "$(awk '{print $NF}' <<<"$before")" = "$(awk '{print $NF}' <<<"$after")" ]
    [ "$(awk '/State/ {print $2}' "/proc/$pid/status")" = S ]
}

@test "--watch shows the change, --count ends it" {
    stuck client close_wait 2
    run timeout 60 "$SOCKLEAK" scan --watch 200ms --count 2 --json "$pid"
    [ "$status" -eq 0 ]
    row "[r['change'] for r in rows] == [None, 0]"
    run timeout 60 "$SOCKLEAK" scan --watch 200ms --count 2 "$pid"
    [ "$(grep -c '^sockleak scan at ' <<<"$output")" -eq 2 ]
}

@test "--watch says that the process has ended" {
    stuck client close_wait 1
    start watch "$SOCKLEAK" scan --watch 100ms "${STARTED[0]}"
    wait_for 20 grep -q CLOSE_WAIT "$TESTTMP/watch.out"
    kill -KILL "${STARTED[0]}"
    wait "${STARTED[0]}" || true
    wait_for 20 ended "$pid"
    wait "$pid"
    contains "$TESTTMP/watch.err" "process ${STARTED[0]} has ended"
}

@test "a table of only the usual columns fits 80 columns" {
    stuck client close_wait 3 fin_wait_2 2 unaccepted 1
    run env COLUMNS=80 "$SOCKLEAK" scan "$pid"
    [ "$status" -eq 0 ]
    lacks "$output" '^.{81}'
}

@test "wrong usage is one line and status 2, an impossible wish one line and status 1" {
    local words
    for words in "x" "0" "1 2" "--watch" "--watch soon" "--watch 1ms" "--count many" "--frob"; do
        # shellcheck disable=SC2086 # several words on purpose
        run "$SOCKLEAK" scan $words
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
        contains "$output" "^sockleak scan: .*see 'sockleak help scan'"
    done
    run "$SOCKLEAK" scan 4194304
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak scan: no process 4194304" ]
}
