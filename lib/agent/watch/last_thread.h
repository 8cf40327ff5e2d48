/* SPDX-License-Identifier: MIT */
/*
 * last_thread.h: whether the watcher has one other thread beside it, and whether it is the last
 * thread that is left.
 *
 * The C library ends the process when its last thread ends, and it counts the watcher too. So when
 * the first thread has ended by pthread_exit(3) and all others have ended, the watcher must end as
 * well.
 */
#ifndef SOCKLEAK_AGENT_LAST_THREAD_H
#define SOCKLEAK_AGENT_LAST_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The process has exactly two threads, the watcher included. One system call; opens no descriptor.
 */
bool last_thread_with_one_other(void);
/* As above, and the other thread is the first one, which has ended: only the watcher is left. */
bool last_thread_of_all(void);
/*
 * The time until which the watcher may sleep (CLOCK_MONOTONIC): WHEN, or soon, once the first
 * thread has called pthread_exit.
 */
uint64_t last_thread_wake(uint64_t when);
/*
 * By the watcher, before its thread function returns as the last one: leaves the agent and unblocks
 * all signals. From here on it is a thread of the program, for it runs the program's exit handlers.
 */
void last_thread_goes(void);
/* In a forked child: its first thread is another one. */
void last_thread_forked_child(void);
/* The calling thread is about to end, by pthread_exit. True: it is the first one. Async-signal-safe. */
bool last_thread_ends(void);

#endif
