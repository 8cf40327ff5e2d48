/* SPDX-License-Identifier: MIT */
/*
 * stack_key.h: what of a stack stays the same from one build to the next.
 */
#ifndef SOCKLEAK_CLI_DIFF_STACK_KEY_H
#define SOCKLEAK_CLI_DIFF_STACK_KEY_H

#include "side.h"

/*
 * The functions of S in their order, each with its file (without the folder) if FILES; equal for
 * stacks that are matched. NULL: none of its frames has a name. In ARENA.
 */
const char *stack_key(struct arena *arena, const struct diff_site *s, bool files);
/* < 0, 0, > 0: the order of the lines of two stacks with one key. */
int stack_key_lines(const struct diff_site *a, const struct diff_site *b);
/* Both stacks have one key, and are of one build, but of different calls in it. */
bool stack_key_is_other_call(const struct diff_site *a, const struct diff_site *b);
/* The first frame that is in the key; NULL: there is none. */
const struct frame *stack_key_first(const struct diff_site *s);

#endif
