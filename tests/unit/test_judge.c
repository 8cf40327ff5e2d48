/* SPDX-License-Identifier: MIT */
/*
 * test_judge.c: the judge over every TCP state, family, type and flag, and the condition's clock.
 *
 * Two halves: rows that say the verdict of situations as they happen, and laws that hold for each
 * of the millions of combinations.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/judge.h"
#include "core/state.h"

#define TCP4 .family = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP
#define TCP6 .family = AF_INET6, .type = SOCK_STREAM, .protocol = IPPROTO_TCP
#define MPTCP .family = AF_INET, .type = SOCK_STREAM, .protocol = 262
#define SCTP1 .family = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_SCTP
#define SCTPN .family = AF_INET, .type = SOCK_SEQPACKET, .protocol = IPPROTO_SCTP
#define UNIX .family = AF_UNIX, .type = SOCK_STREAM
#define UNIXSEQ .family = AF_UNIX, .type = SOCK_SEQPACKET
#define VSOCK .family = AF_VSOCK, .type = SOCK_STREAM
#define WAS .was_connected = true
#define HUP .pollhup = true, .pollrdhup = true

struct row {
    const char *what;
    struct observation o;
    uint8_t kind, how, eof;
};

static const struct row rows[] = {
    {"a fresh TCP socket", {TCP4, .tcp_state = ST_CLOSE, .pollhup = true}, KIND_NEVER_CONNECTED, 0, 0},
    {"a connect under way", {TCP4, .tcp_state = ST_SYN_SENT, .connecting = true}, KIND_OPEN, 0, 0},
    {"a refused connect, not yet fetched",
     {TCP6, .tcp_state = ST_CLOSE, .connecting = true, .pollerr = true, HUP},
     KIND_NEVER_CONNECTED,
     0,
     0},
    {"a refused connect, told", {TCP6, .tcp_state = ST_CLOSE, .told_errno = ECONNREFUSED, HUP}, KIND_NEVER_CONNECTED, 0, 0},
    {"a connect that timed out", {TCP4, .tcp_state = ST_CLOSE, .told_errno = ETIMEDOUT, HUP}, KIND_NEVER_CONNECTED, 0, 0},
    {"a connect cut off by shutdown", {TCP4, .tcp_state = ST_CLOSE, .connecting = true, .shut_rd = true, HUP}, KIND_NEVER_CONNECTED, 0, 0},
    {"a listening socket", {TCP4, .tcp_state = ST_LISTEN, .listening = true}, KIND_OPEN, 0, 0},
    {"a listener that shutdown woke", {TCP4, .tcp_state = ST_CLOSE, .shut_rd = true, HUP}, KIND_OPEN, 0, 0},
    {"a healthy connection", {TCP4, .tcp_state = ST_ESTABLISHED, WAS, .has_peer = true}, KIND_OPEN, 0, 0},
    {"a half-open accept", {TCP4, .tcp_state = ST_SYN_RECV, WAS}, KIND_OPEN, 0, 0},
    {"a local SHUT_RD is not an end",
     {TCP4, .tcp_state = ST_ESTABLISHED, WAS, .shut_rd = true, .pollrdhup = true, .told_eof = true},
     KIND_OPEN,
     0,
     0},
    {"the peer's FIN, unread", {TCP4, .tcp_state = ST_CLOSE_WAIT, WAS, .pollrdhup = true, .unread = 10}, KIND_CLOSE_WAIT, 0, EOF_UNREAD},
    {"the peer's FIN, read", {TCP6, .tcp_state = ST_CLOSE_WAIT, WAS, .pollrdhup = true, .told_eof = true}, KIND_CLOSE_WAIT, 0, EOF_READ},
    {"our FIN not acknowledged", {TCP4, .tcp_state = ST_FIN_WAIT_1, WAS, .shut_wr = true}, KIND_FIN_WAIT_2, 0, 0},
    {"our FIN acknowledged", {TCP4, .tcp_state = ST_FIN_WAIT_2, WAS, .shut_wr = true}, KIND_FIN_WAIT_2, 0, 0},
    {"shut down by another holder", {TCP4, .tcp_state = ST_FIN_WAIT_2, WAS}, KIND_FIN_WAIT_2, 0, 0},
    {"our FIN after the peer's, read",
     {TCP4, .tcp_state = ST_LAST_ACK, WAS, .shut_wr = true, .told_eof = true},
     KIND_DEAD,
     HOW_FINISHED,
     EOF_READ},
    {"both FINs at once", {TCP4, .tcp_state = ST_CLOSING, WAS, .shut_wr = true}, KIND_DEAD, HOW_FINISHED, EOF_UNREAD},
    {"TIME_WAIT", {TCP4, .tcp_state = ST_TIME_WAIT, WAS, .shut_wr = true}, KIND_DEAD, HOW_FINISHED, EOF_UNREAD},
    {"both FINs done", {TCP4, .tcp_state = ST_CLOSE, WAS, .shut_wr = true, .told_eof = true, HUP}, KIND_DEAD, HOW_FINISHED, EOF_READ},
    {"shut down both ways, unread",
     {TCP4, .tcp_state = ST_CLOSE, WAS, .shut_wr = true, .shut_rd = true, HUP},
     KIND_DEAD,
     HOW_FINISHED,
     EOF_UNREAD},
    {"reset, told", {TCP4, .tcp_state = ST_CLOSE, WAS, .told_errno = ECONNRESET, HUP}, KIND_DEAD, HOW_RESET, 0},
    {"aborted, told", {TCP4, .tcp_state = ST_CLOSE, WAS, .told_errno = ECONNABORTED, HUP}, KIND_DEAD, HOW_RESET, 0},
    {"reset, not told", {TCP4, .tcp_state = ST_CLOSE, WAS, .pollerr = true, HUP}, KIND_DEAD, HOW_RESET, 0},
    {"reset while we had shut down", {TCP4, .tcp_state = ST_CLOSE, WAS, .shut_wr = true, .pollerr = true, HUP}, KIND_DEAD, HOW_RESET, 0},
    {"reset in CLOSE_WAIT gives EPIPE",
     {TCP4, .tcp_state = ST_CLOSE, WAS, .told_errno = EPIPE, .told_eof = true, HUP},
     KIND_DEAD,
     HOW_RESET,
     EOF_READ},
    {"EPIPE after our own shutdown",
     {TCP4, .tcp_state = ST_CLOSE, WAS, .told_errno = EPIPE, .shut_wr = true, HUP},
     KIND_DEAD,
     HOW_FINISHED,
     0},
    {"EPIPE and an error pending",
     {TCP4, .tcp_state = ST_CLOSE, WAS, .told_errno = EPIPE, .shut_wr = true, .pollerr = true, HUP},
     KIND_DEAD,
     HOW_RESET,
     0},
    {"timed out, told", {TCP4, .tcp_state = ST_CLOSE, WAS, .told_errno = ETIMEDOUT, HUP}, KIND_DEAD, HOW_TIMEOUT, 0},
    {"no route, told", {TCP4, .tcp_state = ST_CLOSE, WAS, .told_errno = EHOSTUNREACH, HUP}, KIND_DEAD, HOW_TIMEOUT, 0},
    {"no network, told", {TCP6, .tcp_state = ST_CLOSE, WAS, .told_errno = ENETUNREACH, HUP}, KIND_DEAD, HOW_TIMEOUT, 0},
    {"timed out, not told", {TCP4, .tcp_state = ST_CLOSE, WAS, .pollerr = true, .retransmits = 15, HUP}, KIND_DEAD, HOW_TIMEOUT, 0},
    {"an error fetched unseen", {TCP4, .tcp_state = ST_CLOSE, WAS, HUP}, KIND_DEAD, HOW_RESET, 0},
    /* what may have been read, shut down or told of where no wrapper saw it */
    {"the peer's FIN, and nobody knows who reads",
     {TCP4, .tcp_state = ST_CLOSE_WAIT, WAS, .unwatched = true, .pollrdhup = true},
     KIND_CLOSE_WAIT,
     0,
     0},
    {"the peer's FIN, taken by a call that nobody saw",
     {TCP4, .tcp_state = ST_CLOSE_WAIT, WAS, .read_unseen = true, .pollrdhup = true},
     KIND_CLOSE_WAIT,
     0,
     0},
    {"the peer's FIN, behind bytes that nobody has read",
     {TCP4, .tcp_state = ST_CLOSE_WAIT, WAS, .unwatched = true, .unread = 3},
     KIND_CLOSE_WAIT,
     0,
     EOF_UNREAD},
    {"the peer's FIN, read before our eyes",
     {TCP4, .tcp_state = ST_CLOSE_WAIT, WAS, .unwatched = true, .told_eof = true},
     KIND_CLOSE_WAIT,
     0,
     EOF_READ},
    {"ended before the attach", {TCP4, .tcp_state = ST_CLOSE, WAS, .unwatched = true, HUP}, KIND_DEAD, HOW_NONE, 0},
    {"ended before the attach, and written to since",
     {TCP4, .tcp_state = ST_CLOSE, WAS, .unwatched = true, .told_errno = EPIPE, HUP},
     KIND_DEAD,
     HOW_NONE,
     0},
    {"reset before the attach, the error pending",
     {TCP4, .tcp_state = ST_CLOSE, WAS, .unwatched = true, .pollerr = true, HUP},
     KIND_DEAD,
     HOW_RESET,
     0},
    {"reset, told since the attach",
     {TCP4, .tcp_state = ST_CLOSE, WAS, .unwatched = true, .told_errno = ECONNRESET, HUP},
     KIND_DEAD,
     HOW_RESET,
     0},
    {"finished by our own shutdown since the attach",
     {TCP4, .tcp_state = ST_CLOSE, WAS, .unwatched = true, .shut_wr = true, HUP},
     KIND_DEAD,
     HOW_FINISHED,
     0},
    {"a Unix peer gone, and nobody knows who reads",
     {.family = AF_UNIX, .type = SOCK_STREAM, .was_connected = true, .unwatched = true, .pollhup = true},
     KIND_HANGUP,
     0,
     0},
    {"an errno that says nothing",
     {TCP4, .tcp_state = ST_CLOSE, WAS, .told_errno = ENOTCONN, .shut_wr = true, HUP},
     KIND_DEAD,
     HOW_FINISHED,
     0},

    {"MPTCP, healthy", {MPTCP, .tcp_state = ST_ESTABLISHED, WAS, .has_peer = true}, KIND_OPEN, 0, 0},
    {"MPTCP, first subflow gone", {MPTCP, .tcp_state = ST_CLOSE, WAS, .has_peer = true}, KIND_OPEN, 0, 0},
    {"MPTCP, peer done", {MPTCP, .tcp_state = ST_ESTABLISHED, WAS, .has_peer = true, .pollrdhup = true}, KIND_CLOSE_WAIT, 0, EOF_UNREAD},
    {"MPTCP, peer done and read",
     {MPTCP, .tcp_state = ST_ESTABLISHED, WAS, .pollrdhup = true, .told_eof = true},
     KIND_CLOSE_WAIT,
     0,
     EOF_READ},
    {"MPTCP, own shutdown", {MPTCP, .tcp_state = ST_ESTABLISHED, WAS, .has_peer = true, .shut_wr = true}, KIND_FIN_WAIT_2, 0, 0},
    {"MPTCP, own SHUT_RD", {MPTCP, .tcp_state = ST_ESTABLISHED, WAS, .shut_rd = true, .pollrdhup = true}, KIND_OPEN, 0, 0},
    {"MPTCP, own SHUT_RDWR, peer not done", {MPTCP, WAS, .has_peer = true, .shut_rd = true, .shut_wr = true, HUP}, KIND_FIN_WAIT_2, 0, 0},
    {"MPTCP, both done", {MPTCP, .tcp_state = ST_CLOSE, WAS, .shut_wr = true, .told_eof = true, HUP}, KIND_DEAD, HOW_FINISHED, EOF_READ},
    {"MPTCP, both ending",
     {MPTCP, .tcp_state = ST_ESTABLISHED, WAS, .shut_wr = true, .pollrdhup = true},
     KIND_DEAD,
     HOW_FINISHED,
     EOF_UNREAD},
    {"MPTCP, reset", {MPTCP, .tcp_state = ST_CLOSE, WAS, .pollhup = true, .pollerr = true}, KIND_DEAD, HOW_RESET, 0},
    {"MPTCP, fresh", {MPTCP, .tcp_state = ST_CLOSE, .pollhup = true}, KIND_NEVER_CONNECTED, 0, 0},
    {"MPTCP, connect under way", {MPTCP, .tcp_state = ST_SYN_SENT, .connecting = true}, KIND_OPEN, 0, 0},
    {"MPTCP, connect refused",
     {MPTCP, .tcp_state = ST_CLOSE, .connecting = true, .pollhup = true, .pollerr = true},
     KIND_NEVER_CONNECTED,
     0,
     0},
    {"MPTCP, listening", {MPTCP, .tcp_state = ST_LISTEN, .listening = true}, KIND_OPEN, 0, 0},
    {"SCTP one-to-one, peer gone", {SCTP1, WAS, .pollrdhup = true, .told_eof = true}, KIND_HANGUP, 0, EOF_READ},
    {"SCTP one-to-one, fresh", {SCTP1}, KIND_NEVER_CONNECTED, 0, 0},
    {"SCTP one-to-many needs no connect", {SCTPN}, KIND_OPEN, 0, 0},

    {"a fresh Unix socket", {UNIX, .pollhup = true}, KIND_NEVER_CONNECTED, 0, 0},
    {"a fresh Unix packet socket", {UNIXSEQ, .pollhup = true}, KIND_NEVER_CONNECTED, 0, 0},
    {"a Unix connect that failed", {UNIX, .pollhup = true, .told_errno = ENOENT}, KIND_NEVER_CONNECTED, 0, 0},
    {"a listening Unix socket", {UNIX, .listening = true}, KIND_OPEN, 0, 0},
    {"a healthy Unix connection", {UNIX, .has_peer = true}, KIND_OPEN, 0, 0},
    {"a Unix peer that closed, unread", {UNIX, .has_peer = true, HUP}, KIND_HANGUP, 0, EOF_UNREAD},
    {"a Unix peer that closed, read", {UNIXSEQ, WAS, HUP, .told_eof = true}, KIND_HANGUP, 0, EOF_READ},
    {"a Unix peer that closed, EPIPE told", {UNIX, WAS, HUP, .told_errno = EPIPE}, KIND_HANGUP, 0, 0},
    {"a Unix peer that closed after our SHUT_WR", {UNIX, WAS, HUP, .shut_wr = true}, KIND_HANGUP, 0, EOF_UNREAD},
    {"a Unix peer that shut down its half", {UNIX, WAS, .pollrdhup = true, .told_eof = true}, KIND_OPEN, 0, 0},
    {"a Unix socket shut down both ways here", {UNIX, WAS, HUP, .shut_rd = true, .shut_wr = true}, KIND_DEAD, HOW_FINISHED, 0},
    {"a vsock connect under way", {VSOCK, .connecting = true}, KIND_OPEN, 0, 0},
    {"a vsock connect that failed", {VSOCK, .connecting = true, .pollerr = true}, KIND_NEVER_CONNECTED, 0, 0},
    {"a vsock peer that closed", {VSOCK, WAS, .pollrdhup = true}, KIND_HANGUP, 0, EOF_UNREAD},
    {"a vsock socket with own SHUT_RD", {VSOCK, WAS, .pollrdhup = true, .shut_rd = true}, KIND_OPEN, 0, 0},

    {"a UDP socket", {.family = AF_INET, .type = SOCK_DGRAM, .pollerr = true, HUP}, KIND_OPEN, 0, 0},
    {"a Unix datagram socket whose peer is gone", {.family = AF_UNIX, .type = SOCK_DGRAM, WAS, HUP}, KIND_OPEN, 0, 0},
    {"netlink", {.family = AF_NETLINK, .type = SOCK_RAW}, KIND_OPEN, 0, 0},
    {"AF_ALG", {.family = AF_ALG, .type = SOCK_SEQPACKET, .pollhup = true}, KIND_OPEN, 0, 0},
    {"Bluetooth, fresh", {.family = AF_BLUETOOTH, .type = SOCK_STREAM, .pollhup = true}, KIND_OPEN, 0, 0},
    {"Bluetooth, peer gone", {.family = AF_BLUETOOTH, .type = SOCK_STREAM, WAS, HUP}, KIND_HANGUP, 0, EOF_UNREAD},
    {"not a socket", {.family = AF_UNSPEC}, KIND_NONE, 0, 0},
};

