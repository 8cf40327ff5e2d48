/* SPDX-License-Identifier: MIT */
/*
 * clocks.h: two clocks at one moment. Async-signal-safe; errno is kept.
 */
#ifndef SOCKLEAK_AGENT_CLOCKS_H
#define SOCKLEAK_AGENT_CLOCKS_H

#include <stdint.h>
#include <time.h>

/*
 * By how much CLOCK is ahead of BASE, in ns (modulo 2^64), never too little and nearly always right to
 * a microsecond: both are read again when the thread lost its processor between them.
 */
uint64_t clock_ahead(clockid_t clock, clockid_t base);
/* The end of the tick in which a process began (start_time.h) as CLOCK_REALTIME ns; 0: not known. */
uint64_t clock_real_of(uint64_t start_ticks);

#endif
