/* SPDX-License-Identifier: MIT */
/*
 * track.h: the events that wrappers report. One small interface for the preload's and the injected agent's wrappers.
 *
 * Rules for the caller (table.c):
 *   create:  real call, then track_opened / track_accepted / ... with the new descriptor
 *   destroy: token = track_closing(fd) BEFORE the real call (another thread can get the number in between), then
 *            track_close_failed(fd, token) if it failed with EBADF
 *   receive: real call; a result above track_quiet returns at once; else track_received
 * Every function here keeps errno, allocates nothing but table memory, takes no lock, is no cancellation point and may be called in
 * signal handlers, before the constructor, after exit handlers, and in a vfork child (where it does nothing).
 */
#ifndef SOCKLEAK_AGENT_TRACK_H
#define SOCKLEAK_AGENT_TRACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "../../core/state.h"

/*
 * What a receive or send call must exceed to be of no interest. 0 normally. SSIZE_MAX in a forked or just attached process until the
 * inherited connections were seen in use.
 */
extern ssize_t track_quiet __attribute__((visibility("hidden"))); /* also where it is declared: read without the GOT */

void track_opened(int fd, int family, int type, int protocol, enum origin origin);
void track_pair(const int fd[2], int family, int type, int protocol);
/* accept/accept4 on LISTENER gave FD (>= 0). FLAGS: accept4's. */
void track_accepted(int listener, int fd, int flags);
/* Descriptors that arrived in MSG's SCM_RIGHTS, after a successful recvmsg. */
void track_rights(const struct msghdr *msg);

/* After connect(2): RESULT and ERR as seen by the program. */
void track_connected(int fd, int result, int err, const struct sockaddr *to, socklen_t len);
/* After shutdown(2) that succeeded. */
void track_shutdown(int fd, int how);

/*
 * After a receive call whose RESULT is not above track_quiet; ERR is errno if RESULT < 0. WANTED: the size of the buffer(s), so that 0 of 0 bytes
 * is not taken for the end. FLAGS: recv's. For calls on files this is nearly free: no slot, no look-up beyond one load... but for result 0 and
 * errors on a descriptor without slot, which may adopt a socket that nobody saw opened.
 */
void track_received(int fd, ssize_t result, int err, size_t wanted, int flags);
/* After a send/write call that did not exceed track_quiet (EPIPE, ECONNRESET ...). */
void track_sent(int fd, ssize_t result, int err);
/* getsockopt(SO_ERROR) gave ERR != 0, or poll said POLLERR/POLLHUP (ERR 0: the error itself was not fetched). */
void track_told_error(int fd, int err);

/* Before a close. Returns a token, 0 when there is nothing to put back. */
uint64_t track_closing(int fd);
void track_close_failed(int fd, uint64_t token);
/* Before close_range/closefrom that will close FIRST..LAST. Walks the table. */
void track_closing_range(unsigned first, unsigned last);

/* After dup, dup2, dup3, F_DUPFD, F_DUPFD_CLOEXEC: NEW_FD (>= 0, != OLD_FD) is a second reference to OLD_FD's file.
 * For dup2/dup3 the caller has first called track_closing(new_fd) and puts back with track_close_failed when the real call failed. */
void track_duped(int old_fd, int new_fd);

/* ---- for the agent itself ---- */
/* A fork's child has connections that it has not been seen to use: every transfer is looked at until it was. */
void track_expect_use(bool expected);
bool track_is_awaited(const struct state_slot *parents);
/* Enters a socket that nobody saw opened here: inherited (S: the parent's slot), or adopted by the watcher (S NULL). SITE: its stack here, or 0.
 * COOKIE: SO_COOKIE as just read. False when the number was taken meanwhile. */
bool track_import(int fd, const struct state_slot *s, state_ref site, uint64_t cookie);
bool track_adopt(int fd, enum origin origin, uint64_t cookie);
/* The kernel says that FD (of generation GEN) is no longer the socket that the slot stands for. */
void track_vanished(int fd, uint32_t gen);

/* exec is about to happen / has failed. Nothing is lost when it fails. */
void track_exec(void);
void track_exec_failed(void);

/* The program is about to end by _exit, _Exit, quick_exit or abort with STATUS (exit(3) comes through the exit handler). Returns the status to end with. */
int track_exiting(int status, enum state_end how);
/* abort() is called and may be caught: says what there is to say, and is ready to go on. */
void track_aborting(void);

#endif
