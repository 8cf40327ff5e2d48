/* SPDX-License-Identifier: MIT */
/*
 * inherit.h: what a child of fork knows of the sockets that it got from its parent.
 */
#ifndef SOCKLEAK_AGENT_INHERIT_H
#define SOCKLEAK_AGENT_INHERIT_H

#include <stdbool.h>

#include "../../core/state.h"

/* By the forking thread, before the fork and, in the parent, after it. */
void inherit_prepare(void);
void inherit_discard(void);
/* In the child: forgets the parent's table and keeps what was PREPARED, or what the parent's table says now. */
void inherit_take(bool prepared);
/* The parent's header, while its mapping is still there; NULL: no parent had a table. */
const struct state_header *inherit_parent_header(void);
/* Enters what was kept into the child's own table, as far as the kernel still knows it, and lets go of the parent's mapping. */
void inherit_import(void);
unsigned inherit_count(void);

#endif
