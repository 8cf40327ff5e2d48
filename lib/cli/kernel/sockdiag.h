/* SPDX-License-Identifier: MIT */
/*
 * sockdiag.h: the kernel's socket tables over sock_diag(7), for the network namespace in which it
 * was opened.
 */
#ifndef SOCKLEAK_CLI_KERNEL_SOCKDIAG_H
#define SOCKLEAK_CLI_KERNEL_SOCKDIAG_H

#include <netinet/tcp.h> /* TCP_CLOSE_WAIT ... */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "socket_id.h"

struct nlmsghdr;
struct mnl_socket;

struct sockdiag_socket {
    uint8_t family; /* AF_INET, AF_INET6, AF_UNIX */
    uint8_t type;   /* SOCK_*, Unix only */
    /* TCP_* of <netinet/tcp.h>; Unix uses TCP_ESTABLISHED, TCP_LISTEN, TCP_CLOSE alike */
    uint8_t state;
    /*
     * TCP in CLOSE_WAIT: nothing is left to read, not even the FIN. One that came with the last
     * data is taken with it, so this does not prove that a receive call has returned 0
     */
    bool drained;
    uint8_t shutdown; /* Unix: 1 no more receiving, 2 no more sending */
    /* Unix: it has (had) a peer; peer_inode 0 then: the peer is closed, or not accepted yet */
    bool peer_known;
    uint16_t local_port, peer_port; /* host order */
    uint32_t uid;
    uint32_t inode; /* 0: no descriptor holds it (an orphan, TIME_WAIT, not accepted yet) */
    uint32_t peer_inode;
    uint32_t unread;  /* bytes, the FIN not counted; a listener's: connections that wait */
    uint32_t idle_ms; /* no byte and no acknowledgement came or went for so long; 0 unknown */
    uint32_t backlog; /* a listener's: how many connections may wait; 0: unknown */
    bool unsent;      /* TCP: something is not acknowledged, or not sent yet */
    const void *info; /* TCP, with info: struct tcp_info, of info_len bytes; valid during the callback */
    size_t info_len;
    uint64_t cookie;
    unsigned char local[16], peer[16]; /* addresses, network order; IPv4 in the first 4 bytes */
    /*
     * Unix: bound name, "@" for an abstract one's NUL, unprintable bytes '?'; "" none. Valid during
     * the callback
     */
    const char *path;
};

/*
 * The kernel counts a received FIN as one byte until it is read. For the parsers here and in
 * procfs_parse.c.
 */
static inline void sockdiag_take_fin(struct sockdiag_socket *s)
{
    if (s->state != TCP_CLOSE_WAIT && s->state != TCP_LAST_ACK && s->state != TCP_CLOSING)
        return;
    s->drained = s->unread == 0;
    s->unread -= s->unread ? 1 : 0;
}

/*
 * A Unix connection whose peer has closed. One that still waits to be accepted has a peer without an
 * inode too, but nobody has shut anything down.
 */
static inline bool sockdiag_is_hung_up(const struct sockdiag_socket *s)
{
    bool stream = s->type == SOCK_STREAM || s->type == SOCK_SEQPACKET;
    return stream && s->state == TCP_ESTABLISHED && s->peer_known && s->peer_inode == 0 && (s->shutdown & 1);
}

typedef void (*sockdiag_each)(void *arg, const struct sockdiag_socket *s);

/* Opens in the calling thread's present network namespace (stays bound to it). NULL: errno. */
struct mnl_socket *sockdiag_open(void);
void sockdiag_close(struct mnl_socket *nl);
/*
 * Calls EACH for every TCP (PROTOCOL IPPROTO_TCP or IPPROTO_MPTCP) socket of FAMILY whose state is
 * in STATES, a mask of 1 << TCP_*. WITH_INFO fills idle_ms and info (INET_DIAG_INFO makes the answer four
 * times as large). Returns 0 or -errno (-ENOENT: the kernel has no such table).
 */
int sockdiag_inet(struct mnl_socket *nl, int family, int protocol, uint32_t states, bool with_info, sockdiag_each each, void *arg);
/*
 * The TCP_* state of the socket ID, or -errno (-ENOENT, -ESTALE: there is no such one). A listener
 * that shares its port (SO_REUSEPORT) may not be found.
 */
int sockdiag_state(struct mnl_socket *nl, const struct socket_id *id);
/* Every Unix socket. */
int sockdiag_unix(struct mnl_socket *nl, sockdiag_each each, void *arg);

/*
 * One message of an answer; false when it is too short or no socket. PATH_BUF takes the Unix name.
 * Pure; bounded by the message's length.
 */
#define SOCKDIAG_PATH 112
bool sockdiag_parse_inet(const struct nlmsghdr *message, struct sockdiag_socket *out);
bool sockdiag_parse_unix(const struct nlmsghdr *message, struct sockdiag_socket *out, char path_buf[SOCKDIAG_PATH]);

/*
 * "10.0.0.5:1433", "[::1]:80"; a mapped IPv4 address as IPv4; PORT 0 leaves the port (and brackets)
 * out. BUF of SOCKDIAG_ADDRESS bytes.
 */
#define SOCKDIAG_ADDRESS 56
const char *sockdiag_address(char *buf, int family, const unsigned char address[16], uint16_t port);

#endif
