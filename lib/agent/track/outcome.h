/* SPDX-License-Identifier: MIT */
/*
 * outcome.h: the events by which the program learns of a socket: connected, shut down, EOF, an
 * error. Rules for the caller: track.h.
 */
#ifndef SOCKLEAK_AGENT_OUTCOME_H
#define SOCKLEAK_AGENT_OUTCOME_H

#include <sys/socket.h>
#include <sys/types.h>

#include "slot.h"

/* After connect(2): RESULT and ERR as seen by the program. */
void track_connected(int fd, int result, int err, const struct sockaddr *to, socklen_t len);
/*
 * After a bind, or a listen (LISTENING), that failed with ERR: TO is what bind was given, NULL for
 * listen and where it may not be read.
 */
void track_attempt_failed(int fd, bool listening, int err, const struct sockaddr *to, socklen_t len);
/* After shutdown(2) that succeeded. */
void track_shutdown(int fd, int how);
/*
 * After a receive call whose RESULT is not above track_quiet; ERR is errno if RESULT < 0. WANTED:
 * the size of the buffers in bytes, so that 0 of 0 bytes is not taken for EOF. FLAGS: recv's. On a
 * file this costs little: one load to find that there is no slot. But EOF or an error on a
 * descriptor without a slot may adopt a socket that no wrapper saw opened.
 */
void track_received(int fd, ssize_t result, int err, size_t wanted, int flags);
/* After a send or write whose RESULT is not above track_quiet (EPIPE, ECONNRESET ...). */
void track_sent(int fd, ssize_t result, int err);
/*
 * getsockopt(SO_ERROR) returned ERR != 0; 0: an error that is not known itself.
 */
void track_told_error(int fd, int err);
/*
 * poll or epoll returned REVENTS with POLLHUP or POLLRDHUP: EOF, where nothing is left to read
 * before it; with POLLERR an error (an event of track_told_error).
 */
void track_hung_up(int fd, unsigned revents);
/*
 * What the program reads from FD from now on, nobody sees (a stdio stream, whose reads libc makes
 * inside); or nobody can tell what it was told.
 */
void track_unwatched(int fd);

#endif
