/* SPDX-License-Identifier: MIT */
/*
 * gate.h: whether an event may be recorded: the test at the start of every event. Makes the table
 * when the first event needs one.
 *
 * A program without sockets has no table. The first event that needs one makes it, on the program's
 * own thread with signals blocked, so that no handler finds it half made. A child of fork starts
 * without one. All of it is async-signal-safe and keeps errno.
 */
#ifndef SOCKLEAK_AGENT_GATE_H
#define SOCKLEAK_AGENT_GATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "../base/thread.h"
#include "../table/header.h"

/*
 * What folders above this one do for the gate, on its slow paths only. process/start.c defines it
 * as a constant, so that it is there before any constructor has run.
 */
struct gate_hooks {
    /* makes the table of this process and calls gate_open; false: no memory */
    bool (*start)(void);
    /* this process is a child of fork in which no fork handler has run */
    void (*forked_child)(void);
    /* there is something to watch; also called when a watcher runs already */
    void (*want_watcher)(void);
    /* checks all sockets now, on this thread: once, when the runtime of the program ends */
    void (*check_all)(void);
};
extern const struct gate_hooks gate_hooks;

/*
 * Recording, in the process that the table belongs to, and not inside the agent itself on this
 * thread. Starts the agent on first use; in a fresh child of fork gives it a table of its own.
 */
bool gate_ready(void);
/* The same, but makes nothing: false while there is no table. */
bool gate_has_table(void);
/* The same, inline. */
static inline bool gate_is_recording(void);
/* There was no memory for a table: nothing is recorded, and the end of the process says so. */
bool gate_has_failed(void);
/*
 * There is a table and it is this process' own, recording or dormant; not inside the agent, not in
 * a vfork child.
 */
bool gate_owns_table(void);

/*
 * True in a child that shares the table's memory. Costs a load, and a getpid only after
 * gate_shares_memory().
 */
bool gate_is_vfork_child(void);
/* The same, inline. */
static inline bool gate_in_vfork_child(void);
/*
 * clone(CLONE_VM) without CLONE_THREAD and CLONE_VFORK was called: from now on only the pid
 * identifies such a child.
 */
void gate_shares_memory(void);

/* ---- for process/ alone ---- */
/* Makes sure that there is a table, recording or dormant. False: there can be none. */
bool gate_start(void);
/*
 * gate_hooks.start calls this when the table is made: from now on events may be recorded. False: no
 * memory.
 */
bool gate_open(void);
/* The table is this process' own; true in a vfork child and inside the agent too. */
bool gate_is_open(void);
/* A table was made or begun in this process, or in the one that it was forked from. */
bool gate_was_started(void);
/* A child of fork has forgotten its parent's table. */
void gate_reset(void);

/* ---- for the inline functions above ---- */
/* A byte that is 1 while the table is this process' own: gate.c. */
extern unsigned char *gate_alive __attribute__((visibility("hidden")));
extern _Atomic bool gate_memory_is_shared __attribute__((visibility("hidden")));
/* There is none: this process may be a child of fork that does not know it yet. */
bool gate_look_for_fork(void);

static inline bool gate_is_recording(void)
{
    if (__builtin_expect(!*gate_alive, 0))
        return gate_look_for_fork();
    return !thread_inside() && table_is_enabled();
}

static inline bool gate_in_vfork_child(void)
{
    if (__builtin_expect(atomic_load_explicit(&gate_memory_is_shared, memory_order_relaxed), 0))
        return gate_is_vfork_child();
    return this_thread.in_vfork;
}

#endif
