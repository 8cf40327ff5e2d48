/* SPDX-License-Identifier: MIT */
/*
 * ports.c: how many of the local ports that the kernel gives out are taken, towards one peer.
 *
 * Called by the watcher, or at the end, once for a call that has failed. Asks sock_diag(7) for all
 * sockets of the protocol, those in TIME_WAIT too. Before Linux 6.8 it does not list a socket that is
 * bound and nothing more: of this process those are asked for one by one, others' stay uncounted.
 */
#include "ports.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#include "../../core/cursor.h"
#include "../../core/judge.h"
#include "../../core/sort.h"
#include "../base/pages.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../table/header.h"
#include "../track/hold.h"

#define RANGE "/proc/sys/net/ipv4/ip_local_port_range"
#define RESERVED "/proc/sys/net/ipv4/ip_local_reserved_ports"
#define ANSWER 32768u
#define INODES 1048576u
/* Of so many ports one may have been given back since the call failed. */
#define SLACK 64u

struct address { /* IPv4 as IPv6 writes it: ::ffff:1.2.3.4 */
    unsigned char ip[16];
    unsigned port;
};

struct counting {
    const struct ports_question *q;
    struct ports_count *c;
    struct address local, peer;
    unsigned low, high;
    uint8_t port[65536]; /* of each */
    uint64_t n_inodes;
    uint64_t inodes[INODES]; /* of this process' sockets; pages that are not written take no memory */
};
enum { FREE = 0, USED = 1, OURS = 2, WAITS = 4, APART = 8 /* reserved, not given out */ };

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static void take_ip(struct address *a, int family, const void *ip)
{
    if (family == AF_INET) {
        memcpy(a->ip, mapped, sizeof mapped);
        memcpy(a->ip + sizeof mapped, ip, 4);
    } else {
        memcpy(a->ip, ip, 16);
    }
}

/* False: SA is no address of the internet's. */
static bool take_address(struct address *a, const struct sockaddr_storage *sa)
{
    const struct sockaddr_in *in = (const void *)sa;
    const struct sockaddr_in6 *in6 = (const void *)sa;
    memset(a, 0, sizeof *a);
    if (sa->ss_family == AF_INET)
        take_ip(a, AF_INET, &in->sin_addr);
    else if (sa->ss_family == AF_INET6)
        take_ip(a, AF_INET6, &in6->sin6_addr);
    else
        return false;
    a->port = __builtin_bswap16(sa->ss_family == AF_INET ? in->sin_port : in6->sin6_port);
    return true;
}

static bool is_any(const struct address *a)
{
    static const unsigned char zero[16];
    return memcmp(a->ip, zero, 16) == 0 || (memcmp(a->ip, mapped, 12) == 0 && memcmp(a->ip + 12, zero, 4) == 0);
}

static bool same_ip(const struct address *a, const struct address *b) { return memcmp(a->ip, b->ip, sizeof a->ip) == 0; }

/* ---- the range ------------------------------------------------------------------------------- */

static bool read_range(struct counting *n)
{
    char text[64];
    long len = proc_read(text, sizeof text, RANGE);
    struct cursor at = {text, text + (len > 0 ? len : 0)};
    uint64_t low, high;
    if (!cursor_take_number(&at, 10, &low))
        return false;
    cursor_skip_blanks(&at);
    if (!cursor_take_number(&at, 10, &high) || low > high || high > 65535)
        return false;
    n->low = (unsigned)low;
    n->high = (unsigned)high;
    return true;
}

/* "8080,9148-9150" */
static void read_reserved(struct counting *n)
{
    char text[4096];
    long len = proc_read(text, sizeof text, RESERVED);
    struct cursor at = {text, text + (len > 0 ? len : 0)};
    uint64_t from, to;
    while (cursor_take_number(&at, 10, &from)) {
        to = from;
        if (cursor_take_char(&at, '-') && !cursor_take_number(&at, 10, &to))
            return;
        for (uint64_t p = from; p <= to && p <= 65535; p++)
            n->port[p] = APART;
        if (!cursor_take_char(&at, ','))
            return;
    }
}

/* ---- who has a port -------------------------------------------------------------------------- */

static void take_inode(void *arg, const char *link, size_t len)
{
    struct counting *n = arg;
    struct cursor at = {link, link + len};
    uint64_t inode;
    if (n->n_inodes < INODES && cursor_take_text(&at, "socket:[") && cursor_take_number(&at, 10, &inode))
        n->inodes[n->n_inodes++] = inode;
}

