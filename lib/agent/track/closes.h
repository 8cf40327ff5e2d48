/* SPDX-License-Identifier: MIT */
/*
 * closes.h: by which stacks the sockets of each site are closed: what a report tells of a leaked
 * socket's siblings.
 */
#ifndef SOCKLEAK_AGENT_TRACK_CLOSES_H
#define SOCKLEAK_AGENT_TRACK_CLOSES_H

#include "closer.h"
#include "leaving.h"

/*
 * The calling thread closes, by CALL and BY, the socket that WAS in its slot: counts that at the socket's
 * site, for the stack of the close. Only the last descriptor of a socket counts, and none that the
 * end of the program closes. Async-signal-safe; keeps errno.
 */
void closes_count(const struct leaving *was, unsigned call, struct closer by);
void closes_reset(void); /* Call when the table was replaced. */

#endif
