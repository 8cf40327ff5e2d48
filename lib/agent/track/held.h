/* SPDX-License-Identifier: MIT */
/*
 * held.h: the TCP connections that this process has closed while a process that it started may have
 * a copy of them: what has to be known to ask the kernel about them later.
 *
 * A record is made by the closing thread, before the real close. Whoever checks (watch/held_check.c)
 * asks the kernel, with the watch lock held, and frees the records of connections that are over or
 * that somebody uses. There are at most HELD_MAX; a close that finds none free is not recorded.
 */
#ifndef SOCKLEAK_AGENT_TRACK_HELD_H
#define SOCKLEAK_AGENT_TRACK_HELD_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "../../core/state.h"
#include "starts.h"

#define HELD_MAX 256u

/* How the kernel knows a connection. Addresses of IPv4 in the first four bytes. */
struct endpoints {
    unsigned char local[16], peer[16];
    uint16_t local_port, peer_port; /* in network order */
    uint32_t scope;                 /* of a link-local address of IPv6; else 0 */
    uint8_t family;                 /* AF_INET, AF_INET6 */
};

/* SLOT's socket, descriptor FD, is about to be closed, and starts_may_share(SLOT). */
void held_closing(const struct state_slot *slot, int fd);
/* The sockets that go along in MSG's SCM_RIGHTS belong to the receiver too: they are never recorded. */
void held_passing(const struct msghdr *msg);

/* ---- for whoever checks ---- */
/* The record after number I (-1: the first), or NULL; *I is its number. */
struct state_held *held_next(int *i);
const struct endpoints *held_endpoints(int i);
/* Record I is over. */
void held_free(int i);
/* In a forked child: the parent's closes are not its own. */
void held_reset(void);

#endif
