/* SPDX-License-Identifier: MIT */
/*
 * clock.h: the time, in nanoseconds. Async-signal-safe; errno is kept.
 */
#ifndef SOCKLEAK_AGENT_CLOCK_H
#define SOCKLEAK_AGENT_CLOCK_H

#include <stdint.h>

#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u

uint64_t clock_now(void);      /* CLOCK_MONOTONIC */
uint64_t clock_now_real(void); /* CLOCK_REALTIME */

#endif
