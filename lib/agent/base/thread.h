/* SPDX-License-Identifier: MIT */
/*
 * thread.h: what the agent keeps for each thread.
 *
 * Zeroed in each new thread. No access allocates (LIBC_TLS_MODEL), and all of it is
 * async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_THREAD_H
#define SOCKLEAK_AGENT_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "../../libc/libc.h"

/* the consecutive numbers that a thread has closed in one go (track/after_close.c) */
struct closing_run {
    int last, step; /* 1: it counts up; -1 */
    unsigned length;
    bool failed, gap; /* the last gave EBADF; a few numbers were left out */
    uint32_t told[3]; /* records of the state file */
    uint64_t at_ns;
};

struct this_thread {
    /* > 0: a vfork child runs in this thread's place (lib/arch counts here: it must come first) */
    int in_vfork;
    int inside;   /* > 0: agent code runs; what it opens and closes is not tracked */
    int paused;   /* > 0: sockleak_pause() */
    uint32_t tid; /* cached gettid; 0: not cached yet */
    /* what it takes off the words of its pairs (pairs_own of stacks/pairs.h) */
    uint32_t pair_base;
    uint16_t tag; /* sockleak_tag(); 0: none */
    /* the call that has the event which is being recorded (core/calls.h); 0: not known */
    uint8_t call;
    /* a report is being made where the program may be inside its allocator */
    bool no_malloc;
    bool is_watcher;
    bool is_raw;        /* libc does not know the thread (watch/raw_thread.h) */
    bool own_table;     /* it has left the program's descriptor table (descriptors.h) */
    uint32_t works_for; /* in the place of its thread, a child does what needs a descriptor (spare.h): the process */
    bool fork_holds;    /* between the fork handlers: this thread holds the watch lock */
    /* between the fork handlers: the slots that the child gets (inherit.c) */
    struct fork_copy *fork_copy;
    uint32_t fork_start; /* between the fork handlers: what starts_begin returned */
    struct closing_run closing;
};
extern __thread struct this_thread this_thread __attribute__((tls_model(LIBC_TLS_MODEL)));

/* Around agent code that calls functions which the agent wraps. Nests. */
static inline void thread_enter(void) { this_thread.inside++; }
static inline void thread_leave(void) { this_thread.inside--; }
static inline bool thread_inside(void) { return this_thread.inside > 0; }

/* gettid, cached. 0 in a sandbox, unless it was cached before. */
uint32_t thread_tid(void);
/* The same, inline where it is cached. */
static inline uint32_t thread_number(void)
{
    uint32_t tid = this_thread.tid;
    return __builtin_expect(tid != 0, 1) ? tid : thread_tid();
}

#endif
