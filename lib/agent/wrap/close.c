/* SPDX-License-Identifier: MIT */
/*
 * close.c: the calls that end a connection or give a descriptor back, stdio's among them.
 *
 * The event comes before the real call: as soon as the kernel has the number back, another thread can be given it.
 */
#include "wrap.h"

#include <limits.h>
#include <linux/close_range.h>

#include "../watch/watcher.h"

WRAPPER(int, shutdown, (int fd, int how))
{
    int r = real.shutdown(fd, how);
    if (likely(r == 0))
        track_shutdown(fd, how);
    return r;
}

WRAPPER(int, close, (int fd)) { return AROUND_CLOSE(fd, real.close(fd)); }

WRAPPER(int, __close, (int fd)) { return AROUND_CLOSE(fd, real.__close(fd)); }

/* ---- many at once ---- */

/*
 * With CLOSE_RANGE_CLOEXEC nothing is closed. With CLOSE_RANGE_UNSHARE the calling thread gets a table of its own, in which the range is closed;
 * what the other threads hold stays open, and that is what our table describes. Where there are no other threads the kernel's word
 * removes the records at the next look.
 */
void wrapper_closing_range(unsigned first, unsigned last, unsigned flags)
{
    if (flags == 0 && first <= last)
        track_closing_range(first, last);
}

WRAPPER(int, close_range, (unsigned first, unsigned last, int flags))
{
    wrapper_closing_range(first, last, (unsigned)flags);
    /* Our own thread must not be the one with whom the table is no longer shared: it would hold the connections open. */
    return WITHOUT_WATCHER((flags & CLOSE_RANGE_UNSHARE) && watcher_suspend(), real.close_range(first, last, flags));
}

WRAPPER(void, closefrom, (int first))
{
    wrapper_closing_range(first < 0 ? 0 : (unsigned)first, UINT_MAX, 0);
    real.closefrom(first);
}

/* ---- stdio ---- */

/* -1: a stream without a descriptor. */
static int number_of(FILE *file)
{
    int saved = errno;
    int fd = fileno_unlocked(file);
    errno = saved;
    return fd;
}

#define CLOSE_FILE(name)                          \
    WRAPPER(int, name, (FILE * file))             \
    {                                             \
        int fd = number_of(file);                 \
        if (fd < 0)                               \
            return real.name(file);               \
        return AROUND_CLOSE(fd, real.name(file)); \
    }
/* cppcheck-suppress useClosedFile -- the wrapper is named like the call that it makes */
CLOSE_FILE(fclose)
CLOSE_FILE(_IO_fclose)
CLOSE_FILE(pclose)

/* It closes whether or not the new file can be opened. */
#define REOPEN_FILE(name)                                                   \
    WRAPPER(FILE *, name, (const char *path, const char *mode, FILE *file)) \
    {                                                                       \
        int fd = number_of(file);                                           \
        if (fd >= 0)                                                        \
            track_closing(fd);                                              \
        return real.name(path, mode, file);                                 \
    }
REOPEN_FILE(freopen)
REOPEN_FILE(freopen64)