static void each_situation_gets_its_verdict(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct verdict v = judge(&rows[i].o);
        if (v.kind != rows[i].kind || v.how != rows[i].how || v.eof != rows[i].eof) {
            print_error("%s: kind %d how %d eof %d, expected %d %d %d\n", rows[i].what, v.kind, v.how, v.eof, rows[i].kind, rows[i].how,
                        rows[i].eof);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* ---- laws ---------------------------------------------------------------------------------------------------------------- */

enum {
    F_LISTENING = 1,
    F_PEER = 2,
    F_WAS = 4,
    F_CONNECTING = 8,
    F_HUP = 16,
    F_ERR = 32,
    F_RDHUP = 64,
    F_SHUT_WR = 128,
    F_SHUT_RD = 256,
    F_EOF = 512,
    F_RETRANS = 1024,
    F_ALL = 2048
};

static struct observation observation_of(int family, int type, int protocol, unsigned tcp_state, unsigned flags, int error)
{
    return (struct observation){
        .family = family,
        .type = type,
        .protocol = protocol,
        .tcp_state = tcp_state,
        .listening = flags & F_LISTENING,
        .has_peer = flags & F_PEER,
        .was_connected = flags & F_WAS,
        .connecting = flags & F_CONNECTING,
        .pollhup = flags & F_HUP,
        .pollerr = flags & F_ERR,
        .pollrdhup = flags & F_RDHUP,
        .shut_wr = flags & F_SHUT_WR,
        .shut_rd = flags & F_SHUT_RD,
        .told_eof = flags & F_EOF,
        .retransmits = flags & F_RETRANS ? 3 : 0,
        .told_errno = error,
    };
}

/* The law that V breaks for O, or NULL. */
static const char *broken_law(const struct observation *o, const struct verdict *v)
{
    bool stream = o->type == SOCK_STREAM, connects = stream || o->type == SOCK_SEQPACKET;
    bool mptcp = stream && o->protocol == 262 && !o->listening, tcp = stream && o->tcp_state != ST_NONE && !o->listening && !mptcp;
    bool tcp_like = tcp || mptcp;
    unsigned s = o->tcp_state;
    bool connected = o->was_connected || o->has_peer;
    if (o->family == AF_UNSPEC && s == ST_NONE)
        return v->kind == KIND_NONE ? NULL : "what has no family is never counted";
    if (v->kind >= KIND_COUNT)
        return "every socket has a kind";
    if ((v->how != HOW_NONE) != (v->kind == KIND_DEAD))
        return "'how' belongs to the dead, and each of them has one";
    if ((!connects || o->listening) && v->kind != KIND_OPEN)
        return "datagram, raw and listening sockets are only ever open";
    if (!mptcp && (v->kind == KIND_CLOSE_WAIT) != (tcp && s == ST_CLOSE_WAIT))
        return "close_wait is the kernel's CLOSE_WAIT";
    if (mptcp && v->kind == KIND_CLOSE_WAIT && !(connected && o->pollrdhup && !o->shut_rd && !o->shut_wr))
        return "an MPTCP connection is in CLOSE_WAIT when poll says that the peer has ended, and this process has not";
    if (mptcp && v->kind == KIND_FIN_WAIT_2 && !(connected && o->shut_wr))
        return "an MPTCP connection is in FIN_WAIT_2 when this process has shut it down";
    if (mptcp && connected && o->pollhup && v->kind == KIND_OPEN)
        return "an MPTCP connection at HUP is not healthy";
    if (!mptcp && (v->kind == KIND_FIN_WAIT_2) != (tcp && (s == ST_FIN_WAIT_1 || s == ST_FIN_WAIT_2)))
        return "fin_wait_2 is the kernel's FIN_WAIT_1 or FIN_WAIT_2";
    if (tcp && (s == ST_ESTABLISHED || s == ST_SYN_SENT || s == ST_SYN_RECV || s == ST_LISTEN) && v->kind != KIND_OPEN)
        return "a connection that the kernel holds for healthy is open, whatever the history says";
    if (tcp && (s == ST_LAST_ACK || s == ST_CLOSING || s == ST_TIME_WAIT) && (v->kind != KIND_DEAD || v->how != HOW_FINISHED))
        return "after both FINs a connection is finished";
    if (tcp && s == ST_CLOSE && connected != (v->kind == KIND_DEAD))
        return "in CLOSE a connection that was is dead, and one that never was is not";
    if (v->kind == KIND_NEVER_CONNECTED && connected)
        return "what was connected is not never_connected";
    if (v->kind == KIND_NEVER_CONNECTED && !tcp_like && o->connecting && !o->pollhup && !o->pollerr)
        return "a connect under way is not never_connected";
    if (v->kind == KIND_HANGUP && (tcp_like || !connected || !(o->pollhup || o->pollrdhup)))
        return "a hangup is of a connected socket without TCP states, and poll says it";
    if (v->kind == KIND_HANGUP && o->family == AF_UNIX && !o->pollhup)
        return "a Unix peer's half-close is not a hangup";
    if (v->kind == KIND_HANGUP && o->shut_rd && o->shut_wr)
        return "who shut down both ways was not hung up on";
    if (v->kind == KIND_DEAD && mptcp && !(connected && (o->pollhup || (o->pollrdhup && o->shut_wr))))
        return "an MPTCP connection is dead at HUP, or once both sides have ended it";
    if (v->kind == KIND_DEAD && !tcp_like && !(o->shut_rd && o->shut_wr && connected))
        return "without TCP states only an own shutdown of both ways is dead";
    if (v->eof == EOF_READ && !o->told_eof)
        return "read means that a receive call returned 0";
    if (v->eof == EOF_UNREAD && o->told_eof)
        return "unread means that none did";
    if (v->eof != EOF_NONE && (v->kind == KIND_OPEN || v->kind == KIND_NEVER_CONNECTED || v->kind == KIND_FIN_WAIT_2))
        return "where the peer has not ended there is no end to be told of";
    if (v->kind == KIND_CLOSE_WAIT && v->eof == EOF_NONE)
        return "a CLOSE_WAIT is read or unread";
    if (v->how == HOW_TIMEOUT && (o->told_errno == ECONNRESET || o->told_errno == EPIPE))
        return "what was told as a reset is no timeout";
    if (v->how == HOW_RESET && o->told_errno == ETIMEDOUT)
        return "what was told as a timeout is no reset";
    return NULL;
}

static void the_laws_hold_for_every_state_family_type_and_flag(void **state)
{
    (void)state;
    static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, AF_VSOCK, AF_NETLINK, AF_ALG, AF_BLUETOOTH, 43, 9999};
    static const int types[] = {0, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
    static const int protocols[] = {IPPROTO_TCP, 262};
    static const int errors[] = {0, ECONNRESET, ETIMEDOUT, EPIPE, ECONNREFUSED, EHOSTUNREACH, 9999};
    uint64_t seen[KIND_COUNT] = {0};
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            for (unsigned s = 0, p = 0; s <= 13; p = !p, s += !p)
                for (unsigned flags = 0; flags < F_ALL; flags++)
                    for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
                        struct observation o = observation_of(families[f], types[t], protocols[p], s, flags, errors[e]);
                        struct verdict v = judge(&o);
                        const char *law = broken_law(&o, &v);
                        if (law)
                            fail_msg("%s: family %d type %d state %u flags %x errno %d gave kind %d how %d eof %d", law, o.family, o.type,
                                     s, flags, o.told_errno, v.kind, v.how, v.eof);
                        if (v.kind < KIND_COUNT)
                            seen[v.kind]++;
                    }
    for (unsigned k = 0; k < KIND_COUNT; k++) /* those after OPEN are of no open socket */
        assert_true(k > KIND_OPEN ? !seen[k] : seen[k] > 0);
}

static void a_socket_that_never_connected_has_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct observation o;
        uint8_t never;
    } cases[] = {
        {"fresh, from the start", {TCP4, .tcp_state = ST_CLOSE, .pollhup = true, .seen_all = true}, NEVER_UNTRIED},
        {"fresh, open before an attach", {TCP4, .tcp_state = ST_CLOSE, .pollhup = true}, NEVER_UNSEEN},
        {"refused", {TCP4, .tcp_state = ST_CLOSE, .told_errno = ECONNREFUSED, .seen_all = true}, NEVER_FAILED},
        {"refused, unfetched", {TCP4, .tcp_state = ST_CLOSE, .pollerr = true}, NEVER_FAILED},
        {"refused, as the counters say", {TCP4, .tcp_state = ST_CLOSE, .pollerr = true, .refused = true, .tried = true}, NEVER_REFUSED},
        {"refused, and read unseen", {TCP4, .tcp_state = ST_CLOSE, .refused = true, .tried = true}, NEVER_FAILED},
        {"its SYN went out", {TCP4, .tcp_state = ST_CLOSE, .tried = true}, NEVER_FAILED},
        {"a send on it", {TCP4, .tcp_state = ST_CLOSE, .told_errno = EPIPE, .seen_all = true}, NEVER_UNTRIED},
        {"bound", {TCP4, .tcp_state = ST_CLOSE, .bound = true, .seen_all = true}, NEVER_BOUND},
        {"bound, then refused", {TCP4, .tcp_state = ST_CLOSE, .bound = true, .told_errno = ECONNREFUSED}, NEVER_FAILED},
        {"bind failed", {TCP4, .tcp_state = ST_CLOSE, .failed_call = ATTEMPT_BIND}, NEVER_BIND_FAILED},
        {"listen failed", {TCP4, .tcp_state = ST_CLOSE, .bound = true, .failed_call = ATTEMPT_LISTEN}, NEVER_LISTEN_FAILED},
        {"dissolved", {TCP4, .tcp_state = ST_CLOSE, .seen_all = true, .tried = true, .failed_call = ATTEMPT_DISCONNECT}, NEVER_DISSOLVED},
        {"hangs, and nobody waits", {TCP4, .tcp_state = ST_SYN_SENT, .connecting = true, .abandoned = true}, NEVER_CONNECTING},
        {"MPTCP hangs", {MPTCP, .tcp_state = ST_SYN_SENT, .connecting = true, .abandoned = true}, NEVER_CONNECTING},
        {"a Unix path that is not there", {UNIX, .told_errno = ENOENT, .failed_call = ATTEMPT_CONNECT}, NEVER_FAILED},
        {"a Unix name", {UNIX, .bound = true, .seen_all = true}, NEVER_BOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verdict v = judge(&cases[i].o);
        if (v.kind != KIND_NEVER_CONNECTED || v.never != cases[i].never)
            fail_msg("%s: kind %d never %d", cases[i].what, v.kind, v.never);
    }
}

