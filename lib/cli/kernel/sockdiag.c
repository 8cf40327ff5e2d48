/* SPDX-License-Identifier: MIT */
/*
 * sockdiag.c: asks the kernel for its TCP and Unix sockets and reads the answers.
 *
 * Called by scan. The parsers see one netlink message whose length libmnl has checked against the
 * buffer, and check every attribute against that length themselves: they are fuzzed with arbitrary
 * bytes.
 */
#include "sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <libmnl/libmnl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../core/utf8.h"

struct mnl_socket *sockdiag_open(void)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!nl)
        return NULL;
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        int e = errno;
        mnl_socket_close(nl);
        errno = e;
        return NULL;
    }
    return nl;
}

void sockdiag_close(struct mnl_socket *nl)
{
    if (nl)
        mnl_socket_close(nl);
}

/*
 * The least of the three ages: when anything last moved. The kernel counts them in ms since then; a
 * connection that never sent data has last_data_sent counted from its boot's jiffies, which is
 * larger than the others and therefore not the least.
 */
static uint32_t idle_of(const unsigned char *info, size_t len)
{
    struct tcp_info t;
    if (len < offsetof(struct tcp_info, tcpi_last_ack_recv) + sizeof t.tcpi_last_ack_recv)
        return 0;
    memset(&t, 0, sizeof t);
    memcpy(&t, info, len < sizeof t ? len : sizeof t);
    uint32_t idle = t.tcpi_last_data_recv;
    if (t.tcpi_last_data_sent < idle)
        idle = t.tcpi_last_data_sent;
    if (t.tcpi_last_ack_recv < idle)
        idle = t.tcpi_last_ack_recv;
    return idle;
}

/*
 * The attribute at A, or NULL when none is whole there. (mnl_attr_for_each lets the last one end in
 * padding that need not be there.)
 */
static const struct nlattr *whole_attribute(const struct nlmsghdr *message, const struct nlattr *a)
{
    const unsigned char *end = (const unsigned char *)message + message->nlmsg_len;
    if ((const unsigned char *)a + sizeof *a > end || !mnl_attr_ok(a, (int)(end - (const unsigned char *)a)))
        return NULL;
    return a;
}

static const struct nlattr *first_attribute(const struct nlmsghdr *message, size_t fixed)
{
    return whole_attribute(message, mnl_nlmsg_get_payload_offset(message, fixed));
}

static const struct nlattr *next_attribute(const struct nlmsghdr *message, const struct nlattr *a)
{
    return whole_attribute(message, mnl_attr_next(a));
}

bool sockdiag_parse_inet(const struct nlmsghdr *message, struct sockdiag_socket *out)
{
    struct inet_diag_msg m;
    if (message->nlmsg_len < NLMSG_HDRLEN + sizeof m)
        return false;
    memcpy(&m, mnl_nlmsg_get_payload(message), sizeof m);
    if (m.idiag_family != AF_INET && m.idiag_family != AF_INET6)
        return false;
    memset(out, 0, sizeof *out);
    out->family = m.idiag_family;
    out->type = SOCK_STREAM;
    out->state = m.idiag_state;
    out->local_port = ntohs(m.id.idiag_sport);
    out->peer_port = ntohs(m.id.idiag_dport);
    size_t width = m.idiag_family == AF_INET ? 4 : 16;
    memcpy(out->local, m.id.idiag_src, width);
    memcpy(out->peer, m.id.idiag_dst, width);
    out->uid = m.idiag_uid;
    out->inode = m.idiag_inode;
    out->unread = m.idiag_rqueue;
    out->backlog = m.idiag_state == TCP_LISTEN ? m.idiag_wqueue : 0;
    out->unsent = m.idiag_wqueue != 0;
    out->cookie = (uint64_t)m.id.idiag_cookie[1] << 32 | m.id.idiag_cookie[0];
    out->path = "";
    sockdiag_take_fin(out);
    for (const struct nlattr *a = first_attribute(message, sizeof m); a; a = next_attribute(message, a)) {
        if (mnl_attr_get_type(a) != INET_DIAG_INFO)
            continue;
        out->info = mnl_attr_get_payload(a);
        out->info_len = mnl_attr_get_payload_len(a);
        out->idle_ms = idle_of(out->info, out->info_len);
    }
    return true;
}

