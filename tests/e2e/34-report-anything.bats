#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# 34-report-anything: sockleak report PID says what is known, and what to type, whatever became of the process or its agent.

load helpers

ready() { wait_for 20 grep -q . "$TESTTMP/$1.out"; }

# `run report $pid`, without what it adds when /dev/shm holds the file of an earlier program that happened to have this number
report_pid()
{
    run "$SOCKLEAK" report "$pid"
    output=${output%; an earlier program with this number has left *}
}

@test "of a dormant process report says what the kernel shows, and to attach" {
    start_agent asleep enabled=0 "$VICTIMS/scan_stuck" close_wait 20 dead 1 never 2
    ready asleep
    run "$SOCKLEAK" report "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "it is dormant and records nothing \(sockleak attach $pid wakes it\)"
    contains "$output" "^==$pid==sockleak: it knows no socket yet; the kernel shows 20 in CLOSE_WAIT, 1 dead, 2 never connected \(of 26 sockets\): \`sockleak attach $pid\` starts recording, \`sockleak scan $pid\` lists them by peer$"
    lacks "$output" 'nothing .*stuck'
    run "$SOCKLEAK" report --format json "$pid"
    contains "$output" "^sockleak report: process $pid \(.*scan_stuck\): it knows no socket yet; the kernel shows 20 in CLOSE_WAIT"
}

@test "of a dormant process with healthy sockets alone it says that none is stuck" {
    start_agent asleep enabled=0 "$VICTIMS/scan_stuck" healthy 2
    ready asleep
    run "$SOCKLEAK" report "$pid"
    contains "$output" "^==$pid==sockleak: it knows no socket yet; the kernel shows [0-9]+ sockets, none stuck: "
}

@test "of a detached process report says so, and what the kernel shows of what was opened since" {
    build_victim later - <<'C'
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
static int listener;
static struct sockaddr_in at = {.sin_family = AF_INET};
static void leak(int sig)
{
    (void)sig;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        close(accept(listener, NULL, NULL));
    write(1, "leaked\n", 7);
}
int main(void)
{
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&at, len);
    listen(listener, 5);
    getsockname(listener, (struct sockaddr *)&at, &len);
    signal(SIGUSR1, leak);
    leak(0);
    for (;;)
        pause();
}
C
    start later "$TESTTMP/later"
    ready later
    "$SOCKLEAK" attach "$pid"
    "$SOCKLEAK" detach "$pid"
    kill -USR1 "$pid"
    wait_for 20 eval "[ \$(grep -c leaked '$TESTTMP/later.out') = 2 ]"
    run "$SOCKLEAK" report "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "it was detached, is dormant and records nothing \(sockleak attach $pid wakes it\)"
    contains "$output" "stuck: none for 30 s yet, 1 for less: .*; 1 socket is not in its records: the kernel shows 1 in CLOSE_WAIT \(of 1 socket\): \`sockleak attach $pid\` starts recording"
    contains "$output" '^  the youngest: fd [0-9]+, in CLOSE_WAIT for [0-9]+ m?s; who opened it is not known$'
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" '1 socket stuck in CLOSE_WAIT'
    contains "$output" "^==$pid==sockleak: 1 socket is not in its records: the kernel shows 1 in CLOSE_WAIT"
}