static void a_connect_that_hangs_is_as_old_as_it_hangs(void **state)
{
    (void)state;
    struct observation o = {TCP4, .tcp_state = ST_SYN_SENT, .connecting = true, .abandoned = true, .idle_ns = 40ull * 1000000000u};
    struct verdict v = judge(&o);
    struct condition c = {.kind = KIND_NONE};
    condition_update(&c, &v, &o, 100ull * 1000000000u, 10ull * 1000000000u);
    assert_int_equal(c.since_ns, 60ull * 1000000000u);
}

static void a_local_shut_rd_changes_no_tcp_verdict_of_a_connection(void **state)
{
    (void)state;
    for (unsigned s = 1; s <= 12; s++)
        for (unsigned flags = 0; flags < F_ALL; flags++) {
            struct observation o = observation_of(AF_INET, SOCK_STREAM, IPPROTO_TCP, s, (flags | F_WAS) & ~(unsigned)F_SHUT_RD, 0);
            struct verdict without = judge(&o);
            o.shut_rd = true;
            struct verdict with = judge(&o);
            assert_memory_equal(&without, &with, sizeof with);
        }
}

/* ---- the clock ------------------------------------------------------------------------------------------------------------ */

#define S 1000000000ull

static struct condition fresh(void) { return (struct condition){.kind = KIND_NONE}; }

