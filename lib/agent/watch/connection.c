/* SPDX-License-Identifier: MIT */
/*
 * connection.c: asks the kernel (sock_diag(7)) about a TCP connection of which this process has no
 * descriptor any more.
 *
 * Called by held_check.c, with the watch lock held. One message of 72 bytes, and its answer; both
 * calls return at once. What the answer says of its lengths is checked.
 */
#include "connection.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>

#include "../../core/hash.h"
#include "../../core/judge.h"
#include "../base/clock.h"
#include "../base/sys.h"

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
};

int connection_open(void) { return (int)SYS3(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG); }

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* The peer's FIN counts as a byte received, and is none. */
static void take_info(struct connection *c, const struct inet_diag_msg *m, const void *info, size_t size)
{
    struct tcp_info t;
    memset(&t, 0, sizeof t);
    memcpy(&t, info, size < sizeof t ? size : sizeof t);
    uint64_t received = t.tcpi_bytes_received - (c->state == ST_CLOSE_WAIT && t.tcpi_bytes_received);
    uint64_t h = hash_mix(hash_mix(received, t.tcpi_bytes_acked), c->unread);
    c->signature = hash_mix(h, m->idiag_wqueue);
    c->idle_ns = least(t.tcpi_last_data_recv, least(t.tcpi_last_data_sent, t.tcpi_last_ack_recv)) * (uint64_t)NS_PER_MS;
}

static int take_answer(const unsigned char *buf, size_t n, uint64_t cookie, struct connection *c)
{
    struct nlmsghdr head;
    struct inet_diag_msg m;
    if (n < sizeof head)
        return -EIO;
    memcpy(&head, buf, sizeof head);
    if (head.nlmsg_type == NLMSG_ERROR) {
        struct nlmsgerr e;
        if (n < sizeof head + sizeof e)
            return -EIO;
        memcpy(&e, buf + sizeof head, sizeof e);
        return e.error == -ENOENT || e.error == -ESTALE ? 0 : e.error < 0 ? e.error : -EIO;
    }
    if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || head.nlmsg_len > n || head.nlmsg_len < sizeof head + sizeof m)
        return -EIO;
    memcpy(&m, buf + sizeof head, sizeof m);
    if (((uint64_t)m.id.idiag_cookie[1] << 32 | m.id.idiag_cookie[0]) != cookie)
        return 0;
    *c = (struct connection){.state = m.idiag_state, .inode = m.idiag_inode, .unread = m.idiag_rqueue};
    if (c->state == ST_CLOSE_WAIT && c->unread) /* the FIN */
        c->unread--;
    for (size_t at = sizeof head + sizeof m; at + sizeof(struct nlattr) <= head.nlmsg_len;) {
        struct nlattr a;
        memcpy(&a, buf + at, sizeof a);
        if (a.nla_len < sizeof a || at + a.nla_len > head.nlmsg_len)
            break;
        if (a.nla_type == INET_DIAG_INFO) {
            take_info(c, &m, buf + at + sizeof a, a.nla_len - sizeof a);
            return 1;
        }
        at += NLA_ALIGN(a.nla_len);
    }
    return -EIO; /* without the counters nothing can be said */
}

int connection_ask(int netlink, const struct endpoints *e, uint64_t cookie, struct connection *c)
{
    _Alignas(8) unsigned char buf[2048];
    struct question q;
    memset(&q, 0, sizeof q);
    q.head = (struct nlmsghdr){.nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST};
    q.body.sdiag_family = e->family;
    q.body.sdiag_protocol = IPPROTO_TCP;
    q.body.idiag_ext = 1 << (INET_DIAG_INFO - 1);
    q.body.idiag_states = ~0u;
    q.body.id.idiag_sport = e->local_port;
    q.body.id.idiag_dport = e->peer_port;
    q.body.id.idiag_if = e->scope;
    memcpy(q.body.id.idiag_src, e->local, sizeof e->local);
    memcpy(q.body.id.idiag_dst, e->peer, sizeof e->peer);
    q.body.id.idiag_cookie[0] = (uint32_t)cookie;
    q.body.id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
    long n = SYS6(SYS_sendto, netlink, &q, sizeof q, 0, NULL, 0);
    if (n >= 0)
        n = SYS6(SYS_recvfrom, netlink, buf, sizeof buf, 0, NULL, NULL);
    return n < 0 ? (int)n : take_answer(buf, (size_t)n, cookie, c);
}
