/* SPDX-License-Identifier: MIT */
/*
 * closed_life.h: what was done with a socket, kept beyond its close: a report compares it with what
 * was done with the sockets of the same site that are stuck.
 */
#ifndef SOCKLEAK_AGENT_TRACK_CLOSED_LIFE_H
#define SOCKLEAK_AGENT_TRACK_CLOSED_LIFE_H

#include "leaving.h"

/*
 * The calling thread is closing, by the stack BY, the socket that WAS in its slot: keeps its life at
 * C, the record of its site, in the place of the one before that BY has closed. Async-signal-safe.
 */
void closed_life_keep(struct state_closes *c, state_ref by, const struct leaving *was);

#endif
