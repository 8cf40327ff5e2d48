/* SPDX-License-Identifier: MIT */
/*
 * clock.c: the time, through the vDSO.
 *
 * Called everywhere in the agent, in signal handlers too. No system call where the vDSO serves.
 */
#include "clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    /* both clocks always exist, so the call cannot fail and errno is kept */
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_now(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t clock_now_real(void) { return read_clock(CLOCK_REALTIME); }
