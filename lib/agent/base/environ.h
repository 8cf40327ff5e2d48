/* SPDX-License-Identifier: MIT */
/*
 * environ.h: the environment without libc's lock.
 */
#ifndef SOCKLEAK_AGENT_ENVIRON_H
#define SOCKLEAK_AGENT_ENVIRON_H

#include <stdbool.h>

/*
 * The value of variable NAME, in place; NULL: not set. Only at the start: later on another thread
 * of the program may be changing its environment.
 */
const char *environ_get(const char *name);
/* The program runs under Valgrind, which is known by its own library in LD_PRELOAD. Only at the start. */
bool environ_is_valgrind(void);

#endif
