/* SPDX-License-Identifier: MIT */
/*
 * group_told.h: what a group's sockets were told and what was done with them: one entry for each event
 * and stack, with the number of sockets that it is true of.
 *
 * No allocation, no lock; async-signal-safe. The groups belong to the caller; one thread works on
 * them.
 */
#ifndef SOCKLEAK_CORE_GROUP_TOLD_H
#define SOCKLEAK_CORE_GROUP_TOLD_H

#include "report.h"

/*
 * Fills what was told of G, a new group, from its N findings F, and leaves these in another order.
 * The frames are the caller's to fill.
 */
void group_told_fill(struct group *g, struct finding *f, size_t n);
/*
 * When the frames of G's told stacks have their names: those that read the same become one, and the
 * TOLD_SHOWN commonest of each event stay.
 */
void group_told_named(struct group *g);
/*
 * Adds T, whose stack has no frames yet or is known by its siteid, to what was told of G; if it is
 * EVENT_CLOSED or a later one, and is there already, to its count. The rarest of an event gives way.
 */
void group_told_enter(struct group *g, const struct told *t);
/* The same of T whose frames have their names: group_told_named puts them in order. */
void group_told_enter_named(struct group *g, const struct told *t);
/* The two are the same event in stacks that read the same. */
bool group_told_reads_the_same(const struct told *a, const struct told *b);
/* Adds what was told of FROM's sockets, both with their names, to what was told of G's; not its siblings. */
void group_told_add(struct group *g, const struct group *from);
/*
 * The stack that stands for all of what was told: the commonest that saw EOF, else one where a
 * connect failed or an error was seen. NULL: there is none.
 */
const struct told *group_commonest(const struct group *g);
/* The two were in the same stack, as far as it reads. False where one has none. */
bool group_same_stack(const struct told *a, const struct told *b);
/*
 * The entry that has the stack of G's entry NTH too, and stands for both: of EOF or an error, else
 * one that is told before it. NULL: NTH's own stack is to be told.
 */
const struct told *group_told_like(const struct group *g, unsigned nth);
/*
 * The entry of the last receive (send) that is as G's entry NTH, the first: the two are told as
 * one. NULL: there is none.
 */
const struct told *group_told_last(const struct group *g, unsigned nth);
/* NTH is such a last one, which is told with the first; or it is told with the closes (EVENT_PARTED). */
bool group_told_is_within(const struct group *g, unsigned nth);
/* The entry that F is counted in; NULL: none, or its stack was too rare to be kept. */
const struct told *group_told_of(const struct group *g, const struct finding *f);

#endif
