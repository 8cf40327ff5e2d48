#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# A process whose first thread has ended looks like a zombie, and lives.

load helpers

# headless: its first thread has ended; another leaks a connection at each line of input
headless()
{
    build_victim headless - -I"$TOP/tests/victims" <<'C'
#include <pthread.h>
#include "victim.h"
static int listener;
static void leak_more(void)
{
    connect_loopback();
    close(MUST(accept(listener, NULL, NULL)));
}
static void *worker(void *arg)
{
    char line[16];
    pthread_join(*(pthread_t *)arg, NULL);
    leak_more();
    for (;;) {
        puts("leaked");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            return NULL;
        leak_more();
    }
}
int main(void)
{
    static pthread_t first, t;
    listener = listen_loopback();
    first = pthread_self();
    pthread_create(&t, NULL, worker, &first);
    pthread_exit(NULL);
}
C
    mkfifo "$TESTTMP/in"
    exec {FEED}<>"$TESTTMP/in"
    # shellcheck disable=SC2016 # the inner shell's own
    start headless bash -c 'exec "$@" <"$0"' "$TESTTMP/in" "$@" "$TESTTMP/headless"
    wait_for 20 grep -q leaked "$TESTTMP/headless.out"
    wait_for 20 grep -q '^State:.Z' "/proc/$pid/status"
}

@test "its report is a live one, and top shows it" {
    headless env LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS=interval=250ms
    run "$SOCKLEAK" report --min-age 0 "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "1 socket stuck in CLOSE_WAIT"
    lacks "$output" "ended|killed"
    run "$SOCKLEAK" top "$pid"
    contains "$output" "running"
    contains "$output" "1 close_wait"
}

@test "scan counts its sockets" {
    headless
    run "$SOCKLEAK" scan "$pid"
    [ "$status" -eq 0 ]
    contains "$output" "^1 in CLOSE_WAIT"
}

@test "it can be attached to and detached from" {
    headless
    "$SOCKLEAK" attach "$pid"
    echo >&"$FEED"
    wait_for 20 eval "[ \$(grep -c leaked '$TESTTMP/headless.out') = 2 ]"
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" "leak_more"
    "$SOCKLEAK" detach "$pid"
    echo >&"$FEED"
    wait_for 20 eval "[ \$(grep -c leaked '$TESTTMP/headless.out') = 3 ]"
}

@test "what was open before the attach is known and confirmed, while it runs and at its detach" {
    headless
    "$SOCKLEAK" attach --kinds all "$pid"
    "$SOCKLEAK" report --min-age 0 --kinds all --format json "$pid" >"$TESTTMP/json"
    [ "$(json "$TESTTMP/json" 'sorted((s["origin"], l["kind"]) for l in leaks for s in l["sockets"])')" = "[('before_attach', 'close_wait'), ('before_attach', 'open')]" ]
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" '1 socket stuck in CLOSE_WAIT'
    lacks "$output" 'not confirmed'
    # with the process stopped, the report confirms by itself
    kill -STOP "$pid"
    run "$SOCKLEAK" report --min-age 0 "$pid"
    contains "$output" '1 socket stuck in CLOSE_WAIT'
    kill -CONT "$pid"
    "$SOCKLEAK" detach "$pid"
}

@test "a process that calls itself by a terminal's commands is named without them" {
    build_victim rude - <<'C'
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void)
{
    prctl(PR_SET_NAME, "a\033]0;x\302\2331m");
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
C
    start rude "$TESTTMP/rude"
    wait_for 20 grep -q ready "$TESTTMP/rude.out"
    run "$SOCKLEAK" detach "$pid"
    contains "$output" '\(a\?\]0;x'
    lacks "$output" $'[\033\302\233]'
    run "$SOCKLEAK" scan "$pid"
    lacks "$output" $'[\033\302\233]'
}
