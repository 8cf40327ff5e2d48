/* SPDX-License-Identifier: MIT */
/*
 * ports.h: how many of the local ports that the kernel gives out are taken, towards one peer.
 *
 * With the watch lock held. Needs a descriptor for the moment.
 */
#ifndef SOCKLEAK_AGENT_PORTS_H
#define SOCKLEAK_AGENT_PORTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* A call that wanted a local port of the kernel's choice. */
struct ports_question {
    uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
    bool bind;        /* bind to port 0; else connect */
    /* the address that the socket is bound to or was to be bound to; AF_UNSPEC: the routes decide */
    struct sockaddr_storage local;
    struct sockaddr_storage peer; /* of connect */
};
struct ports_count {
    uint64_t range;        /* ports that the kernel may give out: ip_local_port_range without the reserved ones */
    uint64_t used;         /* of these, taken for such a call */
    uint64_t own, waiting; /* of the used, by sockets of this process, and in TIME_WAIT */
};
/*
 * True: they were counted, and so few are left that the kernel has found none; connect and bind give
 * the same error for other reasons.
 */
bool ports_are_used_up(const struct ports_question *q, struct ports_count *c);

#endif
