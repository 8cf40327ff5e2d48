/* SPDX-License-Identifier: MIT */
/*
 * track_slot.h: how a slot is taken and left, for the track*.c files alone.
 */
#ifndef SOCKLEAK_AGENT_TRACK_SLOT_H
#define SOCKLEAK_AGENT_TRACK_SLOT_H

#include "../core/state.h"

struct opening {
    int family, type, protocol;
    enum origin origin;
    uint16_t flags;
    uint64_t now;
    state_ref site;
};

/* The calling thread was just given FD: what the slot held before is over, O is what it holds now. NULL: no room (counted). */
struct state_slot *slot_enter(int fd, const struct opening *o);
/* The same for a socket that another thread may be closing or opening at this moment; then the program is right and this does nothing. */
bool slot_enter_unseen(int fd, const struct opening *o, uint64_t cookie);
/* Leaves LIVE for PHASE; what everybody has to know of it happens here. Returns the word that was there, 0 when it was not live. */
uint64_t slot_leave(struct state_slot *slot, int fd, unsigned phase);
/* The live slot of FD. In a fork's child that has no table yet, an event on an inherited socket is what makes one. */
struct state_slot *slot_live(int fd);
/* The socket behind SLOT is closed (BY 1), or turned out not to be (BY -1). */
bool slot_count_closed(const struct state_slot *slot, int by);
/* SLOT was seen in use. */
void slot_used(struct state_slot *slot);

#endif
