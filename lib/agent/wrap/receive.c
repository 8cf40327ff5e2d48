/* SPDX-License-Identifier: MIT */
/*
 * receive.c: the calls by which the program sees EOF or an error of a connection: those that
 * receive, poll(2), and getsockopt(2) of SO_ERROR.
 *
 * They run where wrap.h says. A call that returned data, made where the last one was for its
 * socket, costs two compares; one that may be of a file asks for a bit first, and a file's costs
 * that alone. The slow paths read the caller's memory (vectors, messages) only after the call has
 * succeeded: then the kernel has read it too.
 */
#include "wrap.h"

static size_t iov_size(const struct iovec *iov, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += iov[i].iov_len;
    return n;
}

/*
 * A receive from the error queue is no event: the queue holds reports on what was sent, and whether
 * it is empty has nothing to do with the connection.
 */
static void received(int fd, ssize_t result, size_t asked, int flags, enum call name)
{
    if (!(flags & MSG_ERRQUEUE))
        AS_CALL(name, track_received(fd, result, result < 0 ? errno : 0, asked, flags));
}

/* It has given data: how its caller came here is kept. */
static void used(int fd, ssize_t result, int flags, enum call name, uint32_t pair)
{
    if (result > 0 && !(flags & MSG_ERRQUEUE))
        AS_CALL(name, track_used(fd, pair, LIFE_RECEIVE));
}

SLOW ssize_t wrapper_received(const struct receive *call, ssize_t result, enum call name, uint32_t pair)
{
    if (result <= track_quiet)
        received(call->fd, result, call->wanted, call->flags, name);
    used(call->fd, result, call->flags, name, pair);
    RETURN(result);
}

/* Without flags, as read(2): one store less at each call. */
struct reading {
    int fd;
    size_t wanted;
};

static SLOW ssize_t has_read(const struct reading *call, ssize_t result, enum call name, uint32_t pair)
{
    struct receive as = {call->fd, 0, call->wanted};
    return wrapper_received(&as, result, name, pair);
}

SLOW ssize_t wrapper_received_iov(const struct receive_iov *call, ssize_t result, enum call name, uint32_t pair)
{
    if (result <= track_quiet)
        received(call->fd, result, result == 0 ? iov_size(call->iov, (size_t)call->count) : 0, 0, name);
    used(call->fd, result, 0, name, pair);
    RETURN(result);
}

SLOW ssize_t wrapper_received_msg(const struct receive_msg *call, ssize_t result, uint32_t pair)
{
    const struct msghdr *msg = call->msg;
    if (result >= 0 && msg->msg_controllen > 0)
        AS_CALL(CALL_RECVMSG, track_rights(msg));
    if (result <= track_quiet)
        received(call->fd, result, result == 0 ? iov_size(msg->msg_iov, msg->msg_iovlen) : 0, call->flags, CALL_RECVMSG);
    used(call->fd, result, call->flags, CALL_RECVMSG, pair);
    RETURN(result);
}

/* One event for the call: further messages without bytes would be the same event again. */
int wrapper_received_mmsg(int fd, const struct mmsghdr *v, int flags, int result, uint32_t pair)
{
    const struct mmsghdr *end = NULL;
    for (int i = 0; i < result; i++) {
        if (unlikely(v[i].msg_hdr.msg_controllen > 0))
            AS_CALL(CALL_RECVMMSG, track_rights(&v[i].msg_hdr));
        if (unlikely(v[i].msg_len <= track_quiet) && !end)
            end = &v[i];
    }
    if (unlikely(end != NULL))
        received(fd, end->msg_len, end->msg_len == 0 ? iov_size(end->msg_hdr.msg_iov, end->msg_hdr.msg_iovlen) : 0, flags, CALL_RECVMMSG);
    if (unlikely(result < 0))
        received(fd, result, 0, flags, CALL_RECVMMSG);
    if (unlikely(result > 0 && v[0].msg_len > 0 && !life_knows(&fd, pair, LIFE_RECEIVE)))
        used(fd, result, flags, CALL_RECVMMSG, pair);
    return result;
}

#define RECEIVE(name, parameters, arguments, n, flags, id)                    \
    WRAPPER(ssize_t, name, parameters)                                        \
    {                                                                         \
        struct receive call = {fd, flags, n};                                 \
        KEEP(call);                                                           \
        ssize_t result = real.name arguments;                                 \
        uint32_t pair = PAIR(call, id);                                       \
        if (result > track_quiet && life_knows(&call.fd, pair, LIFE_RECEIVE)) \
            return result;                                                    \
        return wrapper_received(&call, result, id, pair);                     \
    }
