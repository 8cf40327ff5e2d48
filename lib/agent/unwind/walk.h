/* SPDX-License-Identifier: MIT */
/*
 * walk.h: the first tier: our own walk over .eh_frame rules, cached for the whole process by code
 * address.
 *
 * walk.c walks and caches rules, rule.c makes a rule for an address, step.c steps over a frame
 * whose rule needs more than two registers, stack_memory.c finds what can be read, stack_cache.c
 * recognizes stacks. walk_none.c replaces all of them in a build with the second tier alone.
 * Everything but walk_init and walk_dlclose_* may run in any thread and in signal handlers: no
 * allocation, no lock; a system call only to probe memory that is not known to be the thread's own
 * stack.
 */
#ifndef SOCKLEAK_AGENT_WALK_H
#define SOCKLEAK_AGENT_WALK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "step.h"

/* False: this build has no walk. */
bool walk_available(void);
/* Called once, before the first walk. */
void walk_init(void);
/*
 * Records the frames from AT (included) outwards. WALK_FULL: AT is the next frame, from which
 * another call with a larger max goes on.
 */
enum walk_end walk_run(struct walk *w);
/*
 * Around the program's dlclose: while one runs no rule is cached, and at its end all are dropped.
 */
void walk_dlclose_begin(void);
void walk_dlclose_end(void);
/*
 * False while a dlclose runs: then nothing may be cached or recalled. *EPOCH changes when one
 * begins and when one ends.
 */
static inline bool walk_may_recall(unsigned *now);
/* The number of rules made since the start. */
uint64_t walk_rules_parsed(void);

/* walk.c's: calls of dlclose that are under way, and the epoch */
extern _Atomic unsigned walk_dlcloses __attribute__((visibility("hidden"))), walk_epoch __attribute__((visibility("hidden")));
static inline bool walk_may_recall(unsigned *now)
{
    *now = atomic_load_explicit(&walk_epoch, memory_order_acquire);
    return atomic_load_explicit(&walk_dlcloses, memory_order_relaxed) == 0;
}

#endif
