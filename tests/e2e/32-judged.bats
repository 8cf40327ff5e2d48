#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # $output, $status and $pid come from bats and the helpers
# A process that cannot be asked is judged by the kernel's tables, and what these do not list is not called dead for that.

load helpers

@test "a connected datagram socket that no TCP table lists is not dead" {
    build_victim udp - -I"$TOP/tests/victims" <<'C'
#include "victim.h"
int main(void)
{
    listen_loopback();
    int u = MUST(socket(AF_INET, SOCK_DGRAM, 0));
    MUST(connect(u, (struct sockaddr *)&victim_address, sizeof victim_address));
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
C
    start_agent udp interval=0 "$TESTTMP/udp"
    wait_for 20 grep -q ready "$TESTTMP/udp.out"
    "$SOCKLEAK" report --kinds all --min-age 0 --format json "$pid" >"$TESTTMP/report"
    [ "$(json "$TESTTMP/report" '[l["kind"] for l in leaks if l["kind"] == "dead"]')" = "[]" ]
    [ "$(json "$TESTTMP/report" 'sum(l["count"] for l in leaks if l["kind"] == "open")')" = 2 ]
}

@test "a connection in another network namespace than its process' is not dead; one that is reset is" {
    build_victim spaces - -I"$TOP/tests/victims" <<'C'
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include "victim.h"
static void *elsewhere(void *arg)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct linger now = {1, 0};
    if (unshare(CLONE_NEWNET) != 0) {
        puts("cannot");
    } else {
        int u = socket(AF_INET, SOCK_DGRAM, 0);
        MUST(ioctl(u, SIOCSIFFLAGS, &lo));
        close(u);
        int l = listen_loopback();
        connect_loopback();
        MUST(accept(l, NULL, NULL));
        connect_loopback();
        int a = MUST(accept(l, NULL, NULL));
        setsockopt(a, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(a); /* with a reset */
        puts("ready");
    }
    fflush(stdout);
    for (;;)
        pause();
    return arg;
}
int main(void)
{
    pthread_t t;
    pthread_create(&t, NULL, elsewhere, NULL);
    for (;;)
        pause();
}
C
    start_agent spaces interval=0 "$TESTTMP/spaces"
    wait_for 20 grep -q . "$TESTTMP/spaces.out"
    grep -q ready "$TESTTMP/spaces.out" || skip "no network namespace can be made here"
    "$SOCKLEAK" report --kinds all --min-age 0 --format json "$pid" >"$TESTTMP/report"
    [ "$(json "$TESTTMP/report" 'sum(l["count"] for l in leaks if l["kind"] == "dead")')" = 1 ]
}
