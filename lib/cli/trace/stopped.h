/* SPDX-License-Identifier: MIT */
/*
 * stopped.h: what is done for one stopped call, before and right after it is let go.
 */
#ifndef SOCKLEAK_CLI_TRACE_STOPPED_H
#define SOCKLEAK_CLI_TRACE_STOPPED_H

#include "keeper.h"
#include "look.h"
#include "process.h"
#include "queue.h"
#include "threads.h"

/* What the supervisor knows. */
struct supervisor {
    struct trace_options options;
    struct keeper keeper;
    int listener; /* -1: nobody is left under the filter */
    struct threads threads;
    struct processes processes;
    struct looks looks;
    struct look look; /* the one that is under way */
    struct queue queue;
    struct walk walk;
    uint64_t next_look_ns;
    unsigned since_work; /* calls served since the last piece of other work */
    bool forked;         /* a process was started since the last look */
    bool warned_of_handler, warned_of_hidden;
};

/* The call of core/calls.h that the system call NR is; CALL_UNKNOWN: one whose stack is of no use. */
unsigned stopped_call(int nr);
/* NR names the socket that it is about: connect, bind, listen. */
bool stopped_names(int nr);
/* The call in the keeper's shared memory: takes what is to be taken, and lets it go. */
void stopped_serve(struct supervisor *s);
/* Notes which of P's calls have returned, as far as its threads show that. */
void stopped_returned(struct supervisor *s, struct process *p);
/* Walks one call of the queue, and enters it into the match of its process. False: the queue is empty. */
bool stopped_walk_one(struct supervisor *s);

#endif
