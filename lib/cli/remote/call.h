/* SPDX-License-Identifier: MIT */
/*
 * call.h: a function call on a thread that is held, which leaves the thread as it was.
 *
 * The call runs on a stack of its own with signals blocked. Registers, vector state, signal mask
 * and errno are put back. The call ends at a system call instruction, not at a trap: no signal is
 * raised, so no handler or disposition of the program is touched.
 */
#ifndef SOCKLEAK_CLI_REMOTE_CALL_H
#define SOCKLEAK_CLI_REMOTE_CALL_H

#include "ptrace.h"
#include "refusal.h"

/* For call_run: after so long it is overdue. */
#define CALL_LIMIT_MS 5000

enum call_result {
    CALL_DONE = 0,
    CALL_BLOCKED, /* not even its first lock was free within the limit: nothing was done */
    CALL_CRASHED, /* a fault inside the call */
    CALL_STUCK,   /* given up in the middle */
    CALL_GONE,    /* the thread or the process ended */
    CALL_REFUSED, /* the kernel refused a step; the reason is in tracee.error */
};

/* Saves the thread's state and makes the stack. T must be held. */
enum call_result call_prepare(struct tracee *t);
/* FUNC(A[0], A[1], A[2]) on the held and prepared thread. *RESULT is what it returned. */
enum call_result call_run(struct tracee *t, uint64_t func, const uint64_t a[3], uint64_t *result, int limit_ms);
/*
 * One system call of the held and prepared thread: from an interrupt stop or from the exit of an
 * earlier one; it ends in its own exit stop. *RESULT: as the kernel gives it, -errno or the value.
 */
enum call_result call_system(struct tracee *t, long nr, const uint64_t a[6], long *result);
/* What came of a call, for the user. NULL for CALL_DONE. */
const char *call_refused(const struct tracee *t, enum call_result c, struct refusal *why);
/* Copies a string to the scratch room: its address there, 0 when it does not fit. One at a time. */
uint64_t call_put_string(struct tracee *t, const char *s);
/*
 * Puts everything back and lets the thread go. Always to be called after a hold that gave 0. If a
 * call was given up and the thread could not be stopped (saved, but not stopped), this waits until
 * it can be, however long that takes.
 */
void call_release(struct tracee *t);

#endif
