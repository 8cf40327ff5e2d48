/* SPDX-License-Identifier: MIT */
/*
 * exit.h: the end of the process: the last check and report, and what becomes of the state file.
 */
#ifndef SOCKLEAK_AGENT_EXIT_H
#define SOCKLEAK_AGENT_EXIT_H

#include "../../core/state.h"

/*
 * Registers the exit handler. Called by the constructor, so that ours runs after every handler of
 * the program's.
 */
void exit_register(void);
/*
 * The program is about to end by _exit, _Exit, quick_exit or exit_group(2) with STATUS; for exit(3)
 * the exit handler does the same. Makes the exit report and returns the status to end with, which
 * is that of option `exitcode` when there are leaks. Later calls return STATUS. Async-signal-safe;
 * does nothing in a vfork child.
 */
int exit_begins(int status, enum state_end how);
/*
 * abort() is about to be called. With a handler for SIGABRT the process may go on after it (the
 * handler may jump out of abort). Then this makes a report, and the real end makes another one.
 */
void exit_aborting(void);
/* In a forked child: the parent's exit report does not count for it. */
void exit_forked_child(void);

#endif
