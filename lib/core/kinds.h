/* SPDX-License-Identifier: MIT */
/*
 * kinds.h: the kinds of findings, how a connection ended, where a socket came from, and their
 * names.
 *
 * Pure; async-signal-safe. The numbers stand in state files: a new value goes behind the old ones.
 * The names stand in options, suppressions and JSON: they never change.
 */
#ifndef SOCKLEAK_CORE_KINDS_H
#define SOCKLEAK_CORE_KINDS_H

#include <stdbool.h>
#include <stddef.h>

/* IPPROTO_SMC and IPPROTO_MPTCP, which older C libraries do not name (linux/in.h). */
#define PROTOCOL_SMC 256
#define PROTOCOL_MPTCP 262

/*
 * What counts as a finding. Bit positions are the public SOCKLEAK_* masks and the index of the
 * counters of each kind.
 */
enum kind {
    KIND_CLOSE_WAIT = 0,
    KIND_FIN_WAIT_2,
    KIND_DEAD,
    KIND_NEVER_CONNECTED,
    KIND_HANGUP,
    KIND_OPEN,
    KIND_HELD_BY_CHILD,
    KIND_USE_AFTER_CLOSE,
    KIND_COUNT,
    KIND_NONE = 0xff,
};
#define KIND_BIT(k) (1u << (k))
#define KINDS_DEFAULT 0xdfu
#define KINDS_ALL 0xffu

/*
 * Why a socket of KIND_NEVER_CONNECTED is one. NONE: not known (a file of version 0.1); UNSEEN:
 * neither, because its calls were not seen (open before an attach).
 */
enum never {
    NEVER_NONE = 0,
    NEVER_FAILED,     /* connect failed */
    NEVER_UNTRIED,    /* neither bind, connect nor listen was tried */
    NEVER_BOUND,      /* has an address, neither connected nor listening */
    NEVER_CONNECTING, /* a connect has had no answer yet */
    NEVER_UNSEEN,
    NEVER_BIND_FAILED,
    NEVER_LISTEN_FAILED,
    NEVER_DISSOLVED, /* it was connected, or tried, and connect to no address undid that */
    /* connect failed, and the error waits to be read; the kernel's counters say that it was refused */
    NEVER_REFUSED,
    /* in a report alone: has a port, which bind gave it, or a connect that failed and was not seen */
    NEVER_ADDRESS,
    NEVER_COUNT
};
enum how { HOW_NONE = 0, HOW_FINISHED, HOW_RESET, HOW_TIMEOUT }; /* of KIND_DEAD */
/*
 * Whether the program saw EOF: READ: a receive call returned 0, or poll or epoll the hangup;
 * UNREAD:
 * the FIN is there, nothing has reached it; NONE: not known, or there is none. MIXED: of a group
 * whose sockets differ.
 */
enum eof { EOF_NONE = 0, EOF_READ, EOF_UNREAD, EOF_MIXED };
enum origin {
    ORIGIN_SOCKET = 0,
    ORIGIN_ACCEPT,
    ORIGIN_SOCKETPAIR,
    ORIGIN_RECEIVED,
    ORIGIN_INHERITED,
    ORIGIN_BEFORE_ATTACH,
    ORIGIN_UNSEEN,
    ORIGIN_BEFORE_EXEC, /* by the program that this process was before an exec */
    ORIGIN_COUNT
};
/* What happened to a socket, in the order in which reports tell of it: mostly that of time. */
enum event {
    EVENT_NONE = 0,
    EVENT_CONNECT_FAILED,
    EVENT_EPOLL_ADD,
    EVENT_FIRST_RECEIVE,
    EVENT_FIRST_SEND,
    EVENT_DUP,
    EVENT_SHUTDOWN,
    EVENT_EOF,
    EVENT_ERROR,
    EVENT_LAST_RECEIVE,
    EVENT_LAST_SEND,
    EVENT_EPOLL_DEL,
    EVENT_FORKED,
    EVENT_HANDLED_BY, /* nothing of the past: what would be called for it */
    /* of KIND_USE_AFTER_CLOSE: closed first, its number opened again, that put on epoll, used */
    EVENT_CLOSED,
    EVENT_REOPENED,
    EVENT_REOPENED_EPOLL_ADD,
    EVENT_USED,
    EVENT_SIBLINGS, /* none of its own: other sockets, which were closed there */
    EVENT_PARTED,   /* what one of these did, and the group's own did elsewhere */
    EVENT_COUNT
};
/* The program was told that the connection is over, or never came to be. */
static inline bool event_is_end(unsigned event) { return event == EVENT_CONNECT_FAILED || event == EVENT_EOF || event == EVENT_ERROR; }
/* Why a report was made. */
enum reason { REASON_EXIT = 0, REASON_GRACE, REASON_CHECK, REASON_SIGNAL, REASON_REQUEST, REASON_EXHAUSTED, REASON_COUNT };

/* Static strings; NULL for a value out of range. */
const char *kind_name(unsigned kind);
const char *how_name(unsigned how);
const char *origin_name(unsigned origin);
const char *reason_name(unsigned reason);
const char *event_name(unsigned event);
const char *eof_name(unsigned eof); /* "read", "unread", "mixed" */
/*
 * "tcp", "mptcp", "udp" ...: PROTOCOL as given to socket(2), 0 being what the kernel takes for
 * FAMILY and TYPE. NULL: it has no name here, or the family has no protocols.
 */
const char *protocol_name(unsigned family, unsigned type, unsigned protocol);
/* "inet", "inet6", "unix", "vsock" ...; "other" for any family that has no name here. */
const char *family_name(unsigned family);
/*
 * "ESTABLISHED", "CLOSE_WAIT" ...: RFC 9293's states as ss(8) writes them. "" for 0 and for a value
 * out of range.
 */
const char *tcp_state_name(unsigned tcp_state);
/* "ECONNRESET" ...; NULL for an error that no socket call is known to return. */
const char *errno_name(unsigned number);
/* The kind whose name is the LEN bytes at NAME; KIND_NONE when there is none. */
unsigned kind_from_name(const char *name, size_t len);

#endif
