/* SPDX-License-Identifier: MIT */
/*
 * ending.h: sockets that only the end of the program closes.
 */
#ifndef SOCKLEAK_AGENT_TRACK_ENDING_H
#define SOCKLEAK_AGENT_TRACK_ENDING_H

#include <stdbool.h>

#include "../../core/state.h"
#include "../runtimes/runtimes.h"

/*
 * SLOT is about to be closed. True: a check has seen its socket in a condition, and exit(3), which a
 * return from main calls too, has begun, or the end of the language runtime that runs the program.
 * Then it is marked, and its slot stays for the last report.
 */
bool ending_keeps(const struct state_slot *slot);
/*
 * The N addresses PCS are the stack of a close. True: the end of the program, as above, makes it, or
 * had begun before.
 */
bool ending_closes(const uint64_t *pcs, unsigned n);
/* The same for an event whose stack is SITE. */
bool ending_is_in(state_ref site);
/* Costs two loads. False: ending_keeps would be false. */
static inline bool ending_may_keep(const struct state_slot *slot)
{
    return atomic_load_explicit(&slot->detail, memory_order_relaxed) | atomic_load_explicit(&runtimes_found, memory_order_relaxed);
}

#endif
