/* SPDX-License-Identifier: MIT */
/*
 * syscall.c: syscall(2), with which some programs and libraries make the calls that are wrapped by
 * name elsewhere. Node's libuv closes in this way.
 *
 * Runs where wrap.h says. A number that is not handled here must reach the real function with
 * registers and stack unchanged: vfork returns twice, and a caller that passed three arguments may
 * keep data of its own where a seventh would be on the stack. So the entry jumps to the original
 * for those.
 */
#include "wrap.h"

#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../base/sys.h"
#include "../process/exec.h"
#include "../process/exit.h"

#define CALL real.syscall(number, a, b, c, d, e, f)
#define FD ((int)a)

/*
 * A filter for all threads (TSYNC) would hold for the watcher too, and might kill it for its system
 * calls. So the watcher is stopped, and started again only if the filter was not installed.
 */
static long call_seccomp(long number, long a, long b, long c, long d, long e, long f)
{
    bool all = a == SECCOMP_SET_MODE_FILTER && (b & SECCOMP_FILTER_FLAG_TSYNC), watched = all && watcher_stop();
    long r = CALL;
    if (r == 0 && (a == SECCOMP_SET_MODE_STRICT || a == SECCOMP_SET_MODE_FILTER))
        sys_enter_sandbox();
    else if (r >= 0 && (b & SECCOMP_FILTER_FLAG_NEW_LISTENER))
        sys_enter_sandbox();
    else if (watched)
        watcher_resume();
    return r;
}

/*
 * Calls with something to do before the real call: those that close or duplicate a descriptor, and
 * those of process.c.
 */
static long event_then_call(long number, long a, long b, long c, long d, long e, long f)
{
    switch (number) {
    case SYS_close:
        return AROUND_CLOSE(FD, CALL_CLOSE, CALL);
    case SYS_close_range: {
        bool any = wrapper_closing_range((unsigned)a, (unsigned)b, (unsigned)c, CALL_CLOSE_RANGE, CLOSER);
        long r = WITHOUT_WATCHER((c & CLOSE_RANGE_UNSHARE) && watcher_suspend(), CALL);
        return wrapper_closed_range(any, (unsigned)a, (unsigned)b, r);
    }
    case SYS_unshare:
    case SYS_setns:
        return WITHOUT_WATCHER(watcher_suspend(), CALL);
    case SYS_seccomp:
        return call_seccomp(number, a, b, c, d, e, f);
    case SYS_dup:
        return AROUND_DUP(CALL_DUP, FD, 0, CALL);
#ifdef SYS_dup2
    case SYS_dup2:
#endif
    case SYS_dup3:
        return AROUND_DUP2(number == SYS_dup3 ? CALL_DUP3 : CALL_DUP2, FD, (int)b, CALL);
    case SYS_fcntl:
        if (b != F_DUPFD && b != F_DUPFD_CLOEXEC)
            return CALL;
        return AROUND_DUP(CALL_FCNTL, FD, (int)c, CALL);
    case SYS_exit_group:
        a = exit_begins((int)a, END_EXIT);
        return CALL;
    case SYS_execve:
    case SYS_execveat: {
        exec_begins();
        long r = CALL;
        exec_failed();
        return r;
    }
    default:
        return CALL;
    }
}

/* younger than some headers */
#define NUMBER_EPOLL_PWAIT2 441
#define NUMBER_IO_URING_SETUP 425

static enum call sending_call(long number)
{
    switch (number) {
    case SYS_write:
        return CALL_WRITE;
    case SYS_writev:
        return CALL_WRITEV;
    case SYS_sendto:
        return CALL_SENDTO;
    case SYS_sendmsg:
        return CALL_SENDMSG;
    case SYS_sendmmsg:
        return CALL_SENDMMSG;
    default:
        return CALL_SENDFILE;
    }
}

/* The program has called syscall(2) at this PLACE. */
struct place {
    const void *returns, *sp;
};

