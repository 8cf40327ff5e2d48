/* SPDX-License-Identifier: MIT */
/*
 * modules.h: which object an address belongs to, recorded in the state file so that a stack can be explained after the process' death.
 *
 * Runs in the program's threads, on the cold path of a new site. glibc >= 2.35: through _dl_find_object (no lock), else dl_iterate_phdr
 * (never under a lock of ours). Build-ids and bounds are read from the mapped ELF headers. No allocation but records from the table.
 */
#ifndef SOCKLEAK_AGENT_MODULES_H
#define SOCKLEAK_AGENT_MODULES_H

#include "../../core/state.h"

/* The number of the module that holds ADDR, recorded now if it is new; STATE_NO_MODULE when no object does (JIT) or the file is full. Lock-free. */
unsigned modules_of(uint64_t addr);
/* The record of a module number, or NULL. */
const struct state_module *modules_at(unsigned number);
/* Around a dlclose, the check below included: while one is under way, each look-up compares what is known of a place with what lies there now. */
void modules_dlclose_begin(void);
void modules_dlclose_end(void);
/* After a dlclose: marks the modules that went away; calls GONE for each number that did. */
void modules_check_unloaded(void (*gone)(unsigned number));
/* After a dlopen/registration of a module identical to an unloaded one (same place, build-id, path), it is revived: REVIVED is called with its number. */
void modules_on_revived(void (*revived)(unsigned number));
/* The table was replaced (new state file after fork): forget the private index. Numbers start anew. */
void modules_reset(void);

#endif
