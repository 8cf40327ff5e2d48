/* SPDX-License-Identifier: MIT */
/*
 * look.h: one look at all sockets of a traced process, in pieces.
 *
 * Between two pieces the supervisor serves stopped calls: a look at ten thousand sockets must not
 * stop the program.
 */
#ifndef SOCKLEAK_CLI_TRACE_LOOK_H
#define SOCKLEAK_CLI_TRACE_LOOK_H

#include <dirent.h>

#include "looks.h"

#define LOOK_PIECE 32u /* descriptors */

struct look {
    struct process *process; /* NULL: none is under way */
    DIR *dir;
    bool ending;      /* the process is in exit_group: what is stuck now stays so */
    bool again;       /* the second such look: its parent was looked at between */
    unsigned unknown; /* sockets that are not in its table, and not known to be in another's */
};

/* What the process PID, which has opened nothing yet, has from outside of the run. */
void look_outside(struct looks *all, pid_t pid, int pidfd);
/* Begins a look at P. False: it has gone, or may not be looked into. */
bool look_begin(struct look *l, struct process *p, bool ending);
/* A complete look at P, which exits: at its parent too where it has what that may have opened. */
void look_last(struct looks *all, struct process *p);
/* Looks at so many DESCRIPTORS more. True: the look is complete, and its results are in the file. */
bool look_step(struct looks *all, struct look *l, unsigned descriptors);
/* Gives up a look that is under way. */
void look_stop(struct look *l);
/* What P had open is that of the program before its exec from now on. */
void look_after_exec(struct process *p);
/* P has ended: others that hold sockets of its table take them over. Before process_end. */
void look_hand_over(struct looks *all, struct process *p);
/* P's descriptor FD, of which the program's own call speaks, if no look has seen it as this socket yet: its cookie; else 0. */
uint64_t look_unseen_cookie(const struct process *p, int fd, int copy);

#endif
