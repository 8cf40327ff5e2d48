/* SPDX-License-Identifier: MIT */
/*
 * track_slot.c: how a slot is taken and left.
 *
 * Runs in the program's threads, in signal handlers, and once in a child's first thread. No lock: the thread that the kernel just gave a descriptor to is
 * the only writer of its slot; a closer detaches with compare-and-swap before the real close, so it can only ever touch the generation that
 * it saw.
 */
#include "track_slot.h"

#include <limits.h>
#include <sys/socket.h>

#include "agent.h"
#include "observe.h"
#include "sites.h"
#include "table.h"
#include "track.h"
#include "wait.h"
#include "watch.h"

ssize_t track_quiet;
static _Atomic int unused; /* inherited connections that this process has not been seen to use */

/* ---- counting ---- */

static void count_opened(state_ref site)
{
    struct state_site *s = sites_at(site);
    atomic_fetch_add_explicit(s ? &s->opened : &table_head->sockets_opened, 1, memory_order_relaxed);
}

/* By +1 at a close, by -1 when it turns out that nothing was closed. False: another descriptor still holds the socket. */
bool slot_count_closed(const struct state_slot *slot, int by)
{
    struct state_share *share = table_at(slot->share);
    if (share) {
        uint32_t left = atomic_fetch_sub(&share->refs, (uint32_t)by) - (uint32_t)by;
        if (by > 0 ? left != 0 : left != 1)
            return false;
    }
    if (atomic_load(&slot->flags) & SLOT_UNCOUNTED)
        return true;
    struct state_site *s = sites_at(slot->site);
    if (s)
        atomic_fetch_add_explicit(&s->closed, (uint64_t)by, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&table_head->sockets_closed, (uint64_t)by, memory_order_relaxed);
    return true;
}

static void settle_use(const struct state_slot *slot)
{
    uint16_t f = atomic_load(&slot->flags);
    if ((f & SLOT_AWAITED) && !(f & SLOT_USED) && atomic_fetch_sub(&unused, 1) == 1)
        track_quiet = 0;
}

/* The ends of a socketpair are how a server's processes talk; many keep some that they never use, and must not pay for that on each transfer. */
bool track_is_awaited(const struct state_slot *parents)
{
    return (atomic_load(&parents->flags) & SLOT_CONNECTED) && SLOT_ORIGIN(parents) != ORIGIN_SOCKETPAIR;
}

void track_expect_use(bool expected)
{
    atomic_store(&unused, 0);
    track_quiet = expected ? SSIZE_MAX : 0;
}

/* Leaves LIVE for PHASE; what everybody has to know of it happens here. Returns the word that was there, 0 when it was not live. */
uint64_t slot_leave(struct state_slot *slot, int fd, unsigned phase)
{
    uint64_t word = atomic_load(&slot->word);
    do
        if (SLOT_PHASE(word) != SLOT_LIVE)
            return 0;
    while (!atomic_compare_exchange_weak(&slot->word, &word, SLOT_WORD(SLOT_GEN(word), phase)));
    bool last = slot_count_closed(slot, 1);
    settle_use(slot);
    watch_released(slot, fd, last);
    wait_notify();
    return word;
}

/* ---- taking ---- */

struct state_slot *slot_enter(int fd, const struct opening *o)
{
    struct state_slot *slot = slot_make(fd);
    if (!slot)
        return NULL;
    slot_leave(slot, fd, SLOT_EMPTY); /* closed where no wrapper saw it */
    uint32_t gen = SLOT_GEN(atomic_load_explicit(&slot->word, memory_order_relaxed)) + 1;
    atomic_store_explicit(&slot->word, SLOT_WORD(gen, SLOT_FILLING), memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    slot->opened_ns = o->now;
    slot->site = o->site;
    slot->tid = agent_tid();
    slot->share = 0;
    slot->tag = agent_thread.tag;
    slot->family = (uint8_t)o->family;
    slot->type_origin = (uint8_t)((o->type & 15) | (int)o->origin << 4);
    slot->protocol = (uint8_t)o->protocol;
    atomic_store_explicit(&slot->told_site, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->told_errno, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->told_ns, 0, memory_order_relaxed);
    uint16_t flags = o->flags | (agent_thread.paused ? SLOT_IGNORED | SLOT_UNCOUNTED : 0) | (o->type & SOCK_CLOEXEC ? SLOT_CLOEXEC : 0);
    atomic_store_explicit(&slot->flags, flags, memory_order_relaxed);
    if (!(flags & SLOT_UNCOUNTED))
        count_opened(o->site);
    atomic_store_explicit(&slot->word, SLOT_WORD(gen, SLOT_LIVE), memory_order_release);
    return slot;
}

/* The watcher's or a child's first thread enters a socket that no wrapper of this process saw. The word moves by compare-and-swap only, for the
 * program may open the same number at this moment, and then the program is right. */
bool slot_enter_unseen(int fd, const struct opening *o, uint64_t cookie)
{
    struct state_slot *slot = slot_make(fd);
    if (!slot)
        return false;
    uint64_t word = atomic_load(&slot->word);
    uint32_t gen = SLOT_GEN(word) + 1;
    if (SLOT_PHASE(word) == SLOT_LIVE || SLOT_PHASE(word) == SLOT_FILLING || observe_cookie(fd) != cookie ||
        !atomic_compare_exchange_strong(&slot->word, &word, SLOT_WORD(gen, SLOT_FILLING)))
        return false;
    slot->opened_ns = o->now;
    slot->site = o->site;
    slot->tid = 0;
    slot->share = 0;
    slot->tag = 0;
    slot->family = (uint8_t)o->family;
    slot->type_origin = (uint8_t)((o->type & 15) | (int)o->origin << 4);
    slot->protocol = (uint8_t)o->protocol;
    atomic_store(&slot->told_site, 0);
    atomic_store(&slot->told_errno, 0);
    atomic_store(&slot->told_ns, 0);
    atomic_store(&slot->flags, o->flags);
    word = SLOT_WORD(gen, SLOT_FILLING);
    if (!atomic_compare_exchange_strong(&slot->word, &word, SLOT_WORD(gen, SLOT_LIVE)))
        return false;
    if (!(o->flags & SLOT_UNCOUNTED))
        count_opened(o->site);
    if (o->flags & SLOT_AWAITED) {
        atomic_fetch_add(&unused, 1);
        track_quiet = SSIZE_MAX;
    }
    return true;
}

/* ---- looking ---- */

/* The live slot of FD. In a fork's child that has no table yet, an event on an inherited socket is what makes one. */
struct state_slot *slot_live(int fd)
{
    if (!agent_has_table() && !(inherited_has(fd) && agent_ready()))
        return NULL;
    struct state_slot *slot = slot_of(fd);
    return slot && SLOT_PHASE(atomic_load_explicit(&slot->word, memory_order_acquire)) == SLOT_LIVE ? slot : NULL;
}

void slot_used(struct state_slot *slot)
{
    uint16_t f = atomic_load_explicit(&slot->flags, memory_order_relaxed);
    if (!(f & SLOT_INHERITED) || (f & SLOT_USED))
        return;
    settle_use(slot);
    atomic_fetch_or(&slot->flags, SLOT_USED);
    watch_start(); /* a child of fork gets its watcher with the first socket that it uses */
}
