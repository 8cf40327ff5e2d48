/* SPDX-License-Identifier: MIT */
/*
 * transfer.c: how many bytes of the program's have come and gone on a TCP connection.
 *
 * Called for each socket that a check finds in a condition, and for those of a kernel's dump. Read
 * by their places, for the headers of an older kernel do not name the later ones.
 */
#include "transfer.h"

#include <netinet/tcp.h>
#include <string.h>

/* In struct tcp_info. */
enum { LAST_DATA_SENT = 44, LAST_DATA_RECEIVED = 52, RECEIVED = 128, SENT = 200, RETRANSMITTED = 208 };

static bool take32(uint32_t *value, const void *info, size_t len, size_t at)
{
    if (len < at + sizeof *value)
        return false;
    memcpy(value, (const char *)info + at, sizeof *value);
    return true;
}

static bool take64(uint64_t *value, const void *info, size_t len, size_t at)
{
    if (len < at + sizeof *value)
        return false;
    memcpy(value, (const char *)info + at, sizeof *value);
    return true;
}

enum transfer_fin transfer_fin(unsigned tcp_state)
{
    switch (tcp_state) {
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
    case TCP_CLOSING:
    case TCP_TIME_WAIT:
        return TRANSFER_FIN;
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
        return TRANSFER_NO_FIN;
    default:
        return TRANSFER_FIN_UNKNOWN;
    }
}

void transfer_from_info(struct transfer *t, const void *info, size_t len, enum transfer_fin fin, uint64_t now_ns)
{
    uint64_t received, sent, again;
    uint32_t since_received, since_sent;
    memset(t, 0, sizeof *t);
    if (take64(&received, info, len, RECEIVED)) {
        t->has_received = !received || fin != TRANSFER_FIN_UNKNOWN;
        t->received = received - (received && fin == TRANSFER_FIN);
    }
    if (take64(&sent, info, len, SENT) && take64(&again, info, len, RETRANSMITTED) && again <= sent) {
        t->has_sent = true;
        t->sent = sent - again;
    }
    if (take32(&since_sent, info, len, LAST_DATA_SENT) && take32(&since_received, info, len, LAST_DATA_RECEIVED)) {
        uint64_t idle_ns = (uint64_t)(since_sent < since_received ? since_sent : since_received) * 1000000u;
        t->moved_ns = now_ns > idle_ns ? now_ns - idle_ns : 0;
    }
    if (!t->has_received)
        t->received = 0;
}
