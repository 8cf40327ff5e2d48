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
/* What a single socket adds to the counts; false: it is healthy. */
bool scan_count_socket(const struct scan_socket *t, struct scan_count *c);
/* The process accepted T, and did not connect it. */
bool scan_is_accepted(const struct scan_namespace *ns, const struct scan_socket *t);
/*
 * Rows of the peers to which the process of S that was scanned alone has made connections, healthy or
 * not, with the ports in use towards each, and no counts. For scan_rows_free.
 */
void scan_rows_ports(struct scan_rows *r, const struct scan *s);
/* How many sockets are stuck in the process of S, seen, that has the most of them. */
uint64_t scan_rows_most(const struct scan_rows *r, const struct scan *s);
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
