/* SPDX-License-Identifier: MIT */
/*
 * probe.c: asks the kernel about one socket of a traced process.
 *
 * Called by look.c for each socket that it finds. It asks the same as the agent does from inside
 * (lib/agent/track/probe.c), but for what only the program's own calls tell.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "../../arch/numbers.h"
#include "../../core/address.h"
#include "../../core/hash.h"
#include "../../core/transfer.h"
#include "../base/now.h"

#define NS_PER_MS 1000000u
#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

int probe_copy(int pidfd, int fd)
{
    int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    return copy < 0 ? -errno : copy;
}

static int option(int copy, int name, int otherwise)
{
    int v = 0;
    socklen_t size = sizeof v;
    return getsockopt(copy, SOL_SOCKET, name, &v, &size) == 0 ? v : otherwise;
}

uint64_t probe_cookie(int copy)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return getsockopt(copy, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

static bool has_peer(int copy)
{
    struct sockaddr_storage a;
    socklen_t size = sizeof a;
    return getpeername(copy, (struct sockaddr *)&a, &size) == 0;
}

socklen_t probe_local(int copy, struct sockaddr_storage *local)
{
    socklen_t size = sizeof *local;
    return getsockname(copy, (struct sockaddr *)local, &size) == 0 ? size : 0;
}

void probe_identify(int copy, struct probe_identity *id)
{
    *id = (struct probe_identity){0};
    id->family = option(copy, SO_DOMAIN, 0);
    id->type = option(copy, SO_TYPE, 0);
    id->protocol = option(copy, SO_PROTOCOL, 0);
    id->listening = option(copy, SO_ACCEPTCONN, 0) == 1;
    id->has_peer = has_peer(copy);
    id->local_size = probe_local(copy, &id->local);
}

/* ---- the observation ------------------------------------------------------------------------- */

