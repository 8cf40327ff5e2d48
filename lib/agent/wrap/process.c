/* SPDX-License-Identifier: MIT */
/*
 * process.c: the calls that end the program, replace its image, make a child in its memory, or
 * unload code; those that the kernel allows only to a process of one thread; and those that
 * change rights.
 *
 * They run where wrap.h says. The event comes before the real call, because most of these calls do
 * not return. exit(3) needs no wrapper: it runs our exit handler.
 */
#include "wrap.h"

#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../arch/cpu.h"
#include "../../arch/plt.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../elf/object_list.h"
#include "../inject/deepbind.h"
#include "../process/exec.h"
#include "../process/exit.h"
#include "../stacks/capture.h"
#include "../stacks/sites.h"
#include "../track/gate.h"
#include "../track/starts.h"
#include "../watch/last_thread.h"
#include "../watch/watcher.h"

/* ---- the end ---- */

#define EXIT(name) \
    WRAPPER(void, name, (int status)) { real.name(exit_begins(status, END_EXIT)); }
EXIT(_exit)
EXIT(_Exit)

/*
 * The program's own at_quick_exit handlers may close sockets, so ours must run after them. Handlers
 * run in reverse order: ours is registered first, by a constructor.
 */
static int quick_status;

static void at_the_quick_end(void)
{
    int status = exit_begins(quick_status, END_EXIT);
    if (status != quick_status)
        real._exit(status);
}

__attribute__((constructor)) static void expect_quick_exit(void) { (void)at_quick_exit(at_the_quick_end); }

WRAPPER(void, quick_exit, (int status))
{
    quick_status = status;
    real.quick_exit(status);
}

/*
 * The end of the first thread does not end the process. The end of the last one does, but libc
 * counts the watcher too, which must know that it may be the last, and has to look in another way
 * from here on.
 */
WRAPPER(void, pthread_exit, (void *result))
{
    watcher_first_thread_ends();
    real.pthread_exit(result);
}

WRAPPER(void, abort, (void))
{
    exit_aborting();
    real.abort();
}

/* ---- another image ---- */

#define AROUND_EXEC(call)    \
    ({                       \
        exec_begins();       \
        int result = (call); \
        exec_failed();       \
        result;              \
    })

WRAPPER(int, execve, (const char *path, char *const argv[], char *const envp[])) { return AROUND_EXEC(real.execve(path, argv, envp)); }

WRAPPER(int, execv, (const char *path, char *const argv[])) { return AROUND_EXEC(real.execv(path, argv)); }

WRAPPER(int, execvp, (const char *file, char *const argv[])) { return AROUND_EXEC(real.execvp(file, argv)); }

WRAPPER(int, execvpe, (const char *file, char *const argv[], char *const envp[])) { return AROUND_EXEC(real.execvpe(file, argv, envp)); }

WRAPPER(int, fexecve, (int fd, char *const argv[], char *const envp[])) { return AROUND_EXEC(real.fexecve(fd, argv, envp)); }

WRAPPER(int, execveat, (int dir, const char *path, char *const argv[], char *const envp[], int flags))
{
    return AROUND_EXEC(real.execveat(dir, path, argv, envp, flags));
}

/*
 * Collects the arguments of execl, execlp and execle into a vector on the stack: they may be called
 * in a vfork child or a signal handler, where nothing may be allocated. BODY is run with argv, and
 * with rest for what follows the closing NULL.
 */
#define WITH_ARGUMENTS(arg, body)                                \
    va_list rest;                                                \
    size_t count = 0;                                            \
    va_start(rest, arg);                                         \
    for (const char *a = arg; a; a = va_arg(rest, const char *)) \
        count++;                                                 \
    va_end(rest);                                                \
    char *argv[count + 1];                                       \
    va_start(rest, arg);                                         \
    argv[0] = (char *)(uintptr_t)arg;                            \
    for (size_t i = 1; i <= count; i++)                          \
        argv[i] = va_arg(rest, char *);                          \
    body va_end(rest);

WRAPPER(int, execl, (const char *path, const char *arg, ...))
{
    int r;
    WITH_ARGUMENTS(arg, r = AROUND_EXEC(real.execv(path, argv));)
    return r;
}

WRAPPER(int, execlp, (const char *file, const char *arg, ...))
{
    int r;
    WITH_ARGUMENTS(arg, r = AROUND_EXEC(real.execvp(file, argv));)
    return r;
}

WRAPPER(int, execle, (const char *path, const char *arg, ...))
{
    int r;
    WITH_ARGUMENTS(arg, char *const *envp = va_arg(rest, char *const *); r = AROUND_EXEC(real.execve(path, argv, envp));)
    return r;
}