/* Those that receive or send, after the real call. */
static long transferred(long number, long a, long b, long c, long d, long r, const struct place *place)
{
    int fd = FD;
    bool receives = number == SYS_read || number == SYS_recvfrom || number == SYS_readv;
    uint32_t pair = pairs_word(place->sp, place->returns, (unsigned)number + CALL_FAILED);
    if (likely(r > track_quiet && life_knows(&fd, pair, receives ? LIFE_RECEIVE : LIFE_SEND)))
        return r;
    switch (number) {
    case SYS_read:
        return wrapper_received(&(struct receive){fd, 0, (size_t)c}, r, CALL_READ, pair);
    case SYS_recvfrom:
        return wrapper_received(&(struct receive){fd, (int)d, (size_t)c}, r, CALL_RECVFROM, pair);
    case SYS_readv:
        return wrapper_received_iov(&(struct receive_iov){fd, (int)c, (const struct iovec *)b}, r, CALL_READV, pair);
    default:
        return wrapper_sent(&(struct sending){fd}, r, sending_call(number), pair);
    }
}

/* Calls whose event comes after the real call. */
static long call_then_event(long number, long a, long b, long c, long d, long e, long f, const struct place *place)
{
    long r = CALL;
    switch (number) {
    case SYS_socket:
        if (r >= 0)
            AS_CALL(CALL_SOCKET, track_opened((int)r, (int)a, (int)b, (int)c, ORIGIN_SOCKET));
        else
            exhausted_note(CALL_SOCKET, 0);
        return r;
    case SYS_socketpair:
        if (r == 0)
            AS_CALL(CALL_SOCKETPAIR, track_pair((const int *)d, (int)a, (int)b, (int)c));
        else
            exhausted_note(CALL_SOCKETPAIR, 0);
        return r;
    case SYS_accept:
    case SYS_accept4:
        if (r >= 0)
            AS_CALL(number == SYS_accept4 ? CALL_ACCEPT4 : CALL_ACCEPT, track_accepted(FD, (int)r, number == SYS_accept4 ? (int)d : 0));
        else
            exhausted_note(number == SYS_accept4 ? CALL_ACCEPT4 : CALL_ACCEPT, 0);
        return r;
    case SYS_connect:
        return wrapper_connected(FD, (const struct sockaddr *)b, (socklen_t)c, (int)r);
    case SYS_bind:
        return wrapper_bound(FD, (const struct sockaddr *)b, (socklen_t)c, (int)r);
    case SYS_listen:
        return wrapper_listened(FD, (int)r);
    case NUMBER_IO_URING_SETUP:
        if (r >= 0)
            watcher_mind(); /* what the ring opens no wrapper will see */
        return r;
    case SYS_prctl:
        return wrapper_prctl((int)a, b, c, d, e, r);
    case SYS_setfsuid:
    case SYS_setfsgid:
        watcher_follow(number, a, 0, 0, 0, 0);
        return r;
    case SYS_setuid:
    case SYS_setgid:
    case SYS_setreuid:
    case SYS_setregid:
    case SYS_setresuid:
    case SYS_setresgid:
    case SYS_setgroups:
    case SYS_capset:
    case NUMBER_LANDLOCK_RESTRICT_SELF:
        if (r == 0)
            watcher_follow(number, a, b, c, d, e);
        return r;
    case SYS_shutdown:
        if (r == 0)
            AS_CALL(CALL_SHUTDOWN, track_shutdown(FD, (int)b));
        return r;
    case SYS_getsockopt:
        return wrapper_got_option(FD, (int)b, (int)c, (const void *)d, (const socklen_t *)e, (int)r);
    case SYS_epoll_ctl:
        return wrapper_registered(FD, (int)b, (int)c, (const struct epoll_event *)d, (int)r);
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
        return wrapper_waited(FD, (const struct epoll_event *)b, (int)r, CALL_EPOLL_WAIT);
#endif
    case SYS_epoll_pwait:
        return wrapper_waited(FD, (const struct epoll_event *)b, (int)r, CALL_EPOLL_PWAIT);
    case NUMBER_EPOLL_PWAIT2:
        return wrapper_waited(FD, (const struct epoll_event *)b, (int)r, CALL_EPOLL_PWAIT2);
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        return wrapper_polled((const struct pollfd *)a, (nfds_t)b, (int)r, number == SYS_ppoll ? CALL_PPOLL : CALL_POLL);
    case SYS_recvmmsg:
        return wrapper_received_mmsg(FD, (const struct mmsghdr *)b, (int)d, (int)r, pairs_word(place->sp, place->returns, CALL_RECVMMSG));
    case SYS_recvmsg:
        return wrapper_received_msg(&(struct receive_msg){FD, (int)c, (struct msghdr *)b}, r,
                                    pairs_word(place->sp, place->returns, CALL_RECVMSG));
    default:
        return transferred(number, a, b, c, d, r, place);
    }
}