/*
 * Printable UTF-8 as it is, each NUL of an abstract name as ss(8) shows it, '?' for the rest. A
 * path ends at its NUL, an abstract name does not.
 */
static void put_name(char out[SOCKDIAG_PATH], const char *name, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len && (name[i] || !name[0]);) {
        unsigned seq = utf8_printable(name + i, len - i), step = seq ? seq : 1;
        if (n + step >= SOCKDIAG_PATH)
            break;
        if (seq)
            memcpy(out + n, name + i, seq);
        else
            out[n] = name[i] ? '?' : '@';
        n += step;
        i += step;
    }
    out[n] = 0;
}

bool sockdiag_parse_unix(const struct nlmsghdr *message, struct sockdiag_socket *out, char path_buf[SOCKDIAG_PATH])
{
    struct unix_diag_msg m;
    if (message->nlmsg_len < NLMSG_HDRLEN + sizeof m)
        return false;
    memcpy(&m, mnl_nlmsg_get_payload(message), sizeof m);
    if (m.udiag_family != AF_UNIX)
        return false;
    memset(out, 0, sizeof *out);
    out->family = AF_UNIX;
    out->type = m.udiag_type;
    out->state = m.udiag_state;
    out->inode = m.udiag_ino;
    out->cookie = (uint64_t)m.udiag_cookie[1] << 32 | m.udiag_cookie[0];
    path_buf[0] = 0;
    out->path = path_buf;
    for (const struct nlattr *a = first_attribute(message, sizeof m); a; a = next_attribute(message, a)) {
        const unsigned char *p = mnl_attr_get_payload(a);
        size_t len = mnl_attr_get_payload_len(a);
        switch (mnl_attr_get_type(a)) {
        case UNIX_DIAG_PEER:
            if (len >= sizeof out->peer_inode) {
                memcpy(&out->peer_inode, p, sizeof out->peer_inode);
                out->peer_known = true;
            }
            break;
        case UNIX_DIAG_SHUTDOWN:
            if (len >= 1)
                out->shutdown = p[0];
            break;
        case UNIX_DIAG_RQLEN: {
            struct unix_diag_rqlen q;
            if (len >= sizeof q) {
                memcpy(&q, p, sizeof q);
                out->unread = q.udiag_rqueue;
            }
            break;
        }
        case UNIX_DIAG_UID:
            if (len >= sizeof out->uid)
                memcpy(&out->uid, p, sizeof out->uid);
            break;
        case UNIX_DIAG_NAME: {
            put_name(path_buf, (const char *)p, len);
            break;
        }
        default:
            break;
        }
    }
    return true;
}

struct dump_request {
    sockdiag_each each;
    void *arg;
    bool is_unix;
};

static int on_message(const struct nlmsghdr *message, void *data)
{
    const struct dump_request *d = data;
    struct sockdiag_socket s;
    char path[SOCKDIAG_PATH];
    if (d->is_unix ? sockdiag_parse_unix(message, &s, path) : sockdiag_parse_inet(message, &s))
        d->each(d->arg, &s);
    return MNL_CB_OK;
}

/*
 * Sends the request of LEN payload bytes, with ATTRIBUTE (inet's protocol above 255) if not 0, and
 * runs the answers through the callback.
 */
