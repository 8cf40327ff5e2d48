/* SPDX-License-Identifier: MIT */
/*
 * inherited_set.h: which descriptors a child of fork got from its parent, until it has a table of
 * its own: a set of bits.
 */
#ifndef SOCKLEAK_AGENT_INHERITED_SET_H
#define SOCKLEAK_AGENT_INHERITED_SET_H

#include <stdbool.h>

/*
 * Makes the set empty, with room for descriptors 0 to HIGHEST (-1: none). False: no memory, and the
 * set stays empty. One thread.
 */
bool inherited_set_make(int highest);
void inherited_set_add(int fd); /* at most HIGHEST */
void inherited_set_clear(void);
/*
 * FD is in it, so an event on it is worth a table. Any thread: every read and write of a child
 * calls this until the child has a table.
 */
bool inherited_set_has(int fd);

#endif
