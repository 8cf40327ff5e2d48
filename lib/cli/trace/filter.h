// SPDX-License-Identifier: MIT
/*
 * filter.h: the seccomp filter that stops a thread of the traced program at the calls that matter.
 *
 * The kernel holds such a thread until the supervisor has answered. All other calls pass. A filter
 * stays for the life of the program and is inherited by all that it starts.
 */
#ifndef SOCKLEAK_CLI_TRACE_FILTER_H
#define SOCKLEAK_CLI_TRACE_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Writes the filter's instructions to F, at most CAP of them, and returns how many. It asks the
 * supervisor at the calls that open, copy or connect a socket, start or end a process or a thread,
 * execute a program, or install a signal handler.
 */
size_t filter_program(struct sock_filter *f, size_t cap);
/*
 * Puts the filter on the calling thread, which is to execute the program. Returns the descriptor of
 * its listener, or -errno. The process gives up new privileges only where the kernel demands it.
 */
int filter_install(void);
/* Why filter_install has failed with ERROR, and what can be done: a static sentence. */
const char *filter_refusal(int error);
/*
 * From the supervisor: it wakes a stopped thread on its own processor, and is woken there (Linux
 * 6.6). Nothing happens where the kernel does not know that.
 */
void filter_wake_here(int listener);

#endif
