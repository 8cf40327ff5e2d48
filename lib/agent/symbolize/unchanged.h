/* SPDX-License-Identifier: MIT */
/*
 * unchanged.h: which file without a build-id can only be the one that this process has loaded: one
 * whose inode has not changed since its start.
 *
 * Its headers do not tell: two builds that differ in a name alone have the same ones.
 */
#ifndef SOCKLEAK_AGENT_UNCHANGED_H
#define SOCKLEAK_AGENT_UNCHANGED_H

#include <stdint.h>

/* In the constructor. A forked child has what its parent loaded. */
void unchanged_begin(void);
/*
 * CLOCK_REALTIME ns: a file whose ctime is before it is as it was then. 0: of no file is that known.
 * With a table. Async-signal-safe.
 */
uint64_t unchanged_since(void);

#endif
