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
    start sleeper bash -c 'exec "$@" <"$0"' "$TESTTMP/in" "$TESTTMP/sleeper"
    local sleeper=$pid
    wait_for 20 grep -q ready "$TESTTMP/sleeper.out"
    wait_for 20 grep -q '^State:.D' "/proc/$sleeper/status"
    start attach "$SOCKLEAK" attach --for 600s "$sleeper"
    wait_for 30 has_agent "$sleeper"
    echo >&"$FEED"
    wait_for 20 grep -q 'went on' "$TESTTMP/sleeper.out"
    kill -0 "$pid" # attach records on
    kill -TERM "$pid"
    wait "$pid"
}
