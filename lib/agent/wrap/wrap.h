/* SPDX-License-Identifier: MIT */
/*
 * wrap.h: what the files of wrap/ share: how a wrapper is defined, and the shapes that it can have.
 * Included by nothing else.
 *
 * A wrapper runs in the program's threads, in signal handlers, and in vfork children. It makes the
 * real call exactly once, with the program's own arguments, and returns its result and errno. It
 * holds no lock and no other resource during the real call, because the thread may be cancelled
 * there.
 */
#ifndef SOCKLEAK_AGENT_WRAPPERS_H
#define SOCKLEAK_AGENT_WRAPPERS_H

#include <errno.h>
#include <fcntl.h>

#include "../../core/calls.h"
#include "../base/thread.h"
#include "../libc/real.h"
#include "../stacks/pairs.h"
#include "../track/track.h"
#include "../watch/exhausted.h"
#include "../watch/watcher.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/*
 * wrap_NAME is the function itself, and always this library's own, whatever the program's symbol
 * order. The exported NAME is a second symbol for it. It is declared by its assembler name, because
 * libc's headers may declare NAME with a transparent union, as noreturn, or as a fortified
 * redirection.
 */
#define WRAP(type, name, parameters, arguments, plain) type wrap_##name parameters __attribute__((visibility("hidden")));
#include "../libc/wrapped.def"
#ifndef WRAPPER_EXPORT
#define WRAPPER_EXPORT(name) \
    extern __typeof__(wrap_##name) export_##name __asm__(#name) __attribute__((alias("wrap_" #name), visibility("default")));
#endif
#define WRAPPER(type, name, parameters) \
    WRAPPER_EXPORT(name)                \
    type wrap_##name parameters

/* For paths that are rarely taken: out of line, away from the hot ones. */
#define SLOW __attribute__((noinline, cold))

/*
 * Keeps in memory, over the real call, what a slow path needs. In registers, each value would cost
 * the fast path a push and a pop.
 */
#define KEEP(what) __asm__("" : "+m"(what))
/*
 * A slow path returns RESULT unchanged. This hides that from the compiler, which would otherwise
 * save RESULT across the call, and cost the fast path a push and two moves.
 */
#define RETURN(result)              \
    do {                            \
        __asm__("" : "+r"(result)); \
        return result;              \
    } while (0)

/*
 * Records EVENT as one of the call NAME: reports say which call it was. What was there before comes
 * back, for this may be a signal handler that has interrupted another event.
 */
#define AS_CALL(name, event)                \
    do {                                    \
        uint8_t outer = this_thread.call;   \
        this_thread.call = (uint8_t)(name); \
        event;                              \
        this_thread.call = outer;           \
    } while (0)

/*
 * The word of the pair (stacks/pairs.h) by which the wrapper that this stands in was called. CALL:
 * a variable of its frame.
 */
#define PAIR(call, name) pairs_word(&(call), __builtin_return_address(0), (name))

/* dup and its kin: the real call, then the event. FROM: the lowest number that fcntl may give. */
#define AROUND_DUP(name, fd, from, call)              \
    ({                                                \
        int new_fd = (int)(call);                     \
        if (likely(new_fd >= 0))                      \
            AS_CALL(name, track_duped((fd), new_fd)); \
        else                                          \
            exhausted_note((name), (from));           \
        new_fd;                                       \
    })

/*
 * In a wrapper that closes: from where in the program it was called (track/closes.c).
 */
#define CLOSER ((struct closer){__builtin_return_address(0), __builtin_dwarf_cfa()})

/*
 * Closing: the event comes before the real call, because another thread can get the number as soon
 * as it is closed. Only EBADF means that nothing was closed: after EINTR or EIO Linux has closed
 * the descriptor all the same (close(2)).
 */
#define AROUND_CLOSE(fd, name, call)                                    \
    ({                                                                  \
        uint64_t token = track_closing_by((fd), (name), CLOSER);        \
        __typeof__(call) result = (call);                               \
        if (unlikely(result == -1) && token && errno == EBADF)          \
            track_close_failed((fd), token);                            \
        else if (unlikely(after_close_on) && !token)                    \
            after_close_closed((fd), result == -1 ? errno : 0, (name)); \
        result;                                                         \
    })

/*
 * dup2, dup3: close TARGET and make a second descriptor for FD. If the call fails, for whatever
 * reason, TARGET is still open.
 */
#define AROUND_DUP2(name, fd, target, call)                                     \
    ({                                                                          \
        bool same = (fd) == (target);                                           \
        uint64_t token = same ? 0 : track_closing_by((target), (name), CLOSER); \
        int new_fd = (int)(call);                                               \
        if (unlikely(new_fd < 0)) {                                             \
            if (token)                                                          \
                track_close_failed((target), token);                            \
        } else if (!same) {                                                     \
            AS_CALL(name, track_duped((fd), new_fd));                           \
        }                                                                       \
        new_fd;                                                                 \
    })

/*
 * Makes CALL without our own thread. SUSPENDED: watcher_suspend(), true when the thread was ended.
 * pthread_join can return a moment before the kernel has removed the thread, and until then the
 * call fails with EINVAL; so it is repeated, for a short while.
 */
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

/*
 * The slow paths that syscall.c shares with the named calls, in receive.c, send.c, open.c and
 * close.c. Each returns its RESULT, and keeps errno. PAIR: of the wrapper that the program called.
 */
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
ssize_t wrapper_received(const struct receive *call, ssize_t result, enum call name, uint32_t pair);
ssize_t wrapper_received_iov(const struct receive_iov *call, ssize_t result, enum call name, uint32_t pair);
ssize_t wrapper_received_msg(const struct receive_msg *call, ssize_t result, uint32_t pair);
int wrapper_received_mmsg(int fd, const struct mmsghdr *v, int flags, int result, uint32_t pair);
int wrapper_polled(const struct pollfd *v, nfds_t count, int result, enum call name);
int wrapper_registered(int epfd, int op, int fd, const struct epoll_event *event, int result);
int wrapper_waited(int epfd, const struct epoll_event *events, int result, enum call name);
int wrapper_got_option(int fd, int level, int name, const void *value, const socklen_t *len, int result);
ssize_t wrapper_sent(const struct sending *call, ssize_t result, enum call name, uint32_t pair);
int wrapper_connected(int fd, const struct sockaddr *to, socklen_t len, int result);
bool wrapper_closing_range(unsigned first, unsigned last, unsigned flags, unsigned call, struct closer by);
long wrapper_closed_range(bool any, unsigned first, unsigned last, long result);
int wrapper_bound(int fd, const struct sockaddr *to, socklen_t len, int result);
int wrapper_listened(int fd, int result);
long wrapper_prctl(int what, long a, long b, long c, long d, long result);
long wrapper_watched_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
