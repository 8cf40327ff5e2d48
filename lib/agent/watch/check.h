/* SPDX-License-Identifier: MIT */
/*
 * check.h: one look at the sockets of the table: the kernel is asked, the judge decides, and what is in a condition gets a detail record.
 *
 * All calls: with the watch lock held, from the watcher, at exit, or from a check; never from a wrapper.
 */
#ifndef SOCKLEAK_AGENT_CHECK_H
#define SOCKLEAK_AGENT_CHECK_H

#include <stdint.h>

/* Looks at all sockets that were opened at least MIN_AGE_NS ago. Returns when the next one passes grace (CLOCK_MONOTONIC; UINT64_MAX: none). */
uint64_t check_all(uint64_t min_age_ns);
/* A forked child's table is new: forget what belonged to the old one. */
void check_reset(void);

#endif
