/* SPDX-License-Identifier: MIT */
/*
 * clocks.c: two clocks at one moment.
 *
 * Called by checks and for reports. From the kernel itself: what is compared are the times of files
 * and of processes.
 */
#include "clocks.h"

#include "../../core/start_time.h"
#include "sys.h"

#define NEAR_NS 20000u
#define TRIES 16

uint64_t clock_ahead(clockid_t clock, clockid_t base)
{
    uint64_t ahead = 0, least = UINT64_MAX;
    for (int i = 0; i < TRIES && least > NEAR_NS; i++) {
        uint64_t before = sys_clock(base), at = sys_clock(clock), gap = sys_clock(base) - before;
        if (gap < least) {
            least = gap;
            ahead = at - before;
        }
    }
    return ahead;
}

uint64_t clock_real_of(uint64_t start_ticks)
{
    uint64_t booted = sys_clock(CLOCK_BOOTTIME);
    return start_time_real(start_ticks, booted, booted + clock_ahead(CLOCK_REALTIME, CLOCK_BOOTTIME));
}
