/* SPDX-License-Identifier: MIT */
/*
 * inject.c: runs a program under the library and lets chosen system calls of the library's own
 * fail.
 *
 * usage: inject -l LIBRARY [-n N] [-e N] [-m] [-v] [-o FILE] COMMAND...
 *   -n N     the N-th call fails          -e N   every N-th call fails           neither: none fails, they are only counted
 *   -m       of the calls that get memory, files and descriptors alone
 *   -o FILE  gets a line for each call that failed (-v: for each), "N NAME ERROR +PLACE", and a last one: "calls K failed F"
 *
 * A tracer: COMMAND runs with LD_PRELOAD=LIBRARY, and with its threads and children stops at each
 * system call. A call whose instruction lies in LIBRARY's text is the library's own, and the
 * product is tested as it is installed. Such a call is taken away before the kernel sees it, and
 * the library reads an error that this call is known to give. What another library calls for ours
 * (pthread_create, dlsym) is not seen here. Children that execute another program are let go. The
 * status is the command's; 128 + N when signal N ended it.
 */
#include <elf.h>
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "../newer.h"

#define OPTIONS \
    (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

/* ---- which calls fail, and how --------------------------------------------------------------- */

enum class { MEMORY, OTHER };

/*
 * Not here, so never made to fail: calls that cannot fail with arguments as the library gives them
 * (getpid, gettid, clock_gettime, sched_yield, uname, rt_sigprocmask, rt_sigpending, prctl,
 * FUTEX_WAKE), where an error would be an answer that no kernel gives; exit, and kill of a child of
 * one's own, which nothing could replace; vfork, which is the program's own call made from our
 * text.
 */
static const struct fault {
    long number;
    int error;
    enum class class;
    const char *name;
} faults[] = {
    {SYS_mmap, ENOMEM, MEMORY, "mmap"},
    {SYS_mremap, ENOMEM, MEMORY, "mremap"},
    {SYS_mprotect, ENOMEM, MEMORY, "mprotect"},
    {SYS_munmap, ENOMEM, MEMORY, "munmap"}, /* a mapping cut in two is one mapping more */
    {SYS_madvise, EINVAL, MEMORY, "madvise"},
    {SYS_openat, EMFILE, MEMORY, "openat"},
    {SYS_ftruncate, ENOSPC, MEMORY, "ftruncate"},
    {SYS_pipe2, EMFILE, MEMORY, "pipe2"},
    {SYS_mkdirat, ENOSPC, MEMORY, "mkdirat"},
    {SYS_renameat2, ENOSPC, MEMORY, "renameat2"},
    {SYS_fcntl, EMFILE, MEMORY, "fcntl"},
    {SYS_close, EIO, OTHER, "close"}, /* the descriptor is closed all the same, as Linux does it */
    {SYS_dup3, EBUSY, OTHER, "dup3"},
    {SYS_close_range, ENOSYS, OTHER, "close_range"}, /* before Linux 5.9 */
    {SYS_read, EIO, OTHER, "read"},
    {SYS_pread64, EIO, OTHER, "pread64"},
    {SYS_write, ENOSPC, OTHER, "write"},
    {SYS_unlinkat, EROFS, OTHER, "unlinkat"},
    {SYS_readlinkat, EACCES, OTHER, "readlinkat"},
    {SYS_faccessat, EACCES, OTHER, "faccessat"},
#ifdef SYS_newfstatat
    {SYS_newfstatat, EACCES, OTHER, "newfstatat"},
#endif
    {SYS_getdents64, EIO, OTHER, "getdents64"},
    {SYS_ppoll, ENOMEM, OTHER, "ppoll"},
    {SYS_getsockopt, EPERM, OTHER, "getsockopt"}, /* as a filter says that was there before the program (systemd's SystemCallFilter=) */
    {SYS_getsockname, ENOBUFS, OTHER, "getsockname"},
    {SYS_getpeername, ENOBUFS, OTHER, "getpeername"},
    {SYS_ioctl, EPERM, OTHER, "ioctl"},
    {SYS_prlimit64, EPERM, OTHER, "prlimit64"},
    {SYS_futex, EINTR, OTHER, "futex"}, /* a wait; FUTEX_WAKE_OP: EFAULT */
    {SYS_wait4, EINTR, OTHER, "wait4"},
    {SYS_nanosleep, EINTR, OTHER, "nanosleep"},
    {SYS_execve, EAGAIN, OTHER, "execve"},
    {SYS_process_vm_readv, EPERM, OTHER, "process_vm_readv"},
};

static const struct fault *fault_of(const struct ptrace_syscall_info *s, int *error)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct fault *f = &faults[i];
        if ((long)s->entry.nr != f->number)
            continue;
        *error = f->error;
        if (f->number == SYS_futex) {
            unsigned op = (unsigned)s->entry.args[1] & FUTEX_CMD_MASK;
            if (op == FUTEX_WAKE_OP)
                *error = EFAULT; /* a full tmpfs */
            else if (op != FUTEX_WAIT)
                return NULL;
        }
        return f;
    }
    return NULL;
}

/* ---- the traced threads ---------------------------------------------------------------------- */

#define MAX_THREADS 256
static struct thread {
    pid_t tid;
    int error; /* to be given at the exit from the call that it is in; 0: none */
    bool runs; /* its first stop is over */
} threads[MAX_THREADS];

