/* SPDX-License-Identifier: MIT */
/*
 * waiters.h: does anybody in this process wait for a connect that has had no answer yet?
 */
#ifndef SOCKLEAK_AGENT_WAITERS_H
#define SOCKLEAK_AGENT_WAITERS_H

#include <stdbool.h>
#include <stdint.h>

/* Forgets the last answer: the next question asks the kernel anew. At the beginning of a check. */
void waiters_begin(void);
/*
 * True when it is known, at this check and at the one before, that no thread is inside connect,
 * poll or select on FD, and that no epoll of the process watches it. GEN: of its slot. The first
 * question of a check reads /proc/self/task and /proc/self/fdinfo. With the watch lock held.
 */
bool waiters_none(int fd, uint32_t gen);
/* In a forked child. */
void waiters_reset(void);

#endif
