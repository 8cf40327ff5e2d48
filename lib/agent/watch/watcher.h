/* SPDX-License-Identifier: MIT */
/*
 * watcher.h: the watcher: one thread of the agent that checks the sockets at intervals, and
 * reports.
 */
#ifndef SOCKLEAK_AGENT_WATCHER_H
#define SOCKLEAK_AGENT_WATCHER_H

#include <stdbool.h>

#include "rights.h"

/*
 * Starts the thread, unless there is one, there is no table, or the interval is 0 (a dormant agent
 * gets one all the same; it sleeps until attach wakes it). Inside a signal handler it does nothing:
 * a later event calls it again.
 */
void watcher_start(void);
/*
 * The same for a process that has no table yet, but has inherited connections, which may become
 * findings without any call of its own: the thread waits for a moment, then makes the table.
 */
void watcher_mind(void);
bool watcher_running(void);
/*
 * Ends the thread and waits for its end, before a system call that the kernel allows only to a
 * process of one thread, such as unshare(2) of a user namespace. Does nothing when the program has
 * other threads. True: the thread was ended, and the caller must call watcher_resume after the
 * system call.
 */
bool watcher_suspend(void);
/* The same, whether or not the program has other threads. */
bool watcher_stop(void);
void watcher_resume(void);
/*
 * Replaces the thread by one with the rights of the calling thread. It waits for some seconds at
 * most; then, as in a signal handler, in a sandbox or inside the agent, the thread ends as soon as
 * it can, a later event makes another, and a note says so. Async-signal-safe.
 */
void watcher_renew(void);
/*
 * The calling thread has changed its rights by the system call NUMBER, with success: the watcher
 * makes the same call before this returns (rights.h), or is replaced. Any thread, also in a signal
 * handler or a vfork child. Keeps errno. One load where there is no watcher.
 */
static inline void watcher_follow(long number, long a, long b, long c, long d, long e)
{
    if (__builtin_expect(rights_followed(), 0) && !rights_hand_over(number, a, b, c, d, e))
        watcher_renew();
}
/* The same after a call by which libc has changed all threads that it knows, such as setuid(3). */
static inline void watcher_follow_libc(long number, long a, long b, long c)
{
    if (__builtin_expect(rights_followed(), 0) && !rights_hand_over_libcs(number, a, b, c))
        watcher_renew();
}
/* The same after initgroups(3). */
static inline void watcher_follow_groups(void)
{
    if (__builtin_expect(rights_followed(), 0) && !rights_hand_over_groups())
        watcher_renew();
}
/*
 * Sleeps for a millisecond. The wait for the thread's end can be over a moment before the kernel
 * has removed it.
 */
void watcher_settle(void);
/*
 * The calling thread is about to end, by pthread_exit. If it is the first one, a watcher with a
 * descriptor table of its own is replaced by one with the program's.
 */
void watcher_first_thread_ends(void);
/*
 * In a forked child, which has no watcher thread: resets the state of this folder and of what it
 * uses.
 */
void watcher_forked_child(void);
/*
 * From the handler of option `signal`: the watcher makes the report. Without a watcher the calling
 * thread makes it, unless the watch lock is taken. Async-signal-safe.
 */
void watcher_request_signal(void);

#endif
