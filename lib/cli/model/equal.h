/* SPDX-License-Identifier: MIT */
/*
 * equal.h: groups whose stacks read the same are one group.
 */
#ifndef SOCKLEAK_CLI_MODEL_EQUAL_H
#define SOCKLEAK_CLI_MODEL_EQUAL_H

#include "types.h"

/*
 * Puts together the groups of M of one kind whose stacks have the same functions, files and lines,
 * though their addresses differ: an unrolled loop, a template that was made twice (its
 * arguments, and types that follow from them, do not count). A frame without a file and a line is
 * the same only at the same offset of
 * the same module. Counts, rates and sockets are added; the site is the smallest of them, so that
 * it is the same for the same set. Afterwards the group with the most sockets comes first.
 */
void equal_groups_merge(struct model *m);

#endif
