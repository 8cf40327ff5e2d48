/* SPDX-License-Identifier: MIT */
/*
 * frame_role.h: the parts of a stack that was walked from outside: the stack itself, who created its
 * goroutine, who waits for it, and another stack where nobody knows which of them is the socket's.
 *
 * Pure; async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_FRAME_ROLE_H
#define SOCKLEAK_CORE_FRAME_ROLE_H

#include "report.h"

/* "created_by", "waited_for_by", "or": as JSON has them. NULL: the stack itself. */
const char *frame_role_name(unsigned role);
/* What stands above F in text, where it begins such a part: "created by". NULL: nothing. */
const char *frame_role_heading(const struct frame *f);
/* The N FRAMES from *AT on that are the next part with this ROLE, or 0. *AT gets its place. */
size_t frame_role_part(const struct frame *frames, size_t n, unsigned role, size_t *at);
/* It is not known which of several stacks is the one. */
bool frame_role_is_either(const struct frame *frames, size_t n);
/* How many of the N FRAMES are the first of these stacks, with what created and waits for it. */
size_t frame_role_first(const struct frame *frames, size_t n);

#endif
