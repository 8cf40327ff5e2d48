/* SPDX-License-Identifier: MIT */
/*
 * last_thread.h: the watcher among the threads of the process: whether it is alone with one other, and whether it is the only one that is left.
 *
 * A process ends by itself when its last thread does, and the C library counts ours among them: once the first thread has left by
 * pthread_exit(3) and the others have gone, the watcher is the last, and has to go too.
 */
#ifndef SOCKLEAK_AGENT_LAST_THREAD_H
#define SOCKLEAK_AGENT_LAST_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* The process has the watcher and one more thread. One system call, no descriptor. */
bool last_thread_with_one_other(void);
/* The other one is the first thread, which has ended. */
bool last_thread_of_all(void);
/* When the watcher has to wake that means to wake at WHEN: earlier, once the first thread has begun to leave. */
uint64_t last_thread_wake(uint64_t when);
/* The watcher's thread function is about to return: from here on it is a thread of the program, which runs the program's exit handlers. */
void last_thread_goes(void);
void last_thread_forked_child(void);
/* The calling thread is about to end (pthread_exit). Async-signal-safe. */
void last_thread_ends(void);

#endif
