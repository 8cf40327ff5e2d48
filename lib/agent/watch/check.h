/* SPDX-License-Identifier: MIT */
/*
 * check.h: one check of the sockets in the table: asks the kernel, lets core/judge.c decide, and
 * gives each socket that is in a condition (any verdict but healthy) a detail record.
 *
 * Called with the watch lock held, by the watcher, at exit, or from sockleak.h; never by a wrapper.
 */
#ifndef SOCKLEAK_AGENT_CHECK_H
#define SOCKLEAK_AGENT_CHECK_H

#include <stdint.h>

/*
 * Checks all sockets that were opened at least MIN_AGE_NS ago; with 0 or 1 it is thorough, and asks for
 * each connection whether another descriptor or process has shut it down. Returns when the next
 * socket passes its grace (CLOCK_MONOTONIC; UINT64_MAX: none does).
 */
uint64_t check_all(uint64_t min_age_ns);
/*
 * The thorough check at the end of the program: a connect that still hangs is one that nobody waits
 * for.
 */
void check_at_end(void);
/* In a forked child, whose table is new: forgets what belonged to the parent's. */
void check_reset(void);

#endif
