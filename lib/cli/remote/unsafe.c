/* SPDX-License-Identifier: MIT */
/*
 * unsafe.c: is a stopped thread inside code that must not be entered twice?
 *
 * Called by safe_point.c. A call of ours loads a library: it needs the allocator, the loader, and
 * what the agent's constructor touches (fork handlers, exit handlers, thread creation). A thread
 * that was stopped inside one of these holds its lock, and would wait for itself. So its frames
 * (libunwind-ptrace) are compared with the address ranges of those functions, taken from the
 * dynamic symbol tables (and for the allocator from its code, allocator.c); ranges, because names
 * of stripped static functions mislead.
 */
#include "unsafe.h"

#include <libunwind-ptrace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "allocator.h"
#include "asleep.h"
#include "check.h"
#include "elf_symbol.h"
#include "maps.h"
#include "memory.h"
#include "tables.h"

#define MAX_WALK 256

/* Looked for in libc, and where older ones kept them: libpthread, libdl, libgcc_s. */
static const char *const libc_functions[] = {
    "dlopen",
    "dlmopen",
    "dlclose",
    "dlsym",
    "dlvsym",
    "dladdr",
    "dladdr1",
    "dlinfo",
    "dlerror",
    "dl_iterate_phdr",
    "__libc_dlopen_mode",
    "__libc_dlsym",
    "__libc_dlclose",
    "pthread_mutex_lock",
    "pthread_mutex_trylock",
    "pthread_mutex_timedlock",
    "pthread_mutex_clocklock",
    "pthread_mutex_unlock",
    "pthread_rwlock_rdlock",
    "pthread_rwlock_wrlock",
    "pthread_rwlock_unlock",
    "pthread_spin_lock",
    "flockfile",
    "funlockfile",
    "ftrylockfile",
    "pthread_once",
    "pthread_create",
    "pthread_exit",
    "pthread_getattr_np",
    "pthread_atfork",
    "__register_atfork",
    "__pthread_unregister_cancel",
    "fork",
    "_Fork",
    "vfork",
    "__libc_fork",
    "posix_spawn",
    "posix_spawnp",
    "system",
    "popen",
    "daemon",
    "exit",
    "quick_exit",
    "abort",
    "atexit",
    "on_exit",
    "__cxa_atexit",
    "__cxa_at_quick_exit",
    "__cxa_finalize",
    "__cxa_thread_atexit_impl",
    "mallinfo",
    "mallinfo2",
    "malloc_stats",
    "malloc_info",
    "mallopt",
    "setuid",
    "setgid",
    "seteuid",
    "setegid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "initgroups",
    "setenv",
    "unsetenv",
    "putenv",
    "clearenv",
    "_Unwind_Find_FDE",
    "_Unwind_RaiseException",
    "_Unwind_ForcedUnwind",
    "pthread_detach",
    "pthread_tryjoin_np",
    NULL,
};
/*
 * They free a thread's stack, and for that take the lock that creating a thread takes too. While
 * they wait for the thread's end they hold no lock.
 */
static const char *const join_functions[] = {"pthread_join", "pthread_timedjoin_np", "pthread_clockjoin_np", NULL};
static const char a_join[] = "pthread_join";

struct unsafe_range {
    uint64_t start, end;
    const char *name;
};

struct unsafe_ranges {
    const struct remote *r;
    const struct remote_module *libc;
    bool no_tables; /* of libc: musl */
    unw_addr_space_t space;
    struct unsafe_range *ranges;
    size_t n;
};

static void add_range(void *arg, uint64_t start, uint64_t end, const char *name)
{
    struct unsafe_ranges *u = arg;
    struct unsafe_range *more = reallocarray(u->ranges, u->n + 1, sizeof(*more));
    if (!more)
        return;
    u->ranges = more;
    u->ranges[u->n++] = (struct unsafe_range){start, end, name};
}

static void add_names(struct unsafe_ranges *u, struct remote_module *m, const char *const *names)
{
    uint64_t at, size;
    for (; *names; names++)
        if (elf_symbol(u->r, m, *names, &at, &size))
            add_range(u, at, at + (size ? size : 16), *names);
}

static void add_joins(struct unsafe_ranges *u, struct remote_module *m)
{
    uint64_t at, size;
    for (size_t i = 0; join_functions[i]; i++)
        if (elf_symbol(u->r, m, join_functions[i], &at, &size))
            add_range(u, at, at + (size ? size : 16), a_join);
}

static bool is_named(const struct remote_module *m, const char *prefix) { return strncmp(m->base_name, prefix, strlen(prefix)) == 0; }

