#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers, $at and $port from family
# Who reports a connection that several processes hold, or that came over a fork or an exec; and what no wrapper saw.
# Each test prints a line of the table: the case, what version 0.1 said, what is said now, and how many ss(8) has.

load helpers
load family

# family WORD OPTIONS [N]: the victim under the agent; returns when N (1) of its processes sleep, with their pids in $at
family()
{
    start_agent v "grace=500ms:log_path=$TESTTMP/log:$2" "$VICTIMS/family" "$1" "$port"
    asleep "${3:-1}"
}
# has COUNT PID: the report of PID has COUNT in CLOSE_WAIT, from its own table; with $unseen from wherever
has()
{
    "$SOCKLEAK" report --min-age 0 "$2" >"$TESTTMP/report" 2>&1 && grep -q "WARNING: sockleak: $1 sockets stuck in CLOSE_WAIT" "$TESTTMP/report" &&
        { [ "${unseen-}" ] || by_agent "$TESTTMP/report"; }
}
# the process itself has found it, past its grace
has_settled() { "$SOCKLEAK" report "$1" 2>&1 | grep -q "WARNING"; }
is_found()
{
    wait_for 20 has "$2" "$1" || { cat "$TESTTMP/report"; return 1; }
    [ "$(ss_has "$1")" = "$2" ]
}
table() { printf '%-34s before: %-44s now: %-34s ss: %s\n' "$@"; }
logged() { cat "$TESTTMP/log.$1" 2>/dev/null; }
has_logged() { logged "$1" | grep -q "$2"; }

@test "a daemon reports its parent's connections, which it never touches, with the parent's stack" {
    family daemon ""
    peer_closes
    is_found "${at[0]}" 3
    contains "$TESTTMP/report" '#0 open_one'
    contains "$TESTTMP/report" 'inherited from parent [0-9]+, which ended'
    wait_for 20 has_logged "${at[0]}" "3 sockets stuck in CLOSE_WAIT"
    table "daemon(3)" "it opened no socket yet" "3 close_wait, of the parent's stack" "$(ss_has "${at[0]}")"
}

@test "a double fork leaves the connections to the grandchild, which reports them" {
    family double ""
    peer_closes
    is_found "${at[0]}" 3
    contains "$TESTTMP/report" '#0 open_one'
    contains "$TESTTMP/report" 'inherited from parent [0-9]+, which ended'
    table "double fork" "it opened no socket yet" "3 close_wait, of the parent's stack" "$(ss_has "${at[0]}")"
}

@test "of prefork workers that hold what their parent has closed one reports it, and after its end the other" {
    family prefork "" 3
    parent=$pid
    mapfile -t workers < <(printf '%s\n' "${at[@]}" | grep -vx "$parent")
    peer_closes
    is_found "${workers[0]}" 3
    contains "$TESTTMP/report" "inherited from parent $parent, which closed its copy"
    run "$SOCKLEAK" report "${workers[1]}"
    contains "$output" 'nothing of its own is stuck'
    contains "$output" '3 sockets are reported by another process that holds them too'
    kill -KILL "${workers[0]}"
    wait_for 20 ended "${workers[0]}"
    is_found "${workers[1]}" 3
    table "prefork, parent closed" "nothing is stuck" "3 close_wait in one of two workers" "$(ss_has "${workers[1]}")"
}

@test "a connection that the parent still holds is the parent's, and not the workers'" {
    family keep "" 3
    parent=$pid
    peer_closes
    is_found "$parent" 3
    lacks "$TESTTMP/report" 'inherited'
    for p in "${at[@]}"; do
        [ "$p" = "$parent" ] || [ -z "$(logged "$p")" ]
    done
}

@test "a connection that one of the workers uses is that worker's" {
    family worker-uses "" 3
    parent=$pid
    peer_closes
    mapfile -t workers < <(printf '%s\n' "${at[@]}" | grep -vx "$parent")
    wait_for 20 has_logged "${workers[1]}" "3 sockets stuck in CLOSE_WAIT"
    [ -z "$(logged "${workers[0]}")" ]
}

@test "at an exit the last holder reports, whatever the order in which a family ends" {
    for _ in 1 2 3; do
        rm -f "$TESTTMP"/log.*
        family prefork "interval=0" 3
        peer_closes
        kill -TERM "${at[@]}"
        for p in "${at[@]}"; do wait_for 20 ended "$p"; done
        cat "$TESTTMP"/log.* >"$TESTTMP/all"
        [ "$(grep -c 'WARNING: sockleak: 3 sockets stuck in CLOSE_WAIT' "$TESTTMP/all")" = 1 ]
        : >"$TESTTMP/peer.out"
    done
}

@test "a child that ends while its parent holds the connections says nothing" {
    family short ""
    [ "$(find "$TESTTMP" -name 'log.*' | wc -l)" = 0 ]
}

