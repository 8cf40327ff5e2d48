/* SPDX-License-Identifier: MIT */
/*
 * configure.h: fills the options, from the program's own defaults and from the environment; the
 * environment wins.
 */
#ifndef SOCKLEAK_AGENT_CONFIGURE_H
#define SOCKLEAK_AGENT_CONFIGURE_H

/*
 * Fills agent_options once; later calls do nothing. Called by whichever event comes first, the
 * constructor or one before it.
 */
void configure(void);
/*
 * What is wrong with the suppressions was logged: the programs that this one starts do not log it
 * again. Only in the constructor: a program may overwrite its environment later.
 */
void configure_hush(void);
/* Applies TEXT over the present options. Errors in it are logged. */
void configure_take(const char *text);
/*
 * Removes from LD_PRELOAD, in place, the sanitizers' runtimes that `sockleak run` has put ahead of
 * the agent for this program: its children are not built with them.
 */
void configure_first(void);
/*
 * Removes the agent from LD_PRELOAD, in place in the environment, so that programs started by this
 * one run without it.
 */
void configure_children(void);

#endif
