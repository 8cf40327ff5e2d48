/* SPDX-License-Identifier: MIT */
/*
 * starts.h: the processes that this one has started: when, by which call, in which stack.
 *
 * A socket that was opened after the last start is nobody else's, and its close costs nothing more.
 * Any thread, signal handlers too; no lock, no allocation but the stack's site; errno is kept.
 */
#ifndef SOCKLEAK_AGENT_TRACK_STARTS_H
#define SOCKLEAK_AGENT_TRACK_STARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../core/state.h"

/*
 * When a child was last started that has all descriptors, and one that executes another program at
 * once, which does not have those that are close-on-exec; monotonic, 0: never.
 */
extern _Atomic uint64_t starts_forked_ns __attribute__((visibility("hidden"))), starts_spawned_ns __attribute__((visibility("hidden")));

/* Around a call (enum call) that starts a process. Returns a token for starts_end; 0: not kept. */
uint32_t starts_begin(unsigned call);
/* PID: the process, 0 not known. */
void starts_end(uint32_t token, uint32_t pid);
/* The stack of that start. */
state_ref starts_site(uint32_t token);
/*
 * The stack of the start from which process PID comes, which began at START_NS (monotonic, as exact
 * as TICK_NS); 0: not known, or several are possible.
 */
state_ref starts_find(uint32_t pid, uint64_t start_ns, uint64_t tick_ns);
/* In a forked child: what the parent has started is not its own. */
void starts_reset(void);

/* A process that was started since may have a copy of the socket that SLOT stands for. */
static inline bool starts_may_share(const struct state_slot *slot)
{
    return slot->opened_ns < atomic_load_explicit(&starts_forked_ns, memory_order_relaxed) ||
           slot->opened_ns < atomic_load_explicit(&starts_spawned_ns, memory_order_relaxed);
}

#endif