static int run_dump(struct mnl_socket *nl, const void *request, size_t len, uint32_t attribute, struct dump_request *d)
{
    static unsigned char buf[1 << 16] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    unsigned seq = h->nlmsg_seq = 1;
    memcpy(mnl_nlmsg_put_extra_header(h, len), request, len);
    if (attribute)
        mnl_attr_put_u32(h, INET_DIAG_REQ_PROTOCOL, attribute);
    if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        int r = mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(nl), on_message, d);
        if (r < 0 && errno == EINTR)
            /*
             * NLM_F_DUMP_INTR: the table changed while it was read; what came is used all the same
             */
            continue;
        if (r < 0)
            return -errno;
        if (r == MNL_CB_STOP)
            return 0;
    }
}

int sockdiag_inet(struct mnl_socket *nl, int family, int protocol, uint32_t states, bool with_info, sockdiag_each each, void *arg)
{
    struct inet_diag_req_v2 r = {
        .sdiag_family = (uint8_t)family,
        .sdiag_protocol = protocol > 255 ? IPPROTO_RAW : (uint8_t)protocol,
        .idiag_ext = with_info ? 1 << (INET_DIAG_INFO - 1) : 0,
        .idiag_states = states,
    };
    struct dump_request d = {each, arg, false};
    return run_dump(nl, &r, sizeof r, protocol > 255 ? (uint32_t)protocol : 0, &d);
}

static int take_state(const struct nlmsghdr *message, void *data)
{
    struct sockdiag_socket s;
    if (sockdiag_parse_inet(message, &s))
        *(int *)data = s.state;
    return MNL_CB_OK;
}

int sockdiag_state(struct mnl_socket *nl, const struct socket_id *id)
{
    unsigned char buf[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct inet_diag_req_v2 r = {.sdiag_family = id->family,
                                 .sdiag_protocol = IPPROTO_TCP,
                                 .idiag_states = ~0u,
                                 .id = {.idiag_sport = htons(id->local_port),
                                        .idiag_dport = htons(id->peer_port),
                                        .idiag_cookie = {(uint32_t)id->cookie, (uint32_t)(id->cookie >> 32)}}};
    memcpy(r.id.idiag_src, id->local, sizeof id->local);
    memcpy(r.id.idiag_dst, id->peer, sizeof id->peer);
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    h->nlmsg_flags = NLM_F_REQUEST;
    static unsigned last; /* an answer to an earlier question that was given up is told apart by its number */
    unsigned seq = h->nlmsg_seq = ++last;
    int state = -ENOENT;
    memcpy(mnl_nlmsg_put_extra_header(h, sizeof r), &r, sizeof r);
    if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n >= 0 && mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(nl), take_state, &state) >= 0)
            return state;
        if (n < 0 || errno != EPROTO) /* EPROTO: the answer to another question */
            return -errno;
    }
}

int sockdiag_unix(struct mnl_socket *nl, sockdiag_each each, void *arg)
{
    struct unix_diag_req r = {
        .sdiag_family = AF_UNIX,
        .udiag_states = ~0u,
        .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID,
    };
    struct dump_request d = {each, arg, true};
    int e = run_dump(nl, &r, sizeof r, 0, &d);
    if (e == -EINVAL) { /* UDIAG_SHOW_UID came with Linux 5.3 */
        r.udiag_show &= ~(uint32_t)UDIAG_SHOW_UID;
        e = run_dump(nl, &r, sizeof r, 0, &d);
    }
    return e;
}

const char *sockdiag_address(char *buf, int family, const unsigned char address[16], uint16_t port)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN];
    bool v6 = family == AF_INET6;
    if (v6 && memcmp(address, mapped, sizeof mapped) == 0) {
        address += 12;
        v6 = false;
    }
    inet_ntop(v6 ? AF_INET6 : AF_INET, address, text, sizeof text);
    if (port == 0)
        snprintf(buf, SOCKDIAG_ADDRESS, "%s", text);
    else
        snprintf(buf, SOCKDIAG_ADDRESS, v6 ? "[%s]:%u" : "%s:%u", text, port);
    return buf;
}
