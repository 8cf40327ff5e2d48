/* SPDX-License-Identifier: MIT */
/*
 * state_sites.h: stacks that were walked from outside, as sites of a traced process' state file.
 */
#ifndef SOCKLEAK_CLI_TRACE_STATE_SITES_H
#define SOCKLEAK_CLI_TRACE_STATE_SITES_H

#include <sys/types.h>

#include "state_writer.h"
#include "walk.h"

/*
 * The site of the stack WALK of the process PID, in which CALL (core/calls.h) was made; at most
 * MAX_FRAMES of it. 0: it has no frame, or there is no room.
 */
state_ref state_sites_intern(struct state_writer *w, pid_t pid, const struct walk *walk, unsigned call, unsigned max_frames);
/* The site that stands for "one of these N": their stacks behind each other. 0: no room. */
state_ref state_sites_either(struct state_writer *w, const state_ref *sites, unsigned n);
/* The site REF of another file, as one of this. */
state_ref state_sites_copy(struct state_writer *w, const struct state_writer *from, state_ref ref);
/*
 * The site that has the stack of REF, and behind it who created and who waits for its goroutine, which
 * WALK tells. REF, where it has that itself or WALK has nobody who waits.
 */
state_ref state_sites_with_waiter(struct state_writer *w, state_ref ref, const struct walk *walk, unsigned max_frames);
/* N more sockets were opened there, or closed that were opened there. */
void state_sites_opened(struct state_writer *w, state_ref ref, uint64_t n);
void state_sites_closed(struct state_writer *w, state_ref ref);
/* One socket that was counted as opened at FROM was opened at TO. */
void state_sites_moved(struct state_writer *w, state_ref from, state_ref to);

#endif
