/* SPDX-License-Identifier: MIT */
/*
 * slot.h: how a slot is taken and left. For track/ alone, but for the test whether inherited
 * sockets are in use.
 */
#ifndef SOCKLEAK_AGENT_TRACK_SLOT_H
#define SOCKLEAK_AGENT_TRACK_SLOT_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../core/state.h"
#include "../table/table.h"
#include "gate.h"
#include "leaving.h"
#include "quiet.h"

/* The socket in this slot of the parent is a connection of which a child's use is awaited. */
bool track_is_awaited(const struct state_slot *parents);

struct opening {
    int family, type, protocol;
    enum origin origin;
    uint16_t flags;
    uint64_t now;
    state_ref site;
    /* for a second reference: the slot of the same socket, of which all is copied; else NULL */
    const struct state_slot *like;
    state_ref share; /* of both */
};

/*
 * When a socket last got no slot, for want of memory (monotonic); 0: never. What is asked of the
 * sockets since before then has no certain answer.
 */
extern _Atomic uint64_t track_lost_ns;

/*
 * The calling thread has just got FD from the kernel: what the slot held before is over, and O is
 * entered. NULL: no room (counted).
 */
struct state_slot *slot_enter(int fd, const struct opening *o);
/*
 * The same for a socket that another thread may be closing or opening at this moment: then that
 * event wins, and this does nothing. COOKIE: SO_COOKIE as just read. False: not entered.
 */
bool slot_enter_unseen(int fd, const struct opening *o, uint64_t cookie);
/* What has to be known of SLOT, whose word is WORD, when it is left. */
struct leaving slot_leaving(const struct state_slot *slot, uint64_t word);
/*
 * Moves SLOT from LIVE to PHASE, and does the counts, the retraction and the bell of a close.
 * Returns the word that was there, 0 when it was not live.
 */
uint64_t slot_leave(struct state_slot *slot, int fd, unsigned phase);
/* The same, and WAS gets what was left; valid when the result is not 0. */
uint64_t slot_leave_with(struct state_slot *slot, int fd, unsigned phase, struct leaving *was);
/* The same for generation GEN alone; false: the slot is not that socket's any more. */
bool slot_leave_gen(struct state_slot *slot, int fd, uint32_t gen, unsigned phase);
/* The close failed: gives SLOT, which was moved to CLOSING, its word WORD again. */
void slot_put_back(struct state_slot *slot, int fd, uint64_t word);
/* A call that closes a range has returned: FAILED gives SLOT, if that call has left it, back. */
void slot_settle_many(struct state_slot *slot, int fd, bool failed);
/*
 * The live slot of FD, or NULL. In a forked child that has no table yet, an event on an inherited
 * socket makes it.
 */
static inline struct state_slot *slot_live(int fd);
/* The program has used SLOT's socket: inherited ones count as its own from now on. */
void slot_used(struct state_slot *slot);

/* ---- for slot_live ---- */
/* There is no table: made now if FD was inherited. */
bool slot_make_table(int fd);
static inline struct state_slot *slot_live(int fd)
{
    if (__builtin_expect(!gate_is_recording(), 0) && !slot_make_table(fd))
        return NULL;
    struct state_slot *slot = slot_find(fd);
    return slot && SLOT_PHASE(atomic_load_explicit(&slot->word, memory_order_acquire)) == SLOT_LIVE ? slot : NULL;
}

#endif
