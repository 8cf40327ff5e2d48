/* SPDX-License-Identifier: MIT */
/*
 * ptrace.c: one thread of another process held, made to run a call, and let go as it was.
 *
 * Two rules carry it. The thread's own registers are put back only in a stop on the kernel's way through its signal code
 * (PTRACE_EVENT_STOP): there, and only there, the kernel looks afterwards whether an interrupted system call has to go on. And every set of
 * registers of ours says that no system call was interrupted, or the kernel would wind our own call back by one instruction.
 */
#include "ptrace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE (256u * 1024)
#define SCRATCH_SIZE (16u * 1024)
#define HARD_LIMIT_MS 60000
#define MAX_XSTATE 65536

static sigset_t mask_before;

void ptrace_begin(void)
{
    sigset_t s;
    sigfillset(&s);
    sigprocmask(SIG_BLOCK, &s, &mask_before);
    signal(SIGCHLD, SIG_DFL); /* an ignored SIGCHLD would not be queued, and each stop would be noticed late */
}

void ptrace_end(void) { sigprocmask(SIG_SETMASK, &mask_before, NULL); }

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Threads that did not stop when they should, and will when their uninterruptible sleep is over. Too many: the end of the command lets go. */
static pid_t late[64];
static size_t n_late;

static void remember_late(pid_t tid)
{
    if (n_late < sizeof(late) / sizeof(late[0]))
        late[n_late++] = tid;
}

static void forget_late(pid_t tid)
{
    for (size_t i = 0; i < n_late; i++)
        if (late[i] == tid)
            late[i--] = late[--n_late];
}

/* Lets go of those that have stopped by now. */
static void release_late(void)
{
    for (size_t i = 0; i < n_late; i++) {
        int status;
        pid_t got = waitpid(late[i], &status, __WALL | WNOHANG);
        if (got == 0)
            continue;
        if (got == late[i] && WIFSTOPPED(status))
            ptrace(PTRACE_DETACH, late[i], NULL, (void *)(long)(status >> 16 ? 0 : WSTOPSIG(status)));
        late[i--] = late[--n_late];
    }
}

/* The next stop of T. 0, -EAGAIN at the limit, -ESRCH when it has ended. */
static int wait_stop(struct tracee *t, int *status, int limit_ms)
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

static bool is_event_stop(int status) { return status >> 16 == PTRACE_EVENT_STOP; }

static bool is_syscall_stop(int status) { return WSTOPSIG(status) == (SIGTRAP | 0x80); }

static bool get_regs(struct tracee *t, arch_regs *regs)
{
    struct iovec v = {regs, sizeof(*regs)};
    if (ptrace(PTRACE_GETREGSET, t->tid, NT_PRSTATUS, &v) == 0)
        return true;
    t->error = errno;
    return false;
}

static bool set_regs(struct tracee *t, const arch_regs *regs)
{
    arch_regs copy = *regs;
    struct iovec v = {&copy, sizeof(copy)};
    if (ptrace(PTRACE_SETREGSET, t->tid, NT_PRSTATUS, &v) == 0)
        return true;
    t->error = errno;
    return false;
}

/* A signal sent by somebody is kept for later. False: a fault of the thread's own doing. */
static bool postpone_signal(struct tracee *t, int sig)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    siginfo_t info = {.si_code = 0};
    ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info);
    for (size_t i = 0; info.si_code > 0 && i < sizeof(faults) / sizeof(faults[0]); i++)
        if (faults[i] == sig)
            return false;
    t->owed_signal = sig;
    return true;
}

/*
 * Brings a thread that runs, or stands in a stop of another kind, to an interrupt stop. Signals that come first are delivered to the
 * program.
 */
static int to_event_stop(struct tracee *t, int limit_ms)
{
    int status;
    for (;;) {
        int err = wait_stop(t, &status, limit_ms);
        if (err)
            return err;
        if (is_event_stop(status))
            return 0;
        int sig = is_syscall_stop(status) ? 0 : WSTOPSIG(status);
        ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL); /* any stop takes back the one that was asked for */
        if (ptrace(PTRACE_CONT, t->tid, NULL, (void *)(long)sig) < 0)
            return -ESRCH;
    }
}

