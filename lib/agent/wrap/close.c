/* SPDX-License-Identifier: MIT */
/*
 * close.c: the calls that end a connection or close a descriptor, those of stdio included.
 *
 * They run where wrap.h says. The event comes before the real call: as soon as the kernel has
 * closed the number, another thread can get it for a new socket.
 */
#include "wrap.h"

#include <limits.h>
#include <linux/close_range.h>
#include <string.h>

#include "../watch/watcher.h"

WRAPPER(int, shutdown, (int fd, int how))
{
    int r = real.shutdown(fd, how);
    if (likely(r == 0))
        AS_CALL(CALL_SHUTDOWN, track_shutdown(fd, how));
    return r;
}

WRAPPER(int, close, (int fd)) { return AROUND_CLOSE(fd, CALL_CLOSE, real.close(fd)); }

WRAPPER(int, __close, (int fd)) { return AROUND_CLOSE(fd, CALL_CLOSE, real.__close(fd)); }

/* ---- many at once ---- */

/*
 * close_range(2) with FLAGS not 0 is no event. CLOSE_RANGE_CLOEXEC closes nothing. With
 * CLOSE_RANGE_UNSHARE the calling thread gets a descriptor table of its own, in which the range is
 * closed. The descriptors of the other threads stay open, and those are the ones that our table
 * describes. If there are no other threads, the next check asks the kernel and removes the records.
 */
bool wrapper_closing_range(unsigned first, unsigned last, unsigned flags, unsigned call, struct closer by)
{
    return flags == 0 && first <= last && track_closing_range_by(first, last, call, by);
}

/* ANY: what wrapper_closing_range said. Returns RESULT; keeps errno. */
SLOW long wrapper_closed_range(bool any, unsigned first, unsigned last, long result)
{
    if (any)
        track_range_closed(first, last, result < 0);
    return result;
}

WRAPPER(int, close_range, (unsigned first, unsigned last, int flags))
{
    bool any = wrapper_closing_range(first, last, (unsigned)flags, CALL_CLOSE_RANGE, CLOSER);
    /*
     * Without this the watcher would keep the old, shared descriptor table, and so hold the
     * connections open.
     */
    int r = WITHOUT_WATCHER((flags & CLOSE_RANGE_UNSHARE) && watcher_suspend(), real.close_range(first, last, flags));
    return (int)wrapper_closed_range(any, first, last, r);
}

/* Where close_range fails, libc closes one by one. It does not return before all are closed. */
WRAPPER(void, closefrom, (int first))
{
    unsigned from = first < 0 ? 0 : (unsigned)first;
    bool any = wrapper_closing_range(from, UINT_MAX, 0, CALL_CLOSEFROM, CLOSER);
    real.closefrom(first);
    wrapper_closed_range(any, from, UINT_MAX, 0);
}

/* ---- stdio ---- */

/* The descriptor of FILE. -1: it has none; for example, a stream in memory. errno is kept. */
static int descriptor_of(FILE *file)
{
    int saved = errno;
    int fd = fileno_unlocked(file);
    errno = saved;
    return fd;
}

#define CLOSE_FILE(name, id)                          \
    WRAPPER(int, name, (FILE * file))                 \
    {                                                 \
        int fd = descriptor_of(file);                 \
        if (fd < 0)                                   \
            return real.name(file);                   \
        return AROUND_CLOSE(fd, id, real.name(file)); \
    }
/* What is read through a stream libc reads by itself: no wrapper sees EOF there. */
#define OPEN_FILE(name)                                    \
    WRAPPER(FILE *, name, (int fd, const char *mode))      \
    {                                                      \
        FILE *file = real.name(fd, mode);                  \
        if (file && (mode[0] == 'r' || strchr(mode, '+'))) \
            track_unwatched(fd);                           \
        return file;                                       \
    }
OPEN_FILE(fdopen)
OPEN_FILE(_IO_fdopen)

/* cppcheck-suppress useClosedFile -- the wrapper is named like the call that it makes */
CLOSE_FILE(fclose, CALL_FCLOSE)
CLOSE_FILE(_IO_fclose, CALL_FCLOSE)
CLOSE_FILE(pclose, CALL_PCLOSE)

/* freopen closes the old descriptor, whether or not it can open the new file. */
#define REOPEN_FILE(name)                                                   \
    WRAPPER(FILE *, name, (const char *path, const char *mode, FILE *file)) \
    {                                                                       \
        int fd = descriptor_of(file);                                       \
        if (fd >= 0)                                                        \
            track_closing_by(fd, CALL_FREOPEN, CLOSER);                     \
        FILE *again = real.name(path, mode, file);                          \
        if (!again)                                                         \
            exhausted_note(CALL_FREOPEN, 0);                                \
        return again;                                                       \
    }
REOPEN_FILE(freopen)
REOPEN_FILE(freopen64)
