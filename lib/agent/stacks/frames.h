/* SPDX-License-Identifier: MIT */
/*
 * frames.h: the frames of language runtimes as records of the state file, each written once.
 *
 * Any thread, not in signal handlers; no allocation but records from the table.
 */
#ifndef SOCKLEAK_AGENT_FRAMES_H
#define SOCKLEAK_AGENT_FRAMES_H

#include "../runtimes/runtime.h"

/*
 * The address that stands for the frame F of RUNTIME in a stack (core/state.h), recorded now if it
 * is new. 0: it is none to be shown. UNREADABLE: it has no name that could be read.
 */
#define FRAMES_UNREADABLE UINT64_MAX
uint64_t frames_of(const struct runtime *runtime, const struct runtime_frame *f);
/* The address that stands for a frame of this name. Without the ref when there is no room. */
uint64_t frames_intern(unsigned runtime, const struct runtime_name *name);
/* The same for PC, the address of a frame in another table; any other PC as it is. */
uint64_t frames_import(const struct state_view *old, uint64_t pc);
/* Call when the table was replaced (a new state file after fork). */
void frames_reset(void);

#endif
