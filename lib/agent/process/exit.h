/* SPDX-License-Identifier: MIT */
/*
 * exit.h: the end of the process: the last check and report, and what becomes of the state file.
 */
#ifndef SOCKLEAK_AGENT_EXIT_H
#define SOCKLEAK_AGENT_EXIT_H

#include "../../core/state.h"

/* Registers the exit handler. In the constructor, so that it runs after every handler of the program's. */
void exit_register(void);
/*
 * The program is about to end by _exit, _Exit or quick_exit with STATUS; exit(3) comes through the handler. Makes the exit
 * report and returns the status to end with. Later calls do nothing.
 */
int exit_begins(int status, enum state_end how);
/*
 * abort() is called. It may be caught, or never end the process: then everything goes on after the report, with another one
 * at the real end.
 */
void exit_aborting(void);
/* A child of fork has its own end before it. */
void exit_forked_child(void);

#endif
