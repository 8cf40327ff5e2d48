/* SPDX-License-Identifier: MIT */
/*
 * open.c: the calls that open a socket, connect it, or make a second descriptor for it.
 *
 * They run where wrap.h says. The event comes after the real call, which returns the new number.
 */
#include "wrap.h"

#define SOCKET(name)                                                                       \
    WRAPPER(int, name, (int family, int type, int protocol))                               \
    {                                                                                      \
        int fd = real.name(family, type, protocol);                                        \
        if (likely(fd >= 0))                                                               \
            AS_CALL(CALL_SOCKET, track_opened(fd, family, type, protocol, ORIGIN_SOCKET)); \
        else                                                                               \
            exhausted_note(CALL_SOCKET, 0);                                                \
        return fd;                                                                         \
    }
SOCKET(socket)
SOCKET(__socket)

WRAPPER(int, socketpair, (int family, int type, int protocol, int pair[2]))
{
    int r = real.socketpair(family, type, protocol, pair);
    if (likely(r == 0))
        AS_CALL(CALL_SOCKETPAIR, track_pair(pair, family, type, protocol));
    else
        exhausted_note(CALL_SOCKETPAIR, 0);
    return r;
}

WRAPPER(int, accept, (int fd, struct sockaddr *from, socklen_t *len))
{
    int new_fd = real.accept(fd, from, len);
    if (likely(new_fd >= 0))
        AS_CALL(CALL_ACCEPT, track_accepted(fd, new_fd, 0));
    else
        exhausted_note(CALL_ACCEPT, 0);
    return new_fd;
}

WRAPPER(int, accept4, (int fd, struct sockaddr *from, socklen_t *len, int flags))
{
    int new_fd = real.accept4(fd, from, len, flags);
    if (likely(new_fd >= 0))
        AS_CALL(CALL_ACCEPT4, track_accepted(fd, new_fd, flags));
    else
        exhausted_note(CALL_ACCEPT4, 0);
    return new_fd;
}

/*
 * TO is read only if the kernel has read it too. After these errors it has not, and TO may point
 * anywhere.
 */
int wrapper_connected(int fd, const struct sockaddr *to, socklen_t len, int result)
{
    int err = result < 0 ? errno : 0;
    bool unread = err == EFAULT || err == EBADF || err == ENOTSOCK || len > sizeof(struct sockaddr_storage);
    if (unlikely(err == EADDRNOTAVAIL) && !unread)
        exhausted_note_address(CALL_CONNECT, fd, to, len);
    AS_CALL(CALL_CONNECT, track_connected(fd, result, err, unread ? NULL : to, unread ? 0 : len));
    return result;
}

#define CONNECT(name)                                                      \
    WRAPPER(int, name, (int fd, const struct sockaddr *to, socklen_t len)) \
    {                                                                      \
        return wrapper_connected(fd, to, len, real.name(fd, to, len));     \
    }
CONNECT(connect)
CONNECT(__connect)

int wrapper_bound(int fd, const struct sockaddr *to, socklen_t len, int result)
{
    if (likely(result == 0))
        return result;
    bool unread = errno == EFAULT || sizeof(struct sockaddr_storage) < len;
    int err = errno;
    track_attempt_failed(fd, false, err, unread ? NULL : to, unread ? 0 : len);
    if (!unread)
        exhausted_note_address(CALL_BIND, fd, to, len);
    errno = err;
    return result;
}

WRAPPER(int, bind, (int fd, const struct sockaddr *to, socklen_t len)) { return wrapper_bound(fd, to, len, real.bind(fd, to, len)); }

int wrapper_listened(int fd, int result)
{
    if (likely(result == 0))
        return result;
    int err = errno;
    track_attempt_failed(fd, true, err, NULL, 0);
    errno = err;
    return result;
}

WRAPPER(int, listen, (int fd, int backlog)) { return wrapper_listened(fd, real.listen(fd, backlog)); }

/* ---- second descriptors ---- */

WRAPPER(int, dup, (int fd)) { return AROUND_DUP(CALL_DUP, fd, 0, real.dup(fd)); }

WRAPPER(int, dup2, (int fd, int target)) { return AROUND_DUP2(CALL_DUP2, fd, target, real.dup2(fd, target)); }

WRAPPER(int, __dup2, (int fd, int target)) { return AROUND_DUP2(CALL_DUP2, fd, target, real.__dup2(fd, target)); }

WRAPPER(int, dup3, (int fd, int target, int flags)) { return AROUND_DUP2(CALL_DUP3, fd, target, real.dup3(fd, target, flags)); }

#define FCNTL(name)                                                               \
    WRAPPER(int, name, (int fd, int command, long arg))                           \
    {                                                                             \
        if (likely(command != F_DUPFD && command != F_DUPFD_CLOEXEC))             \
            return real.name(fd, command, arg);                                   \
        return AROUND_DUP(CALL_FCNTL, fd, (int)arg, real.name(fd, command, arg)); \
    }
FCNTL(fcntl)
FCNTL(__fcntl)
FCNTL(fcntl64)
