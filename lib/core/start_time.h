/* SPDX-License-Identifier: MIT */
/*
 * start_time.h: when a process began, on the clock that files are dated by.
 *
 * A file that was changed later need not be the one that the process loaded.
 */
#ifndef SOCKLEAK_CORE_START_TIME_H
#define SOCKLEAK_CORE_START_TIME_H

#include <stdint.h>

#define START_TIME_TICK_NS 10000000u /* USER_HZ is 100 on each processor of this library */

/*
 * The end of the tick TICKS (field 22 of /proc/PID/stat) as CLOCK_REALTIME ns, where CLOCK_BOOTTIME
 * is BOOT_NOW and CLOCK_REALTIME is REAL_NOW. 0: not known.
 */
static inline uint64_t start_time_real(uint64_t ticks, uint64_t boot_now, uint64_t real_now)
{
    uint64_t began = (ticks + 1) * START_TIME_TICK_NS;
    if (ticks == 0)
        return 0;
    if (began >= boot_now) /* within this tick */
        return real_now;
    return boot_now - began < real_now ? real_now - (boot_now - began) : 0;
}

#endif
