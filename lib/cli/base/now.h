/* SPDX-License-Identifier: MIT */
/*
 * now.h: the clocks, in nanoseconds.
 */
#ifndef SOCKLEAK_CLI_BASE_NOW_H
#define SOCKLEAK_CLI_BASE_NOW_H

#include <stdint.h>

uint64_t now_mono_ns(void); /* CLOCK_MONOTONIC */
uint64_t now_real_ns(void); /* CLOCK_REALTIME */
uint64_t now_boot_ns(void); /* CLOCK_BOOTTIME */

#endif
