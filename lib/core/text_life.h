/* SPDX-License-Identifier: MIT */
/*
 * text_life.h: what was done with a group's sockets, as text: who opened them, the events, who closed
 * their siblings.
 *
 * Only reads the group. Async-signal-safe if O's flush is.
 */
#ifndef SOCKLEAK_CORE_TEXT_LIFE_H
#define SOCKLEAK_CORE_TEXT_LIFE_H

#include "out.h"
#include "report.h"

/* All of it, with the stacks. COLOR: each with the program's own frame marked. */
void text_life(struct out *o, const struct group *g, bool color);
/*
 * Headings of stacks, without a newline: "opened by socket (thread 4243 ...)", and of g->told[NTH],
 * together with its last one where group_told_last has that. Where group_told_like names another
 * entry, the heading refers to that one's stack.
 */
void text_opened(struct out *o, const struct group *g);
void text_told(struct out *o, const struct group *g, unsigned nth);

#endif
