/* SPDX-License-Identifier: MIT */
/*
 * slot.h: how a slot is taken and left; inside track/, but for the counters of unused inherited sockets.
 */
#ifndef SOCKLEAK_AGENT_TRACK_SLOT_H
#define SOCKLEAK_AGENT_TRACK_SLOT_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../core/state.h"
#include "leaving.h"

/*
 * What the result of a receive or send call must exceed to be of no interest. 0 normally. SSIZE_MAX in a forked or just attached
 * process until all inherited connections were seen in use.
 */
extern ssize_t track_quiet __attribute__((visibility("hidden"))); /* also where it is declared: read without the GOT */
/* A child of fork has connections that it has not been seen to use: every transfer is looked at until it was. */
void track_expect_use(bool expected);
/* The socket of this parent's slot is such a connection. */
bool track_is_awaited(const struct state_slot *parents);

struct opening {
    int family, type, protocol;
    enum origin origin;
    uint16_t flags;
    uint64_t now;
    state_ref site;
    const struct state_slot *like; /* a second reference: to the same socket, with all that is known of it; else NULL */
    state_ref share;               /* of both */
};

/* When a socket last got no slot, for want of memory (monotonic); 0: never. What is asked of the sockets since before then has no certain answer. */
extern _Atomic uint64_t track_lost_ns;

/* The calling thread was just given FD: what the slot held before is over, O is what it holds now. NULL: no room (counted). */
struct state_slot *slot_enter(int fd, const struct opening *o);
/* The same for a socket that another thread may be closing or opening at this moment; then the program is right and this does nothing. */
bool slot_enter_unseen(int fd, const struct opening *o, uint64_t cookie);
struct leaving slot_leaving(const struct state_slot *slot, uint64_t word);
/* Leaves LIVE for PHASE; what everybody has to know of it happens here. Returns the word that was there, 0 when it was not live. */
uint64_t slot_leave(struct state_slot *slot, int fd, unsigned phase);
/* The same for generation GEN alone; false: the slot is not that socket's any more. */
bool slot_leave_gen(struct state_slot *slot, int fd, uint32_t gen, unsigned phase);
/* A close that did not happen: SLOT, left as WORD for CLOSING, is what it was. */
void slot_put_back(struct state_slot *slot, uint64_t word);
/* The live slot of FD. In a fork's child that has no table yet, an event on an inherited socket is what makes one. */
struct state_slot *slot_live(int fd);
/* SLOT was seen in use. */
void slot_used(struct state_slot *slot);

#endif
