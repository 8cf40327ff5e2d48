/* SPDX-License-Identifier: MIT */
/*
 * usage.h: what one process uses up: its descriptors by what they are, the local ports towards its
 * peers, and the queues of its listening sockets.
 */
#ifndef SOCKLEAK_CLI_SCAN_USAGE_H
#define SOCKLEAK_CLI_SCAN_USAGE_H

#include "types.h"

/*
 * Fills U for the first process of S, of which scan_rows_make has sorted the holds. Reads the links
 * of /proc/PID/fd anew: what was opened or closed since the scan may differ by that much.
 */
void scan_usage_make(struct scan_usage *u, const struct scan *s);
void scan_usage_free(struct scan_usage *u);

/* Process P of U has used up nearly all of its descriptors, or of the ports towards a peer. */
bool scan_usage_is_short(const struct scan_usage *u, const struct scan_process *p);
/* The process of S, a scan of all, that has the fewest descriptors left of those that have few; NULL: none. *N: how many have few. */
const struct scan_process *scan_usage_shortest(const struct scan *s, size_t *n);
/* Nine tenths of the limit or more are in use. */
bool scan_usage_nearly(uint64_t used, uint64_t limit);

#endif
