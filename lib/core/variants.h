/* SPDX-License-Identifier: MIT */
/*
 * variants.h: the sockets of one site that came to different ends: different leaks, perhaps, though
 * one stack has opened all of them.
 *
 * What counts are the stacks, as far as they are the program's own code, in which a socket was left:
 * where the end was seen, the last receive and send, epoll's DEL, shutdown and dup. Not how often or
 * when. A socket of which less is known, and nothing else than of another one, has only not come as
 * far: it counts to the other one's variant. What is still open, and no finding, has none. Pure;
 * async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_VARIANTS_H
#define SOCKLEAK_CORE_VARIANTS_H

#include "report.h"

#define VARIANTS_SHOWN 5u /* groups of a site; with more variants the commonest, and the rest as one */

/* Fills F's ends from its events and what it was told, whose stacks are in VIEW. FIND: for all of VIEW. */
void variants_ends(struct finding *f, const struct state_view *view, struct state_finder *find);
/*
 * Gives each of the N FINDINGS, which are of one kind and site, its variant, and returns how many
 * groups that makes; 1: they have no variants. The variant is 0 where there are none, and for the
 * rest; else it is the same in every process. Sorts them by it. O(n log n).
 */
unsigned variants_assign(struct finding *findings, size_t n);

#endif
