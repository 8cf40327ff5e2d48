/* SPDX-License-Identifier: MIT */
/*
 * transfer.h: how many bytes of the program's have come and gone on a TCP connection, from the
 * kernel's own counters.
 *
 * Pure; async-signal-safe. The counters are those of TCP_INFO and INET_DIAG_INFO, which are the
 * same bytes (struct tcp_info of linux/tcp.h): bytes_received has the peer's FIN in it, as one
 * more, and bytes_sent what was sent again, which bytes_retrans tells.
 */
#ifndef SOCKLEAK_CORE_TRANSFER_H
#define SOCKLEAK_CORE_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transfer {
    uint64_t received; /* also what the program has not read yet */
    uint64_t sent;     /* each byte once; without what waits to be sent for the first time */
    uint64_t moved_ns; /* when the last byte came or went (CLOCK_MONOTONIC); 0: not known */
    bool has_received, has_sent;
    bool waits; /* something of the program's is not acknowledged, or not sent yet */
};

/* Whether the peer's FIN is among what was received: the TCP state tells, but for CLOSE. */
enum transfer_fin { TRANSFER_NO_FIN, TRANSFER_FIN, TRANSFER_FIN_UNKNOWN };
/* Of the state of tcpi_state. */
enum transfer_fin transfer_fin(unsigned tcp_state);
/*
 * Fills T from the LEN bytes at INFO, as the kernel gave them at NOW_NS; LEN tells which counters it
 * has. `waits` stays false.
 */
void transfer_from_info(struct transfer *t, const void *info, size_t len, enum transfer_fin fin, uint64_t now_ns);

#endif