/* ---- daemon ---- */

static __thread bool daemonizing;

/*
 * daemon(3) forks and ends the parent inside libc, by an _exit that no wrapper sees. The fork
 * handler of the parent is the last place before that.
 */
static void parent_of_daemon(void)
{
    if (daemonizing)
        exit_begins(0, END_EXIT);
}

static void watch_forks(void) { pthread_atfork(NULL, parent_of_daemon, NULL); }

WRAPPER(int, daemon, (int nochdir, int noclose))
{
    static _Atomic int once; /* 1: a thread is about to do it; not pthread_once: libc/libdl.h */
    int not_yet = 0;
    if (atomic_compare_exchange_strong(&once, &not_yet, 1)) {
        watch_forks();
        atomic_store(&once, 2);
    }
    while (atomic_load(&once) == 1)
        SYS0(SYS_sched_yield);
    daemonizing = true;
    int r = real.daemon(nochdir, noclose);
    daemonizing = false;
    if (r == 0 && !noclose) {
        for (int fd = 0; fd <= 2; fd++)
            track_closing_by(fd, CALL_DAEMON, CLOSER);
    }
    return r;
}

/* ---- children that run in this process' memory ---- */

/*
 * Such a child closes its own copy of a descriptor, so its events must not reach the table. A vfork
 * child runs in place of the calling thread, whose in_vfork is not 0 meanwhile.
 */
_Static_assert(offsetof(struct this_thread, in_vfork) == 0, "ARCH_VFORK_ENTRY counts in the first word of this_thread");
pid_t wrapper_vfork_failed(int err) __attribute__((visibility("hidden"), used));
pid_t wrapper_vfork_failed(int err)
{
    errno = err;
    return -1;
}
ARCH_VFORK_ENTRY(wrap_vfork, vfork, __vfork, this_thread, LIBC_THREAD_OFFSET, wrapper_vfork_failed);
__asm__(".globl wrap___vfork\n.hidden wrap___vfork\n.set wrap___vfork, wrap_vfork\n");

typedef int clone_function(int (*start)(void *), void *stack, int flags, void *arg, void *parent_tid, void *tls, void *child_tid);

/* A child with memory of its own, or a thread. */
static int clone_apart(clone_function *clone, int (*start)(void *), void *stack, int flags, void *arg, void *parent_tid, void *tls,
                       void *child_tid)
{
    if (flags & CLONE_THREAD)
        return clone(start, stack, flags, arg, parent_tid, tls, child_tid);
    uint32_t started = starts_begin(CALL_CLONE);
    int r = clone(start, stack, flags, arg, parent_tid, tls, child_tid);
    starts_end(started, r > 0 ? (uint32_t)r : 0);
    return r;
}

#define CLONE(name)                                                                                                             \
    WRAPPER(int, name, (int (*start)(void *), void *stack, int flags, void *arg, void *parent_tid, void *tls, void *child_tid)) \
    {                                                                                                                           \
        bool shared = (flags & CLONE_VM) && !(flags & CLONE_THREAD);                                                            \
        if (!shared)                                                                                                            \
            return clone_apart(real.name, start, stack, flags, arg, parent_tid, tls, child_tid);                                \
        if (!(flags & CLONE_VFORK) || (flags & CLONE_SETTLS)) {                                                                 \
            gate_shares_memory();                                                                                               \
            return real.name(start, stack, flags, arg, parent_tid, tls, child_tid);                                             \
        }                                                                                                                       \
        this_thread.in_vfork++;                                                                                                 \
        int r = real.name(start, stack, flags, arg, parent_tid, tls, child_tid);                                                \
        this_thread.in_vfork--;                                                                                                 \
        return r;                                                                                                               \
    }
CLONE(clone)
CLONE(__clone)

/* ---- programs that libc starts --------------------------------------------------------------- */

#define SPAWN(name, id)                                                                                                     \
    WRAPPER(int, name,                                                                                                      \
            (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, \
             char *const argv[], char *const envp[]))                                                                       \
    {                                                                                                                       \
        pid_t child = 0;                                                                                                    \
        uint32_t started = starts_begin(id);                                                                                \
        int r = real.name(&child, path, actions, attributes, argv, envp);                                                   \
        starts_end(started, r == 0 ? (uint32_t)child : 0);                                                                  \
        if (r == 0 && pid)                                                                                                  \
            *pid = child;                                                                                                   \
        if (r != 0)                                                                                                         \
            exhausted_note_error(id, r);                                                                                    \
        return r;                                                                                                           \
    }
