/* SPDX-License-Identifier: MIT */
/*
 * open_below.c: opens a file of another file system than ours.
 *
 * Called for all files whose names another process, or a state file, has told.
 */
#include "open_below.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <unistd.h>

#include "../../arch/numbers.h"

int open_below(const char *root, const char *path, int flags)
{
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    struct open_how how = {.flags = (uint64_t)flags, .resolve = RESOLVE_IN_ROOT};
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd < 0 && errno == ENOSYS) {
        while (*path == '/')
            path++;
        fd = openat(dir, path, flags);
    }
    close(dir);
    return fd;
}
