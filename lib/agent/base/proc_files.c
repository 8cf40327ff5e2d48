/* SPDX-License-Identifier: MIT */
/*
 * proc_files.c: reads small files of /proc, and lists its folders of numbers.
 *
 * Runs on the watcher, on threads that begin, fork, end or make a report. A file costs three system
 * calls, a folder with few entries four.
 */
#include "proc_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include "../../core/out.h"
#include "descriptors.h"
#include "sys.h"

/* Where the folder cannot be listed, of so many numbers at the most is asked. */
#define MOST_ASKED 1048576u

struct entry { /* of getdents64(2) */
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

long proc_read(char *buf, size_t cap, const char *fmt, ...)
{
    char path[128];
    struct out o = {.buf = path, .cap = sizeof path - 1};
    va_list ap;
    va_start(ap, fmt);
    out_vfmt(&o, fmt, ap);
    va_end(ap);
    path[o.len] = 0;
    long fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    long n = fd >= 0 ? sys_read((int)fd, buf, cap - 1) : fd;
    if (fd >= 0)
        sys_close((int)fd);
    buf[n > 0 ? n : 0] = 0;
    return n;
}

/* -1: not a number ("." and ".."). */
static long number_of(const char *name)
{
    long n = 0;
    for (; *name >= '0' && *name <= '9'; name++)
        n = n * 10 + (*name - '0');
    return *name ? -1 : n;
}

/* BUT: the number that is left out; -1: none. */
static bool each(long dir, long but, bool (*call)(void *arg, unsigned number), void *arg)
{
    _Alignas(8) char buf[2048];
    bool go_on = true;
    long n = -1;
    while (go_on && (n = SYS3(SYS_getdents64, dir, buf, sizeof buf)) > 0) {
        for (long at = 0; go_on && at < n;) {
            const struct entry *e = (const void *)(buf + at);
            long number = number_of(e->name);
            at += e->length;
            if (number >= 0 && number != but)
                go_on = call(arg, (unsigned)number);
        }
    }
    return n == 0;
}

static long open_folder(const char *path) { return sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0); }

bool proc_each_number(const char *path, bool (*call)(void *arg, unsigned number), void *arg)
{
    long dir = open_folder(path);
    bool all = dir >= 0 && each(dir, -1, call, arg);
    if (dir >= 0)
        sys_close((int)dir);
    return all;
}

bool proc_each_descriptor(unsigned from, bool (*call)(void *arg, unsigned number), void *arg)
{
    bool own = descriptors_are_own();
    long dir = own ? descriptors_folder() : open_folder("/proc/self/fd");
    /* the kernel's positions in this folder are the numbers, behind two for "." and ".." */
    long at = from ? (long)from + 2 : 0;
    bool all = dir >= 0 && SYS3(SYS_lseek, dir, at, SEEK_SET) == at && each(dir, own ? -1 : dir, call, arg);
    if (dir >= 0 && !own)
        sys_close((int)dir);
    return all;
}

struct links {
    void (*call)(void *arg, const char *link, size_t len);
    void *arg;
    bool any;
};

static bool take_link(void *arg, unsigned fd)
{
    struct links *l = arg;
    char link[512];
    long n = descriptors_link(fd, link, sizeof link);
    if (n > 0)
        l->call(l->arg, link, (size_t)n);
    l->any |= n > 0;
    return true;
}

bool proc_each_link(unsigned limit, void (*call)(void *arg, const char *link, size_t len), void *arg)
{
    struct links l = {call, arg, false};
    if (!proc_each_descriptor(0, take_link, &l))
        for (unsigned fd = 0; fd < limit && fd < MOST_ASKED; fd++)
            take_link(&l, fd);
    return l.any;
}
