/* SPDX-License-Identifier: MIT */
/*
 * watch.h: the watcher: one thread that looks now and then, judges what it sees, and reports.
 */
#ifndef SOCKLEAK_AGENT_WATCH_H
#define SOCKLEAK_AGENT_WATCH_H

#include "../core/report.h"
#include "../core/state.h"

/* Starts the thread if there is none, the interval is not 0 and the agent is awake (or dormant: it then parks). Not from a signal handler. */
void watch_start(void);
void watch_forked_child(void); /* the thread did not come along */
/* Wakes the watcher to look now. Async-signal-safe. */
void watch_poke(void);
/* One look by the calling thread: observes sockets that are at least MIN_AGE_NS old, updates details and growth, retracts. */
void watch_look(uint64_t min_age_ns);
/* A reported socket is being closed by the program: remember to retract. Wait-free, from wrappers. */
void watch_released(const struct state_slot *slot, int fd);
/* The exit report. Returns the number of leaks reported (after suppressions). */
uint64_t watch_final(enum reason reason);

#endif
