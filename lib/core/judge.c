/* SPDX-License-Identifier: MIT */
/*
 * judge.c: finds the kind of one socket from what the kernel reports of it at one moment, and keeps
 * the condition's clock.
 *
 * Called on the thread that checks: the watcher, or one of the program's own. Pure: the kernel's
 * state decides wherever there is one; the program's history only distinguishes what the kernel has
 * already forgotten (was a CLOSE socket ever connected, and how did it end). RFC 9293 section 3.3.2
 * and the kernel's tcp_poll, tcp_reset, tcp_fin, unix_poll and vsock_poll are the sources of the
 * rules.
 */
#include "judge.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "state.h"

/* Younger than some C libraries. */
#define FAMILY_SMC 43

static struct verdict verdict(enum kind kind, enum how how, enum eof eof)
{
    return (struct verdict){.kind = (uint8_t)kind, .how = (uint8_t)how, .eof = (uint8_t)eof};
}

/* What the program saw of an EOF that waits to be read. */
static enum eof eof_of(const struct observation *o)
{
    if (o->told_eof)
        return EOF_READ;
    /* bytes that wait before the FIN prove that it was not read, whoever reads */
    if (o->unread)
        return EOF_UNREAD;
    return o->unwatched || o->read_unseen ? EOF_NONE : EOF_UNREAD;
}

/*
 * The same of a connection that is over: an error has shown the program the end too, though no
 * receive call returned 0.
 */
static enum eof eof_of_dead(const struct observation *o) { return !o->told_eof && o->told_errno ? EOF_NONE : eof_of(o); }

static enum never why_never(const struct observation *o)
{
    if (o->abandoned && o->connecting && !o->pollerr && !o->pollhup)
        return NEVER_CONNECTING;
    if (o->failed_call == ATTEMPT_BIND)
        return NEVER_BIND_FAILED;
    if (o->failed_call == ATTEMPT_LISTEN)
        return NEVER_LISTEN_FAILED;
    /*
     * Nothing was tried since: the kernel still has the error, segments and port of what was
     * undone.
     */
    if (o->failed_call == ATTEMPT_DISCONNECT && !o->told_errno && !o->connecting)
        return NEVER_DISSOLVED;
    if (o->refused && o->pollerr && o->failed_call != ATTEMPT_CONNECT)
        return NEVER_REFUSED;
    /* EPIPE: a send on it, which says nothing of a connect */
    if ((o->told_errno && o->told_errno != EPIPE) || o->pollerr || o->connecting || o->failed_call == ATTEMPT_CONNECT)
        return NEVER_FAILED;
    if (o->tried)
        return NEVER_FAILED;
    if (o->bound)
        return NEVER_BOUND;
    return o->seen_all ? NEVER_UNTRIED : NEVER_UNSEEN;
}

static struct verdict never_connected(const struct observation *o)
{
    return (struct verdict){.kind = KIND_NEVER_CONNECTED, .never = (uint8_t)why_never(o)};
}

static enum how how_it_ended(const struct observation *o)
{
    switch (o->told_errno) {
    case ETIMEDOUT:
    /* retransmission gave up, and an ICMP message had given the reason (tcp_write_err) */
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
        return HOW_TIMEOUT;
    case ECONNRESET:
    case ECONNABORTED:
    case ENETRESET:
        return HOW_RESET;
    /* a write after our own shutdown, or the error that tcp_reset sets for an RST in CLOSE_WAIT */
    case EPIPE:
        if (o->shut_wr && !o->pollerr)
            return HOW_FINISHED;
        return o->unwatched && !o->pollerr ? HOW_NONE : HOW_RESET;
    default:
        break;
    }
    if (o->pollerr)
        return o->retransmits > 0 ? HOW_TIMEOUT : HOW_RESET;
    if (o->shut_wr)
        return HOW_FINISHED;
    /*
     * Without an error and without our own FIN a connection cannot reach CLOSE: the error was
     * fetched where no wrapper saw it. But there the FIN may have been sent, too.
     */
    return o->unwatched ? HOW_NONE : HOW_RESET;
}

