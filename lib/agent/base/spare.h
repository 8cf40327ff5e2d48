/* SPDX-License-Identifier: MIT */
/*
 * spare.h: does work that needs a descriptor when the process has none left.
 *
 * A child process shares the memory and has a descriptor table of its own, of which it closes all but
 * the first three numbers. So the program's limit is not raised and no number of its is taken. The
 * calling thread waits for it, as after vfork(2): its thread-local state is the child's too. There is
 * no SIGCHLD, and a plain wait does not find the child. Not async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_SPARE_H
#define SOCKLEAK_AGENT_SPARE_H

#include <stdint.h>

#include "sys.h"
#include "thread.h"

/*
 * Runs WORK, in this thread where a descriptor can be had or no child can be made. WORK must not ask
 * about descriptors above 2, and in a child it has another pid: it asks spare_pid().
 */
void spare_run(void (*work)(void *arg), void *arg);
/* The number of the process that the calling thread works for. */
static inline uint32_t spare_pid(void) { return this_thread.works_for ? this_thread.works_for : (uint32_t)sys_getpid(); }

#endif
