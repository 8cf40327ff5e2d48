/* SPDX-License-Identifier: MIT */
/*
 * call.c: makes a held thread run a call, and lets it go as it was.
 *
 * This depends on two rules. The thread's own registers are put back only in a stop on the kernel's
 * way through its signal code (PTRACE_EVENT_STOP): only after such a stop the kernel checks whether
 * an interrupted system call has to go on. And every set of registers of ours says that no system
 * call was interrupted, or the kernel would move our own call back by one instruction.
 */
#include "call.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "elf_symbol.h"
#include "maps.h"
#include "memory.h"

#define STACK_SIZE (256u * 1024)
#define SCRATCH_SIZE (16u * 1024)
#define HARD_LIMIT_MS 60000
#define MAX_XSTATE 65536

/* What a thread's own instructions raise. */
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};

/*
 * Keeps a signal that somebody sent, to send it again later. False: the thread itself has caused a
 * fault.
 */
static bool postpone_signal(struct tracee *t, int sig)
{
    siginfo_t info = {.si_code = 0};
    ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info);
    for (size_t i = 0; info.si_code > 0 && i < sizeof(fault_signals) / sizeof(fault_signals[0]); i++)
        if (fault_signals[i] == sig)
            return false;
    t->owed_signal = sig;
    return true;
}

static bool save_state(struct tracee *t)
{
    if (!ptrace_get_regs(t, &t->regs))
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
 * Blocks all signals but those that faults raise: if such a signal is blocked when the fault
 * happens, the kernel resets the program's handler for it.
 */
static bool block_signals(struct tracee *t)
{
    uint64_t mask = ~0ull;
    for (size_t i = 0; i < sizeof(fault_signals) / sizeof(fault_signals[0]); i++)
        mask &= ~(1ull << (fault_signals[i] - 1)) | t->sigmask;
    if (ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(mask), &mask) == 0)
        return true;
    t->error = errno;
    return false;
}

