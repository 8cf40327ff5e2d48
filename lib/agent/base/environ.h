/* SPDX-License-Identifier: MIT */
/*
 * environ.h: the environment without libc's lock.
 */
#ifndef SOCKLEAK_AGENT_ENVIRON_H
#define SOCKLEAK_AGENT_ENVIRON_H

/*
 * The value of variable NAME, in place; NULL: not set. Only at the start: later on another thread
 * of the program may be changing its environment.
 */
const char *environ_get(const char *name);

#endif