static const struct verdict close_wait = {.kind = KIND_CLOSE_WAIT, .eof = EOF_UNREAD};
static const struct verdict healthy = {.kind = KIND_OPEN};
static const struct verdict finished = {.kind = KIND_DEAD, .how = HOW_FINISHED};
static const struct verdict reset = {.kind = KIND_DEAD, .how = HOW_RESET};
static const struct verdict unconnected = {.kind = KIND_NEVER_CONNECTED};

static void a_condition_that_goes_on_keeps_its_start(void **state)
{
    (void)state;
    struct condition c = fresh();
    struct observation o = {TCP4, .tcp_state = ST_CLOSE_WAIT, .signature = 5};
    assert_true(condition_update(&c, &close_wait, &o, 100 * S, 10 * S));
    assert_int_equal(c.since_ns, 100 * S);
    assert_false(condition_update(&c, &close_wait, &o, 130 * S, 10 * S));
    assert_int_equal(c.since_ns, 100 * S);
    assert_int_equal(c.kind, KIND_CLOSE_WAIT);
}

static void a_byte_that_moves_starts_the_clock_anew(void **state)
{
    (void)state;
    struct condition c = fresh();
    struct observation o = {TCP4, .tcp_state = ST_CLOSE_WAIT, .signature = 5, .idle_ns = 50 * S};
    condition_update(&c, &close_wait, &o, 100 * S, 10 * S);
    o.signature = 6;
    o.idle_ns = S;
    assert_true(condition_update(&c, &close_wait, &o, 130 * S, 10 * S));
    assert_int_equal(c.since_ns, 130 * S);
}

