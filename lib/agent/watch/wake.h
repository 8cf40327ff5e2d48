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
/*
 * For the watcher, with a table: how many checks were asked for; the one that was answered last; answers. A check is asked for
 * by this process or by another one that has the file mapped.
 */
uint32_t watch_requested(void);
uint32_t watch_answered(void);
void watch_answer(uint32_t request);
/* Sleeps until UNTIL_NS (monotonic), or until more checks than REQUEST were asked for. May return early. */
void watch_sleep(uint64_t until_ns, uint32_t request);
/* Sleeps while the agent is dormant; may return early. Wakes whoever does. */
void watch_sleep_dormant(void);
void watch_wake_dormant(void);

#endif
