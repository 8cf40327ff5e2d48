/* SPDX-License-Identifier: MIT */
/*
 * owner.h: the program's functions that handle the descriptors of a live node process.
 *
 * In an event loop no function of the program is on the stack when a connection is accepted or its
 * end is read. What would be called for it hangs on the object that owns the descriptor, and is read
 * from there: from outside, through /proc/PID/mem, without stopping the process, without a write.
 * That takes the right to trace it (ptrace(2)). Node 18, 20, 22, 24 and 26 for x86-64; another
 * process, or a version that is not known, has no answer.
 */
#ifndef SOCKLEAK_CLI_OWNER_OWNER_H
#define SOCKLEAK_CLI_OWNER_OWNER_H

#include <sys/types.h>

#include "../base/arena.h"
#include "walk.h"

/*
 * For each of the N descriptors FDS of process PID what handles it, in an array of N in ARENA; equal
 * ones are the same. NULL: not known, or nothing. An answer is one that two walks with fresh reads
 * have agreed on. Takes at most about a second; what was not asked until then is not known.
 */
const struct owner_handlers **owner_find(struct arena *arena, pid_t pid, const int *fds, size_t n);

#endif
