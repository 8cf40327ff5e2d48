/* SPDX-License-Identifier: MIT */
/*
 * follow.h: redirects or restores entries to match the agent's state: recording or asleep,
 * preloaded or late.
 *
 * For the watcher and for the thread that attach borrows. Takes the loader's lock, so never call it
 * from a signal handler or while a fork is under way.
 */
#ifndef SOCKLEAK_AGENT_FOLLOW_H
#define SOCKLEAK_AGENT_FOLLOW_H

#include <stdbool.h>

#include "../libc/real.h"

/*
 * Sets the calls to redirect: N rows of TABLE, which must stay valid. Call it before anything else
 * of this folder; until then nothing is redirected.
 */
void follow_use(const struct wrapped *table, unsigned n);
/*
 * True when this library was loaded into a running process, so that only redirected entries lead to
 * it. False when it was preloaded. May take the loader's lock.
 */
bool follow_is_late(void);
/* The same; stores the answer for follow_came_late. Called when attach has come. */
bool follow_attached(void);
/* The answer that follow_attached stored; false before. Takes no lock. */
bool follow_came_late(void);
/*
 * Objects must be redirected from time to time: the library was loaded late, or one with
 * RTLD_DEEPBIND could not be led here. Takes no lock.
 */
bool follow_is_needed(void);
/* The same, or it will be; some system calls, for the loader's list is copied by the kernel. */
bool follow_will_be_needed(void);
/*
 * For the watcher, at each check and at each change of header.enabled. While ENABLED a late agent
 * redirects what is not redirected yet; otherwise it restores everything. A preloaded agent
 * redirects in new objects only. Afterwards header.attached equals ENABLED; an enabled preloaded
 * agent leaves it unchanged. On a thread that libc does not know it redirects nothing: no such
 * thread is made where follow_is_needed.
 */
void follow(bool enabled);

#endif
