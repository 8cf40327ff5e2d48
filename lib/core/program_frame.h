/* SPDX-License-Identifier: MIT */
/*
 * program_frame.h: which function of the program made the call that a stack ends in.
 *
 * Pure; async-signal-safe. For sentences that say what a function did: these must be sure that it
 * was this one, and not a library's event loop that the function runs.
 */
#ifndef SOCKLEAK_CORE_PROGRAM_FRAME_H
#define SOCKLEAK_CORE_PROGRAM_FRAME_H

#include "report.h"

/*
 * The first of the N FRAMES (innermost first, as own_frames.h shows them) that is of the program
 * itself and has a name; of a runtime, the program's own source. Libraries that only pass the call
 * on, as libssl, are passed over. NULL: another library made the call (it may be one of its own
 * accord), or there is no name.
 */
const struct frame *program_frame(const struct frame *frames, size_t n);
/*
 * The first of the N FRAMES that is of the program's own code, whoever made the call, with a name or
 * without: neither the C library's nor another system library's; of a runtime's frames, where there
 * are any, the first of the program's source. NULL: there is none.
 */
const struct frame *program_frame_first(const struct frame *frames, size_t n);
/* As program_frame, but the frame that called F in the stack; NULL: it is not known, or not the program's. */
const struct frame *program_frame_caller(const struct frame *frames, size_t n, const struct frame *f);
/* True for a frame of the program's own code, with a name. */
bool program_frame_is_own(const struct frame *f);
/* The two frames are of one function. */
bool program_frame_same(const struct frame *a, const struct frame *b);
/*
 * F is the outermost frame of the program: main, or the function that a thread began with. False
 * too where the stack ends with it: then nobody knows.
 */
bool program_frame_is_outermost(const struct frame *frames, size_t n, const struct frame *f);

#endif
