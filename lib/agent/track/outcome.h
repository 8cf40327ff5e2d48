/* SPDX-License-Identifier: MIT */
/*
 * outcome.h: what the program learns of a socket: connected, shut down, EOF, an error. Rules for the caller: track.h.
 */
#ifndef SOCKLEAK_AGENT_OUTCOME_H
#define SOCKLEAK_AGENT_OUTCOME_H

#include <sys/socket.h>
#include <sys/types.h>

#include "slot.h"

/* After connect(2): RESULT and ERR as seen by the program. */
void track_connected(int fd, int result, int err, const struct sockaddr *to, socklen_t len);
/* After shutdown(2) that succeeded. */
void track_shutdown(int fd, int how);
/*
 * After a receive call whose RESULT is not above track_quiet; ERR is errno if RESULT < 0. WANTED: the size of the buffers in
 * bytes, so that 0 of 0 bytes is not taken for EOF. FLAGS: recv's. For calls on files this is nearly free: no slot, no look-up
 * beyond one load; but a result of 0 or an error on a descriptor without slot may adopt a socket that nobody saw opened.
 */
void track_received(int fd, ssize_t result, int err, size_t wanted, int flags);
/* After a send or write whose RESULT is not above track_quiet (EPIPE, ECONNRESET ...). */
void track_sent(int fd, ssize_t result, int err);
/* getsockopt(SO_ERROR) gave ERR != 0, or poll said POLLERR or POLLHUP (ERR 0: the error itself was not fetched). */
void track_told_error(int fd, int err);

#endif
