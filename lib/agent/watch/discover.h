/* SPDX-License-Identifier: MIT */
/*
 * discover.h: finds sockets that no wrapper saw. With the watch lock held.
 */
#ifndef SOCKLEAK_AGENT_DISCOVER_H
#define SOCKLEAK_AGENT_DISCOVER_H

#include "../../core/state.h"

/*
 * One scan. A socket is entered when two scans in a row have seen the same one. BUDGET_NS bounds the scan, which goes on from there
 * at the next call; ORIGIN is what the new ones are said to be.
 */
void discover_unseen(uint64_t budget_ns, enum origin origin);

#endif
