/* SPDX-License-Identifier: MIT */
/*
 * probe.c: asks the kernel about one descriptor.
 *
 * Called by the watcher and by every thread that makes a report or adopts a socket. Only calls that
 * change nothing: never SO_ERROR, which would take the program's own error away, and never a call
 * that could block or hold the open file for long.
 */
#include "probe.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

/* before 5.11 it needs sys/socket.h first */
#include <linux/vm_sockets.h>

#include "../../core/address.h"
#include "../../core/hash.h"
#include "../base/clock.h"
#include "../base/sys.h"
#include "../table/header.h"
#include "hold.h"
#include "quiet.h"

#define NS_PER_MS 1000000u

bool probe_is_refusal(long r)
{
    return r == -ENOMEM || r == -ENOBUFS || r == -EPERM || r == -EACCES || r == -ENOSYS || r == -EMFILE || r == -ENFILE || r == -ESRCH;
}

static long answer(long r)
{
    if (probe_is_refusal(r))
        table_drop(DROP_LOOK);
    return r;
}

static long get_option(int fd, int level, int name, void *value, unsigned size)
{
    unsigned len = size;
    int file = hold_file(fd);
    long r = answer(file < 0 ? file : sys_getsockopt(file, level, name, value, &len));
    return r < 0 ? r : (long)len;
}

static int get_option_int(int fd, int name, int otherwise)
{
    int v = 0;
    return get_option(fd, SOL_SOCKET, name, &v, sizeof v) < 0 ? otherwise : v;
}

static _Atomic bool lacks_cookies;

bool probe_lacks_cookies(void) { return atomic_load(&lacks_cookies); }

/* ENOPROTOOPT is the kernel's answer about a name that it does not know, of any socket. */
bool probe_is_refused_cookie(long r)
{
    if (r == -ENOPROTOOPT)
        atomic_store(&lacks_cookies, true);
    return r == -ENOPROTOOPT || probe_is_refusal(r);
}

static long get_cookie(int fd, uint64_t *cookie)
{
    long r = get_option(fd, SOL_SOCKET, SO_COOKIE, cookie, sizeof *cookie);
    if (r == -ENOPROTOOPT && probe_is_refused_cookie(r))
        table_drop(DROP_LOOK);
    return r;
}

uint64_t probe_cookie(int fd)
{
    uint64_t c = 0;
    return get_cookie(fd, &c) < 0 ? 0 : c;
}

int probe_identity(int fd, struct identity *id)
{
    long r = get_cookie(fd, &id->cookie);
    if (r < 0)
        return (int)r;
    id->family = get_option_int(fd, SO_DOMAIN, 0);
    id->type = get_option_int(fd, SO_TYPE, 0);
    id->protocol = get_option_int(fd, SO_PROTOCOL, 0);
    return 0;
}

static long poll_events(int fd)
{
    struct pollfd p = {.fd = hold_file(fd), .events = POLLRDHUP};
    struct timespec zero = {0, 0};
    long r = answer(p.fd < 0 ? p.fd : SYS5(SYS_ppoll, &p, 1, &zero, NULL, 0));
    return r < 0 ? r : p.revents;
}

static bool is_ip(int family) { return family == AF_INET || family == AF_INET6; }

static uint64_t smallest(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t m = a < b ? a : b;
    return m < c ? m : c;
}

/*
 * The values that change when a byte moves. Retransmitted bytes are no movement, so they are what
 * the peer has acknowledged and what came from it.
 */
static uint64_t mix_signature(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t h = hash_spread(a);
    h = (h ^ b) * 0xff51afd7ed558ccdu;
    h = (h ^ c) * 0xc4ceb9fe1a85ec53u;
    return hash_spread(h ^ d);
}

static uint64_t queued_bytes(int fd, unsigned long request)
{
    int n = 0;
    return sys_ioctl(hold_file(fd), request, &n) < 0 || n < 0 ? 0 : (uint64_t)n;
}

/* The peer's FIN has come. A reset ends in CLOSE without one. */
static bool has_fin(const struct observation *o)
{
    switch (o->tcp_state) {
    case ST_CLOSE_WAIT:
    case ST_LAST_ACK:
    case ST_CLOSING:
    case ST_TIME_WAIT:
        return true;
    case ST_CLOSE:
        return o->shut_wr && !o->pollerr && !o->told_errno;
    default:
        return false;
    }
}

/*
 * A FIN stays in the receive queue until it is read, and with it some memory. One that came with the
 * last bytes, or behind them before they were read, is taken with them.
 */
