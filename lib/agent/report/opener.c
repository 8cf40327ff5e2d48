/* SPDX-License-Identifier: MIT */
/*
 * opener.c: the thread that opened a group's sockets, as /proc shows it now.
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

void opener_now(struct opener *t, uint64_t opened_ns)
{
    char text[512];
    if (!t->tid)
        return;
    uint64_t now = clock_now();
    uint64_t now_boot = sys_clock(CLOCK_BOOTTIME);
    long n = read_file(t->tid, "stat", text, sizeof text);
    if (n == -ENOENT && read_file((uint32_t)sys_gettid(), "comm", text, sizeof text) < 0)
        return; /* no /proc here */
    t->ended =
        n == -ENOENT || n == -ESRCH || (n > 0 && opener_is_another(text, (size_t)n, now_boot, now > opened_ns ? now - opened_ns : 0));
    if (t->ended)
        return;
    n = read_file(t->tid, "comm", text, sizeof text);
    opener_set_name(t, text, n > 0 ? (size_t)n : 0);
    /* what the reading thread itself is in is our own call */
    n = t->tid == (uint32_t)sys_gettid() ? 0 : read_file(t->tid, "syscall", text, sizeof text);
    opener_set_now(t, text, n > 0 ? (size_t)n : 0);
}
