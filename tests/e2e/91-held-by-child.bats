#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers, $port from family
# A connection that a process has closed and that a process which it started keeps open without using it; and those that are used.

load helpers
load family

teardown()
{
    local p
    sed -nE 's/^(child|program) //p' "$TESTTMP"/*.out 2>/dev/null | while read -r p; do kill -KILL "$p" 2>/dev/null; done
    helpers_teardown
}

# held WORD [OPTIONS]: the victim under the agent, until it has closed everything
held()
{
    start_agent v "grace=500ms:interval=100ms${2:+:$2}" "$VICTIMS/held" "$1" "$port"
    wait_for 20 grep -q '^at ' "$TESTTMP/v.out"
    mapfile -t children < <(sed -n 's/^child //p' "$TESTTMP/v.out")
}
# found PATTERN: the victim's report has it
found() { "$SOCKLEAK" report --min-age 0 "$pid" >"$TESTTMP/report" 2>&1 && grep -Eq "$1" "$TESTTMP/report"; }
# The marker was closed last: what is not found with it is none.
marker_found() { found 'open_marker .*held.c'; }
is_found() { wait_for 30 found '2 sockets held by a child' || { cat "$TESTTMP/report"; return 1; }; }
is_silent()
{
    wait_for 30 marker_found || { cat "$TESTTMP/report"; return 1; }
    contains "$TESTTMP/report" '1 socket held by a child'
    lacks "$TESTTMP/report" 'open_one|sockets held by a child'
    kill -TERM "$pid"
    wait_for 20 ended "$pid"
    contains "$TESTTMP/v.err" 'SUMMARY: sockleak: 1 socket leaked at 1 site \(1 held_by_child\)'
    for child in "${children[@]}"; do kill -KILL "$child" 2>/dev/null || true; done
}

@test "a program that libc starts is named with the call that started it, and what to do" {
    local call
    for call in posix_spawn:spawn:spawn_sleep posix_spawnp:spawnp:spawn_sleep popen:popen:open_pipe system:system:run_in_background; do
        IFS=: read -r call word function <<<"$call"
        held "$word"
        is_found
        contains "$TESTTMP/report" 'opened by socket'
        contains "$TESTTMP/report" '#0 open_one'
        contains "$TESTTMP/report" "forked to a child by $call \\(2 of 2\\)"
        contains "$TESTTMP/report" "#0 $function"
        contains "$TESTTMP/report" "fd 3  .* -> 127.0.0.1:$port  ESTABLISHED .*held by sleep \\(pid ${children[0]}, fd 3\\)"
        contains "$TESTTMP/report" 'fix: open it with SOCK_CLOEXEC \(tests/victims/held.c:[0-9]+\): /.*/sleep inherited it'
        kill -KILL "$pid" "${children[@]}"
        wait_for 20 ended "$pid"
    done
}

@test "a program that the process itself starts is named with its vfork or fork" {
    held vfork
    is_found
    contains "$TESTTMP/report" 'forked to a child by vfork \(2 of 2\)'
    contains "$TESTTMP/report" '#0 vfork_sleep'
    kill -KILL "$pid" "${children[@]}"
    wait_for 20 ended "$pid"
    held fork-exec
    is_found
    contains "$TESTTMP/report" 'forked to a child by fork \(2 of 2\)'
    contains "$TESTTMP/report" 'fix: open it with SOCK_CLOEXEC'
}

@test "a child of fork is to close it, and of several each is named" {
    held fork
    is_found
    contains "$TESTTMP/report" "held by held \\(pid ${children[0]}, fd 4\\)"
    contains "$TESTTMP/report" 'fix: close it in the child, after the fork \(tests/victims/held.c:[0-9]+\)'
    kill -KILL "$pid" "${children[@]}"
    wait_for 20 ended "$pid"
    held two
    is_found
    contains "$TESTTMP/report" "held by held \\(pid ${children[0]}, fd 3\\), held \\(pid ${children[1]}, fd 3\\)"
    contains "$TESTTMP/report" 'forked to a child by fork \(2 of 2\)'
}

