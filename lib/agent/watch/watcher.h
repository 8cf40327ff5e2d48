/* SPDX-License-Identifier: MIT */
/*
 * watcher.h: the watcher: one thread that looks now and then, judges what it sees, and reports.
 */
#ifndef SOCKLEAK_AGENT_WATCH_H
#define SOCKLEAK_AGENT_WATCH_H

#include "../../core/report.h"
#include "../../core/state.h"

/* Starts the thread if there is none and the interval is not 0; in a dormant agent it parks. Not from a signal handler. */
void watch_start(void);
bool watch_running(void);
/* Ends the thread, for a call that only a process of one thread may make. True when there was one: watch_resume then starts it again. */
bool watch_suspend(void);
/* The same whatever other threads there are. */
bool watch_stop(void);
void watch_resume(void);
void watch_settle(void);       /* a millisecond for the kernel */
void watch_thread_ends(void);  /* the calling thread is about to end; async-signal-safe */
void watch_forked_child(void); /* the thread did not come along */
/* Wakes the watcher to look now. Async-signal-safe. */
void watch_poke(void);
/* The signal of option `signal` arrived: the watcher reports; without one this thread does. */
void watch_request_signal(void);
/* A reported socket is being closed by the program: remember to retract it, unless another descriptor still holds it (not LAST). Wait-free, from
 * wrappers. */
struct leaving;
void watch_released(const struct leaving *was, int fd, bool last);
/* The last look and, with leak_check_at_exit, the exit report; removes the state file when nothing is stuck. Returns the sockets reported.
 * ITS_LAST: nothing is looked at or said after this. */
uint64_t watch_final(bool its_last);
/*
 * A look by the calling thread and a report over what it finds: sockets opened at or after SINCE_NS, of the kinds in KINDS, of thread TID (0: any) and tag
 * TAG (0: any), that last at least MIN_NS. FD < 0: to the log, else to that descriptor; FD -2: only counted. Returns their number. */
struct watch_query {
    uint64_t since_ns, min_ns;
    unsigned kinds;
    uint32_t tid;
    uint16_t tag;
};
uint64_t watch_report(const struct watch_query *q, enum reason reason, int fd);

/* Everything that looks, judges or reports holds this; never a wrapper. False when it could not be had within LIMIT_MS. */
bool watch_lock(unsigned limit_ms);
void watch_unlock(void);

#endif
