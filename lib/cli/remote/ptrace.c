/* SPDX-License-Identifier: MIT */
/*
 * ptrace.c: one thread of another process, stopped.
 *
 * Called by safe_point.c and call.c, in the child of the command that does all tracing.
 */
#include "ptrace.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../base/now.h"
#include "process.h"
#include "restart.h"

static sigset_t mask_before;

void ptrace_begin(void)
{
    sigset_t s;
    sigfillset(&s);
    sigprocmask(SIG_BLOCK, &s, &mask_before);
    /* an ignored SIGCHLD would not be queued, and each stop would be noticed late */
    signal(SIGCHLD, SIG_DFL);
}

void ptrace_end(void) { sigprocmask(SIG_SETMASK, &mask_before, NULL); }

static uint64_t now_ms(void) { return now_mono_ns() / 1000000; }

/*
 * Threads that did not stop in time, and will stop when their uninterruptible sleep is over. Those
 * that do not fit here are let go by the end of this process.
 */
static pid_t late_threads[64];
static size_t n_late_threads;

static void remember_late(pid_t tid)
{
    if (n_late_threads < sizeof(late_threads) / sizeof(late_threads[0]))
        late_threads[n_late_threads++] = tid;
}

static void forget_late(pid_t tid)
{
    for (size_t i = 0; i < n_late_threads; i++)
        if (late_threads[i] == tid)
            late_threads[i--] = late_threads[--n_late_threads];
}

/* Lets go of those that have stopped by now. */
static void release_late(void)
{
    for (size_t i = 0; i < n_late_threads; i++) {
        int status;
        pid_t got = waitpid(late_threads[i], &status, __WALL | WNOHANG);
        if (got == 0)
            continue;
        if (got == late_threads[i] && WIFSTOPPED(status))
            ptrace(PTRACE_DETACH, late_threads[i], NULL, (void *)(long)(status >> 16 ? 0 : WSTOPSIG(status)));
        late_threads[i--] = late_threads[--n_late_threads];
    }
}

int ptrace_wait_stop(struct tracee *t, int *status, int limit_ms)
{
    uint64_t end = now_ms() + (uint64_t)limit_ms;
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    for (;;) {
        pid_t got = waitpid(t->tid, status, __WALL | WNOHANG);
        if (got == t->tid && WIFSTOPPED(*status))
            return 0;
        if (got == t->tid || (got < 0 && errno != EINTR))
            return -ESRCH;
        uint64_t now = now_ms();
        if (now >= end)
            return -EAGAIN;
        release_late();
        /* A stop of another thread may have used up the signal: look again at least every 10 ms. */
        struct timespec nap = {.tv_nsec = (long)(end - now < 10 ? end - now : 10) * 1000000};
        sigtimedwait(&chld, NULL, &nap);
    }
}

bool ptrace_is_event_stop(int status) { return status >> 16 == PTRACE_EVENT_STOP; }

bool ptrace_is_event(int status) { return status >> 16 != 0; }

bool ptrace_is_syscall_stop(int status) { return WSTOPSIG(status) == (SIGTRAP | 0x80); }

bool ptrace_get_regs(struct tracee *t, arch_regs *regs)
{
    struct iovec v = {regs, sizeof(*regs)};
    if (ptrace(PTRACE_GETREGSET, t->tid, NT_PRSTATUS, &v) == 0)
        return true;
    t->error = errno;
    return false;
}

bool ptrace_set_regs(struct tracee *t, const arch_regs *regs)
{
    arch_regs copy = *regs;
    struct iovec v = {&copy, sizeof(copy)};
    if (ptrace(PTRACE_SETREGSET, t->tid, NT_PRSTATUS, &v) == 0)
        return true;
    t->error = errno;
    return false;
}

int ptrace_to_event_stop(struct tracee *t, int limit_ms)
{
    int status;
    for (;;) {
        int err = ptrace_wait_stop(t, &status, limit_ms);
        if (err)
            return err;
        if (ptrace_is_event_stop(status))
            return 0;
        int sig = ptrace_is_syscall_stop(status) || ptrace_is_event(status) ? 0 : WSTOPSIG(status);
        /* any other stop cancels the interrupt that was asked for */
        ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
        if (ptrace(PTRACE_CONT, t->tid, NULL, (void *)(long)sig) < 0)
            return -ESRCH;
    }
}

/* Did we seize it before, when it did not stop in time? */
static bool is_mine(pid_t tid)
{
    struct process_facts facts;
    bool mine = process_read(tid, &facts) && facts.tracer == getpid();
    errno = EPERM;
    return mine;
}

int ptrace_hold(struct tracee *t, const struct remote *r, pid_t tid, int limit_ms)
{
    *t = (struct tracee){.r = r, .tid = tid};
    forget_late(tid);
    if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0 && !(errno == EPERM && is_mine(tid)))
        return -errno;
    if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
        return -errno;
    int err = ptrace_to_event_stop(t, limit_ms);
    if (err == -EAGAIN) {
        /*
         * It is in an uninterruptible sleep, and can be let go only when it stops, or by our end.
         */
        if (ptrace_to_event_stop(t, 20) == 0)
            ptrace(PTRACE_DETACH, tid, NULL, NULL);
        else
            remember_late(tid);
        return -EAGAIN;
    }
    t->stopped = err == 0;
    arch_regs regs = {0};
    long nr, result;
    if (t->stopped && ptrace_get_regs(t, &regs) && arch_interrupted_call(&regs, &nr, &result) && result == -EINTR &&
        restart_may_repeat(nr)) {
        arch_continue_call(&regs);
        ptrace_set_regs(t, &regs);
    }
    return err;
}
