/* SPDX-License-Identifier: MIT */
/*
 * opener.c: the thread that opened a group's sockets, as /proc shows it now.
 *
 * Called with the watch lock held, while a report is made, where files may be opened.
 */
#include "opener.h"

#include <time.h>

#include "../../core/out.h"
#include "../base/clock.h"
#include "../base/sys.h"
#include "../base/thread.h"

/* Of the file NAME of thread TID at most CAP bytes; negative: it cannot be read. */
static long read_file(uint32_t tid, const char *name, char *buf, size_t cap)
{
    char path[64];
    struct out o = {.buf = path, .cap = sizeof path - 1};
    out_fmt(&o, "/proc/self/task/%u/%s", tid, name);
    path[o.len] = 0;
    long fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    long n = sys_read((int)fd, buf, cap);
    sys_close((int)fd);
    return n;
}

void opener_now(struct opener *t, uint64_t opened_ns)
{
    char text[512];
    struct timespec boot = {0, 0};
    if (!t->tid)
        return;
    uint64_t now = clock_now();
    SYS2(SYS_clock_gettime, CLOCK_BOOTTIME, &boot);
    uint64_t now_boot = (uint64_t)boot.tv_sec * NS_PER_S + (uint64_t)boot.tv_nsec;
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
