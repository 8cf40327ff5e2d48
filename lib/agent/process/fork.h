/* SPDX-License-Identifier: MIT */
/*
 * fork.h: what happens to the agent at a fork.
 */
#ifndef SOCKLEAK_AGENT_FORK_H
#define SOCKLEAK_AGENT_FORK_H

/* Registers the fork handlers. In the constructor. */
void fork_register(void);
/* In a child that came by _Fork or a raw clone, with its own memory: nothing of the parent's table may be touched again. */
void fork_unannounced(void);

#endif