#define READ(name, parameters, arguments, id)                   \
    WRAPPER(ssize_t, name, parameters)                          \
    {                                                           \
        struct reading call = {fd, n};                          \
        KEEP(call);                                             \
        ssize_t result = real.name arguments;                   \
        if (unlikely(result <= track_quiet))                    \
            return has_read(&call, result, id, PAIR(call, id)); \
        if (!lives_may_have(&call.fd))                          \
            return result;                                      \
        uint32_t pair = PAIR(call, id);                         \
        if (likely(life_knows(&call.fd, pair, LIFE_RECEIVE)))   \
            return result;                                      \
        return has_read(&call, result, id, pair);               \
    }
#define RECEIVE_IOV(name, parameters, arguments, id)                        \
    WRAPPER(ssize_t, name, parameters)                                      \
    {                                                                       \
        struct receive_iov call = {fd, count, iov};                         \
        KEEP(call);                                                         \
        ssize_t result = real.name arguments;                               \
        if (unlikely(result <= track_quiet))                                \
            return wrapper_received_iov(&call, result, id, PAIR(call, id)); \
        if (!lives_may_have(&call.fd))                                      \
            return result;                                                  \
        uint32_t pair = PAIR(call, id);                                     \
        if (likely(life_knows(&call.fd, pair, LIFE_RECEIVE)))               \
            return result;                                                  \
        return wrapper_received_iov(&call, result, id, pair);               \
    }

/* No socket can be read at a place (ESPIPE): data came from a file, of which nothing is kept. */
static SLOW ssize_t has_read_at(const struct reading *call, ssize_t result, enum call name)
{
    received(call->fd, result, call->wanted, 0, name);
    RETURN(result);
}
static SLOW ssize_t has_read_iov_at(const struct receive_iov *call, ssize_t result, enum call name)
{
    received(call->fd, result, result == 0 ? iov_size(call->iov, (size_t)call->count) : 0, 0, name);
    RETURN(result);
}
#define READ_AT(name, parameters, arguments, id)                                       \
    WRAPPER(ssize_t, name, parameters)                                                 \
    {                                                                                  \
        struct reading call = {fd, n};                                                 \
        KEEP(call);                                                                    \
        ssize_t result = real.name arguments;                                          \
        return likely(result > track_quiet) ? result : has_read_at(&call, result, id); \
    }
#define READ_IOV_AT(name, parameters, arguments, id)                                       \
    WRAPPER(ssize_t, name, parameters)                                                     \
    {                                                                                      \
        struct receive_iov call = {fd, count, iov};                                        \
        KEEP(call);                                                                        \
        ssize_t result = real.name arguments;                                              \
        return likely(result > track_quiet) ? result : has_read_iov_at(&call, result, id); \
    }

READ(read, (int fd, void *buf, size_t n), (fd, buf, n), CALL_READ)
READ(__read, (int fd, void *buf, size_t n), (fd, buf, n), CALL_READ)
READ(__read_chk, (int fd, void *buf, size_t n, size_t room), (fd, buf, n, room), CALL_READ)
READ_AT(pread, (int fd, void *buf, size_t n, off_t at), (fd, buf, n, at), CALL_PREAD)
READ_AT(pread64, (int fd, void *buf, size_t n, off_t at), (fd, buf, n, at), CALL_PREAD)
READ_AT(__pread64, (int fd, void *buf, size_t n, off_t at), (fd, buf, n, at), CALL_PREAD)
READ_AT(__pread_chk, (int fd, void *buf, size_t n, off_t at, size_t room), (fd, buf, n, at, room), CALL_PREAD)
READ_AT(__pread64_chk, (int fd, void *buf, size_t n, off_t at, size_t room), (fd, buf, n, at, room), CALL_PREAD)
RECEIVE(recv, (int fd, void *buf, size_t n, int flags), (fd, buf, n, flags), n, flags, CALL_RECV)
RECEIVE(__recv, (int fd, void *buf, size_t n, int flags), (fd, buf, n, flags), n, flags, CALL_RECV)
RECEIVE(__recv_chk, (int fd, void *buf, size_t n, size_t room, int flags), (fd, buf, n, room, flags), n, flags, CALL_RECV)
RECEIVE(recvfrom, (int fd, void *buf, size_t n, int flags, struct sockaddr *from, socklen_t *len), (fd, buf, n, flags, from, len), n, flags,
        CALL_RECVFROM)
RECEIVE(__recvfrom_chk, (int fd, void *buf, size_t n, size_t room, int flags, struct sockaddr *from, socklen_t *len),
        (fd, buf, n, room, flags, from, len), n, flags, CALL_RECVFROM)

