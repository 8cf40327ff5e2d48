/* SPDX-License-Identifier: MIT */
/*
 * safe_point.h: a thread that may run a call of ours.
 */
#ifndef SOCKLEAK_CLI_REMOTE_SAFE_POINT_H
#define SOCKLEAK_CLI_REMOTE_SAFE_POINT_H

#include "ptrace.h"

/*
 * Finds a thread whose stack is inside no allocator, loader, lock or fork, and holds it. 0; -EAGAIN
 * when there was none within LIMIT_MS: *WHERE then says what the last one was inside of; -EPERM,
 * -ESRCH.
 */
int safe_point_hold(struct tracee *t, const struct remote *r, int limit_ms, char *where, size_t cap);

#endif
