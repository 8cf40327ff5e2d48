/* SPDX-License-Identifier: MIT */
/*
 * sites.h: what is known of the process that is watched.
 */
#ifndef SOCKLEAK_CLI_TOP_SITES_H
#define SOCKLEAK_CLI_TOP_SITES_H

#include "types.h"

/*
 * Finds the state file of the process. NULL, or why the process cannot be watched. If there is no
 * table yet, or after an exec, the next look tries again.
 */
const char *top_find(struct top_watch *s);
/* Looks at the process again, when there is anything to see. */
void top_look(struct top_watch *s);
/* Sorts the groups by T's choice. */
void top_sort(struct top *t);
/* Index of the chosen group, else 0. */
size_t top_chosen(const struct top *t);
/* Frees what the last look found. */
void top_forget(struct top_watch *s);

#endif
