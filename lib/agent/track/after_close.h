/* SPDX-License-Identifier: MIT */
/*
 * after_close.h: calls on a descriptor that was closed before, with closes=1.
 *
 * Who closed each number last is remembered; a call that finds it closed, or that closes what
 * another thread has opened under it since, becomes a record of the state file (struct state_use).
 * All calls: any thread, signal handlers too; errno is kept; only when after_close_on.
 */
#ifndef SOCKLEAK_AGENT_TRACK_AFTER_CLOSE_H
#define SOCKLEAK_AGENT_TRACK_AFTER_CLOSE_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../core/state.h"

/* closes=1. (Hidden on the declaration too, so that it is read without the GOT.) */
extern bool after_close_on __attribute__((visibility("hidden")));

/* A table was made: ON, options' closes. Nothing is known of any number. */
void after_close_start(bool on);

/*
 * The calling thread is about to close FD, whose slot SLOT of generation GEN it has just left, by
 * CALL (calls.h; 0: not known). Not in a call that closes a range: that is a sweep, and what is
 * called on its numbers later says nothing.
 */
void after_close_leaving(int fd, const struct state_slot *slot, uint32_t gen, unsigned call);
/* That close has failed: the socket is as it was. */
void after_close_put_back(int fd);
/* A close of FD, which was no socket that is known, has returned with ERR, 0: it succeeded. */
void after_close_closed(int fd, int err, unsigned call);
/* A receive or send on FD has returned with ERR, 0: it succeeded. CALL as above. */
void after_close_transferred(int fd, int err, unsigned call);
/* The calling thread has another event of FD's socket in SLOT. */
void after_close_touched(int fd, const struct state_slot *slot);
/* It has put it on an epoll. */
void after_close_watched(int fd);
/* FD is a new socket, in SLOT. */
void after_close_opened(int fd, const struct state_slot *slot);

/* For the watcher, which is inside of the agent: a socket was closed since the last call. */
bool after_close_any(void);
/* FD was a socket, which was closed, and nothing is open under its number. */
bool after_close_is_gone(int fd);
/* The thread TID is inside CALL, a receive, on FD. If that is gone, it was under way at the close. */
void after_close_blocked(int fd, uint32_t tid, unsigned call);

#endif