@test "of a process that never carried the agent it says what the kernel shows, and what to do" {
    start bare "$VICTIMS/scan_stuck" close_wait 20
    ready bare
    report_pid
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak report: process $pid (scan_stuck): it does not run under the agent; the kernel shows 20 in CLOSE_WAIT (of 21 sockets): \`sockleak attach $pid\` starts recording, \`sockleak scan $pid\` lists them by peer" ]
    mkdir -m 700 "$XDG_RUNTIME_DIR/sockleak"
    "$VICTIMS/report_statefile" "$XDG_RUNTIME_DIR/sockleak/$pid.1.sockleak" 1 2 exit
    run "$SOCKLEAK" report "$pid"
    contains "$output" "; an earlier program with this number has left \`sockleak report $XDG_RUNTIME_DIR/sockleak/$pid.1.sockleak\`\$"
}

@test "of a static, a Go and a 32-bit program it does not say to attach" {
    local text='#include <unistd.h>
int main(void) { write(1, "x", 1); for (;;) pause(); }'
    build_victim fixed - -static <<<"$text" || skip "no static libc"
    build_victim go - <<<"$text
__attribute__((used, section(\".go.buildinfo\"))) static int info = 1;"
    start fixed "$TESTTMP/fixed"
    ready fixed
    report_pid
    [ "$status" -eq 1 ]
    [ "$output" = "sockleak report: process $pid (fixed): it does not run under the agent; it holds no socket now: \`sockleak scan --watch 2s $pid\` shows what changes (the agent cannot be loaded: it is statically linked)" ]
    start go "$TESTTMP/go"
    ready go
    report_pid
    contains "$output" 'the agent cannot be loaded: a Go program makes its system calls itself\)$'
    build_victim small - -m32 <<<"$text" 2>/dev/null || return 0
    start small "$TESTTMP/small"
    ready small
    report_pid
    contains "$output" 'the agent cannot be loaded: it is a 32-bit program or one for another processor\)$'
}

@test "of a process of another user it says to attach as root" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to become someone else"
    start other setpriv --reuid 65534 --regid 65534 --clear-groups sleep 100
    wait_for 20 grep -q '^sleep$' "/proc/$pid/comm"
    run setpriv --reuid 65534 --regid 65534 --clear-groups "$SOCKLEAK" report "$pid"
    contains "$output" "\`sockleak attach $pid\` starts recording"
    chmod 711 "$TESTTMP"
    start roots sleep 100
    run env -u XDG_RUNTIME_DIR setpriv --reuid 65534 --regid 65534 --clear-groups "$SOCKLEAK" report "$pid"
    [ "$status" -eq 1 ]
    contains "$output" "process $pid: cannot look into it"
}

@test "of a forked child that reports nothing of its own it says who forked it, and a child with a leak of its own reports that" {
    cat >"$TESTTMP/fork.py" <<'PY'
import os, socket, sys, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(50)
kept = []
def leak():
    kept.append(socket.create_connection(listener.getsockname()))
    listener.accept()[0].close()
for i in range(3):
    leak()
child = os.fork()
if child == 0:
    if sys.argv[1] == "own":
        leak()
    time.sleep(100)
print(child, flush=True)
time.sleep(100)
PY
    local child
    start_agent shares log_path=/dev/null python3 "$TESTTMP/fork.py" none
    ready shares
    child=$(cat "$TESTTMP/shares.out")
    STARTED+=("$child")
    of_child() { "$SOCKLEAK" report --min-age 0 "$child" 2>&1 | grep -qE "$1"; }
    wait_for 30 of_child "^==$child==sockleak: nothing of its own is stuck .*; 3 sockets are reported by another process that holds them too: it was forked by $pid, so try .sockleak report $pid.\$"
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
    start_agent own log_path=/dev/null python3 "$TESTTMP/fork.py" own
    ready own
    child=$(cat "$TESTTMP/own.out")
    STARTED+=("$child")
    wait_for 30 of_child '1 socket stuck in CLOSE_WAIT'
}

@test "of a forked child that has called on no socket it says which process knows the stacks" {
    build_victim idle - <<'C'
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
    int pair[2];
    for (int i = 0; i < 3; i++) {
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        close(pair[0]);
    }
    pid_t child = fork();
    if (child)
        dprintf(1, "%d\n", child);
    for (;;)
        pause();
}
C
    local child
    start_agent idle log_path=/dev/null "$TESTTMP/idle"
    ready idle
    child=$(cat "$TESTTMP/idle.out")
    STARTED+=("$child")
    run "$SOCKLEAK" report "$child"
    [ "$status" -eq 0 ]
    contains "$output" "it was forked by $pid and has called on no socket since, so it has no state file; .sockleak report $pid. knows the stacks of 3 sockets that both hold; judged by the kernel's tables\$"
    contains "$output" '3 sockets hung up'
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    run "$SOCKLEAK" report "$child"
    contains "$output" 'it has no state file, so no stack is known'
}

@test "of a dynamically linked program without glibc it does not say to attach" {
    build_victim bare - -nostdlib -nostartfiles -pie -fPIE -Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2 <<'C' || skip "not on this machine"
void _start(void);
void _start(void) { for (;;) __asm__ volatile("pause"); }
C
    start bare "$TESTTMP/bare"
    wait_for 20 grep -q "^bare$" "/proc/$pid/comm"
    run "$SOCKLEAK" report "$pid"
    contains "$output" '\(the agent cannot be loaded: it runs neither on glibc nor on musl\)$'
}

# three_are_stuck PID: by its agent's own look, and not by the kernel's word for one that does not answer in time
three_are_stuck()
{
    local said
    said=$("$SOCKLEAK" report --min-age 0 "$1" 2>/dev/null)
    [[ $said == *'3 sockets stuck'* && $said != *'has not looked yet'* ]]
}

@test "a dead process' file is found though the asking shell has another runtime directory, or names a state directory" {
    start_agent dead grace=0s:log_path=/dev/null "$VICTIMS/scan_stuck" close_wait 3
    ready dead
    wait_for 20 three_are_stuck "$pid"
    kill -KILL "$pid"
    wait_for 20 ended "$pid"
    run "$SOCKLEAK" report "$pid"
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
    needs_alone
    # shellcheck disable=SC2016 # the inner shell's own
    run alone env -u XDG_RUNTIME_DIR bash -c "$(declare -f three_are_stuck)"'
        LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS=grace=0s:log_path=/dev/null "$VICTIMS/scan_stuck" close_wait 3 >"$TESTTMP/inner" & pid=$!
        until three_are_stuck $pid; do sleep 0.05; done
        kill -KILL $pid
        wait $pid
        XDG_RUNTIME_DIR=/nowhere SOCKLEAK_OPTIONS=state_dir=/nowhere/else "$SOCKLEAK" report $pid'
    [ "$status" -eq 0 ]
    contains "$output" 'ended without an exit \(killed\?\)'
    contains "$output" '3 sockets stuck in CLOSE_WAIT'
}

@test "of sockets whose site has several reserves report does not say that nothing is stuck while they are young" {
    start_agent young log_path=/dev/null "$VICTIMS/scan_stuck" never 5
    ready young
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'stuck: none for 30 s yet, 5 for less: --min-age 0 lists them'
    start_agent one log_path=/dev/null "$VICTIMS/scan_stuck" never 1
    ready one
    run "$SOCKLEAK" report "$pid"
    contains "$output" 'nothing is stuck \(2 sockets open\)'
}

@test "of some kinds alone it says that nothing of these is stuck" {
    start_agent kinds log_path=/dev/null "$VICTIMS/scan_stuck" close_wait 3
    ready kinds
    run "$SOCKLEAK" report --min-age 0 --kinds dead "$pid"
    contains "$output" "^==$pid==sockleak: nothing of the kinds that were asked for is stuck \(4 sockets open\)\$"
}

@test "groups with a stack come before those without, however many these are" {
    build_victim both - <<'C'
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
static void leak(int n)
{
    int pair[2];
    while (n-- > 0) {
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        close(pair[0]);
    }
}
static void more(int sig)
{
    (void)sig;
    leak(3);
    write(1, "y\n", 2);
}
int main(void)
{
    signal(SIGUSR1, more);
    leak(9);
    write(1, "x\n", 2);
    for (;;)
        pause();
}
C
    local how first
    start both "$TESTTMP/both"
    ready both
    "$SOCKLEAK" attach "$pid"
    kill -USR1 "$pid"
    wait_for 20 grep -q y "$TESTTMP/both.out"
    for how in stuck age rate; do
        run "$SOCKLEAK" report --min-age 0 --sort "$how" "$pid"
        contains "$output" '9 sockets hung up'
        first=$(grep -m 1 'sockets hung up' <<<"$output")
        contains "$first" '3 sockets hung up'
    done
}
