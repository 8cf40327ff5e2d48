/* SPDX-License-Identifier: MIT */
/*
 * index.h: the heads of a hash's chains, in the table beside the records that they lead to.
 *
 * Lock-free; in any thread and in signal handlers.
 */
#ifndef SOCKLEAK_AGENT_TABLE_INDEX_H
#define SOCKLEAK_AGENT_TABLE_INDEX_H

#include "table.h"

/* The first record of a chain; 0: none. */
typedef _Atomic state_ref index_head;
#define INDEX_HEADS_MAX (STATE_EXTENT_SIZE / (unsigned)sizeof(index_head)) /* of one index */

/*
 * The COUNT heads that *HEADS points to. They are made when it is NULL: all threads get the same.
 * NULL when the table is full (counted), or there is none. The owner sets *HEADS to NULL for another
 * table.
 */
index_head *table_index(index_head *_Atomic *heads, unsigned count);

#endif
