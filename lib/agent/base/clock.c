/* SPDX-License-Identifier: MIT */
/*
 * clock.c: the time, through the vDSO.
 *
 * Called everywhere in the agent, in signal handlers too. No system call where the vDSO serves.
 */
#include "clock.h"

#include <stddef.h>

#include "sys.h"

static int (*in_vdso)(clockid_t, struct timespec *);

void clock_use(int (*vdso)(clockid_t, struct timespec *)) { __atomic_store_n(&in_vdso, vdso, __ATOMIC_RELAXED); }

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    int (*vdso)(clockid_t, struct timespec *) = __atomic_load_n(&in_vdso, __ATOMIC_RELAXED);
    /* both clocks always exist */
    if (!vdso || vdso(clock, &t) != 0)
        return sys_clock(clock);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_now(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t clock_now_real(void) { return read_clock(CLOCK_REALTIME); }
