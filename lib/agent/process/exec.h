/* SPDX-License-Identifier: MIT */
/*
 * exec.h: what happens to the state file when the program's image is replaced.
 */
#ifndef SOCKLEAK_AGENT_EXEC_H
#define SOCKLEAK_AGENT_EXEC_H

/*
 * exec_begins: exec is about to be called. exec_failed: it has failed, and everything is as before.
 * Async-signal-safe; errno is kept.
 */
void exec_begins(void);
void exec_failed(void);

#endif
