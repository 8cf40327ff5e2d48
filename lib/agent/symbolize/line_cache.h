/* SPDX-License-Identifier: MIT */
/*
 * line_cache.h: keeps the names, files and lines of frames for the next report, of this process or
 * of those that it forks.
 *
 * A server that forks for each connection has a process end for each, and all may report the same
 * stacks. To find the names, files and lines of a frame, symbol tables must be read and another
 * program must run; the second process finds them here, in memory that fork shares.
 */
#ifndef SOCKLEAK_AGENT_LINE_CACHE_H
#define SOCKLEAK_AGENT_LINE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/report.h"

/* Before a fork: makes the memory, once, so that the child shares it. */
void line_cache_prepare(void);
/*
 * The text that was kept for FRAME (its module, build-id and offset are compared), *LEN bytes;
 * NULL: none. It stays valid for good. Any thread.
 */
const char *line_cache_get(const struct frame *frame, size_t *len);
/* Keeps LEN bytes for FRAME, if it has a build-id and there is room. */
void line_cache_put(const struct frame *frame, const char *text, size_t len);

/*
 * Only one of the forked processes symbolizes at a time; the others wait, so that many which end
 * together do not all ask for the same. line_cache_wait returns true when another process' turn is
 * over, and the caller should try the cache again. It returns false when the turn is the caller's,
 * when no turn was free before UNTIL_NS (monotonic), or when there is no shared memory. A process
 * that does not end its turn loses it after a second. line_cache_done ends the caller's turn, if it
 * has one.
 */
bool line_cache_wait(uint64_t until_ns);
void line_cache_done(void);

#endif
