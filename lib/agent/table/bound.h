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
 * STATEDIR_KEEP of them stay, and counts them in the file STATEDIR_REMOVED. EMPTY_TOO: removes those
 * that hold nothing too, however few there are; a program that forks often has no time for that. By
 * whoever has just made a file there; not in the directory of a `sockleak run`, whose report needs
 * all of them.
 */
void bound_directory(int dir, bool empty_too);

#endif
