/* SPDX-License-Identifier: MIT */
/*
 * closed_life.c: what was done with a socket, kept beyond its close.
 *
 * Called by closes.c when it walks the stack of a close, so for the first few closes of a stack and
 * then for one of many. Runs in the program's threads and signal handlers, before the real close;
 * no lock: of two threads that keep a life of one stack at one moment, one does.
 */
#include "closed_life.h"

#include "../table/header.h"
#include "../table/lives.h"
#include "slot.h"

static struct state_closed *find(state_ref first, state_ref by)
{
    struct state_closed *s = table_at(first);
    while (s && s->by != by)
        s = table_at(atomic_load_explicit(&s->next, memory_order_relaxed));
    return s;
}

/* C's record for BY, made now if there is none; NULL: no room. */
static struct state_closed *record_of(struct state_closes *c, state_ref by)
{
    state_ref ref, first = atomic_load_explicit(&c->lives, memory_order_acquire);
    struct state_closed *s = find(first, by);
    if (s)
        return s;
    s = table_alloc(EXTENT_CLOSES, sizeof *s / STATE_REF_UNIT, &ref);
    if (!s)
        return NULL;
    s->format = STATE_CLOSES_LIFE;
    s->by = by;
    atomic_store_explicit(&s->turn, 1, memory_order_relaxed); /* nothing is in it yet */
    atomic_store_explicit(&s->size, sizeof *s, memory_order_release);
    atomic_store_explicit(&s->ready, 1, memory_order_release);
    do
        atomic_store_explicit(&s->next, first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&c->lives, &first, ref));
    atomic_store_explicit(&s->turn, 2, memory_order_release);
    return s;
}

/* What the program was told of it, by whichever of its descriptors. */
static void copy_told(struct state_closed *to, const struct state_slot *slot, const struct leaving *was)
{
    const struct state_share *share = table_at(was->share);
    uint32_t flags = was->flags | (share ? atomic_load(&share->told) : 0);
    state_ref site = atomic_load(&slot->told_site);
    uint32_t error = atomic_load(&slot->told_errno);
    if (share && !site && atomic_load(&share->told)) {
        site = atomic_load(&share->told_site);
        error = atomic_load(&share->told_errno);
    }
    unsigned told = (flags & SLOT_TOLD_EOF ? CLOSED_TOLD_EOF : 0u) | (flags & SLOT_TOLD_ERROR ? CLOSED_TOLD_ERROR : 0u);
    atomic_store_explicit(&to->told_site, site, memory_order_relaxed);
    atomic_store_explicit(&to->error, (uint8_t)error, memory_order_relaxed);
    atomic_store_explicit(&to->told, (uint8_t)told, memory_order_relaxed);
}

void closed_life_keep(struct state_closes *c, state_ref by, const struct leaving *was)
{
    const struct state_slot *slot = slot_of(was->fd);
    const struct state_life *life = slot ? life_of(was->fd) : NULL;
    if (!by || !life || atomic_load(&life->gen) != was->gen) /* it has another socket's life, or none */
        return;
    struct state_closed *s = record_of(c, by);
    uint32_t turn = s ? atomic_load(&s->turn) : 1;
    if ((turn & 1) || !atomic_compare_exchange_strong(&s->turn, &turn, turn + 1))
        return;
    atomic_store_explicit(&s->fd, (uint32_t)was->fd, memory_order_release);
    copy_told(s, slot, was);
    state_copy_life(&s->life, life);
    atomic_store(&s->turn, turn + 2);
}
