/* SPDX-License-Identifier: MIT */
/*
 * blocked.h: threads that are inside a receive on a socket which was closed meanwhile.
 */
#ifndef SOCKLEAK_AGENT_BLOCKED_H
#define SOCKLEAK_AGENT_BLOCKED_H

/*
 * Records them (track/after_close.h). By the watcher, with the watch lock held; only with closes=1,
 * and when a socket was closed since the last call: it lists /proc/self/task.
 */
void blocked_find(void);

#endif
