/* SPDX-License-Identifier: MIT */
/*
 * start.h: how a program comes under the filter, and its listener to the supervisor.
 *
 * The child puts the filter on itself and waits; the parent takes a copy of the listener out of it
 * and lets it go on to exec, so that no stopped call is ever without somebody who answers.
 */
#ifndef SOCKLEAK_CLI_TRACE_START_H
#define SOCKLEAK_CLI_TRACE_START_H

#include <stdbool.h>
#include <sys/types.h>

struct start {
    int told[2]; /* a pipe: the child's listener, or -errno */
    int go[2];   /* a pipe: the parent has it */
};

/* Before the fork. False: no descriptors (errno). */
bool start_open(struct start *s);
/* In the child, before exec. 0, or an errno: nothing was changed, or the process is to end. */
int start_child(struct start *s);
/*
 * In the parent. The listener, or -errno; the child then waits for start_go, or ends. *PIDFD: of the
 * child.
 */
int start_take(struct start *s, pid_t child, int *pidfd);
/* Lets the child execute its program; GO false: it is to end instead. */
void start_go(struct start *s, bool go);

#endif