static void another_kind_starts_the_clock_anew(void **state)
{
    (void)state;
    struct condition c = fresh();
    struct observation o = {TCP4, .tcp_state = ST_CLOSE_WAIT, .signature = 5, .idle_ns = 50 * S};
    condition_update(&c, &close_wait, &o, 100 * S, 10 * S);
    o.tcp_state = ST_CLOSE;
    assert_true(condition_update(&c, &finished, &o, 130 * S, 10 * S));
    assert_int_equal(c.since_ns, 130 * S);
    assert_int_equal(c.how, HOW_FINISHED);
    assert_true(condition_update(&c, &healthy, &o, 140 * S, 10 * S));
    assert_int_equal(c.kind, KIND_OPEN);
}

static void the_kernels_idle_time_dates_a_condition_back_but_not_before_the_socket(void **state)
{
    (void)state;
    struct observation o = {TCP4, .tcp_state = ST_CLOSE_WAIT, .idle_ns = 30 * S};
    struct condition c = fresh();
    condition_update(&c, &close_wait, &o, 100 * S, 10 * S);
    assert_int_equal(c.since_ns, 70 * S);
    c = fresh();
    condition_update(&c, &close_wait, &o, 100 * S, 90 * S);
    assert_int_equal(c.since_ns, 90 * S);
    c = fresh();
    o.idle_ns = 200 * S;
    condition_update(&c, &close_wait, &o, 100 * S, 0);
    assert_int_equal(c.since_ns, 0);
    c = fresh();
    condition_update(&c, &healthy, &o, 50 * S, 10 * S); /* seen healthy before: still nothing before it */
    o.idle_ns = 30 * S;
    condition_update(&c, &close_wait, &o, 100 * S, 10 * S);
    assert_int_equal(c.since_ns, 70 * S);
    c = fresh();
    condition_update(&c, &close_wait, &o, 100 * S, 500 * S); /* a slot filled after the look began */
    assert_int_equal(c.since_ns, 100 * S);
}

