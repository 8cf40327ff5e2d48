/* SPDX-License-Identifier: MIT */
/*
 * ptrace.h: one thread of another process, stopped and let go.
 *
 * Only one thread is held, never all: a call that it makes for us may need a lock that another
 * thread has, which must run on to give it back. It is stopped without a signal (PTRACE_SEIZE,
 * PTRACE_INTERRUPT), and a system call that the stop has interrupted goes on. safe_point.c chooses
 * the thread, call.c makes it run a call and lets it go.
 *
 * While a thread is held the command must not die: the caller blocks signals (ptrace_begin,
 * ptrace_end). And the process that holds should end soon after: a thread in an uninterruptible
 * sleep stays seized until then, and would be stopped when that sleep is over.
 */
#ifndef SOCKLEAK_CLI_REMOTE_PTRACE_H
#define SOCKLEAK_CLI_REMOTE_PTRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../arch/ptrace.h"
#include "remote.h"

struct tracee {
    const struct remote *r;
    pid_t tid;
    bool stopped; /* held, in a stop that registers may be written in */
    bool saved;   /* the fields below hold the thread's own state */
    arch_regs regs;
    unsigned char *fp;
    size_t fp_len;
    uint64_t sigmask;
    uint64_t gadget; /* a system call instruction */
    /* our own mapping there: a stack, then room for arguments */
    uint64_t stack, stack_size, scratch;
    uint64_t errno_at;
    int errno_value;
    int owed_signal; /* came during the call, to be sent again */
    int error;
    int fault;            /* the signal of CALL_CRASHED */
    unsigned long cloned; /* the thread that it has made, where that is traced (twin.h) */
    unsigned syscalls;    /* that the present call has made */
    long last_syscall;
};

/*
 * Blocks every signal, from begin to end: SIGCHLD must be queued, and nothing else may end the
 * command.
 */
void ptrace_begin(void);
void ptrace_end(void);

/*
 * Stops thread TID of R within LIMIT_MS. 0, -ESRCH (gone), -EPERM, -EAGAIN (did not stop in time;
 * it is let go once it can be).
 */
int ptrace_hold(struct tracee *t, const struct remote *r, pid_t tid, int limit_ms);

/* ---- for call.c ------------------------------------------------------------------------------ */

/* The next stop of T. 0, -EAGAIN at the limit, -ESRCH when it has ended. */
int ptrace_wait_stop(struct tracee *t, int *status, int limit_ms);
/*
 * Brings a thread that runs, or stands in a stop of another kind, to an interrupt stop. Signals
 * that come first are delivered to the program. 0, -EAGAIN, -ESRCH.
 */
int ptrace_to_event_stop(struct tracee *t, int limit_ms);
bool ptrace_is_event_stop(int status);
/* Any stop that ptrace makes for an event, none for a signal. */
bool ptrace_is_event(int status);
bool ptrace_is_syscall_stop(int status);
/* False: T's `error` says why. */
bool ptrace_get_regs(struct tracee *t, arch_regs *regs);
bool ptrace_set_regs(struct tracee *t, const arch_regs *regs);

#endif
