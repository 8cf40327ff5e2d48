/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c: lists the open descriptors of this process.
 *
 * Called by the constructor, and on the thread that ends the process. Four system calls for a
 * process with few descriptors.
 */
#include "descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>

#include "../base/sys.h"

struct entry { /* of getdents64(2) */
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* -1: not a number ("." and ".."). */
static int number_of(const char *name)
{
    int n = 0;
    if (!*name)
        return -1;
    for (; *name >= '0' && *name <= '9'; name++)
        n = n * 10 + (*name - '0');
    return *name ? -1 : n;
}

bool descriptors_each(void (*call)(void *arg, int fd), void *arg)
{
    _Alignas(8) char buf[2048];
    long dir = sys_openat(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), n;
    if (dir < 0)
        return false;
    while ((n = SYS3(SYS_getdents64, dir, buf, sizeof buf)) > 0) {
        for (long at = 0; at < n;) {
            const struct entry *e = (const void *)(buf + at);
            int fd = number_of(e->name);
            if (fd >= 0 && fd != dir)
                call(arg, fd);
            at += e->length;
        }
    }
    sys_close((int)dir);
    return n == 0;
}
