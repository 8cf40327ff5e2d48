/* SPDX-License-Identifier: MIT */
/*
 * once.h: a socket that several processes of one report hold, or held when they ended, is one
 * finding.
 */
#ifndef SOCKLEAK_CLI_MODEL_ONCE_H
#define SOCKLEAK_CLI_MODEL_ONCE_H

#include "types.h"

/*
 * Of the findings in the groups of the N models, one after the other, which to leave out: IS_AGAIN
 * has a place for each, and gets true where another process tells of the same socket: a live one
 * before one that has ended, else the one that looked last, else the first. A socket is known by
 * inode, family, kind and addresses; one without an inode is like no other. Two of one process are
 * left as they are.
 */
void once_mark(const struct model *from, size_t n, bool *is_again);

#endif
