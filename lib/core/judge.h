/* SPDX-License-Identifier: MIT */
/*
 * judge.h: finds the kind of one socket from what the kernel reports of it at one moment. A pure
 * function: no I/O, no state, no clock.
 *
 * Used by the agent (track/probe.c fills the observation from poll, getsockopt and ioctl) and by
 * the tests, which run it over every TCP state, family and flag. Whether the condition has lasted
 * is condition_update's part.
 */
#ifndef SOCKLEAK_CORE_JUDGE_H
#define SOCKLEAK_CORE_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "kinds.h"
#include "transfer.h"

/* TCP states by their numbers in <netinet/tcp.h>; 0: not TCP, or unknown. */
enum {
    ST_NONE = 0,
    ST_ESTABLISHED = 1,
    ST_SYN_SENT,
    ST_SYN_RECV,
    ST_FIN_WAIT_1,
    ST_FIN_WAIT_2,
    ST_TIME_WAIT,
    ST_CLOSE,
    ST_CLOSE_WAIT,
    ST_LAST_ACK,
    ST_LISTEN,
    ST_CLOSING
};

struct observation {
    int family;         /* AF_* */
    int type;           /* SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM, ... */
    int protocol;       /* IPPROTO_* (SO_PROTOCOL) */
    unsigned tcp_state; /* tcpi_state, or ST_NONE when the socket has no TCP_INFO */
    bool listening;     /* SO_ACCEPTCONN */
    bool has_peer;      /* getpeername succeeded */
    /* a wrapper or an earlier check saw it connected, or TCP_INFO proves it (bytes_acked >= 1) */
    bool was_connected;
    bool connecting; /* a connect is under way (EINPROGRESS, no outcome yet) */
    /*
     * nobody waits for that connect any more, or the program ends: it is judged as never connected
     */
    bool abandoned;
    /* what is known of a socket without a connection: it has a local address; a connect was tried;
     * its calls were seen from the start */
    bool bound, tried, seen_all;
    /* the one segment that ever came in reset the connect, and its error was not read yet */
    bool refused;
    uint8_t failed_call; /* enum attempt_call: the last call of connect, bind, listen that failed */
    bool used;           /* TCP: bytes have gone both ways */
    bool pollhup, pollerr, pollrdhup;
    bool shut_wr, shut_rd; /* this process called shutdown */
    bool told_eof;         /* a receive call returned 0, or poll the hangup */
    /*
     * it may have been read where no wrapper saw that: then nothing is known of what was not told
     */
    bool unwatched;
    /*
     * the peer's FIN was taken out of the receive queue, alone, or in a process of which no receive
     * call was ever seen: something has read it that no wrapper sees
     */
    bool read_unseen;
    /* the error a call returned: ECONNRESET, ETIMEDOUT, EPIPE, ECONNREFUSED ...; 0 none */
    int told_errno;
    /*
     * tcpi_retransmits + tcpi_backoff + tcpi_probes: distinguishes a timeout from a reset when no
     * call has returned the error
     */
    unsigned retransmits;
    uint64_t unread;    /* SIOCINQ, without the FIN */
    uint64_t unsent;    /* SIOCOUTQ */
    uint64_t signature; /* any value that changes when a byte moves either way */
    /*
     * how long nothing moved, as the kernel counts it (TCP: least of last_data_recv, _data_sent,
     * _ack_recv); 0 unknown
     */
    uint64_t idle_ns;
    struct transfer transfer; /* of a TCP connection; not judged */
};

struct verdict {
    uint8_t kind;  /* enum kind; KIND_OPEN: healthy; KIND_NONE: not a socket that is ever counted */
    uint8_t how;   /* enum how, for KIND_DEAD */
    uint8_t eof;   /* enum eof */
    uint8_t never; /* enum never, for KIND_NEVER_CONNECTED */
};

/*
 * Where the kernel has a TCP state, it alone decides between close_wait, fin_wait_2, dead or
 * never_connected (CLOSE), and open. Elsewhere poll's bits do: a Unix peer is gone at POLLHUP
 * (POLLRDHUP alone is its half-close); for vsock and SCTP POLLRDHUP is enough, which set POLLHUP
 * only once this side has shut down too. MPTCP has TCP's kinds, from poll's bits as well: its
 * TCP_INFO is one subflow's. A listener that was shut down is open, not never_connected.
 *
 * Total over its input: never fails. KIND_OPEN for a listening or datagram socket too.
 */
struct verdict judge(const struct observation *o);

/*
 * The condition's clock. A socket's condition starts when it is first seen, starts anew when its
 * kind changes or a byte moves (signature), and may start earlier than first seen when the kernel
 * can prove it (idle_ns; not for a reset, a timeout or an unacknowledged FIN, which leave no mark
 * there) or when no connect was ever tried, but never before OPENED_NS. OPENED_NS 0: no wrapper saw
 * it opened.
 */
struct condition {
    uint64_t since_ns;
    uint64_t signature;
    uint8_t kind, how;
};
/*
 * Returns true when the condition (re)started now. PREV with kind KIND_NONE or KIND_OPEN: nothing
 * before.
 */
bool condition_update(struct condition *c, const struct verdict *v, const struct observation *o, uint64_t now_ns, uint64_t opened_ns);

#endif