static int by_inode(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static bool is_ours(const struct counting *n, uint64_t inode)
{
    size_t at = sorted_first(n->inodes, n->n_inodes, sizeof *n->inodes, inode);
    return inode && at < n->n_inodes && n->inodes[at] == inode;
}

/* A socket at LOCAL, connected to PEER (port 0: to none), stands in the way of the call. */
static bool is_in_the_way(const struct counting *n, const struct address *local, const struct address *peer)
{
    if (n->q->bind || !peer->port) /* connect takes no port that somebody is bound to */
        return !n->q->bind || is_any(local) || is_any(&n->local) || same_ip(local, &n->local);
    return peer->port == n->peer.port && same_ip(peer, &n->peer) && same_ip(local, &n->local);
}

static void mark(struct counting *n, const struct address *local, const struct address *peer, uint8_t as)
{
    if (local->port >= n->low && local->port <= n->high && !(n->port[local->port] & APART) && is_in_the_way(n, local, peer))
        n->port[local->port] |= USED | as;
}

static void take_socket(struct counting *n, const struct inet_diag_msg *m)
{
    struct address local, peer;
    take_ip(&local, m->idiag_family, m->id.idiag_src);
    take_ip(&peer, m->idiag_family, m->id.idiag_dst);
    local.port = __builtin_bswap16(m->id.idiag_sport);
    peer.port = __builtin_bswap16(m->id.idiag_dport);
    mark(n, &local, &peer, is_ours(n, m->idiag_inode) ? OURS : m->idiag_state == ST_TIME_WAIT ? WAITS : 0);
}

/* 1: the list has ended, 0: more follows, -1: it cannot be read. */
static int take_answer(struct counting *n, const unsigned char *buf, size_t len)
{
    while (len >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr head;
        struct inet_diag_msg m;
        memcpy(&head, buf, sizeof head);
        if (head.nlmsg_type == NLMSG_DONE)
            return 1;
        if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_len > len || head.nlmsg_len < sizeof head + sizeof m)
            return -1;
        memcpy(&m, buf + sizeof head, sizeof m);
        take_socket(n, &m);
        size_t step = NLMSG_ALIGN(head.nlmsg_len);
        if (step >= len)
            return 0;
        buf += step;
        len -= step;
    }
    return len ? -1 : 0;
}

static bool list(struct counting *n, int netlink, int family, unsigned char *buf)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } q;
    memset(&q, 0, sizeof q);
    q.head = (struct nlmsghdr){.nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP};
    q.body.sdiag_family = (uint8_t)family;
    q.body.sdiag_protocol = n->q->protocol;
    q.body.idiag_states = ~0u;
    long got = SYS6(SYS_sendto, netlink, &q, sizeof q, 0, NULL, 0);
    int ended = 0;
    while (got >= 0 && !ended) {
        got = SYS6(SYS_recvfrom, netlink, buf, ANSWER, 0, NULL, NULL);
        if (got > 0)
            ended = take_answer(n, buf, (size_t)got);
        else if (got == 0)
            return false;
    }
    return ended > 0;
}

static bool list_all(struct counting *n)
{
    unsigned char *buf = pages_alloc(ANSWER);
    long netlink = SYS3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    bool ok = buf && netlink >= 0 && list(n, (int)netlink, AF_INET, buf);
    if (ok)
        list(n, (int)netlink, AF_INET6, buf); /* not in a kernel without IPv6 */
    if (netlink >= 0)
        sys_close((int)netlink);
    if (buf)
        pages_free(buf, ANSWER);
    return ok;
}

/* Of this process, those that are bound to a port and nothing more. */
static void mark_bound(struct counting *n)
{
    const struct address none = {.port = 0};
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1)) {
        const struct state_slot *slot = slot_of(fd);
        uint64_t word = atomic_load(&slot->word);
        struct sockaddr_storage sa;
        struct address local;
        unsigned len = sizeof sa;
        bool is_datagram = SLOT_TYPE(slot) == SOCK_DGRAM;
        if (SLOT_PHASE(word) != SLOT_LIVE || (atomic_load(&slot->flags) & SLOT_CONNECTED) ||
            is_datagram != (n->q->protocol == IPPROTO_UDP) || !hold_live(fd, word))
            continue;
        int file = hold_file(fd);
        bool ok = file >= 0 && SYS3(SYS_getsockname, file, &sa, &len) >= 0 && take_address(&local, &sa);
        hold_end();
        if (ok && local.port)
            mark(n, &local, &none, OURS);
    }
}

/* ---- the question ---------------------------------------------------------------------------- */

/* Which local address the routes give to a connection to the peer: a datagram socket sends nothing. */
static bool local_by_route(struct counting *n)
{
    const struct sockaddr_storage *peer = &n->q->peer;
    struct sockaddr_storage sa;
    unsigned len = sizeof sa;
    long fd = SYS3(SYS_socket, peer->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 &&
              SYS3(SYS_connect, fd, peer, peer->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) >= 0 &&
              SYS3(SYS_getsockname, fd, &sa, &len) >= 0 && take_address(&n->local, &sa);
    if (fd >= 0)
        sys_close((int)fd);
    return ok;
}

static bool take_question(struct counting *n)
{
    if (n->q->bind)
        return take_address(&n->local, &n->q->local);
    if (!take_address(&n->peer, &n->q->peer) || !n->peer.port)
        return false;
    return (take_address(&n->local, &n->q->local) && !is_any(&n->local)) || local_by_route(n);
}

static bool sum(const struct counting *n)
{
    struct ports_count *c = n->c;
    for (unsigned p = n->low; p <= n->high; p++) {
        uint8_t is = n->port[p];
        c->range += !(is & APART);
        c->used += is & USED;
        c->own += (is & OURS) != 0;
        c->waiting += (is & (OURS | WAITS)) == WAITS;
    }
    /* of an odd range the kernel's search leaves one out, for it goes in twos */
    uint64_t slack = c->range / SLACK + (n->high - n->low + 1) % 2;
    return c->used && c->used + slack >= c->range;
}

bool ports_are_used_up(const struct ports_question *q, struct ports_count *c)
{
    struct counting *n = pages_alloc(sizeof *n);
    memset(c, 0, sizeof *c);
    if (!n)
        return false;
    n->q = q;
    n->c = c;
    bool ok = read_range(n) && take_question(n);
    if (ok) {
        read_reserved(n);
        proc_each_link(table_nofile_limit(), take_inode, n);
        heap_sort(n->inodes, n->n_inodes, sizeof *n->inodes, by_inode);
        ok = list_all(n);
        mark_bound(n);
    }
    ok = ok && sum(n);
    pages_free(n, sizeof *n);
    return ok;
}
