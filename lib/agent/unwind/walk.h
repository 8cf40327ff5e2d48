/* SPDX-License-Identifier: MIT */
/*
 * walk.h: the first tier: an own walk over .eh_frame rules, remembered for the whole process by code address.
 *
 * walk.c walks and remembers rules, rule.c makes a rule of an address, step.c steps over a frame whose rule needs more than two
 * registers, stack_memory.c says what can be read, stack_cache.c recognizes stacks. walk_none.c stands in for all of them in a
 * build with the second tier alone. Everything but walk_init and walk_dlclose_* may run in any thread and in signal handlers: no
 * allocation, no lock; a system call only to probe memory that is not known to be the thread's own stack.
 */
#ifndef SOCKLEAK_AGENT_WALK_H
#define SOCKLEAK_AGENT_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "step.h"

/* False: this C library has no _dl_find_object, or the walk was left out of this build. */
bool walk_available(void);
void walk_init(void);
/* Records from AT (included) outwards. */
enum walk_end walk_run(struct walk *w);
/* Around the program's dlclose: while one runs no rule is remembered, at its end all are forgotten. */
void walk_dlclose_begin(void);
void walk_dlclose_end(void);
/* False while a dlclose runs: nothing is remembered or recalled then. *EPOCH changes when one begins and when one ends. */
bool walk_may_recall(unsigned *epoch);
/* How many rules were made since the start. */
uint64_t walk_rules_parsed(void);

#endif
