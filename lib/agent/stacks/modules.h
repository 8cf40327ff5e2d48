/* SPDX-License-Identifier: MIT */
/*
 * modules.h: finds the object that an address belongs to, and records it in the state file, so that
 * a stack can be explained after the process has ended.
 *
 * Runs in the program's threads, when a new site is recorded. Build-ids and bounds are read from
 * the mapped ELF headers. No lock; no allocation but records from the table.
 */
#ifndef SOCKLEAK_AGENT_MODULES_H
#define SOCKLEAK_AGENT_MODULES_H

#include "../../core/state.h"

/*
 * The number of the module that holds ADDR, recorded now if it is new. STATE_NO_MODULE when no
 * object holds it (generated code) or the file is full. Lock-free.
 */
unsigned modules_of(uint64_t addr);
/*
 * The number of a copy of M, module THEIR_NUMBER of another program's table; it counts as unloaded.
 */
unsigned modules_foreign(const struct state_module *m, unsigned their_number);
/* The record of module NUMBER; NULL: there is none. */
const struct state_module *modules_at(unsigned number);
/*
 * Around a dlclose and the modules_check_unloaded after it. While one is under way, each look-up
 * compares a recorded module with what lies at its place now.
 */
void modules_dlclose_begin(void);
void modules_dlclose_end(void);
/* After a dlclose: marks the modules that were unloaded, and calls GONE with each one's number. */
void modules_check_unloaded(void (*gone)(unsigned number));
/*
 * Sets the function that is called with a module's number when it is revived: an object identical
 * to an unloaded module (same place, build-id and path) was loaded again.
 */
void modules_on_revived(void (*revived)(unsigned number));
/*
 * Call when the table was replaced (a new state file after fork): empties the private index.
 * Numbers start again at 0.
 */
void modules_reset(void);

#endif
