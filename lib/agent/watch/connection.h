/* SPDX-License-Identifier: MIT */
/*
 * connection.h: asks the kernel (sock_diag(7)) about a TCP connection of which this process has no
 * descriptor any more.
 *
 * By its addresses and its cookie: no dump, and no reference to the socket is taken. Opens a netlink
 * socket for the moment. With the watch lock held.
 */
#ifndef SOCKLEAK_AGENT_WATCH_CONNECTION_H
#define SOCKLEAK_AGENT_WATCH_CONNECTION_H

#include "../track/held.h"

struct connection {
    unsigned state; /* as tcpi_state */
    uint32_t inode; /* 0: no process holds it any more */
    uint64_t unread;
    uint64_t signature; /* changes when a byte moves either way */
    uint64_t idle_ns;   /* how long nothing has moved; 0: not known */
};
/* A netlink socket, which the caller closes, or -errno. */
int connection_open(void);
/* 1: C is filled; 0: there is no such connection; -errno: the kernel does not say. */
int connection_ask(int netlink, const struct endpoints *e, uint64_t cookie, struct connection *c);

#endif
