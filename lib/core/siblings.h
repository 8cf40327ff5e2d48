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
 * EVENT_SIBLINGS behind the others of g->told, without frames, n_siblings, cousins and about.
 */
void siblings_find(struct group *g, const struct state_view *view);
/* Adds what is known of FROM's siblings, with their frames, to G's: both are of one site. */
void siblings_add(struct group *g, const struct group *from);
/*
 * Where the lives of two sockets part: how many of the N events of STUCK, in the order of time, are
 * also the first of the M events of CLOSED: the same event in the same stack.
 */
size_t siblings_part(const struct told *stuck, size_t n, const struct told *closed, size_t m);

#endif