static void of_a_socket_that_nobody_saw_opened_only_the_kernel_knows_how_long(void **state)
{
    (void)state;
    struct observation o = {TCP4, .tcp_state = ST_CLOSE_WAIT, .idle_ns = 3600 * S};
    struct condition c = fresh();
    condition_update(&c, &close_wait, &o, 5000 * S, 0);
    assert_int_equal(c.since_ns, 1400 * S);
    c = fresh();
    o.tcp_state = ST_CLOSE;
    condition_update(&c, &unconnected, &o, 5000 * S, 0); /* not since the machine was started */
    assert_int_equal(c.since_ns, 5000 * S);
}

static void idle_time_proves_nothing_about_a_reset_or_an_unacknowledged_fin(void **state)
{
    (void)state;
    struct observation o = {TCP4, .tcp_state = ST_CLOSE, .was_connected = true, .idle_ns = 30 * S};
    struct condition c = fresh();
    condition_update(&c, &reset, &o, 100 * S, 10 * S);
    assert_int_equal(c.since_ns, 100 * S);
    static const struct verdict fin_wait = {.kind = KIND_FIN_WAIT_2};
    o.tcp_state = ST_FIN_WAIT_1;
    c = fresh();
    condition_update(&c, &fin_wait, &o, 100 * S, 10 * S);
    assert_int_equal(c.since_ns, 100 * S);
    o.tcp_state = ST_FIN_WAIT_2;
    c = fresh();
    condition_update(&c, &fin_wait, &o, 100 * S, 10 * S);
    assert_int_equal(c.since_ns, 70 * S);
    o.protocol = 262; /* one subflow's time says nothing of the others */
    c = fresh();
    condition_update(&c, &fin_wait, &o, 100 * S, 10 * S);
    assert_int_equal(c.since_ns, 100 * S);
}

