/* SPDX-License-Identifier: MIT */
/*
 * wake.h: the watch lock, under which sockets are checked, and the futex words that wake the
 * watcher.
 *
 * The lock is for the watcher, the exit handler and the threads that call sockleak.h. The words are
 * in the state file, so that a signal handler or another process can wake the watcher too.
 */
#ifndef SOCKLEAK_AGENT_WAKE_H
#define SOCKLEAK_AGENT_WAKE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whoever checks, judges or reports holds this lock. A wrapper never takes it. Waits at most
 * LIMIT_MS; false: another thread still has it. Not recursive. No cancellation point.
 */
bool watch_lock(unsigned limit_ms);
void watch_unlock(void);
/* In a forked child: frees the lock. The thread that held it in the parent does not exist here. */
void watch_lock_reset(void);
/* Asks the watcher for a check now. Async-signal-safe. Without a table it does nothing. */
void watch_poke(void);
/*
 * For the watcher, with a table. Checks are requested by this process or by another one that has
 * the state file mapped; each request adds one to a counter in the file. watch_requested: that
 * counter. watch_answered: its value when the last answered check began. watch_answer: stores
 * REQUEST there and wakes those who wait for the answer.
 */
uint32_t watch_requested(void);
uint32_t watch_answered(void);
void watch_answer(uint32_t request);
/*
 * Sleeps until UNTIL_NS (CLOCK_MONOTONIC), or until watch_requested differs from REQUEST. May
 * return early.
 */
void watch_sleep(uint64_t until_ns, uint32_t request);
/* Sleeps while the agent is dormant, for LIMIT_NS at most; 0: no limit. May return early. */
void watch_sleep_dormant(uint64_t limit_ns);
/* Wakes every thread in watch_sleep_dormant. */
void watch_wake_dormant(void);

#endif
