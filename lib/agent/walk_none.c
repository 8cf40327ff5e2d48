/* SPDX-License-Identifier: MIT */
/*
 * walk_none.c: no first tier: a build in which libunwind alone takes the stacks (make CAPTURE=unwind, other architectures, C libraries
 * before 2.35).
 *
 * Linked in place of walk*.c and cfi*.c.
 */
#include "walk.h"

bool walk_available(void) { return false; }
void walk_init(void) {}
enum walk_end walk_run(struct walk *w) { return (void)w, WALK_LOST; }
void walk_dlclose_begin(void) {}
void walk_dlclose_end(void) {}
uint64_t walk_rules_parsed(void) { return 0; }