static void a_socket_that_nobody_tried_to_connect_is_stuck_since_it_was_opened(void **state)
{
    (void)state;
    struct observation o = {TCP4, .tcp_state = ST_CLOSE, .idle_ns = 90 * S};
    struct condition c = fresh();
    condition_update(&c, &unconnected, &o, 100 * S, 40 * S);
    assert_int_equal(c.since_ns, 40 * S);
    o.told_errno = ECONNREFUSED; /* but one whose connect failed, only since we know that it did */
    c = fresh();
    condition_update(&c, &unconnected, &o, 100 * S, 40 * S);
    assert_int_equal(c.since_ns, 100 * S);
}

static void what_is_not_counted_has_no_condition(void **state)
{
    (void)state;
    struct condition c = fresh();
    struct observation o = {.signature = 1};
    static const struct verdict none = {.kind = KIND_NONE};
    assert_false(condition_update(&c, &none, &o, 100 * S, 0));
    assert_int_equal(c.kind, KIND_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_situation_gets_its_verdict),
        cmocka_unit_test(the_laws_hold_for_every_state_family_type_and_flag),
        cmocka_unit_test(a_socket_that_never_connected_has_its_reason),
        cmocka_unit_test(a_connect_that_hangs_is_as_old_as_it_hangs),
        cmocka_unit_test(a_local_shut_rd_changes_no_tcp_verdict_of_a_connection),
        cmocka_unit_test(a_condition_that_goes_on_keeps_its_start),
        cmocka_unit_test(a_byte_that_moves_starts_the_clock_anew),
        cmocka_unit_test(another_kind_starts_the_clock_anew),
        cmocka_unit_test(the_kernels_idle_time_dates_a_condition_back_but_not_before_the_socket),
        cmocka_unit_test(of_a_socket_that_nobody_saw_opened_only_the_kernel_knows_how_long),
        cmocka_unit_test(idle_time_proves_nothing_about_a_reset_or_an_unacknowledged_fin),
        cmocka_unit_test(a_socket_that_nobody_tried_to_connect_is_stuck_since_it_was_opened),
        cmocka_unit_test(what_is_not_counted_has_no_condition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
