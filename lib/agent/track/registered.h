/* SPDX-License-Identifier: MIT */
/*
 * registered.h: which descriptor an event of epoll is of: the data of an event is the program's
 * own.
 * Rules for the caller: track.h.
 */
#ifndef SOCKLEAK_AGENT_REGISTERED_H
#define SOCKLEAK_AGENT_REGISTERED_H

#include <stdint.h>

/* After epoll_ctl(2) that succeeded. DATA: event->data.u64; of EPOLL_CTL_DEL it is not used. */
void track_registered(int epfd, int op, int fd, uint64_t data);
/*
 * epoll_wait on EPFD returned an event with DATA and EVENTS, EPOLLHUP or EPOLLRDHUP among them: as
 * track_hung_up for the descriptor that was registered so. If two may be meant, what both were told
 * is not known from now on.
 */
void track_epoll_hung_up(int epfd, uint64_t data, unsigned events);
/* In a forked child. */
void track_registered_forked_child(void);

#endif
