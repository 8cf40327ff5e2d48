/* SPDX-License-Identifier: MIT */
/*
 * traced.h: runs a program whose threads stop at the calls that open a socket, and takes samples of
 * them, for the tests of lib/cli/trace: the smallest tracer that a walk can be tried with.
 */
#ifndef TRACED_H
#define TRACED_H

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/trace/process_memory.h"
#include "cli/trace/walk.h"

#include "../newer.h"

#define TRACED_ARCH_SET_FS 0x1002
#define TRACED_WAIT_KILLABLE (1u << 5) /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19 */
#define TRACED_POINTERS 256u

struct traced {
    pid_t pid;
    int listener, output; /* what the program prints */
    struct walker *walker;
    struct seccomp_notif call;
    uint64_t pointers[TRACED_POINTERS];
    unsigned n_pointers;
};

static int traced_filter(void)
{
    static const unsigned calls[] = {SYS_socket, SYS_connect, SYS_clone, SYS_clone3, SYS_arch_prctl, SYS_execve};
    enum { N = sizeof calls / sizeof *calls };
    struct sock_filter f[N * 2 + 2];
    unsigned n = 0;
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
    for (unsigned i = 0; i < N; i++) {
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {(unsigned short)n, f};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* where it is known, no signal makes a call come again */
    unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | TRACED_WAIT_KILLABLE, &program);
    return fd >= 0 ? fd : (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void traced_child(char **argv, int number, int go, int out)
{
    char z;
    int fd = traced_filter();
    if (write(number, &fd, sizeof fd) != (ssize_t)sizeof fd || read(go, &z, 1) != 1)
        _exit(125);
    dup2(out, 1);
    for (int i = 3; i < 64; i++)
        close(i);
    execv(argv[0], argv);
    _exit(127);
}

/* False: the kernel cannot do it here, or the program cannot be run. */
static bool traced_start(struct traced *t, char **argv)
{
    int number[2], go[2], out[2], there = -1;
    memset(t, 0, sizeof *t);
    t->listener = -1;
    if (pipe2(number, O_CLOEXEC) || pipe2(go, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        return false;
    fcntl(out[1], F_SETPIPE_SZ, 1 << 20);
    t->pid = fork();
    if (!t->pid)
        traced_child(argv, number[1], go[0], out[1]);
    close(number[1]);
    close(go[0]);
    close(out[1]);
    t->output = out[0];
    fcntl(t->output, F_SETFL, O_NONBLOCK);
    int pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
    if (read(number[0], &there, sizeof there) == (ssize_t)sizeof there && there >= 0)
        t->listener = (int)syscall(SYS_pidfd_getfd, pidfd, there, 0);
    close(pidfd);
    close(number[0]);
    bool ok = t->listener >= 0 && write(go[1], "g", 1) == 1;
    close(go[1]);
    return ok;
}

static inline void traced_end(struct traced *t)
{
    if (t->pid > 0) {
        kill(t->pid, SIGKILL);
        waitpid(t->pid, NULL, 0);
    }
    walker_close(t->walker);
    if (t->listener >= 0)
        close(t->listener);
    close(t->output);
}

static inline bool traced_answer(struct traced *t)
{
    struct seccomp_notif_resp r = {.id = t->call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    return ioctl(t->listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0;
}

static bool traced_registers(struct sample *s)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/syscall", s->tid);
    for (int tries = 0; tries < 1000; tries++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (fd >= 0)
            close(fd);
        if (n <= 0)
            return false;
        text[n] = '\0';
        char *last = strrchr(text, ' '), *before = NULL;
        if (!last)
            continue; /* "running" */
        s->pc = strtoull(last, NULL, 16);
        *last = '\0';
        before = strrchr(text, ' ');
        s->sp = before ? strtoull(before, NULL, 16) : 0;
        return before != NULL;
    }
    return false;
}

static uint64_t traced_new_pointer(const struct traced *t)
{
    const __u64 *a = t->call.data.args;
    uint64_t pointer = 0;
    switch (t->call.data.nr) {
    case SYS_clone:
        return a[0] & CLONE_SETTLS ? a[4] : 0;
    case SYS_clone3:
        process_memory_read((pid_t)t->call.pid, a[0] + offsetof(struct clone_args, tls), &pointer, sizeof pointer);
        return pointer;
    case SYS_arch_prctl:
        return a[0] == TRACED_ARCH_SET_FS ? a[1] : 0;
    }
    return 0;
}

/* The process of thread TID. */
static pid_t traced_process(pid_t tid)
{
    char path[64], line[256];
    int pid = tid;
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Tgid: %d", &pid) == 1)
            break;
    if (f)
        fclose(f);
    return pid;
}

/* A thread's pointer leads to a block with its tid: pthread's own, or Go's m. */
static uint64_t traced_pointer(const struct traced *t, pid_t tid)
{
    for (unsigned i = t->n_pointers < TRACED_POINTERS ? t->n_pointers : TRACED_POINTERS; i-- > 0;) {
        uint32_t block[256];
        uint64_t g, m, words[16];
        size_t n = process_memory_some(tid, t->pointers[i], block, sizeof block) / sizeof *block;
        for (size_t k = 0; k < n; k++)
            if (block[k] == (uint32_t)tid)
                return t->pointers[i];
        if (!process_memory_read(tid, t->pointers[i] - 8, &g, 8) || !process_memory_read(tid, g + 48, &m, 8) ||
            !process_memory_read(tid, m, words, sizeof words))
            continue;
        for (unsigned k = 0; k < 16; k++)
            if (words[k] == (uint64_t)tid)
                return t->pointers[i];
    }
    return 0;
}

/*
 * Waits for the next socket or connect, fills S, and leaves the thread stopped: traced_answer lets
 * it go. False: the program has ended, or ten seconds have passed.
 */
static inline bool traced_next(struct traced *t, struct sample *s)
{
    for (;;) {
        struct pollfd p = {.fd = t->listener, .events = POLLIN};
        memset(&t->call, 0, sizeof t->call);
        if (poll(&p, 1, 10000) != 1 || !(p.revents & POLLIN))
            return false;
        if (ioctl(t->listener, SECCOMP_IOCTL_NOTIF_RECV, &t->call)) {
            if (errno == EINTR || errno == ENOENT)
                continue;
            return false;
        }
        int nr = t->call.data.nr;
        if (nr == SYS_socket || nr == SYS_connect)
            break;
        uint64_t pointer = traced_new_pointer(t);
        if (pointer)
            t->pointers[t->n_pointers++ % TRACED_POINTERS] = pointer;
        traced_answer(t);
    }
    memset(s, 0, sizeof *s);
    s->tid = (pid_t)t->call.pid;
    s->pid = traced_process(s->tid);
    s->nr = t->call.data.nr;
    for (unsigned i = 0; i < 6; i++)
        s->args[i] = t->call.data.args[i];
    if (!traced_registers(s))
        return false;
    s->stack_bytes = (uint32_t)process_memory_some(s->tid, s->sp, s->stack, sizeof s->stack);
    if (!t->walker)
        t->walker = walker_open(s->pid);
    if (!t->walker)
        return false;
    s->thread_pointer = traced_pointer(t, s->tid);
    walker_sample(t->walker, s);
    return true;
}

#endif
