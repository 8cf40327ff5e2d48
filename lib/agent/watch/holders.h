/* SPDX-License-Identifier: MIT */
/*
 * holders.h: which processes hold a socket that this one has closed, and whether one of them uses it.
 *
 * Searches all of /proc, so it is asked of a few sockets at once, and rarely. With the watch lock
 * held.
 */
#ifndef SOCKLEAK_AGENT_WATCH_HOLDERS_H
#define SOCKLEAK_AGENT_WATCH_HOLDERS_H

#include "../../core/state.h"

enum holders_are {
    HOLDERS_UNKNOWN, /* what one of them does cannot be seen */
    HOLDERS_NONE,    /* or none that may be seen */
    HOLDERS_USE,     /* one of them uses it, reports it itself, or is this process */
    HOLDERS_IDLE     /* all were started by this process, and none uses it */
};

/* One question: H, whose inode and state are known; the answer. */
struct holders {
    const struct state_held *h;
    enum holders_are are;
    uint32_t n; /* of all holders */
    /* when the first of them began; monotonic, as exact as HOLDERS_TICK_NS */
    uint64_t first_ticks, first_start_ns;
    uint32_t first_pid;
    state_ref forked;                          /* it is a child of a fork in this stack; 0: not known */
    struct state_holder holder[STATE_HOLDERS]; /* the first of them, by their pids */
};
#define HOLDERS_TICK_NS 10000000u /* of /proc/PID/stat: USER_HZ is 100 */
#define HOLDERS_AT_ONCE 16u

/* Answers N questions (at most HOLDERS_AT_ONCE). */
void holders_search(struct holders *q, unsigned n);
/* Whether the holders that H lists still hold it and do not use it: then HOLDERS_IDLE. */
enum holders_are holders_again(const struct state_held *h);

#endif
