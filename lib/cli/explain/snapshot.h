/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h: copies the writable memory of a live process, without stopping it.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_SNAPSHOT_H
#define SOCKLEAK_CLI_EXPLAIN_SNAPSHOT_H

#include "../remote/remote.h"
#include "memory.h"

/*
 * Copies what R's process may have its own data in: its heaps, anonymous memory, the data of its
 * modules and the used part of each stack. Left out are what is shared with other processes, the
 * data of the C library and its loader, and what the agent has mapped. At most LIMIT bytes: MEMORY
 * is not complete then, nor where something could not be read.
 */
void snapshot_take(struct memory *memory, const struct remote *r, uint64_t limit);
void snapshot_free(struct memory *memory);
/*
 * From a line of /proc/PID/task/TID/syscall: the stack pointer, 0 if the thread runs; the arguments
 * of the call that it waits in, 0 if it is in none. Pure.
 */
#define SNAPSHOT_ARGUMENTS 6u
uint64_t snapshot_parse_call(const char *line, uint64_t arguments[SNAPSHOT_ARGUMENTS]);

#endif
