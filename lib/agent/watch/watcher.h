/* SPDX-License-Identifier: MIT */
/*
 * watcher.h: the watcher: one thread that checks now and then, and reports.
 */
#ifndef SOCKLEAK_AGENT_WATCHER_H
#define SOCKLEAK_AGENT_WATCHER_H

#include <stdbool.h>

/* Starts the thread if there is none and the interval is not 0; in a dormant agent it parks. In a signal handler it does nothing. */
void watcher_start(void);
bool watcher_running(void);
/*
 * Ends the thread, for a call that only a process of one thread may make; not when the program has other threads. True when it
 * was ended: watcher_resume then starts it again.
 */
bool watcher_suspend(void);
/* The same whatever other threads there are. */
bool watcher_stop(void);
void watcher_resume(void);
/* Waits a millisecond, for a thread that has ended for pthread_join but not yet for the kernel. */
void watcher_settle(void);
void watcher_forked_child(void); /* the thread did not come along */
/* The signal of option `signal` arrived: the watcher reports; without one this thread does. */
void watcher_request_signal(void);

#endif
