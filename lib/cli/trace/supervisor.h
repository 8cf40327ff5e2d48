/* SPDX-License-Identifier: MIT */
/*
 * supervisor.h: watches a program, and all that it starts, from outside: no library is loaded into it.
 *
 * For `sockleak run`. One thread: it serves the program's stopped calls while it waits for something
 * else to happen.
 */
#ifndef SOCKLEAK_CLI_TRACE_SUPERVISOR_H
#define SOCKLEAK_CLI_TRACE_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "process.h"

struct supervisor;

/* Before the fork. NULL: no memory, or no descriptors (errno). DIR of OPTIONS must live as long. */
struct supervisor *supervisor_new(const struct trace_options *options);
/* In the child, before exec: puts it under the filter and waits for the supervisor. 0, or an errno. */
int supervisor_child(struct supervisor *s);
/* In the parent: takes the child over, and lets it go on. NULL, or why not: the child then ends. */
const char *supervisor_take(struct supervisor *s, pid_t child);
/* Serves until the descriptor UNTIL is readable. */
void supervisor_serve(struct supervisor *s, int until);
/* Looks at all processes, now and completely. */
void supervisor_look(struct supervisor *s);
/* The supervisor stops for a while (the terminal's ^Z), or is back: meanwhile its keeper serves. */
void supervisor_leave(struct supervisor *s, bool away);
/* The end: a last look, the files are closed. What still runs goes on, unrecorded, in the keeper's care. */
void supervisor_end(struct supervisor *s);

#endif
