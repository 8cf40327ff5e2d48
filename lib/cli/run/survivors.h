/* SPDX-License-Identifier: MIT */
/*
 * survivors.h: the processes of a run that outlive the program. For report.c alone.
 */
#ifndef SOCKLEAK_CLI_RUN_SURVIVORS_H
#define SOCKLEAK_CLI_RUN_SURVIVORS_H

#include <stddef.h>
#include <sys/types.h>

#include "../state/load_set.h"

#define SURVIVORS_LISTED 8

struct survivors {
    size_t n;
    pid_t pids[SURVIVORS_LISTED]; /* the first of them */
};

/*
 * Counts the processes that live and either have a file of SET, or run under the agent with DIR as
 * their state directory: one that has opened no socket yet has no file.
 */
void survivors_find(struct survivors *s, const struct load_set *set, const char *dir);
/* One line that names them and says how to ask for their report; none: nothing. */
void survivors_print(const struct survivors *s, const char *dir, bool traced);

#endif
