/* SPDX-License-Identifier: MIT */
/*
 * socket_id.h: one TCP socket, by what the kernel finds it with (sockdiag.h).
 *
 * Apart from sockdiag.h, whose header of TCP's states does not go with linux/tcp.h.
 */
#ifndef SOCKLEAK_CLI_KERNEL_SOCKET_ID_H
#define SOCKLEAK_CLI_KERNEL_SOCKET_ID_H

#include <stdint.h>

struct socket_id {
    uint8_t family;                    /* AF_INET, AF_INET6 */
    uint16_t local_port, peer_port;    /* host order */
    unsigned char local[16], peer[16]; /* network order; IPv4 in the first 4 bytes; a listener's peer is all zeros */
    uint64_t cookie;                   /* SO_COOKIE */
};

#endif
