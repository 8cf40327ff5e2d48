/* SPDX-License-Identifier: MIT */
/*
 * agent.h: the composition root: the process-wide facts that the parts share, and the life of the agent (constructor, first socket, fork, exit).
 */
#ifndef SOCKLEAK_AGENT_AGENT_H
#define SOCKLEAK_AGENT_AGENT_H

#include "../core/options.h"
#include "../core/state.h"

extern struct options agent_options;

/* The cheap test at the start of every event: recording, in the process that the table belongs to, and not inside the agent itself on this
 * thread. Starts the agent (state file, table) on first use; in a fresh child of fork gives it a table of its own. */
bool agent_ready(void);
/* As above but never creates anything: false when no table exists yet. */
bool agent_has_table(void);

/* This thread runs agent code: what it opens and closes is not tracked. Nestable; per thread. */
void agent_enter(void);
void agent_leave(void);
bool agent_inside(void);

uint32_t agent_tid(void);    /* gettid, cached */
uint64_t agent_now(void);    /* CLOCK_MONOTONIC ns */
uint64_t agent_now_real(void);
bool agent_is_vfork_child(void); /* one getpid */

/* One line to the log: "==PID==sockleak: ..." */
void agent_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void agent_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Wakes an attached or dormant agent / puts it to sleep; called by attach through the injected entry and by the watcher on a flip of header.enabled. */
void agent_wake(const char *options_text);
void agent_sleep(void);

#endif
