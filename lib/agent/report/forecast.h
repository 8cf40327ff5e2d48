/* SPDX-License-Identifier: MIT */
/*
 * forecast.h: when the descriptors or the ephemeral ports run out at the rate at which a group grows.
 */
#ifndef SOCKLEAK_AGENT_FORECAST_H
#define SOCKLEAK_AGENT_FORECAST_H

#include "../../core/report.h"

/* Fills fd_limit*, ports* of G, whose rate_milli is set. */
void forecast(struct group *g);
/* Refreshes what the header says of limits: RLIMIT_NOFILE. One system call. */
void forecast_refresh(void);

#endif
