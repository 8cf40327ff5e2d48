/* SPDX-License-Identifier: MIT */
/*
 * kinds.c: the words for kinds, origins, families, states and errors, as options, suppressions,
 * text and JSON write them.
 *
 * Called from anywhere; constant tables only.
 */
#include "kinds.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "word.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const char *const kind_names[KIND_COUNT] = {"close_wait", "fin_wait_2", "dead",          "never_connected",
                                                   "hangup",     "open",       "held_by_child", "use_after_close"};
static const char *const how_names[] = {NULL, "finished", "reset", "timeout"};
static const char *const origin_names[ORIGIN_COUNT] = {"socket",    "accept",        "socketpair", "received",
                                                       "inherited", "before_attach", "unseen",     "before_exec"};
static const char *const reason_names[REASON_COUNT] = {"exit", "grace", "check", "signal", "request", "exhausted"};
static const char *const event_names[EVENT_COUNT] = {NULL,        "connect_failed",     "epoll_add", "first_receive",   "first_send",
                                                     "dup",       "shutdown",           "eof",       "error",           "last_receive",
                                                     "last_send", "epoll_del",          "forked",    "handled_by",      "closed",
                                                     "reopened",  "reopened_epoll_add", "used",      "siblings_closed", "parted"};
static const char *const eof_names[] = {NULL, "read", "unread", "mixed"};
static const char *const tcp_names[] = {"",          "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT_1", "FIN_WAIT_2",
                                        "TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",     "CLOSING"};

static const struct {
    unsigned family;
    const char *name;
} families[] = {
    {AF_INET, "inet"},
    {AF_INET6, "inet6"},
    {AF_UNIX, "unix"},
    {AF_VSOCK, "vsock"},
    {AF_NETLINK, "netlink"},
    {AF_PACKET, "packet"},
    {AF_BLUETOOTH, "bluetooth"},
    {AF_ALG, "alg"},
    {AF_CAN, "can"},
    {AF_TIPC, "tipc"},
    {43 /* AF_SMC */, "smc"},
    {AF_RDS, "rds"},
    {AF_KCM, "kcm"},
    {AF_XDP, "xdp"},
    {AF_KEY, "key"},
};

static const struct {
    unsigned number;
    const char *name;
} protocols[] = {
    {IPPROTO_TCP, "tcp"},       {IPPROTO_UDP, "udp"},  {PROTOCOL_MPTCP, "mptcp"},    {IPPROTO_SCTP, "sctp"}, {IPPROTO_ICMP, "icmp"},
    {IPPROTO_ICMPV6, "icmpv6"}, {PROTOCOL_SMC, "smc"}, {IPPROTO_UDPLITE, "udplite"}, {IPPROTO_DCCP, "dccp"}, {IPPROTO_RAW, "raw"},
};

#define ERROR(e) \
    {            \
        e, #e    \
    }
static const struct {
    unsigned number;
    char name[16];
} errors[] = {
    ERROR(ECONNRESET),  ERROR(ETIMEDOUT), ERROR(EPIPE),     ERROR(ECONNREFUSED), ERROR(ECONNABORTED), ERROR(EHOSTUNREACH),
    ERROR(ENETUNREACH), ERROR(EHOSTDOWN), ERROR(ENETDOWN),  ERROR(ENETRESET),    ERROR(ENOTCONN),     ERROR(EADDRNOTAVAIL),
    ERROR(EADDRINUSE),  ERROR(EACCES),    ERROR(EPERM),     ERROR(ENOENT),       ERROR(EAGAIN),       ERROR(EINPROGRESS),
    ERROR(EALREADY),    ERROR(EINVAL),    ERROR(EPROTO),    ERROR(EPROTOTYPE),   ERROR(EAFNOSUPPORT), ERROR(ENOBUFS),
    ERROR(ENOMEM),      ERROR(EINTR),     ERROR(ESHUTDOWN), ERROR(ENOPROTOOPT),  ERROR(ENODEV),       ERROR(ENOTDIR),
    ERROR(EIO),         ERROR(EISCONN),   ERROR(EBADF),     ERROR(EBADMSG),      ERROR(EKEYREJECTED), ERROR(EMFILE),
    ERROR(ENFILE),
};

const char *kind_name(unsigned kind) { return kind < KIND_COUNT ? kind_names[kind] : NULL; }

unsigned kind_from_name(const char *name, size_t len)
{
    for (unsigned k = 0; k < KIND_COUNT; k++)
        if (word_is(name, len, kind_names[k]))
            return k;
    return KIND_NONE;
}

const char *how_name(unsigned how) { return how < COUNT(how_names) ? how_names[how] : NULL; }

const char *origin_name(unsigned origin) { return origin < ORIGIN_COUNT ? origin_names[origin] : NULL; }

const char *event_name(unsigned event) { return event < EVENT_COUNT ? event_names[event] : NULL; }

const char *eof_name(unsigned eof) { return eof < COUNT(eof_names) ? eof_names[eof] : NULL; }

const char *reason_name(unsigned reason) { return reason < REASON_COUNT ? reason_names[reason] : NULL; }

const char *protocol_name(unsigned family, unsigned type, unsigned protocol)
{
    if (family != AF_INET && family != AF_INET6)
        return NULL;
    if (!protocol)
        protocol = type == SOCK_STREAM ? IPPROTO_TCP : type == SOCK_DGRAM ? IPPROTO_UDP : type == SOCK_SEQPACKET ? IPPROTO_SCTP : 0;
    for (size_t i = 0; i < COUNT(protocols); i++)
        if (protocols[i].number == protocol)
            return protocols[i].name;
    return NULL;
}

const char *family_name(unsigned family)
{
    for (size_t i = 0; i < COUNT(families); i++)
        if (families[i].family == family)
            return families[i].name;
    return "other";
}

const char *tcp_state_name(unsigned tcp_state) { return tcp_state < COUNT(tcp_names) ? tcp_names[tcp_state] : ""; }

const char *errno_name(unsigned number)
{
    for (size_t i = 0; i < COUNT(errors); i++)
        if (errors[i].number == number)
            return errors[i].name;
    return NULL;
}
