/* SPDX-License-Identifier: MIT */
/*
 * siblings.h: by which stacks the other sockets of a group's site were closed.
 *
 * Pure; async-signal-safe. Siblings are the sockets of the same site. Where none of those was
 * closed, cousins stand for them: the sockets of other sites that were opened under the same outer
 * frames.
 */
#ifndef SOCKLEAK_CORE_SIBLINGS_H
#define SOCKLEAK_CORE_SIBLINGS_H

#include "report.h"

/*
 * Adds what VIEW has of that to G, of whose findings the site is in the same view: entries of
 * EVENT_SIBLINGS and EVENT_PARTED behind the others of g->told, without frames, n_siblings, cousins
 * and about.
 */
void siblings_find(struct group *g, const struct state_view *view);
/* Adds what is known of FROM's siblings, with their frames, to G's: both are of one site. */
void siblings_add(struct group *g, const struct group *from);

#endif
