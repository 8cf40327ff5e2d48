/* SPDX-License-Identifier: MIT */
/*
 * dup.c: second references to one open socket.
 *
 * Runs in the program's threads and signal handlers; in a vfork child it does nothing.
 */
#include "dup.h"

#include <string.h>

#include "../table/table.h"
#include "gate.h"
#include "life.h"
#include "slot.h"

static state_ref take_share(struct state_slot *slot)
{
    struct state_share *share = table_at(slot->share);
    if (share) {
        atomic_fetch_add(&share->refs, 1);
        return slot->share;
    }
    state_ref ref, none = 0;
    share = table_alloc(EXTENT_SHARES, 1, &ref);
    if (!share)
        return 0;
    atomic_store(&share->refs, 2);
    if (__atomic_compare_exchange_n(&slot->share, &none, ref, false, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
        /* After it can be seen: a shutdown at this moment finds it, or its flag is found here. */
        uint16_t flags = atomic_load(&slot->flags);
        atomic_fetch_or(&share->shut, flags & (SLOT_SHUT_WR | SLOT_SHUT_RD));
        atomic_store(&share->told_site, atomic_load(&slot->told_site));
        atomic_store(&share->told_errno, atomic_load(&slot->told_errno));
        atomic_fetch_or(&share->told, flags & (SLOT_TOLD_EOF | SLOT_TOLD_ERROR | SLOT_UNWATCHED));
        return ref;
    }
    /* another thread has made a second reference at the same moment: its record is used */
    share = table_at(none);
    atomic_fetch_add(&share->refs, 1);
    return none;
}

/* What a failed call was given stands beside the slot of the number that it was made on. */
static void copy_attempt(int old_fd, const struct state_slot *old, int new_fd, const struct state_slot *copy)
{
    const struct state_attempt *from = attempt_of(old_fd);
    if (!from || atomic_load(&from->gen) != SLOT_GEN(atomic_load(&old->word)))
        return;
    struct state_attempt *to = attempt_make(new_fd);
    if (!to)
        return;
    atomic_store(&to->gen, 0);
    to->call = from->call;
    to->error = from->error;
    to->at_ns = from->at_ns;
    memcpy(to->address, from->address, sizeof to->address);
    atomic_store_explicit(&to->gen, SLOT_GEN(atomic_load(&copy->word)), memory_order_release);
}

void track_duped(int old_fd, int new_fd)
{
    if (new_fd < 0 || old_fd == new_fd)
        return;
    struct state_slot *old = slot_live(old_fd);
    struct state_slot *stale = old ? NULL : slot_of(new_fd);
    if (!old && (!stale || SLOT_PHASE(atomic_load(&stale->word)) != SLOT_LIVE))
        return;
    if (gate_is_vfork_child())
        return;
    if (!old) {
        /* no wrapper saw the number closed, and it is no socket now */
        slot_leave(stale, new_fd, SLOT_EMPTY);
        return;
    }
    struct opening o = {.family = old->family,
                        .type = (int)SLOT_TYPE(old),
                        .protocol = old->protocol,
                        .origin = SLOT_ORIGIN(old),
                        .flags = atomic_load(&old->flags),
                        .now = old->opened_ns,
                        .site = old->site,
                        .like = old};
    if (!slot_make(new_fd))
        return;
    o.share = take_share(old);
    struct state_slot *copy = slot_enter(new_fd, &o);
    struct state_share *share = table_at(o.share);
    if (share)
        life_duped(share);
    if (!copy)
        return;
    copy_attempt(old_fd, old, new_fd, copy);
    life_copy(old_fd, new_fd);
}