static bool queue_is_empty(int fd)
{
    uint32_t memory[9] = {1}; /* SK_MEMINFO_VARS; the first is SK_MEMINFO_RMEM_ALLOC */
    return get_option(fd, SOL_SOCKET, SO_MEMINFO, memory, sizeof memory) > 0 && !memory[0];
}

/*
 * Whether the FIN is among the bytes of a connection in CLOSE, the state does not tell. It is, where
 * both sides have finished. A reset, before or behind the FIN, leaves an error until a call has
 * returned it: what no wrapper saw may have done that.
 */
static enum transfer_fin fin_of(const struct observation *o)
{
    if (o->tcp_state == ST_CLOSE && has_fin(o) && !o->unwatched)
        return TRANSFER_FIN;
    return transfer_fin(o->tcp_state);
}

static void probe_tcp(int fd, struct observation *o)
{
    struct tcp_info t;
    memset(&t, 0, sizeof t);
    long len = get_option(fd, IPPROTO_TCP, TCP_INFO, &t, sizeof t);
    if (len < 0)
        return;
    o->tcp_state = t.tcpi_state;
    o->listening = t.tcpi_state == ST_LISTEN;
    o->retransmits = (unsigned)t.tcpi_retransmits + t.tcpi_backoff + t.tcpi_probes;
    o->connecting = t.tcpi_state == ST_SYN_SENT || t.tcpi_state == ST_SYN_RECV;
    o->tried = t.tcpi_segs_out > 0; /* of an unconnected one: its SYN */
    /*
     * An error that waits cannot be asked for without taking it from the program. But no SYN was sent
     * again, so it is no timeout, and an ICMP message is no segment: the one that came was a reset.
     */
    o->refused =
        o->protocol == IPPROTO_TCP && t.tcpi_state == ST_CLOSE && t.tcpi_segs_in == 1 && t.tcpi_segs_out == 1 && !t.tcpi_total_retrans;
    /* the acknowledgement of the SYN counts as a byte, and the peer's FIN does */
    o->used = t.tcpi_bytes_acked > 1 && t.tcpi_bytes_received > 1;
    /*
     * The acknowledgement of the SYN counts as a byte (bytes_acked), and a refused connect has
     * none.
     */
    if (t.tcpi_bytes_acked || t.tcpi_bytes_received || (t.tcpi_state != ST_CLOSE && !o->connecting && !o->listening))
        o->was_connected = true;
    if (!o->listening) {
        o->unread = queued_bytes(fd, SIOCINQ);
        o->unsent = queued_bytes(fd, SIOCOUTQ);
    }
    /*
     * MPTCP's answer counts the peer's DATA_FIN as a byte, and is 1 for an empty queue after it,
     * and for a socket that has no connection.
     */
    if (o->protocol == PROTOCOL_MPTCP && !o->was_connected)
        o->unread = 0;
    if (o->protocol == PROTOCOL_MPTCP && o->pollrdhup && !o->shut_rd && o->unread)
        o->unread--;
    o->signature = mix_signature(t.tcpi_bytes_received, t.tcpi_bytes_acked, o->unread, o->unsent);
    /* after this side's own SHUT_RD a receive call takes the FIN, and is not told of it */
    o->read_unseen = o->protocol == IPPROTO_TCP && has_fin(o) && t.tcpi_bytes_received && !o->told_eof && !o->shut_rd && !o->unread &&
                     (t.tcpi_bytes_received == 1 || track_no_data_came()) && !track_had_empty_call() && queue_is_empty(fd);
    if (o->protocol == IPPROTO_TCP && o->was_connected) { /* MPTCP's are those of one subflow */
        transfer_from_info(&o->transfer, &t, (size_t)len, fin_of(o), clock_now());
        o->transfer.waits = o->unsent != 0;
    }
    o->idle_ns = smallest(t.tcpi_last_data_recv, t.tcpi_last_data_sent, t.tcpi_last_ack_recv) * (uint64_t)NS_PER_MS;
}

/* CALL: getsockname or getpeername. LEN: the room at A, and the address's length. */
static long get_name(int fd, long call, void *a, unsigned *len)
{
    int file = hold_file(fd);
    return file < 0 ? file : SYS3(call, file, a, len);
}

static bool has_peer_name(int fd)
{
    char a[128];
    unsigned len = sizeof a;
    return answer(get_name(fd, SYS_getpeername, a, &len)) >= 0;
}

static void probe_other(int fd, struct observation *o)
{
    if (o->listening)
        return;
    if (o->type == SOCK_STREAM || o->type == SOCK_SEQPACKET) {
        o->unread = queued_bytes(fd, SIOCINQ);
        o->unsent = queued_bytes(fd, SIOCOUTQ);
    }
    o->signature = mix_signature(o->unread, o->unsent, 1, 1);
}

