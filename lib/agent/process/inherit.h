/* SPDX-License-Identifier: MIT */
/*
 * inherit.h: what a child of fork knows of the sockets that it got from its parent.
 */
#ifndef SOCKLEAK_AGENT_INHERIT_H
#define SOCKLEAK_AGENT_INHERIT_H

#include <stdbool.h>

#include "../../core/state.h"

/* By the forking thread, before the fork, with a table: copies the live slots. */
void inherit_prepare(void);
/* In the parent, after the fork: frees that copy. */
void inherit_discard(void);
/*
 * In the child: forgets the parent's table. Keeps what inherit_prepare copied (PREPARED), else
 * copies what the parent's table holds now.
 */
void inherit_take(bool prepared);
/* The header of the parent's table, which stays mapped. NULL: no parent had a table. */
const struct state_header *inherit_parent_header(void);
/*
 * Enters the inherited sockets into the child's own table, if the kernel still has the same ones
 * (SO_COOKIE).
 */
void inherit_import(void);
/* How many sockets inherit_import will try to enter. */
unsigned inherit_count(void);
/* There are connections among them, which may become findings without any call of the child. */
bool inherit_is_minded(void);
/* One of them would stay open over an exec. */
bool inherit_goes_along(void);
/*
 * At the end of a child without a table: it still holds such a connection, and its parent does not,
 * as far as the parent's table tells.
 */
bool inherit_may_be_last(void);

#endif
