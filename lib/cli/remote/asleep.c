/* SPDX-License-Identifier: MIT */
/*
 * asleep.c: a safe point where the C library has no unwind tables.
 *
 * Called by unsafe.c. The stack of a thread inside musl cannot be walked. But inside its allocator,
 * and with most of its locks, a thread makes no call that waits for input, a connection or a time.
 * The few functions that wait so while they hold something are looked for on the stack: any word
 * that leads into one of them counts, so that an old one may cost another try and a live one is
 * never missed.
 */
#include "asleep.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "elf_symbol.h"
#include "maps.h"
#include "memory.h"

#define STACK_LIMIT (1u << 20) /* so much of the stack is searched; a deeper one is refused */

static const long waits[] = {
    SYS_read,
    SYS_readv,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    SYS_accept,
    SYS_accept4,
    SYS_connect,
    SYS_sendto,
    SYS_sendmsg,
    SYS_write,
    SYS_writev,
    SYS_ppoll,
    SYS_pselect6,
    SYS_epoll_pwait,
    SYS_nanosleep,
    SYS_wait4,
    SYS_waitid,
    SYS_clock_nanosleep,
    SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait,
    SYS_restart_syscall,
#ifdef SYS_poll
    SYS_poll,
    SYS_select,
    SYS_epoll_wait,
    SYS_pause,
#endif
};

/* They hold a lock, or a list that is half changed, while they read, write, or wait for a child. */
static const char *const holders[] = {"dlopen",       "dlclose",        "dlsym",        "dladdr",       "dl_iterate_phdr", "fork",
                                      "_Fork",        "vfork",          "posix_spawn",  "posix_spawnp", "system",          "popen",
                                      "pthread_once", "pthread_create", "pthread_exit", "exit",         "quick_exit",      "abort"};
#define HOLDERS (sizeof holders / sizeof holders[0])

long asleep_in(const struct tracee *t)
{
    arch_regs regs;
    struct iovec v = {&regs, sizeof(regs)};
    unsigned char insn[sizeof(arch_syscall_insn)];
    long nr, result;
    if (ptrace(PTRACE_GETREGSET, t->tid, NT_PRSTATUS, &v) != 0)
        return -1;
    if (arch_interrupted_call(&regs, &nr, &result))
        return nr;
    /* The kernel may already have moved the thread back, so that the call is made anew. */
    if (memory_read(t->r, arch_pc(&regs), insn, sizeof(insn)) && memcmp(insn, arch_syscall_insn, sizeof(insn)) == 0)
        return (long)arch_entry_nr(&regs);
    return -1;
}

static bool is_wait(long nr)
{
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++)
        if (waits[i] == nr)
            return true;
    return false;
}

struct holder_range {
    uint64_t start, size;
};

static const char *holder_of(const struct holder_range ranges[HOLDERS], uint64_t word)
{
    for (size_t i = 0; i < HOLDERS; i++)
        if (word - ranges[i].start < ranges[i].size)
            return holders[i];
    return NULL;
}

/* The first of them that the stack of T leads into, NULL: none. */
static const char *holder_on_stack(const struct remote *r, const struct tracee *t)
{
    struct holder_range ranges[HOLDERS] = {{0, 0}};
    arch_regs regs;
    struct iovec v = {&regs, sizeof(regs)};
    uint64_t end = 0, words[512];
    if (ptrace(PTRACE_GETREGSET, t->tid, NT_PRSTATUS, &v) != 0)
        return "code whose stack cannot be read";
    for (size_t i = 0; i < HOLDERS; i++)
        elf_symbol(r, maps_libc(r), holders[i], &ranges[i].start, &ranges[i].size);
    uint64_t at = arch_sp(&regs) & ~7ull;
    for (size_t i = 0; i < r->n_maps; i++)
        if (at >= r->maps[i].start && at < r->maps[i].end)
            end = r->maps[i].end;
    if (!end || end - at > STACK_LIMIT)
        return "code whose stack cannot be read";
    for (; at < end; at += sizeof words) {
        size_t n = end - at < sizeof words ? end - at : sizeof words;
        if (!memory_read(r, at, words, n))
            return "code whose stack cannot be read";
        for (size_t i = 0; i < n / sizeof words[0]; i++) {
            const char *name = holder_of(ranges, words[i]);
            if (name)
                return name;
        }
    }
    return NULL;
}

bool asleep_safely(const struct remote *r, const struct tracee *t, char *where, size_t cap)
{
    const char *name = is_wait(asleep_in(t)) ? holder_on_stack(r, t) : "code of a C library without unwind tables, and not waiting";
    if (name)
        snprintf(where, cap, "%s", name);
    return !name;
}