static uint64_t queued(int copy, unsigned long request)
{
    int n = 0;
    return ioctl(copy, request, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

static uint64_t smallest(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* A value that changes when a byte moves; what is sent again is no movement. */
static uint64_t signature_of(uint64_t a, uint64_t b, const struct observation *o)
{
    return hash_spread(hash_mix(hash_mix(hash_mix(HASH_START, a), b), o->unread << 32 | o->unsent));
}

static void observe_tcp(int copy, struct observation *o)
{
    struct tcp_info t;
    socklen_t size = sizeof t;
    memset(&t, 0, sizeof t);
    if (getsockopt(copy, IPPROTO_TCP, TCP_INFO, &t, &size) != 0)
        return;
    o->tcp_state = t.tcpi_state;
    o->listening = t.tcpi_state == ST_LISTEN;
    o->retransmits = (unsigned)t.tcpi_retransmits + t.tcpi_backoff + t.tcpi_probes;
    o->connecting = t.tcpi_state == ST_SYN_SENT || t.tcpi_state == ST_SYN_RECV;
    o->tried = t.tcpi_segs_out > 0;
    /* as in the agent: an answer to the first SYN, and no second one, can only have been a reset */
    o->refused =
        o->protocol == IPPROTO_TCP && t.tcpi_state == ST_CLOSE && t.tcpi_segs_in == 1 && t.tcpi_segs_out == 1 && !t.tcpi_total_retrans;
    o->used = t.tcpi_bytes_acked > 1 && t.tcpi_bytes_received > 1;
    o->was_connected |= t.tcpi_bytes_acked || t.tcpi_bytes_received || (t.tcpi_state != ST_CLOSE && !o->connecting && !o->listening);
    if (!o->listening) {
        o->unread = queued(copy, SIOCINQ);
        o->unsent = queued(copy, SIOCOUTQ);
    }
    if (o->protocol == PROTOCOL_MPTCP && o->unread && (!o->was_connected || o->pollrdhup)) /* it counts the end as a byte */
        o->unread -= o->was_connected ? 1 : o->unread;
    o->signature = signature_of(t.tcpi_bytes_received, t.tcpi_bytes_acked, o);
    if (o->protocol == IPPROTO_TCP && o->was_connected) {
        transfer_from_info(&o->transfer, &t, (size_t)size, transfer_fin(o->tcp_state), now_mono_ns());
        o->transfer.waits = o->unsent != 0;
    }
    o->idle_ns = smallest(t.tcpi_last_data_recv, t.tcpi_last_data_sent, t.tcpi_last_ack_recv) * (uint64_t)NS_PER_MS;
}

static void observe_other(int copy, struct observation *o)
{
    o->listening = option(copy, SO_ACCEPTCONN, 0) == 1;
    if (o->listening)
        return;
    if (o->type == SOCK_STREAM || o->type == SOCK_SEQPACKET) {
        o->unread = queued(copy, SIOCINQ);
        o->unsent = queued(copy, SIOCOUTQ);
    }
    o->signature = signature_of(1, 1, o);
}

/* Has it a local address: a port, or a name? */
static bool is_bound(int copy)
{
    struct sockaddr_storage a;
    socklen_t size = probe_local(copy, &a);
    return size && address_is_bound(&a, size);
}

void probe_observe(int copy, const struct state_slot *s, struct observation *o)
{
    uint16_t flags = atomic_load(&s->flags);
    struct pollfd p = {.fd = copy, .events = POLLRDHUP};
    bool ip = s->family == AF_INET || s->family == AF_INET6, stream = SLOT_TYPE(s) == SOCK_STREAM;
    *o = (struct observation){.family = s->family, .type = (int)SLOT_TYPE(s), .unwatched = true};
    o->protocol = flags & SLOT_MPTCP ? PROTOCOL_MPTCP : s->protocol ? s->protocol : ip && stream ? IPPROTO_TCP : 0;
    if (poll(&p, 1, 0) > 0) {
        o->pollhup = p.revents & POLLHUP;
        o->pollerr = p.revents & POLLERR;
        o->pollrdhup = p.revents & POLLRDHUP;
    }
    o->was_connected = flags & SLOT_CONNECTED;
    if (ip && stream && (o->protocol == IPPROTO_TCP || o->protocol == PROTOCOL_MPTCP))
        observe_tcp(copy, o);
    if (o->tcp_state == ST_NONE) {
        o->connecting = flags & SLOT_CONNECTING;
        observe_other(copy, o);
    }
    o->has_peer = has_peer(copy);
    o->was_connected |= o->has_peer;
    if (o->was_connected || o->listening || o->type == SOCK_DGRAM)
        return;
    o->bound = is_bound(copy);
    o->tried |= (flags & SLOT_CONNECTING) != 0;
    o->seen_all = SLOT_ORIGIN(s) == ORIGIN_SOCKET && !(flags & SLOT_ADOPTED);
}

/* ---- by which it is found ---------------------------------------------------------------------- */

/* An address of A, 0: of none, and its port. */
static void put_address(const struct sockaddr_storage *a, unsigned char address[16], uint16_t *port)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)a;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
    if (a->ss_family == AF_INET)
        memcpy(address, &in->sin_addr, sizeof in->sin_addr);
    else
        memcpy(address, &in6->sin6_addr, sizeof in6->sin6_addr);
    *port = ntohs(a->ss_family == AF_INET ? in->sin_port : in6->sin6_port);
}

bool probe_id(int copy, struct socket_id *id)
{
    struct sockaddr_storage local, peer;
    socklen_t size = sizeof peer;
    id->family = (uint8_t)option(copy, SO_DOMAIN, 0);
    if ((id->family != AF_INET && id->family != AF_INET6) || option(copy, SO_PROTOCOL, 0) != IPPROTO_TCP || !probe_local(copy, &local))
        return false;
    put_address(&local, id->local, &id->local_port);
    if (getpeername(copy, (struct sockaddr *)&peer, &size) == 0)
        put_address(&peer, id->peer, &id->peer_port);
    return id->peer_port || option(copy, SO_ACCEPTCONN, 0) == 1;
}

/* ---- addresses ------------------------------------------------------------------------------- */

void probe_addresses(int copy, char local[96], char peer[96])
{
    struct sockaddr_storage a;
    socklen_t size = sizeof a;
    static const socklen_t sizes[] = {sizeof(struct sockaddr_in6), sizeof(struct sockaddr_in)};
    local[0] = peer[0] = 0;
    address_text(local, &a, probe_local(copy, &a));
    if (getpeername(copy, (struct sockaddr *)&a, &size) == 0)
        address_text(peer, &a, size);
    /* of a TCP connection that is over the kernel still has the address, for the exact size */
    for (unsigned i = 0; i < 2 && !peer[0]; i++) {
        size = sizes[i];
        if (getsockopt(copy, SOL_SOCKET, SO_PEERNAME, &a, &size) == 0)
            address_text(peer, &a, size);
    }
}
