/* SPDX-License-Identifier: MIT */
/*
 * suppressions.h: the suppression rules of this process: built-in ones, the program's, and those of
 * a file.
 */
#ifndef SOCKLEAK_AGENT_SUPPRESSIONS_H
#define SOCKLEAK_AGENT_SUPPRESSIONS_H

#include "../../core/suppress.h"

/* Reads everything once; complaints go to the log. Not in signal handlers. */
void suppressions_load(void);
/* Something was wrong with them, and was logged. */
bool suppressions_warned(void);
/*
 * The same, where there are others than the built-in rules. At the start, so that a wrong path is
 * logged then and not hours later.
 */
void suppressions_load_early(void);
struct suppression *suppressions_rules(size_t *n);

/*
 * What the rules decided of a group once its files and lines were known, kept for the next report:
 * to ask for lines costs a process. Kept by the site's id, so that it is also true in a forked
 * child. False: not asked yet. With the watch lock held.
 */
bool suppressions_known(const struct group *g, struct suppression **rule);
void suppressions_learnt(const struct group *g, struct suppression *rule);

#endif
