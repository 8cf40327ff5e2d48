/* SPDX-License-Identifier: MIT */
/*
 * send.c: the calls that send. Their errors matter: EPIPE or ECONNRESET shows the program that the
 * connection is gone; and from where a socket was first and last sent to.
 *
 * They run where wrap.h says. A call that sent something from where its socket was sent to before
 * costs two compares, as in receive.c.
 */
#include "../track/held.h"
#include "wrap.h"

SLOW ssize_t wrapper_sent(const struct sending *call, ssize_t result, enum call name, uint32_t pair)
{
    if (result <= track_quiet)
        AS_CALL(name, track_sent(call->fd, result, result < 0 ? errno : 0));
    if (result > 0)
        AS_CALL(name, track_used(call->fd, pair, LIFE_SEND));
    RETURN(result);
}

#define SEND(type, name, parameters, arguments, id)                        \
    WRAPPER(type, name, parameters)                                        \
    {                                                                      \
        struct sending call = {fd};                                        \
        KEEP(call);                                                        \
        type result = real.name arguments;                                 \
        uint32_t pair = PAIR(call, id);                                    \
        if (result > track_quiet && life_knows(&call.fd, pair, LIFE_SEND)) \
            return result;                                                 \
        return (type)wrapper_sent(&call, result, id, pair);                \
    }
#define WRITE(name, parameters, arguments, id)                      \
    WRAPPER(ssize_t, name, parameters)                              \
    {                                                               \
        struct sending call = {fd};                                 \
        KEEP(call);                                                 \
        ssize_t result = real.name arguments;                       \
        if (unlikely(result <= track_quiet))                        \
            return wrapper_sent(&call, result, id, PAIR(call, id)); \
        if (!lives_may_have(&call.fd))                              \
            return result;                                          \
        uint32_t pair = PAIR(call, id);                             \
        if (likely(life_knows(&call.fd, pair, LIFE_SEND)))          \
            return result;                                          \
        return wrapper_sent(&call, result, id, pair);               \
    }

WRITE(write, (int fd, const void *buf, size_t n), (fd, buf, n), CALL_WRITE)
WRITE(__write, (int fd, const void *buf, size_t n), (fd, buf, n), CALL_WRITE)
WRITE(writev, (int fd, const struct iovec *iov, int count), (fd, iov, count), CALL_WRITEV)
SEND(ssize_t, send, (int fd, const void *buf, size_t n, int flags), (fd, buf, n, flags), CALL_SEND)
SEND(ssize_t, __send, (int fd, const void *buf, size_t n, int flags), (fd, buf, n, flags), CALL_SEND)
SEND(ssize_t, sendto, (int fd, const void *buf, size_t n, int flags, const struct sockaddr *to, socklen_t len),
     (fd, buf, n, flags, to, len), CALL_SENDTO)
/* Descriptors that go along belong to the receiver too. Returns RESULT, so that nobody has to save it. */
static SLOW ssize_t has_passed(const struct msghdr *msg, ssize_t result)
{
    held_passing(msg);
    RETURN(result);
}

/* MSG could be read where the call has succeeded. */
WRAPPER(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags))
{
    struct sending call = {fd};
    KEEP(call);
    ssize_t result = real.sendmsg(fd, msg, flags);
    if (unlikely(result >= 0 && msg->msg_controllen))
        result = has_passed(msg, result);
    uint32_t pair = PAIR(call, CALL_SENDMSG);
    if (result > track_quiet && life_knows(&call.fd, pair, LIFE_SEND))
        return result;
    return wrapper_sent(&call, result, CALL_SENDMSG, pair);
}
SEND(int, sendmmsg, (int fd, struct mmsghdr *v, unsigned count, int flags), (fd, v, count, flags), CALL_SENDMMSG)
SEND(int, __sendmmsg, (int fd, struct mmsghdr *v, unsigned count, int flags), (fd, v, count, flags), CALL_SENDMMSG)
SEND(ssize_t, sendfile, (int fd, int in, off_t *at, size_t n), (fd, in, at, n), CALL_SENDFILE)
SEND(ssize_t, sendfile64, (int fd, int in, off_t *at, size_t n), (fd, in, at, n), CALL_SENDFILE)
