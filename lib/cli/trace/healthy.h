/* SPDX-License-Identifier: MIT */
/*
 * healthy.h: which TCP sockets listen or are connected, by the kernel's tables.
 *
 * A look need not touch what is in order: a copy of a descriptor, even for a moment, keeps a socket
 * open that the program may just be closing.
 */
#ifndef SOCKLEAK_CLI_TRACE_HEALTHY_H
#define SOCKLEAK_CLI_TRACE_HEALTHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../kernel/socket_id.h"

struct mnl_socket;

struct healthy {
    struct mnl_socket *nl; /* NULL: not opened yet, or it cannot be */
    unsigned asked;        /* in this round */
    bool read;             /* the tables are, in this round */
    struct healthy_socket {
        uint32_t inode;
        uint64_t cookie;
    } * all; /* sorted by inode */
    size_t n, cap;
    uint64_t own_netns;
};

/* A round of looks begins: what was known of the one before is forgotten. */
void healthy_begin(struct healthy *h);
/*
 * The socket ID, with INODE in the network namespace NETNS, is there and in order. It is asked for by
 * its addresses; where many are asked for, or a listener is not found so, the tables are read, which
 * takes the kernel some ms. Where the kernel does not tell, nothing is known to be healthy.
 */
bool healthy_has(struct healthy *h, uint64_t netns, uint32_t inode, const struct socket_id *id);
void healthy_free(struct healthy *h);

#endif
