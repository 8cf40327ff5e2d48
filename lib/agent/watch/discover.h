/* SPDX-License-Identifier: MIT */
/*
 * discover.h: finds sockets that no wrapper saw.
 *
 * Called by the watcher, with the watch lock held.
 */
#ifndef SOCKLEAK_AGENT_DISCOVER_H
#define SOCKLEAK_AGENT_DISCOVER_H

#include "../../core/state.h"

/*
 * Makes one scan over the descriptor numbers. A socket is entered when two scans in a row have seen
 * the same one (the same SO_COOKIE). The scan stops after about BUDGET_NS; the next call goes on
 * from there. ORIGIN is recorded as the origin of the sockets that this scan is the first to see.
 */
void discover_unseen(uint64_t budget_ns, enum origin origin);

/*
 * The same at the end of the process: one look that enters what it finds at once. It needs a
 * descriptor for a moment, where it can have one.
 */
void discover_at_end(enum origin origin);

#endif
