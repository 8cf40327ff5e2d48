/* SPDX-License-Identifier: MIT */
/*
 * clock.h: the time, in nanoseconds. Async-signal-safe; errno is kept.
 *
 * Never by libc's clock_gettime, which another preload library may have replaced (libfaketime
 * locks and allocates in it).
 */
#ifndef SOCKLEAK_AGENT_CLOCK_H
#define SOCKLEAK_AGENT_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u

/*
 * Sets the function of the vDSO that reads a clock (elf/vdso.h); NULL: there is none. Until then a
 * system call is made.
 */
void clock_use(int (*vdso)(clockid_t clock, struct timespec *t));
uint64_t clock_now(void);      /* CLOCK_MONOTONIC */
uint64_t clock_now_real(void); /* CLOCK_REALTIME */

#endif
