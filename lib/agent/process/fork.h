/* SPDX-License-Identifier: MIT */
/*
 * fork.h: what the agent does at a fork.
 */
#ifndef SOCKLEAK_AGENT_FORK_H
#define SOCKLEAK_AGENT_FORK_H

/* Registers the fork handlers. Called by the constructor. */
void fork_register(void);
/*
 * In a child that was made by _Fork or a raw clone(2), with memory of its own, which runs no fork
 * handlers. Detaches it from the parent's table, which it shares until then and must not change.
 * Async-signal-safe.
 */
void fork_unannounced(void);

#endif
