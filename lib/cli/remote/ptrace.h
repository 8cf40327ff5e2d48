/* SPDX-License-Identifier: MIT */
/*
 * ptrace.h: a function call inside a running process, on one of its threads, that leaves the thread as it was.
 *
 * One thread is held, never all: the call may need a lock that another thread has, which must run on to give it back. The thread is chosen
 * by its stack (safe_point.c), stopped without a signal (PTRACE_SEIZE, PTRACE_INTERRUPT), and runs the call on a stack of its own with
 * signals blocked. Registers, vector state, signal mask and errno are put back; a system call that the stop has interrupted goes on. The
 * call ends at a system call instruction, not at a trap: no signal is raised, so no handler or disposition of the program is touched.
 *
 * While a thread is held the command must not die: the caller blocks signals (ptrace_begin, ptrace_end). And the process that holds should
 * end soon after: a thread in an uninterruptible sleep stays seized until then, and would be stopped when that sleep is over.
 */
#ifndef SOCKLEAK_CLI_REMOTE_PTRACE_H
#define SOCKLEAK_CLI_REMOTE_PTRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../arch/ptrace.h"
#include "remote.h"

enum call_result {
    CALL_DONE = 0,
    CALL_BLOCKED, /* not even its first lock was free within the limit: nothing was done */
    CALL_CRASHED, /* a fault inside the call */
    CALL_STUCK,   /* given up in the middle */
    CALL_GONE,    /* the thread or the process ended */
    CALL_REFUSED, /* the kernel refused a step; tracee.error */
};

struct tracee {
    const struct remote *r;
    pid_t tid;
    bool stopped; /* held, in a stop that registers may be written in */
    bool saved;   /* the fields below hold the thread's own state */
    arch_regs regs;
    unsigned char *fp;
    size_t fp_len;
    uint64_t sigmask;
    uint64_t gadget;                     /* a system call instruction */
    uint64_t stack, stack_size, scratch; /* our own mapping there: a stack, then room for arguments */
    uint64_t errno_at;
    int errno_value;
    int owed_signal; /* came in between, to be sent again */
    int error;
    int fault;         /* the signal of CALL_CRASHED */
    unsigned syscalls; /* that the present call has made */
    long last_syscall;
};

/* SIGCHLD and what would end the command are blocked from begin to end. */
void ptrace_begin(void);
void ptrace_end(void);

/* Stops thread TID of R within LIMIT_MS. 0, -ESRCH (gone), -EPERM, -EAGAIN (did not stop in time; it is let go once it can be). */
int ptrace_hold(struct tracee *t, const struct remote *r, pid_t tid, int limit_ms);
/*
 * Finds a thread whose stack is inside no allocator, loader, lock or fork, and holds it. 0; -EAGAIN when there was none within LIMIT_MS:
 * *WHERE then says what the last one was inside of; -EPERM, -ESRCH.
 */
int ptrace_hold_safe(struct tracee *t, const struct remote *r, int limit_ms, char *where, size_t cap);
/* Saves the thread's state and makes the stack. T must be held. */
enum call_result ptrace_prepare(struct tracee *t);
/* FUNC(A[0], A[1], A[2]) on the held and prepared thread. *RESULT is what it returned. */
enum call_result ptrace_call(struct tracee *t, uint64_t func, const uint64_t a[3], uint64_t *result, int limit_ms);
/* Copies a string to the scratch room: its address there, 0 when it does not fit. One at a time. */
uint64_t ptrace_put_string(struct tracee *t, const char *s);
/*
 * Puts everything back and lets the thread go. Always to be called after a hold that gave 0. When a call was given up and the thread could
 * not be stopped (saved, but not stopped) this waits until it can be, however long that takes.
 */
void ptrace_release(struct tracee *t);

/* restart.c: may a system call that gave EINTR because of the stop simply be made again? */
bool ptrace_may_repeat(long nr);

/*
 * seccomp.c: would the held thread's seccomp filters kill it for one of the calls that loading the agent makes? *FORBIDDEN names the
 * call, NULL: no. 0, or -errno: it has filters that this user may not read.
 */
int ptrace_check_seccomp(struct tracee *t, const char **forbidden);

/* safe_point.c: is the held thread T inside code that must not be entered again? WHERE gets the name of the function. */
struct unsafe_ranges;
struct unsafe_ranges *unsafe_open(const struct remote *r);
void unsafe_close(struct unsafe_ranges *u);
bool unsafe_here(const struct unsafe_ranges *u, struct tracee *t, char *where, size_t cap);

#endif
