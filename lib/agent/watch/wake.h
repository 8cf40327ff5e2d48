/* SPDX-License-Identifier: MIT */
/*
 * wake.h: the lock under which anybody checks, and the word that wakes the watcher.
 */
#ifndef SOCKLEAK_AGENT_WAKE_H
#define SOCKLEAK_AGENT_WAKE_H

#include <stdbool.h>
#include <stdint.h>

/* Everything that checks, judges or reports holds this; never a wrapper. False when it could not be had within LIMIT_MS. */
bool watch_lock(unsigned limit_ms);
void watch_unlock(void);
/* A forked child: whoever held it did not come along. */
void watch_lock_reset(void);
/* Wakes the watcher to check now. Async-signal-safe; without a table it does nothing. */
void watch_poke(void);

#endif