static bool is_connected(const struct observation *o) { return o->was_connected || o->has_peer; }

static struct verdict judge_tcp_close(const struct observation *o)
{
    if (is_connected(o)) {
        enum how how = how_it_ended(o);
        if (how == HOW_FINISHED)
            return verdict(KIND_DEAD, how, eof_of_dead(o));
        return verdict(KIND_DEAD, how, o->told_eof ? EOF_READ : EOF_NONE);
    }
    /*
     * shutdown(SHUT_RD) succeeds without a connection only on a listening socket, which it turns
     * back into CLOSE (a way to wake accept), or on a connect under way. The former did listen, so
     * it is not 'never connected and never listened'.
     */
    if (o->shut_rd && !o->connecting && o->told_errno == 0 && !o->pollerr)
        return verdict(KIND_OPEN, HOW_NONE, EOF_NONE);
    return never_connected(o);
}

static struct verdict judge_tcp(const struct observation *o)
{
    switch (o->tcp_state) {
    case ST_CLOSE_WAIT: /* our own shutdown would have made it LAST_ACK */
        return verdict(KIND_CLOSE_WAIT, HOW_NONE, eof_of(o));
    /* entered by a shutdown alone while the descriptor is held, whichever holder called it */
    case ST_FIN_WAIT_1:
    case ST_FIN_WAIT_2:
        return verdict(KIND_FIN_WAIT_2, HOW_NONE, EOF_NONE);
    case ST_TIME_WAIT:
    case ST_LAST_ACK:
    case ST_CLOSING: /* both FINs are on their way */
        return verdict(KIND_DEAD, HOW_FINISHED, eof_of_dead(o));
    case ST_CLOSE:
        return judge_tcp_close(o);
    case ST_SYN_SENT:
        return o->abandoned ? never_connected(o) : verdict(KIND_OPEN, HOW_NONE, EOF_NONE);
    default: /* LISTEN, SYN_RECV, ESTABLISHED */
        return verdict(KIND_OPEN, HOW_NONE, EOF_NONE);
    }
}

/*
 * TCP_INFO of an MPTCP socket is its first subflow's, which may be gone while the connection lives
 * on others, and which stays ESTABLISHED when the peer ends the connection (DATA_FIN). poll reports
 * on the whole connection: RDHUP when the peer has ended, HUP when both sides have, or in CLOSE.
 */
static struct verdict judge_mptcp(const struct observation *o)
{
    bool peer_done = o->pollrdhup && !o->shut_rd;
    if (!is_connected(o) && (o->pollhup || !o->connecting))
        return judge_tcp_close(o);
    if (!is_connected(o))
        return o->abandoned ? never_connected(o) : verdict(KIND_OPEN, HOW_NONE, EOF_NONE);
    if (o->pollhup && !(o->has_peer && o->shut_rd && o->shut_wr))
        return judge_tcp_close(o);
    if (peer_done && o->shut_wr)
        return verdict(KIND_DEAD, HOW_FINISHED, eof_of_dead(o));
    if (peer_done)
        return verdict(KIND_CLOSE_WAIT, HOW_NONE, eof_of(o));
    return verdict(o->shut_wr ? KIND_FIN_WAIT_2 : KIND_OPEN, HOW_NONE, EOF_NONE);
}

/*
 * Families whose stream sockets are of no use before connect or listen. Others (AF_ALG, Bluetooth
 * ...) have ways of their own.
 */
static bool connect_makes_it_useful(const struct observation *o)
{
    switch (o->family) {
    case AF_INET:
    case AF_INET6:
    case FAMILY_SMC:
        /* SOCK_SEQPACKET is SCTP's one-to-many socket: it needs no connect */
        return o->type == SOCK_STREAM;
    case AF_UNIX:
    case AF_VSOCK:
        return true;
    default:
        return false;
    }
}

/* Has the peer gone? From poll's bits, which families set differently. */
static bool peer_is_gone(const struct observation *o)
{
    if (o->pollhup)
        return true;
    switch (o->family) {
    case AF_INET: /* SCTP has no half-close */
    case AF_INET6:
    case FAMILY_SMC:
    /*
     * vsock_poll sets RDHUP for a peer that closed, HUP only once this side has shut down as well
     */
    case AF_VSOCK:
        return o->pollrdhup && !o->shut_rd;
    default: /* AF_UNIX: RDHUP alone is a peer that shut down its writing half and still reads */
        return false;
    }
}

