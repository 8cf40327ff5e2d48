/* SPDX-License-Identifier: MIT */
/*
 * watcher_thread.h: makes the watcher's thread, and waits for its end.
 *
 * It is one that the C library does not know (raw_thread.h), or one of libc's.
 */
#ifndef SOCKLEAK_AGENT_WATCHER_THREAD_H
#define SOCKLEAK_AGENT_WATCHER_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Makes a thread that runs RUN; the one before it must have ended, and have been waited for. It
 * gets the calling thread's signal mask. LIBC: it is one of libc's, else one that libc does not
 * know. False: it cannot be made.
 * Not async-signal-safe.
 */
bool watcher_thread_make(void (*run)(void), bool libc);
/* Waits for its end, LIMIT_NS at most. True: it has ended. No cancellation point. */
bool watcher_thread_await(uint64_t limit_ns);
/* libc knows the thread: its setuid(2) and kin reach it. */
bool watcher_thread_is_libcs(void);
void watcher_thread_forked_child(void);

#endif