@test "what a killed daemon held is in its state file" {
    family daemon ""
    peer_closes
    is_found "${at[0]}" 3
    kill -KILL "${at[0]}"
    wait_for 20 ended "${at[0]}"
    run "$SOCKLEAK" report "$XDG_RUNTIME_DIR/sockleak"
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
    contains "$output" '#0 open_one'
}

@test "run reports what a daemon of the program holds, while it lives and when it was killed" {
    local how
    for how in lives killed; do
        # shellcheck disable=SC2016 # the inner shell's own
        start v "$SOCKLEAK" run --grace 300ms -- sh -c '"$1" daemon "$2"; while ! [ -e "$3" ]; do sleep 0.1; done' _ "$VICTIMS/family" "$port" "$TESTTMP/go"
        run_pid=$pid
        asleep 1
        peer_closes
        wait_for 20 has 3 "${at[0]}"
        wait_for 20 has_settled "${at[0]}"
        [ "$how" = lives ] || { kill -KILL "${at[0]}"; wait_for 20 ended "${at[0]}"; }
        touch "$TESTTMP/go"
        wait_for 20 ended "$run_pid"
        contains "$TESTTMP/v.err" '3 sockets stuck in CLOSE_WAIT'
        contains "$TESTTMP/v.err" '#0 open_one'
        contains "$TESTTMP/v.err" 'which ended'
        kill -KILL "${at[0]}" 2>/dev/null || : # the next one's number takes its place in v.out
        rm "$TESTTMP/go"
        : >"$TESTTMP/peer.out"
    done
}

@test "the program that a child executes reports the connections that it was handed" {
    family exec ""
    peer_closes
    is_found "${at[0]}" 3
    contains "$TESTTMP/report" '#0 open_one'
    contains "$TESTTMP/report" 'inherited from parent [0-9]+, which ended'
    table "fork and exec" "it opened no socket yet" "3 close_wait, of the parent's stack" "$(ss_has "${at[0]}")"
}

@test "connections that a process keeps over its own exec are adopted with their stacks" {
    family exec-self ""
    peer_closes
    is_found "${at[0]}" 3
    contains "$TESTTMP/report" '#0 open_one'
    "$SOCKLEAK" report --format json --min-age 0 "${at[0]}" >"$TESTTMP/json"
    [ "$(json "$TESTTMP/json" '[s["origin"] for s in leaks[0]["sockets"]]')" = "['before_exec', 'before_exec', 'before_exec']" ]
    table "exec of the same process" "it opened no socket yet" "3 close_wait, before_exec" "$(ss_has "${at[0]}")"
}

@test "raw system calls that no wrapper sees: told on report, and at the exit" {
    family raw ""
    peer_closes
    unseen=1 is_found "${at[0]}" 3
    contains "$TESTTMP/report" 'unseen'
    contains "$TESTTMP/report" "judged by the kernel's tables"
    kill -TERM "${at[0]}"
    wait_for 20 ended "${at[0]}"
    contains "$TESTTMP/log.${at[0]}" '3 sockets stuck in CLOSE_WAIT'
    contains "$TESTTMP/log.${at[0]}" 'unseen'
    table "raw system calls" "nothing, silently" "3 close_wait, unseen" "3"
}

@test "a connection that io_uring accepted early is unseen, and judged" {
    "$VICTIMS/hard_uring" accept </dev/null >/dev/null || [ $? != 77 ] || skip "no io_uring here"
    run with_agent "log_format=json:log_path=$TESTTMP/log" "$VICTIMS/hard_uring" accept
    contains "$TESTTMP"/log.* '"origin":"unseen"'
}

