/* SPDX-License-Identifier: MIT */
/*
 * unwind_frame.h: one step up a stack of C, C++ or Rust by the unwind tables of an object.
 */
#ifndef SOCKLEAK_CLI_TRACE_UNWIND_FRAME_H
#define SOCKLEAK_CLI_TRACE_UNWIND_FRAME_H

#include "frame.h"
#include "stack_view.h"

/* From frame F, whose code is O's, to its caller. */
enum unwind_step unwind_frame(struct object *o, const struct stack_view *v, const struct frame *f, struct frame *caller);

#endif
