/* SPDX-License-Identifier: MIT */
/*
 * traced_stack.h: what only a stack has that was walked from outside.
 */
#ifndef SOCKLEAK_CLI_MODEL_TRACED_STACK_H
#define SOCKLEAK_CLI_MODEL_TRACED_STACK_H

#include "../../core/report.h"

/*
 * Marks those of the N FRAMES that are of a C library which is linked into the program. Such a stack
 * begins in the function that makes the system call; the agent's begins with the caller.
 */
void traced_stack_mark(struct frame *frames, size_t n, unsigned call);
/*
 * Where it is not known which of several stacks is the one: leaves out the marked frames of the others,
 * and those of them that read like an earlier one. Returns how many frames are left.
 */
size_t traced_stack_settle(struct frame *frames, size_t n);

#endif
