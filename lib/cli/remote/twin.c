/* SPDX-License-Identifier: MIT */
/*
 * twin.c: makes the held thread clone itself, and ends the clone.
 *
 * Called by agent.c. The new thread is traced from its first instruction on (PTRACE_O_TRACECLONE),
 * so it never runs by itself: it would run the program's code on the held thread's stack.
 */
#include "twin.h"

#include <errno.h>
#include <sched.h>
#include <sys/ptrace.h>

#include "../../arch/numbers.h"
#include "call.h"

#define FLAGS (CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
#define WAIT_MS 60000
#define KEPT 3    /* standard input, output and error */
#define ENOUGH 64 /* where the kernel cannot close all at once (before Linux 5.9) */

static bool trace_clones(const struct tracee *t, bool clones)
{
    long options = PTRACE_O_TRACESYSGOOD | (clones ? PTRACE_O_TRACECLONE : 0);
    return ptrace(PTRACE_SETOPTIONS, t->tid, NULL, (void *)options) == 0;
}

static void wait_until_held(struct tracee *twin)
{
    int err = twin->stopped ? 0 : -EAGAIN;
    while (err == -EAGAIN) {
        ptrace(PTRACE_INTERRUPT, twin->tid, NULL, NULL);
        err = ptrace_to_event_stop(twin, WAIT_MS);
        twin->stopped = err == 0;
    }
}

/* What it closes are second references: while it has them, the program's close sends no FIN. */
static bool free_numbers(struct tracee *twin)
{
    long result = -1;
    const uint64_t all[6] = {KEPT, ~0u, 0};
    if (call_system(twin, SYS_close_range, all, &result) != CALL_DONE)
        return false;
    for (uint64_t fd = KEPT; result < 0 && fd < KEPT + ENOUGH; fd++) {
        long ignored;
        if (call_system(twin, SYS_close, (uint64_t[6]){fd}, &ignored) != CALL_DONE)
            return false;
    }
    return true;
}

bool twin_begin(struct tracee *t, struct tracee *twin)
{
    long made = 0;
    const uint64_t flags[6] = {FLAGS};
    t->cloned = 0;
    if (!trace_clones(t, true)) {
        t->error = errno;
        return false;
    }
    enum call_result c = call_system(t, SYS_clone, flags, &made);
    trace_clones(t, false);
    if (!t->cloned) {
        t->error = c == CALL_DONE && made < 0 ? (int)-made : ESRCH;
        return false;
    }
    *twin = *t;
    twin->tid = (pid_t)t->cloned;
    twin->owed_signal = 0;
    twin->stopped = false;
    wait_until_held(twin);
    trace_clones(twin, false);
    if (twin->stopped && free_numbers(twin))
        return true;
    t->error = ESRCH;
    twin_end(t, twin);
    return false;
}

void twin_end(struct tracee *t, struct tracee *twin)
{
    long ignored;
    wait_until_held(twin);
    if (twin->stopped)
        call_system(twin, SYS_exit, (uint64_t[6]){0}, &ignored);
    if (twin->owed_signal)
        t->owed_signal = twin->owed_signal;
}
