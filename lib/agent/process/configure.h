/* SPDX-License-Identifier: MIT */
/*
 * configure.h: fills the options, from the program's own defaults and from the environment; the environment wins.
 */
#ifndef SOCKLEAK_AGENT_CONFIGURE_H
#define SOCKLEAK_AGENT_CONFIGURE_H

/* The options, once, by whichever event comes first: the constructor, or one before it. */
void configure(void);
/* Applies TEXT over them; complaints go to the log. */
void configure_take(const char *text);
/* Takes the agent's own name out of LD_PRELOAD, in place, for the programs that this one will start. */
void configure_children(void);

#endif
