/* SPDX-License-Identifier: MIT */
/*
 * healthy.h: the TCP sockets that listen or are connected, from the kernel's tables.
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

struct healthy {
    struct healthy_socket {
        uint32_t inode;
        uint64_t cookie;
    } * all; /* sorted by inode */
    size_t n, cap;
    uint64_t own_netns;
};

/* Reads the tables of our own network namespace anew. Where that fails nothing is known to be healthy. */
void healthy_read(struct healthy *h);
/* The socket INODE of process PID is this COOKIE, and was in order when the tables were read. */
bool healthy_has(const struct healthy *h, uint64_t netns, uint32_t inode, uint64_t cookie);
void healthy_free(struct healthy *h);

#endif
