/* SPDX-License-Identifier: MIT */
/*
 * follow.h: keeps the redirection as the agent is: recording or asleep, preloaded or late.
 */
#ifndef SOCKLEAK_AGENT_FOLLOW_H
#define SOCKLEAK_AGENT_FOLLOW_H

#include <stdbool.h>

#include "../libc/real.h"

/* The calls to redirect: N rows of TABLE. Before anything else of this folder; until then nothing is redirected. */
void follow_use(const struct wrapped *table, unsigned n);
/* This library came into a running process, so that only redirected entries lead to it. False when it was preloaded. May take the loader's lock. */
bool follow_is_late(void);
/* The same, noted for follow_came_late: attach has come. */
bool follow_attached(void);
/* As it was found when attach came; false before. Asks nobody. */
bool follow_came_late(void);
/*
 * For the watcher, at each check and at each flip of header.enabled: a late agent redirects what is not redirected yet while
 * ENABLED, and puts everything back when it is not; in a preloaded one it only cares for new objects. header.attached says
 * afterwards which it is.
 */
void follow(bool enabled);

#endif
