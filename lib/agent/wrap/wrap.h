/* SPDX-License-Identifier: MIT */
/*
 * wrap.h: what the wrappers*.c share: how one is defined, and the shapes that they come in. Included by nothing else.
 *
 * A wrapper runs in the program's threads, in signal handlers, in vfork children. It makes the real call exactly once with the program's own
 * arguments, returns its result with its errno, and holds nothing across it: the thread may be cancelled inside.
 */
#ifndef SOCKLEAK_AGENT_WRAPPERS_H
#define SOCKLEAK_AGENT_WRAPPERS_H

#include <errno.h>
#include <fcntl.h>

#include "../libc/real.h"
#include "../track/track.h"
#include "../watch/watcher.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* wrap_NAME is this library's own function whatever the program's symbol order; the exported NAME is a second symbol for it. Naming that one by
 * its assembler name keeps clear of what libc's headers make of NAME: transparent unions, noreturn, fortified redirections. */
#define WRAP(type, name, parameters, arguments, plain) type wrap_##name parameters __attribute__((visibility("hidden")));
#include "../libc/wrapped.def"
#ifndef WRAPPER_EXPORT
#define WRAPPER_EXPORT(name) \
    extern __typeof__(wrap_##name) export_##name __asm__(#name) __attribute__((alias("wrap_" #name), visibility("default")));
#endif
#define WRAPPER(type, name, parameters) \
    WRAPPER_EXPORT(name)                \
    type wrap_##name parameters

/* For the paths that are seldom taken: out of line, away from the hot ones. */
#define SLOW __attribute__((noinline, cold))

/* What a slow path needs to know of the call, kept in memory over it: saving it in registers would cost a push and a pop for each. */
#define KEEP(what) __asm__("" : "+m"(what))
/* A slow path returns RESULT as it came. A compiler that sees that saves it across the call, which costs the fast path a push and two moves. */
#define RETURN(result)              \
    do {                            \
        __asm__("" : "+r"(result)); \
        return result;              \
    } while (0)

/* Creating: the real call, then the event. */
#define AROUND_DUP(fd, call)           \
    ({                                 \
        int new_fd = (int)(call);      \
        if (likely(new_fd >= 0))       \
            track_duped((fd), new_fd); \
        new_fd;                        \
    })

/* Closing: the event before the real call, since another thread can get the number in between. EINTR has closed all the same. */
#define AROUND_CLOSE(fd, call)                                 \
    ({                                                         \
        uint64_t token = track_closing(fd);                    \
        __typeof__(call) result = (call);                      \
        if (unlikely(result == -1) && token && errno == EBADF) \
            track_close_failed((fd), token);                   \
        result;                                                \
    })

/* dup2, dup3: both of these. Where it fails, whatever the reason, TARGET is still what it was. */
#define AROUND_DUP2(fd, target, call)                      \
    ({                                                     \
        bool same = (fd) == (target);                      \
        uint64_t token = same ? 0 : track_closing(target); \
        int new_fd = (int)(call);                          \
        if (unlikely(new_fd < 0)) {                        \
            if (token)                                     \
                track_close_failed((target), token);       \
        } else if (!same) {                                \
            track_duped((fd), new_fd);                     \
        }                                                  \
        new_fd;                                            \
    })

/* Without our own thread, if it was there and can be spared (SUSPENDED). The last thread is gone for pthread_join a moment before it is for the kernel,
 * which then says EINVAL. */
#define WITHOUT_WATCHER(suspended, call)                                                       \
    ({                                                                                         \
        bool watched = (suspended);                                                            \
        __typeof__(call) result = (call);                                                      \
        for (int tries = 0; watched && result < 0 && errno == EINVAL && tries < 20; tries++) { \
            watcher_settle();                                                                  \
            result = (call);                                                                   \
        }                                                                                      \
        if (watched)                                                                           \
            watcher_resume();                                                                  \
        result;                                                                                \
    })

/* The slow paths that syscall.c shares with the named calls; each returns its RESULT. receive.c, open.c. */
struct receive {
    int fd, flags;
    size_t wanted;
};
struct receive_iov {
    int fd, count;
    const struct iovec *iov;
};
struct receive_msg {
    int fd, flags;
    struct msghdr *msg;
};
struct sending {
    int fd;
};
ssize_t wrapper_received(const struct receive *call, ssize_t result);
ssize_t wrapper_received_iov(const struct receive_iov *call, ssize_t result);
ssize_t wrapper_received_msg(const struct receive_msg *call, ssize_t result);
int wrapper_received_mmsg(int fd, const struct mmsghdr *v, int flags, int result);
int wrapper_polled(const struct pollfd *v, nfds_t count, int result);
int wrapper_got_option(int fd, int level, int name, const void *value, const socklen_t *len, int result);
ssize_t wrapper_sent(const struct sending *call, ssize_t result);
int wrapper_connected(int fd, const struct sockaddr *to, socklen_t len, int result);
void wrapper_closing_range(unsigned first, unsigned last, unsigned flags);
long wrapper_watched_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
