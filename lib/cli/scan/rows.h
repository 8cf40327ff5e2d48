/* SPDX-License-Identifier: MIT */
/*
 * rows.h: from held sockets to rows: one for each process and peer.
 */
#ifndef SOCKLEAK_CLI_SCAN_ROWS_H
#define SOCKLEAK_CLI_SCAN_ROWS_H

#include "types.h"

/*
 * Sorts S's holds, and appends to its processes one of pid 0 for each user whose sockets no process
 * seen holds (only when UNHELD).
 */
void scan_rows_make(struct scan_rows *r, struct scan *s, bool unheld);
void scan_rows_free(struct scan_rows *r);
void scan_count_add(struct scan_count *to, const struct scan_count *from);
/* How many sockets are stuck. */
uint64_t scan_count_stuck(const struct scan_count *c);
/* How bad: CLOSE_WAIT, dead and hangup are this process's alone and count double. */
uint64_t scan_weight(const struct scan_count *c);
/* Makes the rows of S ready for scan_row_before from a later scan. */
void scan_rows_index(struct scan_rows *r, const struct scan *s);
/*
 * The row of PREVIOUS (which has its index) for the same process (identity, not number) and peer;
 * NULL: it was not there.
 */
const struct scan_row *scan_row_before(const struct scan *before, const struct scan_rows *previous, const struct scan *now,
                                       const struct scan_row *row);

#endif
