/* SPDX-License-Identifier: MIT */
/*
 * opener.c: the threads that opened a group's sockets and used them last, as /proc shows them now.
 *
 * Called with the watch lock held, while a report is made, where files may be opened.
 */
#include "opener.h"

#include <time.h>

#include "../base/clock.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../base/thread.h"

/* Of the file NAME of thread TID at most CAP-1 bytes; negative: it cannot be read. */
static long read_file(uint32_t tid, const char *name, char *buf, size_t cap)
{
    return proc_read(buf, cap, "/proc/self/task/%u/%s", tid, name);
}

/* Whether a thread has T's number now; ANOTHER: it began after OPENED_NS. No /proc here: false. */
static bool is_there(struct opener *t, uint64_t opened_ns, bool *another)
{
    char text[512];
    uint64_t now = clock_now();
    uint64_t now_boot = sys_clock(CLOCK_BOOTTIME);
    long n = t->tid ? read_file(t->tid, "stat", text, sizeof text) : 0;
    *another = n > 0 && opener_is_another(text, (size_t)n, now_boot, now > opened_ns ? now - opened_ns : 0);
    if (n != -ENOENT && n != -ESRCH)
        return t->tid;
    t->ended = n == -ESRCH || read_file((uint32_t)sys_gettid(), "comm", text, sizeof text) >= 0;
    return false;
}

static void describe(struct opener *t)
{
    char text[512];
    long n = read_file(t->tid, "comm", text, sizeof text);
    opener_set_name(t, text, n > 0 ? (size_t)n : 0);
    /* what the reading thread itself is in is our own call */
    n = t->tid == (uint32_t)sys_gettid() ? 0 : read_file(t->tid, "syscall", text, sizeof text);
    opener_set_now(t, text, n > 0 ? (size_t)n : 0);
}

void opener_now(struct opener *t, uint64_t opened_ns)
{
    bool another, there = is_there(t, opened_ns, &another);
    if (there && another)
        t->ended = true;
    else if (there)
        describe(t);
}

void opener_user_now(struct opener *t, uint64_t opened_ns)
{
    bool another, there = is_there(t, opened_ns, &another);
    if (there && !another)
        describe(t);
}
