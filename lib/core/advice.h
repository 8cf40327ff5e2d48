/* SPDX-License-Identifier: MIT */
/*
 * advice.h: one line that says what to do about a group of sockets.
 *
 * Pure; async-signal-safe if O's flush is. For text, JSON and SARIF alike. It follows from the
 * group's kind and life, and from nothing that is not known. There is none where that is not sure:
 * of several stacks none is of nearly all of the sockets, a stack's function has no name or is a
 * library's, the sockets are a steady pool, or this program has not opened them.
 */
#ifndef SOCKLEAK_CORE_ADVICE_H
#define SOCKLEAK_CORE_ADVICE_H

#include "out.h"
#include "report.h"

/*
 * Writes BEFORE and the advice for G, whose stacks have their names and are as own_frames_show
 * leaves them: "read_reply (src/db.c:77) saw EOF and returned without closing; close there". One
 * line without its end; names are written as they may go to a terminal. False: there is none, and
 * nothing is written.
 */
bool advice_of(struct out *o, const char *before, const struct group *g);

#endif
