/* SPDX-License-Identifier: MIT */
/*
 * sites.h: distinct stacks, interned lock-free in the state file, with their counters.
 *
 * Any thread, signal handlers too; no allocation but records from the table.
 */
#ifndef SOCKLEAK_AGENT_SITES_H
#define SOCKLEAK_AGENT_SITES_H

#include <stdbool.h>

#include "../table/table.h"

/*
 * The ref of the site with these frames (N 0..64) and CALL (calls.h; 0: not known), made now if
 * new; 0 when N is 0 or the file is full (which is counted). One stack may be the site of several
 * calls, which a function pointer makes in turn; reports have one name (siteid) for all of them.
 */
state_ref sites_intern_call(const uint64_t *pcs, unsigned n, unsigned call);
static inline state_ref sites_intern(const uint64_t *pcs, unsigned n) { return sites_intern_call(pcs, n, 0); }
/*
 * Captures the calling thread's stack (at most options' max_frames) and interns it with CALL; 0: no
 * site.
 * *IN_SIGNAL (may be NULL) is set to true when a signal frame was passed.
 */
state_ref sites_here_of(unsigned call, bool *in_signal);
/* The same with the call of the event that this thread records now (base/thread.h). */
state_ref sites_here(bool *in_signal);
static inline struct state_site *sites_at(state_ref ref) { return table_at(ref); }
uint64_t sites_hash(const uint64_t *pcs, unsigned n);
/* Of the table: a ref of another generation is not valid here. */
extern _Atomic uint32_t sites_generation __attribute__((visibility("hidden")));
/* Only this many innermost frames are kept from now on: the program's stacks never repeat. */
#define SITES_FEW_FRAMES 6u
bool sites_are_many(void);
/*
 * Around the program's dlclose. Sites with a frame in a module that is unloaded match no stack from
 * the unmapping on.
 */
void sites_dlclose_begin(void);
void sites_dlclose_done(void);
void sites_reset(void); /* Call when the table was replaced (a new state file after fork). */
/*
 * Copies a site from OLD (the parent's view) into the present table. Returns its ref here; 0: the
 * file is full.
 */
state_ref sites_import(const struct state_view *old, state_ref ref);
/*
 * The same of another program's table, whose code is not here: it keeps its modules and its name.
 */
state_ref sites_import_foreign(const struct state_view *old, state_ref ref);

#endif