SPAWN(posix_spawn, CALL_POSIX_SPAWN)
SPAWN(posix_spawnp, CALL_POSIX_SPAWNP)

#define POPEN(name)                                                \
    WRAPPER(FILE *, name, (const char *command, const char *mode)) \
    {                                                              \
        uint32_t started = starts_begin(CALL_POPEN);               \
        FILE *file = real.name(command, mode);                     \
        starts_end(started, 0);                                    \
        if (!file)                                                 \
            exhausted_note(CALL_POPEN, 0);                         \
        return file;                                               \
    }
POPEN(popen)
POPEN(_IO_popen)

WRAPPER(int, system, (const char *command))
{
    uint32_t started = command ? starts_begin(CALL_SYSTEM) : 0;
    int r = real.system(command);
    starts_end(started, 0);
    return r;
}

/* ---- calls that fail, or do something else, in a process of several threads ---- */

WRAPPER(int, unshare, (int flags)) { return WITHOUT_WATCHER(watcher_suspend(), real.unshare(flags)); }
WRAPPER(int, setns, (int fd, int type)) { return WITHOUT_WATCHER(watcher_suspend(), real.setns(fd, type)); }

/* ---- calls that change the rights of the calling thread alone, or filter its calls ---- */

long wrapper_prctl(int what, long a, long b, long c, long d, long result)
{
    if (unlikely(what == PR_SET_SECCOMP) && result == 0)
        sys_enter_sandbox();
    else if (result == 0)
        watcher_follow(SYS_prctl, what, a, b, c, d);
    return result;
}

WRAPPER(int, prctl, (int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d))
{
    return (int)wrapper_prctl(what, (long)a, (long)b, (long)c, (long)d, real.prctl(what, a, b, c, d));
}

WRAPPER(int, capset, (void *header, const void *data))
{
    int r = real.capset(header, data);
    if (r == 0)
        watcher_follow(SYS_capset, (long)header, (long)data, 0, 0, 0);
    return r;
}

/* These return what was before, also when they fail. */
#define SETFS(name)                                 \
    WRAPPER(int, name, (unsigned id))               \
    {                                               \
        int r = real.name(id);                      \
        watcher_follow(SYS_##name, id, 0, 0, 0, 0); \
        return r;                                   \
    }
SETFS(setfsuid)
SETFS(setfsgid)

/* ---- calls by which libc changes every thread that it knows ---- */

/* What libc does by this system call, with A, B and C. */
#define SET(name, parameters, arguments, number, a, b, c) \
    WRAPPER(int, name, parameters)                        \
    {                                                     \
        int r = real.name arguments;                      \
        if (r == 0)                                       \
            watcher_follow_libc(number, a, b, c);         \
        return r;                                         \
    }
SET(setuid, (uid_t id), (id), SYS_setuid, id, 0, 0)
SET(setgid, (gid_t id), (id), SYS_setgid, id, 0, 0)
SET(seteuid, (uid_t id), (id), SYS_setresuid, -1, id, -1)
SET(setegid, (gid_t id), (id), SYS_setresgid, -1, id, -1)
SET(setreuid, (uid_t ruid, uid_t euid), (ruid, euid), SYS_setreuid, ruid, euid, 0)
SET(setregid, (gid_t rgid, gid_t egid), (rgid, egid), SYS_setregid, rgid, egid, 0)
SET(setresuid, (uid_t ruid, uid_t euid, uid_t suid), (ruid, euid, suid), SYS_setresuid, ruid, euid, suid)
SET(setresgid, (gid_t rgid, gid_t egid, gid_t sgid), (rgid, egid, sgid), SYS_setresgid, rgid, egid, sgid)
SET(setgroups, (size_t n, const gid_t *list), (n, list), SYS_setgroups, (long)n, (long)list, 0)

/* libc reads the groups of USER from its data bases; the kernel knows what it has set. */
WRAPPER(int, initgroups, (const char *user, gid_t group))
{
    int r = real.initgroups(user, group);
    if (r == 0)
        watcher_follow_groups();
    return r;
}

/* ---- code that is loaded and unloaded ---- */

/*
 * dlopen asks who called it, for its search path and namespace: the entry calls the hook and jumps
 * on, with the return address as it came.
 */
ARCH_HOOK_ENTRY(wrap_dlopen, deepbind_opening, deepbind_dlopen);
__asm__(".globl dlopen\n.set dlopen, wrap_dlopen\n");

WRAPPER(int, dlclose, (void *handle))
{
    sites_dlclose_begin();
    capture_dlclose_begin();
    int r = real.dlclose(handle);
    object_list_forget();
    capture_dlclose_end();
    sites_dlclose_done();
    return r;
}
