#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# 35-scan-process: sockleak scan PID says what one process uses up, what it never accepted, and what to type next.

load helpers

stuck() # NAME KIND N...: starts a victim and waits until it holds what it should; $pid, $port
{
    start "$1" "$VICTIMS/scan_stuck" "${@:2}"
    port=$(port_of "$1")
}

python() # NAME: the program on standard input, until it has written a line
{
    cat >"$TESTTMP/$1.py"
    start "$1" python3 "$TESTTMP/$1.py"
    wait_for 20 grep -q . "$TESTTMP/$1.out"
}

line() # TYPE EXPRESSION: over `it`, the last line of this type of $output
{
    python3 - "$1" "$2" "$output" <<'PY'
import json, sys
it = [line for line in map(json.loads, sys.argv[3].splitlines()) if line["type"] == sys.argv[1]][-1]
if eval(sys.argv[2]) is not True:
    sys.exit("%s: %r" % (sys.argv[2], it))
PY
}

@test "scan PID counts what the process never accepted, and what of that the client has closed" {
    stuck server unaccepted 4
    run "$SOCKLEAK" scan "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "^nothing stuck that it holds: scan_stuck \(PID $pid\) holds no socket in CLOSE_WAIT, FIN_WAIT_2 or dead\$"
    contains "$output" "^never accepted: 4 at port $port \(100 may wait\); 4 closed by their client\$"
    run "$SOCKLEAK" scan --json "$pid"
    line usage "it['queues'] == [{'local_port': $port, 'waiting': 4, 'may_wait': 100, 'closed': 4}]"
    line scan "it['unaccepted'] == 4 and it['waiting'] == 4"
    python full <<'PY'
import socket, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
client = socket.create_connection(listener.getsockname())
print(listener.getsockname()[1], flush=True)
time.sleep(100)
PY
    run "$SOCKLEAK" scan "$pid"
    contains "$output" "^never accepted: 1 at port $(cat "$TESTTMP/full.out")\$"
}

@test "where several sockets listen at a port, what clients have closed is said of all of them" {
    python shared <<'PY'
import socket, time
listeners = [socket.socket(), socket.socket()]
port = 0
for listener in listeners:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    port = listener.getsockname()[1]
    listener.listen(50)
for i in range(30):
    socket.create_connection(("127.0.0.1", port)).close()
print(port, flush=True)
time.sleep(100)
PY
    port=$(cat "$TESTTMP/shared.out")
    run "$SOCKLEAK" scan "$pid"
    contains "$output" "^never accepted: [0-9]+ at port $port \(50 may wait\); 30 closed by their client, of all sockets that listen there\$"
    run "$SOCKLEAK" scan --json "$pid"
    line usage "sum(q['waiting'] for q in it['queues']) == 30 and it['queues'][0]['closed'] is None"
    line scan "it['unaccepted'] is None and it['waiting'] == 30"
}

