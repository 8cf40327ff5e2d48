/* SPDX-License-Identifier: MIT */
/*
 * opener.c: the threads that opened a group's sockets and used them last, as /proc shows them now.
 *
 * Called by model.c for each group of a live process. The call that a thread is in may be asked by
 * those alone who may trace it: others get the name.
 */
#include "opener.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "../base/now.h"
#include "../kernel/procfs.h"

static ssize_t read_of(pid_t pid, const struct opener *t, const char *file, char *buf, size_t cap)
{
    char path[96];
    snprintf(path, sizeof path, "/proc/%d/task/%u/%s", (int)pid, t->tid, file);
    return procfs_read(path, buf, cap);
}

/* Whether a thread has T's number now; ANOTHER: it began after OPENED_NS. */
static bool is_there(struct opener *t, pid_t pid, uint64_t opened_ns, bool *another)
{
    char text[512];
    struct timespec boot;
    *another = false;
    if (!t->tid || clock_gettime(CLOCK_BOOTTIME, &boot) != 0)
        return false;
    uint64_t now = now_mono_ns(), now_boot = (uint64_t)boot.tv_sec * 1000000000u + (uint64_t)boot.tv_nsec;
    ssize_t n = read_of(pid, t, "stat", text, sizeof text);
    *another = n > 0 && opener_is_another(text, (size_t)n, now_boot, now > opened_ns ? now - opened_ns : 0);
    t->ended = n == -ENOENT || n == -ESRCH;
    return !t->ended;
}

static void describe(struct opener *t, pid_t pid)
{
    char text[512];
    ssize_t n = read_of(pid, t, "comm", text, sizeof text);
    opener_set_name(t, text, n > 0 ? (size_t)n : 0);
    n = read_of(pid, t, "syscall", text, sizeof text);
    opener_set_now(t, text, n > 0 ? (size_t)n : 0);
}

void opener_of(struct opener *t, pid_t pid, uint64_t opened_ns)
{
    bool another, there = is_there(t, pid, opened_ns, &another);
    if (there && another)
        t->ended = true;
    else if (there)
        describe(t, pid);
}

void opener_user_of(struct opener *t, pid_t pid, uint64_t opened_ns)
{
    bool another, there = is_there(t, pid, opened_ns, &another);
    if (there && !another)
        describe(t, pid);
}
