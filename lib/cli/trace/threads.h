/* SPDX-License-Identifier: MIT */
/*
 * threads.h: the threads of traced processes: which process each belongs to, and where it stands
 * when it is stopped.
 *
 * A thread that is stopped at a call tells its stack pointer and program counter in
 * /proc/TID/syscall. That file is kept open: a number that another thread has got meanwhile gives
 * ESRCH there.
 */
#ifndef SOCKLEAK_CLI_TRACE_THREADS_H
#define SOCKLEAK_CLI_TRACE_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct thread {
    pid_t tid, pid;          /* pid: its process; 0: this place is free */
    int file;                /* /proc/TID/syscall; -1: not open */
    uint64_t thread_pointer; /* 0: not known yet */
    uint64_t used;           /* when it was asked for last, in notifications */
};

struct threads {
    struct thread *all;
    uint64_t turn;
};

/* False: no memory. */
bool threads_open(struct threads *t);
void threads_close(struct threads *t);
/*
 * The thread TID, which is stopped now; NULL: it has gone. It is valid until the next call. Without
 * CHECK it may be one that has ended and had this number: then threads_place says so.
 */
struct thread *threads_of(struct threads *t, pid_t tid, bool check);
/* All threads of the process PID are forgotten: it has ended, or has executed another program. */
void threads_forget(struct threads *t, pid_t pid);

/* Where a thread is in the kernel. */
struct thread_place {
    long nr;
    uint64_t pc, sp;
};
enum thread_state { THREAD_IN_CALL, THREAD_RUNS, THREAD_GONE };
/* The place of TH; IN_CALL: PLACE is filled. A thread that was woken says for a moment that it runs. */
enum thread_state threads_place(struct thread *th, struct thread_place *place);
/* Reads the line of /proc/TID/syscall. Pure; for threads_place and its test. */
enum thread_state threads_parse(const char *line, struct thread_place *place);

#endif
