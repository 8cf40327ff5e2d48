/* SPDX-License-Identifier: MIT */
/*
 * replace_file.c: replaces a file at once.
 *
 * Called for the textfile and for the counters. The new file has a name of its own, which no reader
 * of *.prom takes, and is made anew: a link that somebody has put there is not followed.
 */
#include "replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/arena.h"

static int write_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

int replace_file(const char *path, const char *text, size_t len, mode_t mode)
{
    size_t room = strlen(path) + sizeof ".XXXXXX";
    char *beside = arena_grow(NULL, room, 1);
    snprintf(beside, room, "%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    int error = fd < 0 ? -errno : write_all(fd, text, len);
    if (fd >= 0) {
        if (!error && fchmod(fd, mode) != 0)
            error = -errno;
        if (close(fd) != 0 && !error)
            error = -errno;
        if (!error && rename(beside, path) != 0)
            error = -errno;
        if (error)
            unlink(beside);
    }
    free(beside);
    return error;
}
