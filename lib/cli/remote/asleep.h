/* SPDX-License-Identifier: MIT */
/*
 * asleep.h: a safe point where the C library has no unwind tables (musl): a thread that waits in a
 * system call.
 */
#ifndef SOCKLEAK_CLI_REMOTE_ASLEEP_H
#define SOCKLEAK_CLI_REMOTE_ASLEEP_H

#include "ptrace.h"

/* The number of the system call that the held thread T is in; -1: it runs its own code. */
long asleep_in(const struct tracee *t);
/*
 * Does the held thread T wait for something from outside, and not on behalf of code that must not
 * be entered twice? WHERE gets what it is in if not.
 */
bool asleep_safely(const struct remote *r, const struct tracee *t, char *where, size_t cap);

#endif
