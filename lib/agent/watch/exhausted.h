/* SPDX-License-Identifier: MIT */
/*
 * exhausted.h: when a call of the program's fails because nothing is left of a resource, and before
 * that when the threshold is passed: a report of who holds it.
 *
 * The wrapper notes the failure, and wakes the watcher, which makes the report: the first time, then
 * at most every ten minutes for each resource. Without a watcher (interval=0) the next check makes
 * it, at the latest the one at the end.
 */
#ifndef SOCKLEAK_AGENT_EXHAUSTED_H
#define SOCKLEAK_AGENT_EXHAUSTED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../../core/calls.h"

/*
 * By a wrapper whose CALL has failed, with errno as it left it; for other errors they do nothing.
 * FROM: the lowest number that fcntl was to give, else 0. Async-signal-safe; errno is kept. No lock;
 * a system call only for the first of a series of failures.
 */
void exhausted_note(enum call call, int from);
/* The same of a call that returns its ERROR, and leaves errno alone (posix_spawn(3)). */
void exhausted_note_error(enum call call, int error);
/* The same of connect and bind on FD, with the address that the kernel has read. */
void exhausted_note_address(enum call call, int fd, const struct sockaddr *to, socklen_t len);

/*
 * Makes what reports are due. With the watch lock held, right after a check. ITS_LAST: only of what
 * has failed already.
 */
void exhausted_report(bool its_last);
/*
 * For a dormant agent, without the watch lock: are as many descriptors in use as the option threshold
 * says? Then the report by it is taken as made, for nothing is recorded yet that it could name, and
 * one of the error itself is not.
 */
bool exhausted_is_near(void);
/* In a forked child. */
void exhausted_reset(void);

#endif
