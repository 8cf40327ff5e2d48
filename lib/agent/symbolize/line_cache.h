/* SPDX-License-Identifier: MIT */
/*
 * line_cache.h: what was found out about frames for a report, kept for the next one: of this process, and of those that it forks.
 *
 * A server that makes a process for each connection ends one for each, and every one may have the same to report. The names, files and lines of a
 * frame cost a look into symbol tables and another program's run; the second process finds them here, in memory that fork shares.
 */
#ifndef SOCKLEAK_AGENT_EXPLAINED_H
#define SOCKLEAK_AGENT_EXPLAINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/report.h"

/* Before a fork: makes the memory, once, so that the child shares it. */
void line_cache_prepare(void);
/* The text that was kept for FRAME (module, build-id and offset count), *LEN bytes; NULL: none. It stays for good. Any thread. */
const char *line_cache_get(const struct frame *frame, size_t *len);
/* Keeps LEN bytes for FRAME, if it has a build-id and there is room. */
void line_cache_put(const struct frame *frame, const char *text, size_t len);

/*
 * One process of the family finds out at a time, so that many which end together do not all ask for the same. line_cache_wait: true when another's turn is
 * over, and the caller may look again; false when the turn is the caller's, or none came before UNTIL_NS (monotonic), or there is no family. Who does not
 * end its turn loses it a second later. line_cache_done ends the caller's turn, if it has one.
 */
bool line_cache_wait(uint64_t until_ns);
void line_cache_done(void);

#endif
