// SPDX-License-Identifier: MIT
/*
 * walk.h: the stack of a thread of another process, from what was copied of it while it was
 * stopped.
 *
 * A seccomp notification stops a thread at a system call. While it is stopped, the supervisor takes
 * a sample: registers that the kernel tells, and a piece of the stack. Then the call goes on, and
 * the walk is made from the copy. What a walk needs beside the copy (a goroutine's creator, who
 * waits for it, cgo's second stack) changes as soon as the thread runs: walker_sample reads it
 * before the answer. A frame that is not certain is not told: the walk ends before it, and says
 * that it is a prefix.
 */
#ifndef SOCKLEAK_CLI_TRACE_WALK_H
#define SOCKLEAK_CLI_TRACE_WALK_H

#include "../../core/state.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SAMPLE_STACK 8192u  /* bytes from the stack pointer up that are copied at the stop */
#define SAMPLE_BESIDE 4096u /* bytes of what else a walk needs, in the walker's own form */

struct sample {
    pid_t pid, tid; /* process and thread, by the supervisor's pid namespace */
    int nr;         /* the system call */
    uint64_t args[6];
    uint64_t pc, sp;         /* by /proc/TID/syscall: behind the system call instruction */
    uint64_t thread_pointer; /* fs_base or tpidr_el0; 0: not known */
    uint64_t goroutine;      /* address of Go's g, which tells goroutines apart; 0: none. walker_sample's */
    uint32_t stack_bytes, beside_bytes;
    unsigned char stack[SAMPLE_STACK], beside[SAMPLE_BESIDE];
};

/* What a frame begins; a stack's first frame is ROLE_STACK's. */
enum walk_role { ROLE_STACK = 0, ROLE_CREATED_BY, ROLE_WAITED_FOR_BY };
struct walk_frame {
    uint64_t pc;          /* of the call, as in struct state_site; 0 for an inlined frame */
    const char *function; /* NULL: native code, named by whoever reads the report */
    const char *file;     /* the source's path; NULL: not known */
    uint32_t line;        /* 0: not known */
    uint8_t role;         /* the part of the stack that the frame belongs to */
};
enum walk_end { WALK_WHOLE = 0, WALK_PREFIX, WALK_NOTHING };
struct walk {
    uint64_t known; /* the same number for each walk of the same stack; 0: it was not remembered */
    uint32_t n;
    struct walk_frame frames[STATE_MAX_FRAMES]; /* innermost first; strings live as long as the walker */
};

/*
 * What is known of one process' executable and objects, and its known stacks. All walkers are used
 * by one thread, for processes of the same executable share what is known of it.
 */
struct walker;

/*
 * A walker for the process PID, which runs. NULL: no memory, or the process has gone. Its memory is
 * read by process_vm_readv; its objects by /proc/PID/maps and map_files. To close: walker_close.
 */
struct walker *walker_open(pid_t pid);
void walker_close(struct walker *w);
/* The process has executed another program: all that is known of the old one is forgotten. */
void walker_exec(struct walker *w);
/*
 * Fills goroutine and beside of a sample whose thread is still stopped; the rest of it is given.
 * Short: a few reads of the process' memory. False: nothing could be read, the sample stands
 * without them.
 */
bool walker_sample(struct walker *w, struct sample *s);
/* The walk of a sample; its thread may run by now. */
enum walk_end walker_walk(struct walker *w, const struct sample *s, struct walk *out);
/* True: the process' executable has Go's tables (.gopclntab), linked with or without C. */
bool walker_is_go(const struct walker *w);

#endif
