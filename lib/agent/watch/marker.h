/* SPDX-License-Identifier: MIT */
/*
 * marker.h: the half of a socketpair that a Java runtime keeps as a marker.
 */
#ifndef SOCKLEAK_AGENT_MARKER_H
#define SOCKLEAK_AGENT_MARKER_H

#include <stdbool.h>

#include "../../core/judge.h"
#include "../../core/state.h"

/*
 * At the beginning of a check: the next question reads /proc/self/maps anew, unless the answer was
 * yes.
 */
void marker_begin(void);
/*
 * FD, with the observation O of kind hangup, is the socket that Java's NIO (libnio.so) made of a
 * pair whose other half it closed, to put it with dup2 in the place of connections that are being
 * closed: it has no name, and nothing was ever sent or received on it. Meant for sockets whose
 * opening was not seen; for the others a built-in suppression knows the stack.
 */
bool marker_is(int fd, const struct state_slot *slot, const struct observation *o);

#endif