static bool has_local_name(int fd)
{
    struct sockaddr_storage a;
    unsigned len = sizeof a;
    return answer(get_name(fd, SYS_getsockname, &a, &len)) >= 0 && address_is_bound(&a, len);
}

/* What is known of the calls on a socket that has no connection. */
static void probe_attempts(int fd, const struct state_slot *s, struct observation *o)
{
    const struct state_attempt *a = s ? attempt_of(fd) : NULL;
    uint16_t flags = s ? atomic_load(&s->flags) : 0;
    o->bound = has_local_name(fd);
    o->tried |= (flags & SLOT_CONNECTING) != 0;
    o->seen_all = s && SLOT_ORIGIN(s) == ORIGIN_SOCKET && !(flags & SLOT_ADOPTED);
    if (a && atomic_load(&a->gen) == SLOT_GEN(atomic_load(&s->word)))
        o->failed_call = a->call;
}

int probe(int fd, const struct state_slot *s, int revents, struct observation *o)
{
    memset(o, 0, sizeof *o);
    uint16_t flags = 0;
    struct identity id = {0, 0, 0, 0};
    if (s) {
        flags = slot_flags(s);
        id.family = s->family;
        id.type = (int)SLOT_TYPE(s);
        id.protocol = flags & SLOT_MPTCP ? PROTOCOL_MPTCP : s->protocol;
        const struct state_share *share = table_at(s->share);
        o->told_errno = atomic_load(&s->told_errno);
        if (!o->told_errno && share)
            o->told_errno = (int)atomic_load(&share->told_errno);
    }
    if (!id.family || !id.type) {
        int r = probe_identity(fd, &id);
        if (r < 0)
            return r;
    }
    long events = revents < 0 ? poll_events(fd) : revents;
    /* RLIMIT_NOFILE is 0, so poll fails (poll(2)): the TCP state has to do */
    if (events == -EINVAL)
        events = 0;
    if (events < 0 || (events & POLLNVAL))
        return events < 0 ? (int)events : -EBADF;
    o->family = id.family;
    o->type = id.type;
    o->protocol = id.protocol ? id.protocol : is_ip(id.family) && id.type == SOCK_STREAM ? IPPROTO_TCP : 0;
    o->pollhup = events & POLLHUP;
    o->pollerr = events & POLLERR;
    o->pollrdhup = events & POLLRDHUP;
    o->shut_wr = flags & SLOT_SHUT_WR;
    o->shut_rd = flags & SLOT_SHUT_RD;
    o->told_eof = flags & SLOT_TOLD_EOF;
    o->unwatched = !s || slot_is_unwatched(s, flags, table_unwatched_ns());
    o->was_connected = flags & SLOT_CONNECTED;
    bool tcp = is_ip(id.family) && id.type == SOCK_STREAM && (o->protocol == IPPROTO_TCP || o->protocol == PROTOCOL_MPTCP);
    if (tcp)
        probe_tcp(fd, o);
    if (o->tcp_state == ST_NONE) {
        o->listening = get_option_int(fd, SO_ACCEPTCONN, 0) == 1;
        o->connecting = flags & SLOT_CONNECTING;
        probe_other(fd, o);
    }
    o->has_peer = has_peer_name(fd);
    if (o->has_peer)
        o->was_connected = true;
    if (!o->was_connected && !o->listening && o->type != SOCK_DGRAM)
        probe_attempts(fd, s, o);
    return 0;
}

/* ---- addresses ------------------------------------------------------------------------------- */

void probe_addresses(int fd, char local[96], char peer[96])
{
    struct sockaddr_storage a;
    unsigned len = sizeof a;
    local[0] = peer[0] = 0;
    if (get_name(fd, SYS_getsockname, &a, &len) >= 0)
        address_text(local, &a, len);
    len = sizeof a;
    if (get_name(fd, SYS_getpeername, &a, &len) >= 0) {
        address_text(peer, &a, len);
        return;
    }
    /*
     * SO_PEERNAME still gives the address of a TCP connection that is over; it needs the exact
     * length.
     */
    static const unsigned sizes[] = {sizeof(struct sockaddr_in6), sizeof(struct sockaddr_in)};
    for (unsigned i = 0; i < 2; i++)
        if (get_option(fd, SOL_SOCKET, SO_PEERNAME, &a, sizes[i]) > 0) {
            address_text(peer, &a, sizes[i]);
            return;
        }
}
