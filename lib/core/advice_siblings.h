/* SPDX-License-Identifier: MIT */
/*
 * advice_siblings.h: the advice that follows from where the other sockets of a site were closed.
 *
 * Pure; async-signal-safe if O's flush is. For advice.c; parameters and results as of advice_of.
 */
#ifndef SOCKLEAK_CORE_ADVICE_SIBLINGS_H
#define SOCKLEAK_CORE_ADVICE_SIBLINGS_H

#include "out.h"
#include "report.h"

/*
 * What happened last to these, as far as is known, was in a function that has closed the others, or
 * near to it: "the 4 others were closed in retires (loop.c:98), called by turns (loop.c:110);
 * these never got there".
 */
bool advice_parting(struct out *o, const char *before, const struct group *g);
/* The same wherever the others were closed. */
bool advice_siblings(struct out *o, const char *before, const struct group *g);

#endif
