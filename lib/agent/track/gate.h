/* SPDX-License-Identifier: MIT */
/*
 * gate.h: may this event be recorded? The test at the start of every event, and the moments at which a table is made.
 *
 * A program without sockets has no table. The first event that needs one makes it, on the program's own thread with signals
 * blocked, so that no handler finds it half made. A child of fork starts without one. All of it is async-signal-safe and
 * keeps errno.
 */
#ifndef SOCKLEAK_AGENT_GATE_H
#define SOCKLEAK_AGENT_GATE_H

#include <stdbool.h>

/*
 * What the gate has done by those above it, on its slow paths only. A constant that the linker fills (process/start.c), so
 * that it is there before any constructor has run.
 */
struct gate_hooks {
    bool (*start)(void);        /* makes the table of this process and calls gate_open; false: it cannot be had */
    void (*forked_child)(void); /* this process is a child of fork that no fork handler has announced */
    void (*want_watcher)(void); /* there is something to watch; also called when a watcher runs already */
};
extern const struct gate_hooks gate_hooks;

/*
 * Recording, in the process that the table belongs to, and not inside the agent itself on this thread. Starts the agent on
 * first use; in a fresh child of fork gives it a table of its own.
 */
bool gate_ready(void);
/* The same, but creates nothing: false while no table exists. */
bool gate_has_table(void);
/* There was no memory for a table: nothing is recorded, and the end of the process says so. */
bool gate_has_failed(void);
/* There is a table and it is this process' own, recording or dormant. */
bool gate_owns_table(void);

/* True in a child that shares the table's memory. Costs a load, and a getpid only in a program that has used clone(2) in an odd way. */
bool gate_is_vfork_child(void);
/* clone(CLONE_VM) without CLONE_THREAD and CLONE_VFORK was called: from now on only the process number tells who is who. */
void gate_shares_memory(void);

/* ---- for process/ alone ---- */
/* Makes the table that there is, or that is made now, usable. False: none can be had. Recording or dormant is not asked. */
bool gate_start(void);
/* By gate_hooks.start, when the table is there: its events may be recorded. False: no memory. */
bool gate_open(void);
/* The table is this process' own, whoever asks: also a vfork child, also inside the agent. */
bool gate_is_open(void);
/* A table was asked for in this process, or in the one that it was forked from. */
bool gate_was_started(void);
/* A child of fork has forgotten its parent's table. */
void gate_reset(void);

#endif