/* Seized before, but it did not stop then. */
static bool is_mine(pid_t tid)
{
    char tracer[16];
    bool mine = remote_status(tid, "TracerPid", tracer, sizeof(tracer)) && atoi(tracer) == getpid();
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
    int err = to_event_stop(t, limit_ms);
    if (err == -EAGAIN) {
        /* In an uninterruptible sleep. It can only be let go when it stops, or by our end. */
        if (to_event_stop(t, 20) == 0)
            ptrace(PTRACE_DETACH, tid, NULL, NULL);
        else
            remember_late(tid);
        return -EAGAIN;
    }
    t->stopped = err == 0;
    arch_regs regs = {0};
    long nr, result;
    if (t->stopped && get_regs(t, &regs) && arch_interrupted_call(&regs, &nr, &result) && result == -EINTR && ptrace_may_repeat(nr)) {
        arch_continue_call(&regs);
        set_regs(t, &regs);
    }
    return err;
}

static bool save_state(struct tracee *t)
{
    if (!get_regs(t, &t->regs))
        return false;
    t->fp = malloc(MAX_XSTATE);
    struct iovec v = {t->fp, MAX_XSTATE};
    if (!t->fp || ptrace(PTRACE_GETREGSET, t->tid, ARCH_FP_NOTE, &v) < 0 ||
        ptrace(PTRACE_GETSIGMASK, t->tid, sizeof(t->sigmask), &t->sigmask) < 0) {
        t->error = errno;
        return false;
    }
    t->fp_len = v.iov_len;
    t->saved = true;
    return true;
}

/*
 * Everything is blocked but what a fault raises: a fault under a blocked signal would make the kernel reset the program's handler for it.
 */
static bool block_signals(struct tracee *t)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    uint64_t mask = ~0ull;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        mask &= ~(1ull << (faults[i] - 1)) | t->sigmask;
    if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(mask), &mask) == 0)
        return true;
    t->error = errno;
    return false;
}

static bool find_gadget(struct tracee *t)
{
    struct remote_module *libc = remote_module_named(t->r, "libc");
    unsigned char code[256];
    uint64_t at, size;
    if (!remote_symbol(t->r, libc, "syscall", &at, &size) || size < sizeof(arch_syscall_insn) || size > sizeof(code) ||
        !remote_read(t->r, at, code, size))
        return false;
    for (size_t i = 0; i + sizeof(arch_syscall_insn) <= size; i++) {
        if (memcmp(code + i, arch_syscall_insn, sizeof(arch_syscall_insn)) == 0) {
            t->gadget = at + i;
            return true;
        }
    }
    return false;
}

/*
 * Waits for the next system call stop of a running T. Anything else on the way is passed over, but for a fault and the end. CALL_STUCK: it
 * runs on.
 */
static enum call_result wait_syscall_stop(struct tracee *t, int limit_ms)
{
    for (;;) {
        int status;
        int err = wait_stop(t, &status, limit_ms);
        if (err)
            return err == -ESRCH ? CALL_GONE : CALL_STUCK;
        if (is_syscall_stop(status) || (!is_event_stop(status) && !postpone_signal(t, WSTOPSIG(status)))) {
            t->stopped = true;
            t->fault = is_syscall_stop(status) ? 0 : WSTOPSIG(status);
            return t->fault ? CALL_CRASHED : CALL_DONE;
        }
        if (ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL) < 0)
            return CALL_GONE;
    }
}

static enum call_result to_syscall_stop(struct tracee *t, int limit_ms)
{
    if (ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL) < 0)
        return CALL_GONE;
    t->stopped = false;
    return wait_syscall_stop(t, limit_ms);
}

/* One system call, made by the held thread from an interrupt stop or from the exit of an earlier one; ends in its own exit stop. */
static enum call_result remote_syscall(struct tracee *t, long nr, const uint64_t a[6], long *result)
{
    arch_regs regs = t->regs;
    arch_set_syscall(&regs, t->gadget, nr, a);
    if (!set_regs(t, &regs))
        return CALL_REFUSED;
    for (int stop = 0; stop < 2; stop++) {
        enum call_result c = to_syscall_stop(t, 5000);
        if (c != CALL_DONE)
            return c;
    }
    if (!get_regs(t, &regs))
        return CALL_REFUSED;
    *result = (long)arch_result(&regs);
    return CALL_DONE;
}

enum call_result ptrace_prepare(struct tracee *t)
{
    long at;
    const uint64_t map[6] = {0, STACK_SIZE + SCRATCH_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0};
    if (!find_gadget(t)) {
        t->error = ENOSYS;
        return CALL_REFUSED;
    }
    if (!save_state(t) || !block_signals(t))
        return CALL_REFUSED;
    enum call_result c = remote_syscall(t, SYS_mmap, map, &at);
    if (c != CALL_DONE)
        return c;
    if (at < 0 && at > -4096) {
        t->error = (int)-at;
        return CALL_REFUSED;
    }
    t->stack = (uint64_t)at;
    t->stack_size = STACK_SIZE + SCRATCH_SIZE;
    t->scratch = t->stack + STACK_SIZE;