@test "a process with few descriptors left is never called not stuck: what they are is listed" {
    python short <<'PY'
import os, resource, select, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, (210, 210))
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(200)
kept = [select.epoll(), os.pipe(), socket.socketpair(), os.memfd_create("buffer"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
for i in range(80):
    kept += [socket.create_connection(listener.getsockname()), listener.accept()[0]]
while len(os.listdir("/proc/self/fd")) < 207: # itself, which is closed again
    kept.append(open("/etc/passwd"))
print(listener.getsockname()[1], flush=True)
time.sleep(100)
PY
    port=$(cat "$TESTTMP/short.out")
    run "$SOCKLEAK" scan "$pid"
    [ "$status" -eq 0 ]
    lacks "$output" 'nothing stuck'
    contains "${lines[0]}" "^nearly out of descriptors: python3? \(PID $pid\) holds no socket in CLOSE_WAIT, FIN_WAIT_2 or dead\$"
    contains "$output" "^python3? \(PID $pid\): 206 of 210 descriptors, nearly all\$"
    contains "$output" '^descriptors: 16[0-9] sockets, [0-9]+ files, .*, 1 epoll, 1 memfd'
    contains "$output" "^ +80  tcp ESTABLISHED  127\.0\.0\.1:$port\$"
    contains "$output" "^ +80  tcp ESTABLISHED  :$port < 127\.0\.0\.1\$"
    contains "$output" "^ +1  tcp LISTEN  127\.0\.0\.1:$port\$"
    contains "$output" '^ +[0-9]+  file  /etc/passwd$'
    contains "$output" '^ +[0-9]+  pipe$'
    contains "$output" '^ +1  epoll$'
    contains "$output" '^ +1  memfd  buffer'
    contains "$output" '^ +2  unix-stream$'
    contains "$output" '^ +1  udp$'
    contains "$output" "^ports: 80 of [0-9]+ are in use towards 127\.0\.0\.1:$port\$"
    [ "${lines[-1]}" = "next: sockleak attach $pid" ]
    run "$SOCKLEAK" scan --json "$pid"
    line usage "it['fds'] == 206 and it['fd_limit'] == 210 and it['sockets'] == 164"
    line usage "[d['count'] for d in it['descriptors'] if d['kind'] == 'tcp'] == [80, 80, 1] and {'kind': 'epoll', 'state': None, 'target': None, 'count': 1} in it['descriptors']"
    line usage "it['ports'][0]['used'] == 80 and it['ports'][0]['peer'] == '127.0.0.1:$port'"
    run "$SOCKLEAK" scan
    [ "$status" -eq 0 ]
    lacks "$output" '^nothing stuck'
    contains "$output" "^apart: python3? \(PID $pid\) has 206 of 210 descriptors in use.*: sockleak scan $pid\$"
    contains "$output" "^next: sockleak (scan $pid|[a-z]+ [0-9]+)"
    run "$SOCKLEAK" scan --json
    line scan "it['short_of_descriptors'] >= 1"
}

@test "where most descriptors are no sockets it says to look at these" {
    python files <<'PY'
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
kept = []
while len(os.listdir("/proc/self/fd")) < 98:
    kept.append(open(os.path.join(os.path.dirname(__file__), "%d" % len(kept)), "w"))
print("ready", flush=True)
time.sleep(100)
PY
    run "$SOCKLEAK" scan "$pid"
    contains "${lines[0]}" '^nearly out of descriptors: '
    contains "$output" '^  and [0-9]+ more sorts with [0-9]+ descriptors \(--all lists them\)$'
    [ "${lines[-1]}" = "next: ls -l /proc/$pid/fd (most of its descriptors are no sockets)" ]
    run "$SOCKLEAK" scan --all "$pid"
    [ "$(grep -c "^ *1  file  $TESTTMP/" <<<"$output")" -gt 80 ]
}

@test "a process that has few local ports left towards a peer is never called not stuck" {
    unshare -n true 2>/dev/null || skip "no right to make a network namespace"
    cat >"$TESTTMP/ports.py" <<'PY'
import socket, time
listener = socket.socket()
listener.bind(("127.0.0.1", 1))
listener.listen(50)
kept = [(socket.create_connection(listener.getsockname()), listener.accept()) for i in range(19)]
print("ready", flush=True)
time.sleep(100)
PY
    start ports unshare -n sh -c "ip link set lo up && echo '40001 40020' >/proc/sys/net/ipv4/ip_local_port_range && exec python3 '$TESTTMP/ports.py'"
    wait_for 20 grep -q ready "$TESTTMP/ports.out"
    run "$SOCKLEAK" scan "$pid"
    contains "${lines[0]}" '^nearly out of local ports: '
    contains "$output" '^ports: 19 of 20 are in use towards 127\.0\.0\.1:1$'
    [ "${lines[-1]}" = "next: sockleak attach $pid" ]
}

@test "sockets that only a program holds which the process started are said, and whose port they came in at" {
    python helper <<'PY'
import os, socket, subprocess, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(50)
kept = []
for i in range(3):
    client = socket.create_connection(listener.getsockname())
    kept.append(listener.accept()[0])
    os.set_inheritable(kept[-1].fileno(), True)
    client.close()
child = subprocess.Popen(["sleep", "100"], close_fds=False)
for server in kept:
    server.close()
print(child.pid, listener.getsockname()[1], flush=True)
time.sleep(100)
PY
    local child
    read -r child port <"$TESTTMP/helper.out"
    STARTED+=("$child")
    run "$SOCKLEAK" scan "$pid"
    contains "$output" "^nothing stuck that it holds: "
    contains "$output" "^held by a child alone: 3 stuck sockets, by sleep \(PID $child\), which python3? has started\$"
    [ "${lines[-1]}" = "next: sockleak scan $child" ]
    run "$SOCKLEAK" scan --json "$pid"
    line usage "it['children'] == [{'pid': $child, 'command': 'sleep', 'stuck': 3}]"
    run "$SOCKLEAK" scan --all
    contains "$output" " $child sleep .*:$port < 127\.0\.0\.1\$"
    run "$SOCKLEAK" scan "$$"
    [ "$status" -eq 0 ]
    if [ -n "$(command -v unshare)" ] && unshare -npf --mount-proc true 2>/dev/null; then
        run unshare -npf --mount-proc --kill-child sh -c "
            ip link set lo up
            python3 '$TESTTMP/helper.py' >'$TESTTMP/alone.out' &
            until grep -q . '$TESTTMP/alone.out'; do sleep 0.05; done
            '$SOCKLEAK' scan"
        contains "$output" "^port [0-9]+, where these came in, is that of python3? \(PID [0-9]+\)\$"
    fi
}

@test "--exitcode ends with its status when a process holds --min stuck sockets or more" {
    stuck three close_wait 3
    run "$SOCKLEAK" scan --exitcode 23 "$pid"
    [ "$status" -eq 23 ]
    contains "$output" '^3 in CLOSE_WAIT'
    run "$SOCKLEAK" scan --exitcode 23 --min 3 --json "$pid"
    [ "$status" -eq 23 ]
    run "$SOCKLEAK" scan --exitcode 23 --min 4 "$pid"
    [ "$status" -eq 0 ]
    run "$SOCKLEAK" scan --exitcode 23 --min 3
    [ "$status" -eq 23 ]
    run "$SOCKLEAK" scan --exitcode 23 --min 1000000
    [ "$status" -eq 0 ]
    run timeout 60 "$SOCKLEAK" scan --exitcode 23 --watch 100ms --count 2 "$pid"
    [ "$status" -eq 23 ]
    stuck fine healthy 2
    run "$SOCKLEAK" scan --exitcode 23 "$pid"
    [ "$status" -eq 0 ]
    run "$SOCKLEAK" scan --exitcode 23 4194304
    [ "$status" -eq 1 ]
    run "$SOCKLEAK" scan --exitcode 256
    [ "$status" -eq 2 ]
    run "$SOCKLEAK" scan --exitcode 1 --min 0
    [ "$status" -eq 2 ]
    [ "$output" = "sockleak scan: --min 0: at least 1 (see 'sockleak help scan')" ]
    run "$SOCKLEAK" scan --min 3
    [ "$status" -eq 2 ]
    [ "$output" = "sockleak scan: --min says when --exitcode counts; give that too (see 'sockleak help scan')" ]
}

@test "scan advises to attach to a dormant or detached process, and to report one that records" {
    start_agent asleep enabled=0 "$VICTIMS/scan_stuck" close_wait 3
    port_of asleep
    run "$SOCKLEAK" scan "$pid"
    [ "${lines[-1]}" = "next: sockleak attach $pid (its agent is dormant)" ]
    "$SOCKLEAK" attach "$pid"
    run "$SOCKLEAK" scan "$pid"
    [ "${lines[-1]}" = "next: sockleak report $pid" ]
    "$SOCKLEAK" detach "$pid"
    run "$SOCKLEAK" scan "$pid"
    [ "${lines[-1]}" = "next: sockleak attach $pid (its agent is detached)" ]
    start_agent awake log_path=/dev/null "$VICTIMS/scan_stuck" close_wait 3
    port_of awake
    run "$SOCKLEAK" scan "$pid"
    [ "${lines[-1]}" = "next: sockleak report $pid" ]
    # Ten descriptors of eleven, whatever this test itself was given.
    start short env SOCKLEAK_OPTIONS=log_path=/dev/null python3 -c '
import os, resource, sys
os.closerange(3, 4096)
resource.setrlimit(resource.RLIMIT_NOFILE, (11, 11))
os.execve(sys.argv[1], sys.argv[1:], dict(os.environ, LD_PRELOAD=os.environ["AGENT"]))' "$VICTIMS/scan_stuck" healthy 3
    port_of short
    run "$SOCKLEAK" scan "$pid"
    contains "${lines[0]}" '^nearly out of descriptors: '
    [ "${lines[-1]}" = "next: sockleak report --kinds all --min-age 0 $pid" ]
    run "$SOCKLEAK" top "$pid"
    lacks "$output" 'nothing stuck'
    contains "$output" '^no stuck socket; nearly out of descriptors: 1[01] of 11$'
}

@test "scan does not advise to attach to static and Go programs" {
    build_victim fixed "$TOP/tests/victims/scan_stuck.c" -static || skip "no static libc"
    { cat "$TOP/tests/victims/scan_stuck.c" && echo '__attribute__((used, section(".go.buildinfo"))) static int info = 1;'; } | build_victim go -
    start fixed "$TESTTMP/fixed" close_wait 3
    port_of fixed
    run "$SOCKLEAK" scan "$pid"
    [ "${lines[-1]}" = "next: sockleak scan --watch 2s $pid (the agent cannot be loaded there: it is statically linked)" ]
    start go "$TESTTMP/go" close_wait 3
    port_of go
    run "$SOCKLEAK" scan "$pid"
    [ "${lines[-1]}" = "next: sockleak scan --watch 2s $pid (the agent cannot be loaded there: a Go program makes its system calls itself)" ]
}