static struct verdict judge_by_poll(const struct observation *o)
{
    if (is_connected(o)) {
        if (o->shut_rd && o->shut_wr)
            return verdict(KIND_DEAD, HOW_FINISHED, o->told_eof ? EOF_READ : EOF_NONE);
        if (peer_is_gone(o))
            return verdict(KIND_HANGUP, HOW_NONE, eof_of_dead(o));
        return verdict(KIND_OPEN, HOW_NONE, EOF_NONE);
    }
    if (o->connecting && !o->pollerr && !o->pollhup)
        return verdict(KIND_OPEN, HOW_NONE, EOF_NONE);
    return connect_makes_it_useful(o) ? never_connected(o) : verdict(KIND_OPEN, HOW_NONE, EOF_NONE);
}

struct verdict judge(const struct observation *o)
{
    bool connects = o->type == SOCK_STREAM || o->type == SOCK_SEQPACKET;
    if (o->family == AF_UNSPEC && o->tcp_state == ST_NONE)
        return verdict(KIND_NONE, HOW_NONE, EOF_NONE);
    if (!connects || o->listening)
        return verdict(KIND_OPEN, HOW_NONE, EOF_NONE);
    if (o->protocol == PROTOCOL_MPTCP && o->type == SOCK_STREAM)
        return judge_mptcp(o);
    if (o->tcp_state != ST_NONE && o->type == SOCK_STREAM)
        return judge_tcp(o);
    return judge_by_poll(o);
}

/*
 * Whether the kernel's idle time proves that this condition is at least as old: only where the
 * segment that began the condition restarts that time.
 */
static bool idle_proves(const struct verdict *v, const struct observation *o)
{
    if (o->protocol == PROTOCOL_MPTCP) /* the times are one subflow's */
        return false;
    switch (v->kind) {
    case KIND_CLOSE_WAIT: /* the FIN carried an ACK (last_ack_recv) */
        return true;
    case KIND_FIN_WAIT_2: /* our FIN was acknowledged; in FIN_WAIT_1 it was not yet */
        return o->tcp_state == ST_FIN_WAIT_2;
    /* the last FIN was acknowledged too; an RST or a timeout leaves no mark in those times */
    case KIND_DEAD:
        return v->how == HOW_FINISHED && o->tcp_state == ST_CLOSE;
    case KIND_OPEN:
        return true;
    case KIND_NEVER_CONNECTED: /* idle_ns is since the connect began (watch/check.c) */
        return v->never == NEVER_CONNECTING;
    default:
        return false;
    }
}

static uint64_t first_seen_since(const struct verdict *v, const struct observation *o, uint64_t now_ns, uint64_t opened_ns)
{
    uint64_t since = now_ns;
    if (o->idle_ns > 0 && idle_proves(v, o))
        since = o->idle_ns < now_ns ? now_ns - o->idle_ns : 0;
    /* No connect was ever tried: it has been in this condition from the start. */
    if (v->kind == KIND_NEVER_CONNECTED && !o->connecting && !o->pollerr && o->told_errno == 0)
        since = opened_ns ? opened_ns : now_ns;
    if (since < opened_ns)
        since = opened_ns;
    return since < now_ns ? since : now_ns;
}

bool condition_update(struct condition *c, const struct verdict *v, const struct observation *o, uint64_t now_ns, uint64_t opened_ns)
{
    bool nothing_before = c->kind == KIND_NONE || c->kind == KIND_OPEN;
    bool goes_on = c->kind == v->kind && c->signature == o->signature;
    if (!goes_on)
        c->since_ns = nothing_before && c->kind != v->kind ? first_seen_since(v, o, now_ns, opened_ns) : now_ns;
    c->signature = o->signature;
    c->kind = v->kind;
    c->how = v->how;
    return !goes_on && v->kind != KIND_NONE;
}
