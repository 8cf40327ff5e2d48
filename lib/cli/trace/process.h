/* SPDX-License-Identifier: MIT */
/*
 * process.h: the traced processes: what is known of each, and its state file.
 */
#ifndef SOCKLEAK_CLI_TRACE_PROCESS_H
#define SOCKLEAK_CLI_TRACE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../kernel/socket_id.h"
#include "match.h"
#include "state_writer.h"
#include "trends.h"
#include "thread_pointers.h"
#include "walk.h"

struct trace_options {
    const char *dir; /* for the state files */
    uint32_t kinds;
    uint64_t grace_ns, interval_ns;
    unsigned max_frames;
};

/* What a look has found under a descriptor's number. */
struct seen {
    uint64_t cookie; /* 0: no socket */
    uint32_t inode;
    uint32_t look;             /* the last that has seen it */
    struct match_asked *asked; /* NULL: no connect of it was seen since it was entered */
    struct socket_id *id;      /* of a TCP socket that listens or is connected; NULL: not known yet */
    bool listens;
    bool entered; /* it is in the table; else another process' socket, or not told apart yet */
};

struct process {
    struct process *next;
    pid_t pid, parent;
    uint64_t start_ticks;
    int pidfd;
    struct walker *walker; /* NULL: not opened yet, or it cannot be */
    bool walker_tried, is_go;
    struct state_writer *file; /* NULL: nothing to record so far, or it could not be made */
    bool file_tried;
    bool executes;        /* it has called execve: it may be another program by now */
    uint64_t executed_ns; /* when it was found to have executed the program that it runs; 0: not */
    uint64_t program;     /* a number that is another one after an exec */
    struct thread_pointers *pointers;
    struct match match;
    struct trends trends;
    uint64_t netns;    /* at its last look; 0: not known */
    struct seen *seen; /* by descriptor */
    size_t n_seen;
    uint32_t look; /* number of the look that is under way, or was last */
    uint64_t look_began_ns;
    bool due;         /* a look at it is to come */
    uint32_t request; /* the last that was asked for before its last look began */
    bool ended;       /* nothing is to be done for it any more */
};

struct processes {
    struct process *first;
    const struct trace_options *options;
};

/* The process PID; NULL: it is not known yet. */
struct process *processes_find(const struct processes *all, pid_t pid);
/* The same, entered when it is new. NULL: it has gone. */
struct process *processes_of(struct processes *all, pid_t pid);
/* Removes those that have ended. */
void processes_sweep(struct processes *all);
/* Closes everything; the files stay. */
void processes_close(struct processes *all);

/* Opened when it is first asked for; NULL: it cannot be. */
struct state_writer *process_file(const struct processes *all, struct process *p);
struct walker *process_walker(struct process *p);
/* Finds out whether an execve has made another program of it since it was called; true: it has just been found so. */
bool process_executed(struct process *p);
/* What was kept of the socket that S has seen goes. */
void process_forget_seen(struct seen *s);
/* P exits of its own accord, with this STATUS: its file says so. */
void process_exits(struct process *p, int status);
/*
 * P has gone. What it had open at the last look stays in its file; the file of one that has exited
 * with nothing to report goes.
 */
void process_end(struct process *p);

#endif