@test "opened with SOCK_CLOEXEC it is nobody's" { held cloexec && is_silent; }
@test "a server that forks for each connection has no finding while its children wait in read" { held reads && is_silent; }
@test "a child that waits in poll uses it" { held polls && is_silent; }
@test "a child that waits in select uses it" { held selects && is_silent; }
@test "a child that waits in epoll uses it" { held epolls && is_silent; }
@test "a child that has called on it once uses it" { held sends && is_silent; }
@test "a program that sends on it now and then uses it" { held moves && is_silent; }
@test "a program that got it on a standard descriptor is inetd's, and uses it" { held inetd && is_silent; }
@test "a program that has it under another number too uses it" { held moved && is_silent; }
@test "what is handed over with LISTEN_FDS is used" { held listen-fds && is_silent; }
@test "what is passed by SCM_RIGHTS is the receiver's, whether it began earlier or later" {
    held rights
    is_silent
    held rights-later
    is_silent
}
@test "a child that ends within the grace, or closes its copies, holds nothing" {
    held short
    is_silent
    held closes
    is_silent
}
@test "workers that accept on a shared listener hold nothing of their parent's" { held listener && is_silent; }

@test "the report of a child says whose connections it keeps, be it a fork or a program" {
    for word in fork spawn; do
        held "$word"
        is_found
        run "$SOCKLEAK" report "${children[0]}"
        [ "$status" -eq 0 ]
        contains "$output" "it keeps 2 connections open that process $pid has closed, and does not use them: sockleak report $pid"
        kill -KILL "$pid" "${children[@]}"
        wait_for 20 ended "$pid"
    done
}

@test "when the peer closes, a child that carries the agent reports it, and else the process that has closed it" {
    held spawn
    is_found
    peer_closes
    child_has() { "$SOCKLEAK" report --min-age 0 "${children[0]}" 2>&1 | grep -q '2 sockets stuck in CLOSE_WAIT'; }
    wait_for 30 child_has
    nothing() { "$SOCKLEAK" report --min-age 0 "$pid" 2>&1 | grep -q 'nothing is stuck'; }
    wait_for 30 nothing
    kill -KILL "$pid" "${children[@]}"
    wait_for 20 ended "$pid"
    held spawn follow_children=0
    is_found
    peer_closes
    wait_for 30 found 'CLOSE_WAIT .*held by sleep'
    contains "$TESTTMP/report" '2 sockets held by a child'
}

@test "a running process reports it, and takes it back when the child ends" {
    held spawn
    wait_for 30 grep -q '2 sockets held by a child' "$TESTTMP/v.err"
    kill -KILL "${children[0]}"
    wait_for 30 grep -Eq 'released: 2 of site [0-9a-f]+ after up to .*: they were held by a child \(fd 3, 4\)' "$TESTTMP/v.err"
}

program() { sed -n 's/^program //p' "$TESTTMP/v.out" | tail -n 1; }
starts_another() { [ "$(program)" != "$1" ]; }

@test "a child that starts one program after another, which all inherit it, is told once" {
    local first
    held starts
    first=$(program)
    wait_for 30 grep -q '2 sockets held by a child' "$TESTTMP/v.err"
    for _ in 1 2 3; do
        found '2 sockets held by a child' # the first look at the next program
        contains "$TESTTMP/report" "held by held \\(pid ${children[0]}, fd 4\\), sleep \\(pid $first, fd 4\\)"
        kill -USR1 "${children[0]}"
        wait_for 20 starts_another "$first"
        first=$(program)
    done
    lacks "$TESTTMP/v.err" 'released'
    kill -KILL "${children[0]}" "$first"
    wait_for 30 grep -q 'released: 2 of site' "$TESTTMP/v.err"
}

@test "it counts for the exit code, in each format, and after the process' end" {
    held spawn "exitcode=9"
    is_found
    run "$SOCKLEAK" report --format json --min-age 0 "$pid"
    contains "$output" '"kind":"held_by_child".*"count":2,"opened":2,"closed":2,"live":0'
    contains "$output" "\"holders\":\\[\\{\"pid\":${children[0]},\"exe\":\"[^\"]*/sleep\",\"fd\":3\\}\\],\"n_holders\":1"
    contains "$output" '"history":\[\{"event":"forked","call":"posix_spawn","count":2'
    contains "$output" '"advice":"open it with SOCK_CLOEXEC'
    contains "$output" '"eof_frames":\[\]'
    run "$SOCKLEAK" report --format sarif --min-age 0 "$pid"
    contains "$output" 'HeldByChild'
    run "$SOCKLEAK" report --format junit --min-age 0 "$pid"
    contains "$output" 'held by a child'
    run "$SOCKLEAK" report --gen-suppressions --min-age 0 "$pid"
    contains "$output" '^held_by_child:'
    kill -TERM "$pid"
    wait "$pid" && code=0 || code=$?
    [ "$code" -eq 9 ]
    contains "$TESTTMP/v.err" '3 held_by_child'
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'exited with status'
    contains "$output" '2 sockets held by a child'
}

