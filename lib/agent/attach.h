/* SPDX-License-Identifier: MIT */
/*
 * attach.h: the exported functions that the command (cli/remote/agent.c) calls in a running
 * process.
 */
#ifndef SOCKLEAK_AGENT_ATTACH_H
#define SOCKLEAK_AGENT_ATTACH_H

#include "inject/redirect.h"

/*
 * Called by `sockleak attach` on a stopped thread of the process. Starts or wakes the agent with
 * OPTIONS (may be NULL), and redirects the program's calls to the wrappers, unless the agent was
 * preloaded. Returns the number of entries that lead to the wrappers (1 for a preloaded agent), and
 * fills SEEN (may be NULL; not filled for a preloaded agent). Returns -1 when there is no memory
 * for the table, and -2 when no object in the process calls one of the wrapped functions.
 */
int sockleak_attach_entry(const char *options, struct redirect_stats *seen);
/*
 * Called by `sockleak detach` in a process without a watcher, which would otherwise do this. Stops
 * recording. Returns the number of entries that lead to the originals again.
 */
int sockleak_detach_entry(void);

#endif
