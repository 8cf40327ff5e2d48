/* SPDX-License-Identifier: MIT */
/*
 * closed_number.h: what is remembered of each descriptor number that was closed: the socket that was
 * there, and who has called on the one that is there now.
 *
 * Async-signal-safe. A record has a lock of its own, which is held for a few system calls and never
 * waited for long: an event that does not get it is lost.
 */
#ifndef SOCKLEAK_AGENT_TRACK_CLOSED_NUMBER_H
#define SOCKLEAK_AGENT_TRACK_CLOSED_NUMBER_H

#include "../../core/state.h"

#define CLOSED_NUMBER_TOUCHING 3u /* threads that are remembered for each socket */

struct closed_number {
    _Atomic uint32_t lock;
    /* the socket that was closed here last; gen 0: none, or nothing is to be said of it */
    uint32_t gen, opened_tid, closed_tid;
    state_ref opened, closed;
    uint64_t opened_ns, closed_ns;
    uint16_t tag;
    uint8_t family, type, origin, protocol;
    bool mptcp, was_closers; /* the thread that closed it had opened or used it */
    uint8_t told;            /* after_close.c's: what was called on it since, and is recorded */
    char local[96], peer[96];
    /* the one that is there now */
    uint32_t now_gen, touching[CLOSED_NUMBER_TOUCHING];
    unsigned n_touching; /* more than that: many */
    state_ref epoll;
};

/*
 * When the table is made. A child of fork finds what its parent knew, some of it locked by threads
 * that are not here. No event comes meanwhile.
 */
void closed_number_forget_all(void);
/* The record of FD, locked. NULL: there is none (MAKE: no memory), or another event has it. */
struct closed_number *closed_number_take(int fd, bool make);
void closed_number_leave(struct closed_number *n);

/* Thread TID calls on the socket of generation GEN, which is there now. */
void closed_number_touch(struct closed_number *n, uint32_t gen, uint32_t tid);
/* It has; UNKNOWN: the answer where that is not known. */
bool closed_number_has_touched(const struct closed_number *n, uint32_t gen, uint32_t tid, bool unknown);
/*
 * A socket of SITE was used or closed by another thread than the one that opened it. Of some other
 * sites that is said too; of a site that is not known it is so.
 */
void closed_number_hand_over(state_ref site);
bool closed_number_is_handed(state_ref site);

#endif