static struct thread *thread_of(pid_t tid)
{
    struct thread *unused = NULL;
    for (int i = 0; i < MAX_THREADS; i++) {
        if (threads[i].tid == tid)
            return &threads[i];
        if (!threads[i].tid && !unused)
            unused = &threads[i];
    }
    if (!unused)
        exit(125);
    *unused = (struct thread){.tid = tid};
    return unused;
}

static const char *library;
static uint64_t begin, end; /* of its text; forked children have it at the same place */

static void find_library(pid_t pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long from, to;
        char permissions[5];
        int at = 0;
        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &from, &to, permissions, &at) >= 3 && at && permissions[2] == 'x' &&
            !strcmp(line + at, library)) {
            begin = from;
            end = to;
        }
    }
    if (f)
        fclose(f);
}

static void skip_call(pid_t tid)
{
#if defined(__x86_64__)
    ptrace(PTRACE_POKEUSER, tid, (void *)(15 * 8), (void *)-1L); /* orig_rax */
#else
    int none = -1;
    struct iovec v = {&none, sizeof none};
    ptrace(PTRACE_SETREGSET, tid, (void *)NT_ARM_SYSTEM_CALL, &v);
#endif
}

static void set_result(pid_t tid, long value)
{
#if defined(__x86_64__)
    ptrace(PTRACE_POKEUSER, tid, (void *)(10 * 8), (void *)value); /* rax */
#else
    uint64_t registers[34];
    struct iovec v = {registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &v) == 0) {
        registers[0] = (uint64_t)value;
        ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &v);
    }
#endif
}

static unsigned long nth, every, calls, failed;
static bool memory_only, verbose;
static FILE *out;

static void at_syscall(pid_t tid)
{
    struct ptrace_syscall_info s;
    struct thread *t = thread_of(tid);
    int error;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof s, &s) <= 0)
        return;
    if (s.op == PTRACE_SYSCALL_INFO_EXIT) {
        if (t->error)
            set_result(tid, -t->error);
        t->error = 0;
        return;
    }
    if (s.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (!begin)
        find_library(tid);
    const struct fault *f = s.instruction_pointer > begin && s.instruction_pointer <= end ? fault_of(&s, &error) : NULL;
    if (!f || (memory_only && f->class != MEMORY))
        return;
    calls++;
    bool fails = calls == nth || (every && calls % every == 0);
    if (fails || verbose)
        /* What is asked for is part of the place: one helper asks for several socket options. */
        fprintf(out, "%lu %s %s +%#lx/%d\n", calls, f->name, strerrorname_np(error), (unsigned long)(s.instruction_pointer - begin),
                (long)s.entry.nr == SYS_getsockopt ? (int)s.entry.args[2] : 0);
    if (!fails)
        return;
    failed++;
    t->error = error;
    if (f->number != SYS_close)
        skip_call(tid);
}

/* What runs on once its only call has failed need not stop any more: half of all stops. */
static void resume(pid_t tid, int signal)
{
    bool is_done = nth && !every && calls >= nth && !thread_of(tid)->error;
    ptrace(is_done ? PTRACE_CONT : PTRACE_SYSCALL, tid, NULL, (void *)(long)signal);
}

static int run(pid_t root)
{
    int status, result = 125;
    bool began = false;
    for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            thread_of(tid)->tid = 0;
            if (tid == root)
                result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int signal = WSTOPSIG(status), event = status >> 16;
        if (signal == (SIGTRAP | 0x80)) {
            at_syscall(tid);
            signal = 0;
        } else if (event == PTRACE_EVENT_EXEC && began) {
            thread_of(tid)->tid = 0;
            ptrace(PTRACE_DETACH, tid, NULL, NULL);
            continue;
        } else if (event) {
            began |= event == PTRACE_EVENT_EXEC;
            signal = 0;
        } else if (signal == SIGSTOP && !thread_of(tid)->runs) {
            thread_of(tid)->runs = true; /* each new thread's first stop */
            signal = 0;
        }
        resume(tid, signal);
    }
    return result;
}

int main(int argc, char **argv)
{
    int option;
    out = stdout;
    while ((option = getopt(argc, argv, "+l:n:e:mvo:")) != -1)
        switch (option) {
        case 'l':
            library = realpath(optarg, NULL);
            break;
        case 'n':
            nth = strtoul(optarg, NULL, 10);
            break;
        case 'e':
            every = strtoul(optarg, NULL, 10);
            break;
        case 'm':
            memory_only = true;
            break;
        case 'v':
            verbose = true;
            break;
        case 'o':
            out = fopen(optarg, "we");
            break;
        default:
            return 125;
        }
    if (!library || !out || optind >= argc)
        return 125;
    pid_t root = fork();
    if (root == 0) {
        setenv("LD_PRELOAD", library, 1);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execv(argv[optind], argv + optind);
        _exit(125);
    }
    int status;
    if (root < 0 || waitpid(root, &status, 0) != root || ptrace(PTRACE_SETOPTIONS, root, NULL, (void *)(long)OPTIONS) < 0)
        return 125;
    thread_of(root)->runs = true;
    ptrace(PTRACE_SYSCALL, root, NULL, NULL);
    status = run(root);
    fprintf(out, "calls %lu failed %lu\n", calls, failed);
    fclose(out);
    return status;
}
