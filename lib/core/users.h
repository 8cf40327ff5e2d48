/* SPDX-License-Identifier: MIT */
/*
 * users.h: the threads that received or sent last on a group's sockets, where these are not the
 * ones that opened them.
 *
 * Pure; async-signal-safe. Whoever makes a report asks /proc for what is known of each (opener.h).
 */
#ifndef SOCKLEAK_CORE_USERS_H
#define SOCKLEAK_CORE_USERS_H

#include "report.h"

/* Fills G's users with the threads that its stacks name, once they are those that are shown. */
void users_want(struct group *g);
/* When the oldest of G's sockets was opened: a thread that is older was always the same. */
uint64_t users_since(const struct group *g);
/* What G's users say of thread TID; NULL: nothing. */
const struct opener *users_find(const struct group *g, uint32_t tid);
/* G's users are those of FROM too, a group of the same process. */
void users_add(struct group *g, const struct group *from);

#endif