static bool find_gadget(struct tracee *t)
{
    struct remote_module *libc = maps_libc(t->r);
    unsigned char code[256];
    uint64_t at, size;
    if (!elf_symbol(t->r, libc, "syscall", &at, &size) || size < sizeof(arch_syscall_insn) || size > sizeof(code) ||
        !memory_read(t->r, at, code, size))
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
 * Waits for the next system call stop of a running T, or a fault, or its end. Other stops are
 * passed over. CALL_STUCK: it still runs.
 */
static enum call_result wait_syscall_stop(struct tracee *t, int limit_ms)
{
    for (;;) {
        int status;
        int err = ptrace_wait_stop(t, &status, limit_ms);
        if (err)
            return err == -ESRCH ? CALL_GONE : CALL_STUCK;
        if (status >> 16 == PTRACE_EVENT_CLONE)
            ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &t->cloned);
        if (ptrace_is_syscall_stop(status) || (!ptrace_is_event(status) && !postpone_signal(t, WSTOPSIG(status)))) {
            t->stopped = true;
            t->fault = ptrace_is_syscall_stop(status) ? 0 : WSTOPSIG(status);
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

enum call_result call_system(struct tracee *t, long nr, const uint64_t a[6], long *result)
{
    arch_regs regs = t->regs;
    arch_set_syscall(&regs, t->gadget, nr, a);
    if (!ptrace_set_regs(t, &regs))
        return CALL_REFUSED;
    for (int stop = 0; stop < 2; stop++) {
        enum call_result c = to_syscall_stop(t, 5000);
        if (c != CALL_DONE)
            return c;
    }
    if (!ptrace_get_regs(t, &regs))
        return CALL_REFUSED;
    *result = (long)arch_result(&regs);
    return CALL_DONE;
}

enum call_result call_prepare(struct tracee *t)
{
    long at;
    const uint64_t map[6] = {0, STACK_SIZE + SCRATCH_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0};
    if (!find_gadget(t)) {
        t->error = ENOSYS;
        return CALL_REFUSED;
    }
    if (!save_state(t) || !block_signals(t))
        return CALL_REFUSED;
    enum call_result c = call_system(t, SYS_mmap, map, &at);
    if (c != CALL_DONE)
        return c;
    if (at < 0 && at > -4096) {
        t->error = (int)-at;
        return CALL_REFUSED;
    }
    t->stack = (uint64_t)at;
    t->stack_size = STACK_SIZE + SCRATCH_SIZE;
    t->scratch = t->stack + STACK_SIZE;

    struct remote_module *libc = maps_libc(t->r);
    uint64_t where, got;
    if (!elf_symbol(t->r, libc, "__errno_location", &where, NULL))
        return CALL_DONE;
    const uint64_t none[3] = {0, 0, 0};
    c = call_run(t, where, none, &got, 2000);
    if (c == CALL_DONE && memory_read(t->r, got, &t->errno_value, sizeof(int)))
        t->errno_at = got;
    return c;
}

uint64_t call_put_string(struct tracee *t, const char *s)
{
    size_t n = strlen(s) + 1;
    return n <= SCRATCH_SIZE && memory_write(t->r, t->scratch, s, n) ? t->scratch : 0;
}

/*
 * The call takes longer than it should. If it has only waited for its first lock (a futex), or
 * spun, it can be given up without a trace. In the middle of its work it holds locks itself, which
 * would stay locked for ever if it were given up: then wait on, for much longer.
 */
static enum call_result wait_overdue(struct tracee *t, int limit_ms)
{
    enum call_result c = CALL_STUCK;
    bool begun = t->syscalls > 1 || (t->syscalls == 1 && t->last_syscall != SYS_futex);
    if (begun)
        c = wait_syscall_stop(t, HARD_LIMIT_MS - limit_ms);
    if (c != CALL_STUCK)
        return c;
    ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
    t->stopped = ptrace_to_event_stop(t, 1000) == 0;
    return begun || !t->stopped ? CALL_STUCK : CALL_BLOCKED;
}

enum call_result call_run(struct tracee *t, uint64_t func, const uint64_t a[3], uint64_t *result, int limit_ms)
{
    arch_regs regs = t->regs;
    uint64_t slot, top = (t->stack + STACK_SIZE) & ~15ull;
    arch_set_call(&regs, func, a, top, t->gadget, &slot);
    if ((slot && !memory_write(t->r, slot, &t->gadget, sizeof(t->gadget))) || !ptrace_set_regs(t, &regs))
        return CALL_REFUSED;

    t->syscalls = 0;
    for (bool entry = true;; entry = !entry) {
        enum call_result c = to_syscall_stop(t, limit_ms);
        if (c == CALL_STUCK)
            c = wait_overdue(t, limit_ms);
        if (c != CALL_DONE)
            return c;
        if (!ptrace_get_regs(t, &regs))
            return CALL_REFUSED;
        if (!entry)
            continue;
        if (arch_pc(&regs) == t->gadget + sizeof(arch_syscall_insn) && arch_sp(&regs) == top)
            break;
        t->syscalls++;
        t->last_syscall = arch_entry_nr(&regs);
    }
    /*
     * The call has returned to the system call instruction that is to end it. The kernel has to
     * perform some system call there: a harmless one.
     */
    *result = arch_returned(&regs);
    arch_replace_nr(t->tid, &regs, SYS_getpid);
    return ptrace_set_regs(t, &regs) ? to_syscall_stop(t, 2000) : CALL_REFUSED;
}

static void put_back(struct tracee *t)
{
    if (t->errno_at)
        memory_write(t->r, t->errno_at, &t->errno_value, sizeof(int));
    struct iovec v = {t->fp, t->fp_len};
    ptrace(PTRACE_SETREGSET, t->tid, ARCH_FP_NOTE, &v);
    ptrace(PTRACE_SETSIGMASK, t->tid, sizeof(t->sigmask), &t->sigmask);
    ptrace_set_regs(t, &t->regs);
}

void call_release(struct tracee *t)
{
    /*
     * It still runs a call of ours, or sleeps in one: it may not go on by itself before it was put
     * back.
     */
    while (t->saved && !t->stopped) {
        ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
        int err = ptrace_to_event_stop(t, HARD_LIMIT_MS);
        t->stopped = err == 0;
        if (err == -ESRCH)
            break;
    }
    if (t->stopped && t->saved) {
        const uint64_t unmap[6] = {t->stack, t->stack_size, 0, 0, 0, 0};
        long ignored;
        if (t->stack)
            call_system(t, SYS_munmap, unmap, &ignored);
        if (t->stopped) {
            ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
            ptrace(PTRACE_CONT, t->tid, NULL, NULL);
            t->stopped = ptrace_to_event_stop(t, 5000) == 0;
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

const char *call_refused(const struct tracee *t, enum call_result c, struct refusal *why)
{
    pid_t pid = t->r->pid;
    switch (c) {
    case CALL_DONE:
        return NULL;
    case CALL_BLOCKED:
        return refuse(why,
                      "process %d holds the dynamic linker's lock and did not give it back within %d s; nothing was changed, try again",
                      pid, CALL_LIMIT_MS / 1000);
    case CALL_CRASHED:
        return refuse(why,
                      "loading the agent into process %d ended with signal %d (%s); its thread was put back where it was, but the dynamic "
                      "linker's lock may stay held: restart it when you can",
                      pid, t->fault, strsignal(t->fault));
    case CALL_STUCK:
        return refuse(why,
                      t->stopped
                          ? "loading the agent into process %d did not end; its thread was put back where it was, but the dynamic "
                            "linker's lock may stay held: restart it when you can"
                          : "loading the agent into process %d did not end, and its thread sleeps where it cannot be stopped; process %d "
                            "waits to put it back, let that run; the dynamic linker's lock may stay held: restart it when you can",
                      pid, getpid());
    case CALL_GONE:
        return refuse(why, "process %d ended meanwhile", pid);
    case CALL_REFUSED:
        return refuse(why, "the kernel refused to change process %d: %s", pid, strerror(t->error));
    }
    return NULL;
}
