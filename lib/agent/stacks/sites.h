/* SPDX-License-Identifier: MIT */
/*
 * sites.h: distinct stacks, interned lock-free in the state file, with their counters.
 */
#ifndef SOCKLEAK_AGENT_SITES_H
#define SOCKLEAK_AGENT_SITES_H

#include <stdbool.h>

#include "../../core/state.h"

/* The ref of the site with these frames (N 0..64), made now if new; 0 when N is 0 or the file is full (counted). Any thread, signal handlers too. */
state_ref sites_intern(const uint64_t *pcs, unsigned n);
/* Captures the calling thread's stack (options' max_frames) and interns it; 0: none. IN_SIGNAL (may be NULL) tells whether a signal frame was passed. */
state_ref sites_here(bool *in_signal);
struct state_site *sites_at(state_ref ref);
/* Around the program's dlclose: sites whose frames lie in a module that went away are never matched again, from the unmapping on. */
void sites_dlclose_begin(void);
void sites_dlclose_done(void);
void sites_reset(void); /* the table was replaced */
/* Copies a site out of OLD (the parent's view) into the present table: its ref here, 0 when full. */
state_ref sites_import(const struct state_view *old, state_ref ref);

#endif
