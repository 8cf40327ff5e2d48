/* SPDX-License-Identifier: MIT */
/*
 * bound.h: keeps a state directory from growing for ever: of the processes that have ended only the
 * newest files stay.
 */
#ifndef SOCKLEAK_AGENT_BOUND_H
#define SOCKLEAK_AGENT_BOUND_H

#include <stdbool.h>

/*
 * Removes the oldest state files of ended processes from the directory DIR, so that
 * STATEDIR_KEEP of them stay, and counts them in the file STATEDIR_REMOVED. It removes those that
 * hold nothing too, of many not each time. FORKED: by a child of fork, which begins with that when
 * there are some more, and leaves the empty ones: a program that forks often has no time. By whoever
 * has just made a file there; not in the directory of a `sockleak run`, whose report needs all of
 * them.
 */
void bound_directory(int dir, bool forked);

#endif
