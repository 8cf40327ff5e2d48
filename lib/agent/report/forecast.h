/* SPDX-License-Identifier: MIT */
/*
 * forecast.h: when descriptors or ephemeral ports run out at the rate at which a group grows.
 *
 * With the watch lock held.
 */
#ifndef SOCKLEAK_AGENT_FORECAST_H
#define SOCKLEAK_AGENT_FORECAST_H

#include "../../core/report.h"

/* Fills fd_limit, fd_limit_in_s and the ports of G, whose rate_milli is set. */
void forecast(struct group *g);
/*
 * How many descriptors the program has open, of LIMIT; known to a second, and where there are very
 * many, to the number of the highest socket.
 */
uint64_t forecast_descriptors(uint64_t limit);
/* Reads RLIMIT_NOFILE into the header again. One system call. */
void forecast_refresh(void);

#endif
