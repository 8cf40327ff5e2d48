/* SPDX-License-Identifier: MIT */
/*
 * epoll.c: epoll's calls. By epoll_wait(2) the program may learn that a peer has ended; which
 * descriptor that was is known from epoll_ctl(2).
 *
 * They run where wrap.h says. Events without EPOLLHUP and EPOLLRDHUP cost one compare each.
 */
#include "wrap.h"

#include <sys/epoll.h>

int wrapper_registered(int epfd, int op, int fd, const struct epoll_event *event, int result)
{
    if (likely(result == 0))
        AS_CALL(CALL_EPOLL_CTL, track_registered(epfd, op, fd, op == EPOLL_CTL_DEL ? 0 : event->data.u64));
    return result;
}

WRAPPER(int, epoll_ctl, (int epfd, int op, int fd, struct epoll_event *event))
{
    return wrapper_registered(epfd, op, fd, event, real.epoll_ctl(epfd, op, fd, event));
}

static SLOW void hung_up(int epfd, const struct epoll_event *event, enum call name)
{
    int saved = errno;
    AS_CALL(name, track_epoll_hung_up(epfd, event->data.u64, event->events));
    errno = saved;
}

int wrapper_waited(int epfd, const struct epoll_event *events, int result, enum call name)
{
    for (int i = 0; i < result; i++)
        if (unlikely(events[i].events & (EPOLLHUP | EPOLLRDHUP)))
            hung_up(epfd, &events[i], name);
    return result;
}

WRAPPER(int, epoll_wait, (int epfd, struct epoll_event *events, int max, int timeout))
{
    return wrapper_waited(epfd, events, real.epoll_wait(epfd, events, max, timeout), CALL_EPOLL_WAIT);
}

WRAPPER(int, epoll_pwait, (int epfd, struct epoll_event *events, int max, int timeout, const sigset_t *mask))
{
    return wrapper_waited(epfd, events, real.epoll_pwait(epfd, events, max, timeout, mask), CALL_EPOLL_PWAIT);
}

WRAPPER(int, epoll_pwait2, (int epfd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask))
{
    return wrapper_waited(epfd, events, real.epoll_pwait2(epfd, events, max, timeout, mask), CALL_EPOLL_PWAIT2);
}
