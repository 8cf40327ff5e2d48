/* SPDX-License-Identifier: MIT */
/*
 * held_check.h: the part of a check that is about sockets which this process has closed: whether a
 * process that it started keeps one open, and does not use it.
 *
 * With the watch lock held, by whoever checks.
 */
#ifndef SOCKLEAK_AGENT_WATCH_HELD_CHECK_H
#define SOCKLEAK_AGENT_WATCH_HELD_CHECK_H

#include "../../core/report.h"

/*
 * Between counts_begin and counts_end. Returns when the next of them is due (CLOCK_MONOTONIC;
 * UINT64_MAX: none). Costs four loads when nothing is recorded.
 */
uint64_t held_check(uint64_t now_ns, uint64_t grace_ns);
/* A report has named F, of KIND_HELD_BY_CHILD: it is retracted when it ends. */
void held_reported(const struct finding *f);

#endif