/* The numbers that are handled here, and by which of the two functions above. */
enum { NOT_OURS = 0, BEFORE, AFTER };
const unsigned char wrapper_numbers[512] __attribute__((visibility("hidden"))) = {
    [SYS_close] = BEFORE,
    [SYS_close_range] = BEFORE,
    [SYS_dup] = BEFORE,
#ifdef SYS_dup2
    [SYS_dup2] = BEFORE,
#endif
    [SYS_dup3] = BEFORE,
    [SYS_fcntl] = BEFORE,
    [SYS_exit_group] = BEFORE,
    [SYS_execve] = BEFORE,
    [SYS_unshare] = BEFORE,
    [SYS_setns] = BEFORE,
    [SYS_seccomp] = BEFORE,
    [SYS_execveat] = BEFORE,
    [SYS_socket] = AFTER,
    [SYS_socketpair] = AFTER,
    [SYS_accept] = AFTER,
    [SYS_accept4] = AFTER,
    [SYS_connect] = AFTER,
    [SYS_shutdown] = AFTER,
    [SYS_prctl] = AFTER,
    [SYS_setuid] = AFTER,
    [SYS_setgid] = AFTER,
    [SYS_setreuid] = AFTER,
    [SYS_setregid] = AFTER,
    [SYS_setresuid] = AFTER,
    [SYS_setresgid] = AFTER,
    [SYS_setgroups] = AFTER,
    [SYS_setfsuid] = AFTER,
    [SYS_setfsgid] = AFTER,
    [SYS_capset] = AFTER,
    [NUMBER_LANDLOCK_RESTRICT_SELF] = AFTER,
    [SYS_getsockopt] = AFTER,
    [SYS_bind] = AFTER,
    [SYS_listen] = AFTER,
#ifdef SYS_poll
    [SYS_poll] = AFTER,
#endif
    [SYS_ppoll] = AFTER,
    [SYS_recvmmsg] = AFTER,
    [SYS_recvmsg] = AFTER,
    [SYS_read] = AFTER,
    [SYS_recvfrom] = AFTER,
    [SYS_readv] = AFTER,
    [SYS_write] = AFTER,
    [SYS_writev] = AFTER,
    [SYS_sendto] = AFTER,
    [SYS_sendmsg] = AFTER,
    [SYS_sendmmsg] = AFTER,
    [SYS_sendfile] = AFTER,
#ifdef SYS_epoll_wait
    [SYS_epoll_wait] = AFTER,
#endif
    [SYS_epoll_ctl] = AFTER,
    [SYS_epoll_pwait] = AFTER,
    [NUMBER_EPOLL_PWAIT2] = AFTER,
    [NUMBER_IO_URING_SETUP] = AFTER,
};

long wrapper_watched_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (wrapper_numbers[number] == BEFORE)
        return event_then_call(number, a, b, c, d, e, f);
    struct place place = {__builtin_return_address(0), &place};
    return call_then_event(number, a, b, c, d, e, f, &place);
}

_Static_assert(offsetof(struct real, syscall) == 0, "the entry below reads real.syscall as the first word of real");
ARCH_SYSCALL_ENTRY(wrap_syscall, syscall, wrapper_numbers, 512, wrapper_watched_syscall, real);
