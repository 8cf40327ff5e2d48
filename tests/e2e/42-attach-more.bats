#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# Processes that are in an odd state when they are attached to or detached from.

load helpers

# fifo NAME: an input for a program, which ends when $FEED is closed
fifo()
{
    mkfifo "$TESTTMP/$1"
    exec {FEED}<>"$TESTTMP/$1"
}

has_agent() { grep -q libsockleak "/proc/$1/maps"; }

@test "a thread in an uninterruptible sleep goes on when that is over, though attach --for still records" {
    build_victim sleeper - <<'C'
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
static void *worker(void *arg) { for (;;) { close(socket(AF_INET, SOCK_STREAM, 0)); usleep(20000); } return arg; }
int main(int argc, char **argv)
{
    pthread_t t;
    char c;
    pthread_create(&t, NULL, worker, NULL);
    puts("ready");
    fflush(stdout);
    if (vfork() == 0) /* the first thread sleeps in the kernel, deaf to everything, until the child has ended */
        _exit(read(0, &c, 1) != 1);
    puts("went on");
    fflush(stdout);
    for (;;)
        pause();
}
C
    fifo in
    # shellcheck disable=SC2016 # the inner shell's own
    start sleeper bash -c 'exec "$@" <"$0"' "$TESTTMP/in" "$TESTTMP/sleeper"
    local sleeper=$pid
    wait_for 20 grep -q ready "$TESTTMP/sleeper.out"
    wait_for 20 grep -q '^State:.D' "/proc/$sleeper/status"
    start attach "$SOCKLEAK" attach --for 600s "$sleeper"
    wait_for 30 has_agent "$sleeper"
    echo >&"$FEED"
    wait_for 20 grep -q 'went on' "$TESTTMP/sleeper.out"
    kill -0 "$pid" # attach records on
    stop "$pid" || true # it may not have come to where it reports on that
}

# timed CALL: attached to and detached from while it waits in CALL, a program gets what it would have got
timed()
{
    start "$1" "$VICTIMS/attach_timed" "$1"
    wait_for 20 grep -q ready "$TESTTMP/$1.out"
    "$SOCKLEAK" attach "$pid"
    "$SOCKLEAK" detach "$pid"
    wait "$pid"
    contains "$TESTTMP/$1.out" "^$1 -1 EAGAIN\$"
}

@test "a thread blocked with a time limit in sendmmsg, sendfile, splice or preadv2 goes on with it" {
    timed sendmmsg
    timed sendfile
    timed splice
    timed preadv2
}

@test "a program whose first thread waits in pthread_join for one that holds a lock can be attached to" {
    build_victim joins - <<'C'
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *worker(void *arg) { pthread_mutex_lock(&lock); return arg; }
int main(void)
{
    pthread_t t;
    pthread_mutex_lock(&lock);
    close(socket(AF_INET, SOCK_STREAM, 0));
    pthread_create(&t, NULL, worker, NULL);
    puts("ready");
    fflush(stdout);
    pthread_join(t, NULL);
}
C
    start joins "$TESTTMP/joins"
    wait_for 20 grep -q ready "$TESTTMP/joins.out"
    "$SOCKLEAK" attach "$pid"
    "$SOCKLEAK" detach "$pid"
}

@test "root without CAP_SYS_ADMIN is told what is missing, not to be root" {
    ((EUID == 0)) || skip "needs root"
    command -v setpriv >/dev/null || skip "setpriv is not installed"
    build_victim filtered - <<'C'
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void)
{
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog p = {1, &all};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    puts(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) ? "no filter" : "ready");
    fflush(stdout);
    for (;;)
        pause();
}
C
    start filtered "$TESTTMP/filtered"
    wait_for 20 grep -q . "$TESTTMP/filtered.out"
    grep -q ready "$TESTTMP/filtered.out" || skip "no filter can be set here"
    run setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$SOCKLEAK" attach "$pid"
    [ "$status" -eq 1 ]
    contains "$output" "CAP_SYS_ADMIN"
    lacks "$output" "run as root"
}

@test "a forked child that inherited its parent's redirections and has no watcher is detached from all the same" {
    build_victim forks - -I"$TOP/tests/victims" <<'C'
#include <link.h>
#include "victim.h"
static ssize_t (*volatile saved)(int, void *, size_t, int) = recv; /* redirected like every entry */
int main(void)
{
    char line[16];
    ssize_t (*first)(int, void *, size_t, int) = saved;
    int l = listen_loopback(), c = connect_loopback();
    (void)l, (void)c;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (line[0] == 'f' && fork() == 0) {
            printf("child %d\n", getpid());
            fflush(stdout);
            while (saved == first)
                usleep(1000);
            MUST(socket(AF_INET, SOCK_STREAM, 0)); /* a table of its own */
            puts("inherited");
            fflush(stdout);
            while (saved != first)
                usleep(1000);
            puts("put back");
            fflush(stdout);
            _exit(0);
        }
    }
}
C
    fifo in
    # shellcheck disable=SC2016 # the inner shell's own
    start forks bash -c 'exec "$@" <"$0"' "$TESTTMP/in" env SOCKLEAK_OPTIONS=interval=0 "$TESTTMP/forks"
    wait_for 20 grep -q ready "$TESTTMP/forks.out"
    "$SOCKLEAK" attach "$pid"
    echo f >&"$FEED"
    wait_for 20 grep -q inherited "$TESTTMP/forks.out"
    local child
    child=$(sed -n 's/^child //p' "$TESTTMP/forks.out")
    STARTED+=("$child")
    "$SOCKLEAK" detach "$child"
    wait_for 20 grep -q 'put back' "$TESTTMP/forks.out"
}
