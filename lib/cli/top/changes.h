/* SPDX-License-Identifier: MIT */
/*
 * changes.h: what changed between two looks of `sockleak top`.
 */
#ifndef SOCKLEAK_CLI_TOP_CHANGES_H
#define SOCKLEAK_CLI_TOP_CHANGES_H

#include "types.h"

/* Keeps the counts of T's groups, as those of the look before. */
void changes_keep(struct top *t);
void changes_free(struct top *t);
/* Compares T's groups with those that were kept: T->changes. */
void changes_find(struct top *t);
/* How many sockets more, or fewer, than at the look before; *FRESH: the group was not there then. */
int64_t changes_of(const struct top *t, const struct group *g, bool *fresh);

#endif
