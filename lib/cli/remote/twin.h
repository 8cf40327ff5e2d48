/* SPDX-License-Identifier: MIT */
/*
 * twin.h: a second thread in the place of the held one, with a descriptor table of its own.
 *
 * For a process that has used up its descriptors: what the twin opens takes none of the program's
 * numbers, and its limit stays as it is. The held thread makes it by clone(2) with a thread's flags
 * but CLONE_FILES, and stands still while it lives. The twin has the same thread pointer: to libc it
 * is the held thread, with that one's locks and errno.
 */
#ifndef SOCKLEAK_CLI_REMOTE_TWIN_H
#define SOCKLEAK_CLI_REMOTE_TWIN_H

#include <stdbool.h>

#include "ptrace.h"

/*
 * Makes the TWIN of T, a held and prepared thread; the twin is held and prepared too. Of its table
 * the numbers from 3 on are free. False: the process may make no thread (T's `error` says why).
 */
bool twin_begin(struct tracee *t, struct tracee *twin);
/* Ends it; waits for that if it sleeps where it cannot be stopped. T's own state is untouched. */
void twin_end(struct tracee *t, struct tracee *twin);

#endif
