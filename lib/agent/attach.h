/* SPDX-License-Identifier: MIT */
/*
 * attach.h: the entries that the command calls in a running process.
 */
#ifndef SOCKLEAK_AGENT_ATTACH_H
#define SOCKLEAK_AGENT_ATTACH_H

#include "inject/redirect.h"

/*
 * Called by `sockleak attach` on a stopped thread of the process: wakes the agent with OPTIONS, redirects. Returns the number of
 * entries that lead to it (a preloaded one: 1) and fills SEEN (may be NULL), or a negative value: -1 no memory for the table, -2
 * nothing in this process calls the C library for what we watch.
 */
int sockleak_attach_entry(const char *options, struct redirect_stats *seen);
/* Called by `sockleak detach` where no watcher can do it. Returns the number of entries put back. */
int sockleak_detach_entry(void);

#endif
