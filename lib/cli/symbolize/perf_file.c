/* SPDX-License-Identifier: MIT */
/*
 * perf_file.c: opens the perf map of a process, proves that it is this process', and reads it.
 *
 * Called by symbolize.c. Everybody may make files in /tmp, and a map stays there when its process
 * has ended.
 */
#include "perf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/perf_map.h"
#include "../base/open_below.h"
#include "../kernel/procfs.h"

/*
 * A file is dated by the last tick of the kernel's timer, up to 10 ms ago, and the start of a
 * process is known to 10 ms.
 */
#define ROUNDING_NS 20000000u

/* Not to read, so that no device or pipe notices. */
static int look_at(const struct perf_file *f)
{
    int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    return f->root[0] ? open_below(f->root, f->path, flags) : open(f->path, flags);
}

/*
 * The user whose map is taken; false: not known. A number that another process has by now may have
 * been that one's when it wrote the map.
 */
static bool owner_of(const struct perf_file *f, uint32_t *owner)
{
    struct procfs_stat st;
    *owner = f->owner;
    if (f->pid && procfs_stat(f->pid, &st) == 0 && st.start_ticks == f->start_ticks)
        return procfs_user(f->pid, owner);
    return procfs_stat(f->inner_pid, &st) != 0 || st.start_ticks == f->start_ticks;
}

static const char *refused(const struct perf_file *f, const struct stat *st)
{
    uint32_t owner;
    uint64_t written = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
    if (!S_ISREG(st->st_mode))
        return S_ISLNK(st->st_mode) ? "it is a symbolic link" : "it is no regular file";
    if (!owner_of(f, &owner))
        return "its process has ended, and another one has that number";
    if (st->st_uid != 0 && st->st_uid != owner)
        return "it is another user's";
    if (!f->begun_ns || written + ROUNDING_NS < f->begun_ns)
        return "it is older than the process";
    return NULL;
}

/* The last PERF_MAP_MAX bytes, from the begin of a line. */
static char *read_end(int fd, off_t size, size_t *len)
{
    off_t from = size > (off_t)PERF_MAP_MAX ? size - (off_t)PERF_MAP_MAX : 0;
    size_t wanted = (size_t)(size - from), n = 0;
    char *text = malloc(wanted + 1);
    ssize_t got = 1;
    while (text && n < wanted && got > 0) {
        got = pread(fd, text + n, wanted - n, from + (off_t)n);
        n += got > 0 ? (size_t)got : 0;
    }
    if (text && from) {
        const char *newline = memchr(text, '\n', n);
        size_t cut = newline ? (size_t)(newline - text) + 1 : n;
        memmove(text, text + cut, n -= cut);
    }
    *len = n;
    return text;
}

char *perf_file_read(const struct perf_file *f, size_t *len, const char **why)
{
    struct stat st;
    char again[40], *text = NULL;
    int found = look_at(f);
    *why = NULL;
    if (found < 0) {
        *why = errno == ENOENT ? NULL : strerror(errno);
        return NULL;
    }
    *why = fstat(found, &st) == 0 ? refused(f, &st) : strerror(errno);
    snprintf(again, sizeof again, "/proc/self/fd/%d", found);
    int fd = *why ? -1 : open(again, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        text = read_end(fd, st.st_size, len);
    if (!text && !*why)
        *why = strerror(errno);
    if (fd >= 0)
        close(fd);
    close(found);
    return text;
}