    struct remote_module *libc = remote_module_named(t->r, "libc");
    uint64_t where, got;
    if (!remote_symbol(t->r, libc, "__errno_location", &where, NULL))
        return CALL_DONE;
    const uint64_t none[3] = {0, 0, 0};
    c = ptrace_call(t, where, none, &got, 2000);
    if (c == CALL_DONE && remote_read(t->r, got, &t->errno_value, sizeof(int)))
        t->errno_at = got;
    return c;
}

uint64_t ptrace_put_string(struct tracee *t, const char *s)
{
    size_t n = strlen(s) + 1;
    return n <= SCRATCH_SIZE && remote_write(t->r, t->scratch, s, n) ? t->scratch : 0;
}

/*
 * The call takes longer than it should. When all that it has done is to wait for its first lock (a futex), or to spin, it can be given up
 * with no trace. In the middle of its work it holds locks itself, and giving up would leave them held for ever: wait on, for much longer.
 */
static enum call_result call_overdue(struct tracee *t, int limit_ms)
{
    enum call_result c = CALL_STUCK;
    bool begun = t->syscalls > 1 || (t->syscalls == 1 && t->last_syscall != SYS_futex);
    if (begun)
        c = wait_syscall_stop(t, HARD_LIMIT_MS - limit_ms);
    if (c != CALL_STUCK)
        return c;
    ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
    t->stopped = to_event_stop(t, 1000) == 0;
    return begun || !t->stopped ? CALL_STUCK : CALL_BLOCKED;
}

enum call_result ptrace_call(struct tracee *t, uint64_t func, const uint64_t a[3], uint64_t *result, int limit_ms)
{
    arch_regs regs = t->regs;
    uint64_t slot, top = (t->stack + STACK_SIZE) & ~15ull;
    arch_set_call(&regs, func, a, top, t->gadget, &slot);
    if ((slot && !remote_write(t->r, slot, &t->gadget, sizeof(t->gadget))) || !set_regs(t, &regs))
        return CALL_REFUSED;

    t->syscalls = 0;
    for (bool entry = true;; entry = !entry) {
        enum call_result c = to_syscall_stop(t, limit_ms);
        if (c == CALL_STUCK)
            c = call_overdue(t, limit_ms);
        if (c != CALL_DONE)
            return c;
        if (!get_regs(t, &regs))
            return CALL_REFUSED;
        if (!entry)
            continue;
        if (arch_pc(&regs) == t->gadget + sizeof(arch_syscall_insn) && arch_sp(&regs) == top)
            break;
        t->syscalls++;
        t->last_syscall = arch_entry_nr(&regs);
    }
    /* It has returned, into the instruction that is to end it. The kernel must do something there: the most harmless thing. */
    *result = arch_returned(&regs);
    arch_replace_nr(t->tid, &regs, SYS_getpid);
    return set_regs(t, &regs) ? to_syscall_stop(t, 2000) : CALL_REFUSED;
}

static void put_back(struct tracee *t)
{
    if (t->errno_at)
        remote_write(t->r, t->errno_at, &t->errno_value, sizeof(int));
    struct iovec v = {t->fp, t->fp_len};
    ptrace(PTRACE_SETREGSET, t->tid, ARCH_FP_NOTE, &v);
    ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(t->sigmask), &t->sigmask);
    set_regs(t, &t->regs);
}

void ptrace_release(struct tracee *t)
{
    /* It runs a call of ours, or sleeps in it, and must not come out of it but to be put back. */
    while (t->saved && !t->stopped) {
        ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
        int err = to_event_stop(t, HARD_LIMIT_MS);
        t->stopped = err == 0;
        if (err == -ESRCH)
            break;
    }
    if (t->stopped && t->saved) {
        const uint64_t unmap[6] = {t->stack, t->stack_size, 0, 0, 0, 0};
        long ignored;
        if (t->stack)
            remote_syscall(t, SYS_munmap, unmap, &ignored);
        if (t->stopped) {
            ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
            ptrace(PTRACE_CONT, t->tid, NULL, NULL);
            t->stopped = to_event_stop(t, 5000) == 0;
        }
        if (t->stopped)
            put_back(t);
    }
    if (t->stopped)
        ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
    if (t->owed_signal)
        syscall(SYS_tgkill, t->r->pid, t->tid, t->owed_signal);
    t->stopped = false;
    free(t->fp);
    t->fp = NULL;
}