@test "a rule for the kind leaves it out, and so does a list of kinds without it" {
    printf 'held_by_child:open_one\n' >"$TESTTMP/rules"
    held spawn "suppressions=$TESTTMP/rules"
    wait_for 30 marker_found
    run "$SOCKLEAK" report --suppressions "$TESTTMP/rules" --min-age 0 "$pid"
    lacks "$output" 'open_one'
    contains "$output" '2 sockets suppressed'
    run "$SOCKLEAK" report --kinds close_wait --min-age 0 "$pid"
    lacks "$output" 'held by a child'
}

@test "without a watcher the look at the end finds it" {
    held spawn interval=0:grace=0
    kill -TERM "$pid"
    wait_for 20 ended "$pid"
    contains "$TESTTMP/v.err" '2 sockets held by a child'
}

@test "run counts it among its processes" {
    cat >"$TESTTMP/try" <<'S'
"$1" spawn "$2" >"$3" & victim=$!
for ((i = 0; i < 100; i++)); do
    sleep 0.2
    grep -q '"count":2' <<<"$("$4" report --min-age 0 --format json $victim)" && break
done
kill -TERM $victim
wait $victim
sed -n 's/^child //p' "$3" | xargs kill -KILL
exit 0
S
    run "$SOCKLEAK" run --grace 500ms --exitcode 7 -- bash "$TESTTMP/try" "$VICTIMS/held" "$port" "$TESTTMP/v.out" "$SOCKLEAK"
    [ "$status" -eq 7 ]
    contains "$output" '2 sockets held by a child'
}

@test "python's subprocess and multiprocessing give no finding, an inheritable socket does" {
    cat >"$TESTTMP/v.py" <<'P'
import multiprocessing, os, socket, subprocess, sys, time
port, what = int(sys.argv[1]), sys.argv[2]
def connect(): return socket.create_connection(("127.0.0.1", port))
def serve(c): c.recv(1)
def idle(): time.sleep(1000)
def held():
    s = connect()
    s.set_inheritable(True)
    return s
if __name__ == "__main__":
    c = connect()
    if what == "subprocess": p = [subprocess.Popen(["sleep", "1000"]), subprocess.Popen(["sleep", "1000"], close_fds=False)]
    elif what == "fork": p = [multiprocessing.get_context("fork").Process(target=serve, args=(c,))]
    else: p = [multiprocessing.get_context("spawn").Process(target=idle)]
    for q in p:
        if what != "subprocess": q.start()
        print("child", q.pid, flush=True)
    c.close()
    m = held()
    q = subprocess.Popen(["sleep", "1000"], close_fds=False)
    print("child", q.pid, flush=True)
    m.close()
    print("at", os.getpid(), flush=True)
    time.sleep(1000)
P
    for what in subprocess fork spawn; do
        start_agent v "grace=500ms:interval=100ms" python3 "$TESTTMP/v.py" "$port" "$what"
        wait_for 30 grep -q '^at ' "$TESTTMP/v.out"
        wait_for 30 found '1 socket held by a child'
        contains "$TESTTMP/report" 'held .*v.py:7|connect .*v.py:4'
        [ "$(grep -c WARNING "$TESTTMP/report")" -eq 1 ]
        kill -KILL "$pid"
        sed -n 's/^child //p' "$TESTTMP/v.out" | xargs kill -KILL
        wait_for 20 ended "$pid"
    done
}

@test "bash's /dev/tcp is used by whom it is redirected to, and kept by whom it is not" {
    cat >"$TESTTMP/v.sh" <<'S'
exec 9<>"/dev/tcp/127.0.0.1/$1"
cat <&9 & echo "child $!"
exec 9>&-
exec 8<>"/dev/tcp/127.0.0.1/$1"
sleep 1000 & echo "child $!"
exec 8>&-
echo "at $$"
wait
S
    start_agent v "grace=500ms:interval=100ms" bash "$TESTTMP/v.sh" "$port"
    wait_for 20 grep -q '^at ' "$TESTTMP/v.out"
    wait_for 30 found 'held by a child'
    contains "$TESTTMP/report" '1 socket held by a child'
    contains "$TESTTMP/report" 'held by sleep \(pid [0-9]+, fd 8\)'
    lacks "$TESTTMP/report" 'fd 9\)|held by cat'
}
