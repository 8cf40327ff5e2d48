/* SPDX-License-Identifier: MIT */
/*
 * siteid.h: the name of a call site that is the same in every process and on every host.
 *
 * A 64-bit hash like FNV-1a over each frame's build-id and offset. A module without a build-id
 * counts by its file name, a frame outside all modules (JIT code) as a constant, so that a stack
 * with such frames still has a stable name. A frame of a language runtime counts by its function,
 * file and line; a stack that has one leaves out the frames of the interpreter. Pure;
 * async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_SITEID_H
#define SOCKLEAK_CORE_SITEID_H

#include "state.h"

/* The name of a stack: begin, then each frame from the innermost on, then end. */
uint64_t siteid_begin(void);
/* H with the frame of return address PC in module M added; M NULL: no module. */
uint64_t siteid_frame(uint64_t h, const struct state_module *m, uint64_t pc);
/*
 * H with a frame of a language runtime added: its function, the part of its file's name that is the
 * same wherever the program is installed, and its line.
 */
uint64_t siteid_runtime_frame(uint64_t h, const struct state_frame_view *f);
/* The same for a function that is known to be called there, but not how it goes on: without its line. */
uint64_t siteid_runtime_call(uint64_t h, const struct state_frame_view *f);
/* The name, as reports print it. Never 0. */
uint64_t siteid_end(uint64_t h);

#endif
