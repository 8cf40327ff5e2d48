/* SPDX-License-Identifier: MIT */
/*
 * now.c: reads the clocks.
 */
#include "now.h"

#include <time.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t now_mono_ns(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t now_real_ns(void) { return read_clock(CLOCK_REALTIME); }

uint64_t now_boot_ns(void) { return read_clock(CLOCK_BOOTTIME); }