@test "a child in a chroot that calls nothing says nothing of its missing state file, until it has a report" {
    [ "$(id -u)" = 0 ] || skip "needs root, for chroot"
    cat >"$TESTTMP/p.py" <<'END'
import os, socket, sys, time
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
os.chroot(sys.argv[2]) # before the fork: the child's table may be made at once
if (child := os.fork()) == 0:
    print("at", os.getpid(), flush=True)
    while os.path.exists("/stay"): time.sleep(0.05)
    os._exit(0)
if sys.argv[3] == "closes": c.close()
os.waitpid(child, 0)
END
    for how in keeps closes; do
        mkdir -p "$TESTTMP/root"
        touch "$TESTTMP/root/stay"
        start_agent v "grace=500ms:interval=250ms" python3 "$TESTTMP/p.py" "$port" "$TESTTMP/root" $how
        asleep 1
        has_watcher() { grep -qx sockleak /proc/"${at[0]}"/task/*/comm; }
        wait_for 20 has_watcher
        peer_closes
        wait_for 20 grep -q '1 socket stuck in CLOSE_WAIT' "$TESTTMP/v.err"
        rm "$TESTTMP/root/stay"
        wait_for 20 ended "$pid"
        if [ $how = keeps ]; then
            lacks "$TESTTMP/v.err" 'no state file'
        else
            contains "$TESTTMP/v.err" "==${at[0]}==sockleak: warning: no state file: the table stays in memory"
        fi
        : >"$TESTTMP/peer.out"
    done
}

@test "of several children in a chroot one reports what all of them hold" {
    [ "$(id -u)" = 0 ] || skip "needs root, for chroot"
    python3 -c 'import ctypes, os, sys
sys.exit(ctypes.CDLL(None).syscall({"x86_64": 312, "aarch64": 272}[os.uname().machine], os.getpid(), os.getpid(), 0, 1, 1) != 0)' || skip "no kcmp here"
    cat >"$TESTTMP/p.py" <<'END'
import os, socket, sys, time
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
children = []
for i in range(3):
    end, stays = os.pipe()
    if (child := os.fork()) == 0:
        os.close(stays)
        os.chroot(sys.argv[2])
        os.write(1, b"at %d\n" % os.getpid()) # print may write it in pieces, and those of three processes mix
        os.read(end, 1)
        os._exit(0)
    children.append((child, stays))
    os.close(end)
c.close()
while os.path.exists(sys.argv[2] + "/stay"): time.sleep(0.05)
# The oldest reports; were it not the last to end, the next would take over from it, and say so.
for child, stays in reversed(children):
    os.close(stays)
    os.waitpid(child, 0)
END
    mkdir -p "$TESTTMP/root"
    touch "$TESTTMP/root/stay"
    start_agent v "grace=500ms:interval=250ms" python3 "$TESTTMP/p.py" "$port" "$TESTTMP/root"
    asleep 3
    has_watcher() { grep -qx sockleak /proc/"$1"/task/*/comm; }
    for child in "${at[@]}"; do wait_for 20 has_watcher "$child"; done
    peer_closes
    wait_for 20 grep -q '1 socket stuck in CLOSE_WAIT' "$TESTTMP/v.err"
    sleep 2 # the others look too, and their parent
    rm "$TESTTMP/root/stay"
    wait_for 20 ended "$pid"
    cat "$TESTTMP/v.err"
    [ "$(grep -o '^==[0-9]*==WARNING' "$TESTTMP/v.err" | sort | uniq -c | wc -l)" -le 2 ] # while they ran, and the last one's at its end
    [ "$(grep -c 'SUMMARY: sockleak: 1 socket' "$TESTTMP/v.err")" -eq 1 ]
    lacks "$TESTTMP/v.err" 'held by a child'
}

@test "what was open before the program's first instruction is inherited, and stays its parent's" {
    # python3 keeps the connection open and hands a copy to a program that does not touch it
    cat >"$TESTTMP/p.py" <<'END'
import os, socket, subprocess, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
p = subprocess.Popen([sys.argv[2], "sleep"], pass_fds=[c.fileno()])
print("parent", flush=True)
p.wait()
END
    start_agent v "grace=300ms:log_path=$TESTTMP/log" python3 "$TESTTMP/p.py" "$port" "$VICTIMS/family"
    asleep 1
    peer_closes
    wait_for 20 has_logged "$pid" "1 socket stuck in CLOSE_WAIT"
    [ -z "$(logged "${at[0]}")" ]
    kill -TERM "${at[0]}"
    wait_for 20 ended "$pid"
    [ -z "$(logged "${at[0]}")" ]
}

@test "what a handler of exit closes was stuck until the end, and exitcode counts it" {
    local word
    for word in exit-closes main-closes; do
        family "$word" "exitcode=7:log_format=json"
        peer_closes
        wait_for 20 has_logged "${at[0]}" '"reason":"grace"'
        kill -TERM "${at[0]}"
        code=0
        wait "$pid" || code=$?
        [ "$code" = 7 ]
        grep '"reason":"exit"' "$TESTTMP/log.${at[0]}" >"$TESTTMP/last"
        [ "$(json "$TESTTMP/last" '[(l["count"], l["until_exit"]) for l in leaks]')" = "[(3, True)]" ]
        : >"$TESTTMP/peer.out"
    done
    family exit-closes ""
    peer_closes
    wait_for 20 has_logged "${at[0]}" "stuck in CLOSE_WAIT"
    kill -TERM "${at[0]}"
    wait "$pid"
    contains "$TESTTMP/log.${at[0]}" '3 were stuck for up to [0-9]+ s until the program ended'
}

@test "a close by the program's own code before the end is a close" {
    family own-close "exitcode=7"
    peer_closes
    wait_for 20 has_logged "${at[0]}" "stuck in CLOSE_WAIT"
    kill -TERM "${at[0]}"
    wait "$pid"
    lacks "$TESTTMP/log.${at[0]}" 'SUMMARY'
}