RECEIVE_IOV(readv, (int fd, const struct iovec *iov, int count), (fd, iov, count), CALL_READV)
READ_IOV_AT(preadv, (int fd, const struct iovec *iov, int count, off_t at), (fd, iov, count, at), CALL_PREADV)
READ_IOV_AT(preadv64, (int fd, const struct iovec *iov, int count, off_t at), (fd, iov, count, at), CALL_PREADV)
RECEIVE_IOV(preadv2, (int fd, const struct iovec *iov, int count, off_t at, int flags), (fd, iov, count, at, flags), CALL_PREADV2)
RECEIVE_IOV(preadv64v2, (int fd, const struct iovec *iov, int count, off_t at, int flags), (fd, iov, count, at, flags), CALL_PREADV2)

WRAPPER(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags))
{
    struct receive_msg call = {fd, flags, msg};
    KEEP(call);
    ssize_t result = real.recvmsg(fd, msg, flags);
    uint32_t pair = PAIR(call, CALL_RECVMSG);
    if (result > track_quiet && call.msg->msg_controllen == 0 && life_knows(&call.fd, pair, LIFE_RECEIVE))
        return result;
    return wrapper_received_msg(&call, result, pair);
}

WRAPPER(int, recvmmsg, (int fd, struct mmsghdr *v, unsigned count, int flags, struct timespec *limit))
{
    int result = real.recvmmsg(fd, v, count, flags, limit);
    return wrapper_received_mmsg(fd, v, flags, result, PAIR(result, CALL_RECVMMSG));
}

/*
 * One side of splice(2) is a pipe. EPIPE concerns the side that is written to. Any other error may
 * concern either side, and is recorded for both: a pipe has no slot, so nothing wrong is recorded
 * for it.
 */
struct splicing {
    int in, out;
    size_t wanted;
};

static SLOW ssize_t spliced(const struct splicing *call, ssize_t result, uint32_t pair)
{
    if (result <= track_quiet && (result >= 0 || errno != EPIPE))
        received(call->in, result, call->wanted, 0, CALL_SPLICE);
    used(call->in, result, 0, CALL_SPLICE, pair);
    if (result)
        wrapper_sent(&(struct sending){call->out}, result, CALL_SPLICE, pair);
    RETURN(result);
}

WRAPPER(ssize_t, splice, (int fd, off_t *at, int out, off_t *out_at, size_t n, unsigned flags))
{
    struct splicing call = {fd, out, n};
    KEEP(call);
    ssize_t result = real.splice(fd, at, out, out_at, n, flags);
    uint32_t pair = PAIR(call, CALL_SPLICE);
    if (likely(result > track_quiet && life_knows(&call.in, pair, LIFE_RECEIVE) && life_knows(&call.out, pair, LIFE_SEND)))
        return result;
    return spliced(&call, result, pair);
}

/* ---- errors seen by other calls ---- */

/* RESULT is the number of entries that are ready: the search ends at the last of them. */
int wrapper_polled(const struct pollfd *v, nfds_t count, int result, enum call name)
{
    int ready = result;
    for (nfds_t i = 0; ready > 0 && i < count; i++) {
        if (v[i].revents == 0)
            continue;
        ready--;
        if (unlikely(v[i].revents & (POLLERR | POLLHUP | POLLRDHUP)))
            AS_CALL(name, track_hung_up(v[i].fd, (unsigned)v[i].revents));
    }
    return result;
}

#define POLL(name, parameters, arguments, id) \
    WRAPPER(int, name, parameters) { return wrapper_polled(v, count, real.name arguments, id); }
POLL(poll, (struct pollfd * v, nfds_t count, int timeout), (v, count, timeout), CALL_POLL)
POLL(__poll, (struct pollfd * v, nfds_t count, int timeout), (v, count, timeout), CALL_POLL)
POLL(__poll_chk, (struct pollfd * v, nfds_t count, int timeout, size_t room), (v, count, timeout, room), CALL_POLL)
POLL(ppoll, (struct pollfd * v, nfds_t count, const struct timespec *timeout, const sigset_t *mask), (v, count, timeout, mask), CALL_PPOLL)
POLL(__ppoll_chk, (struct pollfd * v, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t room),
     (v, count, timeout, mask, room), CALL_PPOLL)

int wrapper_got_option(int fd, int level, int name, const void *value, const socklen_t *len, int result)
{
    if (result == 0 && level == SOL_SOCKET && name == SO_ERROR && *len >= sizeof(int) && *(const int *)value != 0)
        AS_CALL(CALL_GETSOCKOPT, track_told_error(fd, *(const int *)value));
    return result;
}

WRAPPER(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *len))
{
    return wrapper_got_option(fd, level, name, value, len, real.getsockopt(fd, level, name, value, len));
}