void unsafe_close(struct unsafe_ranges *u)
{
    if (!u)
        return;
    if (u->space)
        unw_destroy_addr_space(u->space);
    free(u->ranges);
    free(u);
}

struct unsafe_ranges *unsafe_open(const struct remote *r)
{
    struct unsafe_ranges *u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->r = r;
    u->libc = maps_libc(r);
    u->no_tables = check_which_libc(r) == LIBRARY_MUSL;
    u->space = tables_space(r);
    for (size_t i = 0; i < r->n_modules; i++) {
        struct remote_module *m = &r->modules[i];
        if (is_named(m, "ld-linux") || is_named(m, "ld-2."))
            add_range(u, m->start, m->end, "the dynamic linker");
        else
            allocator_ranges(r, m, add_range, u);
        if (m == u->libc || is_named(m, "libpthread") || is_named(m, "libdl") || is_named(m, "libgcc_s"))
            add_names(u, m, libc_functions);
        if (m == u->libc || is_named(m, "libpthread"))
            add_joins(u, m);
    }
    if (u->space && u->n)
        return u;
    unsafe_close(u);
    return NULL;
}

static const char *range_name(const struct unsafe_ranges *u, uint64_t pc)
{
    for (size_t i = 0; i < u->n; i++)
        if (pc >= u->ranges[i].start && pc < u->ranges[i].end)
            return u->ranges[i].name;
    return NULL;
}

/*
 * If a thread is preempted inside a restartable sequence (rseq), the kernel sends it back to the
 * sequence's start. A call of ours in between would make the kernel forget that, so such a moment
 * is not used. Since 5.13 the kernel tells where a thread has its mark; where it cannot tell, glibc
 * is too old to use such sequences.
 */
static bool in_rseq(const struct tracee *t, uint64_t pc)
{
#ifdef PTRACE_GET_RSEQ_CONFIGURATION
    struct __ptrace_rseq_configuration conf = {0};
    if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, t->tid, sizeof(conf), &conf) < 0 || !conf.rseq_abi_pointer)
        return false;
    uint64_t cs, desc[3]; /* version and flags, start, length */
    if (!memory_read(t->r, conf.rseq_abi_pointer + 8, &cs, sizeof(cs)) || !cs || !memory_read(t->r, cs, desc, sizeof(desc)))
        return false;
    return pc - desc[1] < desc[2];
#else
    (void)t;
    (void)pc;
    return false;
#endif
}

/*
 * Is PC outside of libc? Only the end of a thread has frames of libc alone, and it frees the stack
 * as a join does. Every other stack has a frame of somebody who called libc.
 */
static bool is_foreign(const struct unsafe_ranges *u, uint64_t pc)
{
    const struct remote_module *m = maps_module_at(u->r, pc);
    return !m || (m != u->libc && !is_named(m, "libpthread"));
}

bool unsafe_here(const struct unsafe_ranges *u, struct tracee *t, char *where, size_t cap)
{
    unw_cursor_t c;
    unw_word_t pc = 0, sp = 0, last_sp = 0;
    const char *name = NULL;
    bool foreign = false;
    if (u->no_tables)
        return !asleep_safely(u->r, t, where, cap);
    void *upt = _UPT_create(t->tid);
    if (!upt || unw_init_remote(&c, u->space, upt) < 0) {
        snprintf(where, cap, "code whose stack cannot be read");
        if (upt)
            _UPT_destroy(upt);
        return true;
    }
    unsigned n = 0;
    for (; n < MAX_WALK && !name; n++) {
        unw_get_reg(&c, UNW_REG_IP, &pc);
        unw_get_reg(&c, UNW_REG_SP, &sp);
        if (n == 0 && in_rseq(t, pc))
            name = "a restartable sequence";
        /*
         * a caller's pc is the instruction behind its call, which may be the next function's first
         */
        if (!name)
            name = range_name(u, n && unw_is_signal_frame(&c) <= 0 ? pc - 1 : pc);
        if (name == a_join && asleep_in(t) == SYS_futex)
            name = NULL;
        foreign |= is_foreign(u, pc);
        if (name || (n && sp <= last_sp))
            break;
        last_sp = sp;
        if (unw_step(&c) <= 0)
            break;
    }
    /*
     * If the walk ends in its first frame inside libc, the caller is hidden, and the function may
     * be malloc. (A complete walk ends inside libc as well, but not in its first frame.)
     */
    const struct remote_module *m = maps_module_at(u->r, pc);
    if (!name && n == 0 && m && m == u->libc)
        name = "a part of libc without unwind tables";
    if (!name && n && !foreign)
        name = "the end of a thread";
    _UPT_destroy(upt);
    if (name)
        snprintf(where, cap, "%s", name);
    return name != NULL;
}
