/* SPDX-License-Identifier: MIT */
/*
 * slot.c: how a slot is taken and left.
 *
 * Runs in the program's threads, in signal handlers, and once in a forked child's first thread. No
 * lock: the thread that has just got a descriptor from the kernel is the only writer of its slot. A
 * closing thread leaves the slot by compare-and-swap before the real close, so it can only change
 * the generation that it saw.
 */
#include "slot.h"

#include <sys/socket.h>

#include "../../core/judge.h"
#include "../base/clock.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "../table/lives.h"
#include "after_close.h"
#include "close_bell.h"
#include "family.h"
#include "gate.h"
#include "inherited_set.h"
#include "probe.h"
#include "retract.h"

/* steps of waiting for a thread that has only a few stores left to do */
#define ADOPTING_TURNS 10000u

_Atomic uint64_t track_lost_ns;

/* ---- counting ---- */

static void count_opened(state_ref site)
{
    struct state_site *s = sites_at(site);
    if (s)
        atomic_fetch_add_explicit(&s->opened, 1, memory_order_relaxed);
    else
        table_count_opened();
}

/*
 * BY +1 at a close, -1 when that close has failed. False: another descriptor still holds the
 * socket.
 */
static inline __attribute__((always_inline)) bool count_closed(const struct leaving *was, int by)
{
    struct state_share *share = table_at(was->share);
    if (share) {
        uint32_t left = atomic_fetch_sub(&share->refs, (uint32_t)by) - (uint32_t)by;
        if (by > 0 ? left != 0 : left != 1)
            return false;
    }
    if (was->flags & SLOT_UNCOUNTED)
        return true;
    struct state_site *s = sites_at(was->site);
    if (s)
        atomic_fetch_add_explicit(&s->closed, (uint64_t)by, memory_order_relaxed);
    else
        table_count_closed((uint64_t)by);
    return true;
}

static bool is_unused(uint16_t flags) { return (flags & SLOT_AWAITED) && !(flags & SLOT_USED); }

static void settle_use(uint16_t flags)
{
    if (is_unused(flags))
        quiet_settle();
}

static void await_use(uint16_t flags)
{
    if (is_unused(flags))
        quiet_await();
}

/*
 * Not socketpairs: a server's processes talk over them, and many keep some that they never use.
 * They must not pay for that at each transfer.
 */
bool track_is_awaited(const struct state_slot *parents)
{
    return (atomic_load(&parents->flags) & SLOT_CONNECTED) && SLOT_ORIGIN(parents) != ORIGIN_SOCKETPAIR;
}

/* ---- leaving ---- */

/* Field by field: no copy, which would wait for these stores. */
static inline __attribute__((always_inline)) void take_leaving(struct leaving *was, const struct state_slot *slot, uint64_t word)
{
    was->gen = SLOT_GEN(word);
    was->watch_gen = atomic_load_explicit(&slot->watch_gen, memory_order_relaxed);
    was->site = slot->site;
    was->share = slot->share;
    was->detail = atomic_load_explicit(&slot->detail, memory_order_relaxed);
    was->flags = atomic_load_explicit(&slot->flags, memory_order_relaxed);
    was->fd = -1;
    was->last = false;
}

struct leaving slot_leaving(const struct state_slot *slot, uint64_t word)
{
    struct leaving was;
    take_leaving(&was, slot, word);
    return was;
}

static inline __attribute__((always_inline)) void after_leaving(struct leaving *was, int fd)
{
    was->last = count_closed(was, 1);
    was->fd = fd;
    settle_use(was->flags);
    if (__builtin_expect(was->watch_gen == was->gen, 0))
        retract_note(was, fd, was->last);
    close_bell_ring();
}

uint64_t slot_leave_with(struct state_slot *slot, int fd, unsigned phase, struct leaving *was)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
    do {
        if (SLOT_PHASE(word) != SLOT_LIVE)
            return 0;
        take_leaving(was, slot, word);
    } while (!atomic_compare_exchange_weak(&slot->word, &word, SLOT_WORD(SLOT_GEN(word), phase)));
    after_leaving(was, fd);
    return word;
}

uint64_t slot_leave(struct state_slot *slot, int fd, unsigned phase)
{
    struct leaving was;
    return slot_leave_with(slot, fd, phase, &was);
}

bool slot_leave_gen(struct state_slot *slot, int fd, uint32_t gen, unsigned phase)
{
    uint64_t word = SLOT_WORD(gen, SLOT_LIVE);
    if (atomic_load_explicit(&slot->word, memory_order_acquire) != word)
        return false;
    struct leaving was = slot_leaving(slot, word);
    if (!atomic_compare_exchange_strong(&slot->word, &word, SLOT_WORD(gen, phase)))
        return false;
    after_leaving(&was, fd);
    return true;
}

static void put_back_from(struct state_slot *slot, int fd, uint64_t closing)
{
    uint64_t word = SLOT_WORD(SLOT_GEN(closing), SLOT_LIVE);
    struct leaving was = slot_leaving(slot, word);
    if (!atomic_compare_exchange_strong(&slot->word, &closing, word))
        return;
    lives_keep(fd); /* as it was, unless a call of another thread took the number for a file's */
    count_closed(&was, -1);
    await_use(was.flags);
}

void slot_put_back(struct state_slot *slot, int fd, uint64_t word) { put_back_from(slot, fd, SLOT_WORD(SLOT_GEN(word), SLOT_CLOSING)); }

void slot_settle_many(struct state_slot *slot, int fd, bool failed)
{
    uint64_t word = atomic_load(&slot->word);
    if (SLOT_PHASE(word) != SLOT_CLOSING_MANY)
        return;
    if (failed)
        put_back_from(slot, fd, word);
    else
        atomic_compare_exchange_strong(&slot->word, &word, SLOT_WORD(SLOT_GEN(word), SLOT_CLOSING));
}

/* ---- taking ---- */

static uint8_t type_and_origin(const struct opening *o) { return (uint8_t)((o->type & 15) | (int)o->origin << 4); }

/* Fills all but the word; the caller has made sure that no other thread fills this slot. */
static inline __attribute__((always_inline)) void fill_slot(struct state_slot *slot, const struct opening *o, uint16_t flags)
{
    const struct state_slot *like = o->like;
    slot->opened_ns = o->now;
    slot->site = o->site;
    slot->share = o->share;
    slot->family = (uint8_t)o->family;
    slot->type_origin = type_and_origin(o);
    slot->protocol = (uint8_t)o->protocol;
    atomic_store_explicit(&slot->told_site, like ? atomic_load(&like->told_site) : 0, memory_order_relaxed);
    atomic_store_explicit(&slot->told_errno, like ? atomic_load(&like->told_errno) : 0, memory_order_relaxed);
    atomic_store_explicit(&slot->told_ns, like ? atomic_load(&like->told_ns) : 0, memory_order_relaxed);
    atomic_store_explicit(&slot->flags, flags | (o->protocol == PROTOCOL_MPTCP ? SLOT_MPTCP : 0), memory_order_relaxed);
}

/*
 * Takes SLOT for its next generation, which is returned. By compare-and-swap: the watcher may begin
 * to adopt the same number at any moment. Then it has a few stores to go, and must not make them
 * among ours.
 */
static uint32_t take(struct state_slot *slot, int fd)
{
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
    for (unsigned turn = 0;; turn++) {
        if (SLOT_PHASE(word) == SLOT_LIVE) { /* closed where no wrapper saw it */
            slot_leave(slot, fd, SLOT_EMPTY);
            word = atomic_load_explicit(&slot->word, memory_order_acquire);
        } else if (__builtin_expect(SLOT_PHASE(word) == SLOT_ADOPTING, 0) && turn < ADOPTING_TURNS) {
            sys_yield(turn);
            word = atomic_load_explicit(&slot->word, memory_order_acquire);
        } else if (atomic_compare_exchange_weak(&slot->word, &word, SLOT_WORD(SLOT_GEN(word) + 1, SLOT_FILLING))) {
            return SLOT_GEN(word) + 1;
        }
    }
}

struct state_slot *slot_enter(int fd, const struct opening *o)
{
    struct state_slot *slot = slot_find(fd);
    if (__builtin_expect(!slot, 0) && !(slot = slot_make(fd))) {
        atomic_store(&track_lost_ns, clock_now());
        return NULL;
    }
    uint32_t gen = take(slot, fd);
    atomic_thread_fence(memory_order_release); /* readers see FILLING before any of what follows */
    uint16_t flags =
        o->flags | (this_thread.paused && !o->like ? SLOT_IGNORED | SLOT_UNCOUNTED : 0) | (o->type & SOCK_CLOEXEC ? SLOT_CLOEXEC : 0);
    slot->tid = o->like ? o->like->tid : thread_number();
    slot->tag = o->like ? o->like->tag : this_thread.tag;
    fill_slot(slot, o, flags);
    life_begin(fd, gen);
    if (o->like)
        await_use(flags);
    else if (!(flags & SLOT_UNCOUNTED))
        count_opened(o->site);
    atomic_store_explicit(&slot->word, SLOT_WORD(gen, SLOT_LIVE), memory_order_release);
    if (after_close_on)
        after_close_opened(fd, slot);
    return slot;
}

/*
 * A slot in CLOSING whose socket is still open: the closing thread was cancelled before the kernel
 * closed anything. If a check had read the socket's cookie before, the slot gets its old state
 * back, with its stack.
 */
static bool was_never_closed(struct state_slot *slot, int fd, uint64_t word, uint64_t cookie)
{
    if (SLOT_PHASE(word) != SLOT_CLOSING || atomic_load(&slot->watch_gen) != SLOT_GEN(word) || atomic_load(&slot->cookie) != cookie)
        return false;
    slot_put_back(slot, fd, SLOT_WORD(SLOT_GEN(word), SLOT_LIVE));
    return true;
}

/*
 * The watcher or a child's first thread enters a socket that no wrapper of this process saw. The
 * word changes by compare-and-swap only: the program may open the same number at this moment, and
 * then its event wins.
 */
bool slot_enter_unseen(int fd, const struct opening *o, uint64_t cookie)
{
    struct state_slot *slot = slot_make(fd);
    if (!slot) {
        atomic_store(&track_lost_ns, clock_now());
        return false;
    }
    uint64_t word = atomic_load(&slot->word);
    uint32_t gen = SLOT_GEN(word) + 1;
    if ((SLOT_PHASE(word) != SLOT_EMPTY && SLOT_PHASE(word) != SLOT_CLOSING) || probe_cookie(fd) != cookie)
        return false;
    if (was_never_closed(slot, fd, word, cookie))
        return true;
    if (!atomic_compare_exchange_strong(&slot->word, &word, SLOT_WORD(gen, SLOT_ADOPTING)))
        return false;
    slot->tid = 0;
    slot->tag = 0;
    fill_slot(slot, o, o->flags);
    life_begin(fd, gen);
    word = SLOT_WORD(gen, SLOT_ADOPTING);
    if (!atomic_compare_exchange_strong(&slot->word, &word, SLOT_WORD(gen, SLOT_LIVE)))
        return false;
    if (!(o->flags & SLOT_UNCOUNTED))
        count_opened(o->site);
    await_use(o->flags);
    return true;
}

/* ---- the live slot ---- */

bool slot_make_table(int fd) { return inherited_set_has(fd) && gate_ready(); }

/* At once, not at the next check: the parent may ask before that. */
static void tell_family(const struct state_slot *slot)
{
    int fd = slot_next(0);
    while (fd >= 0 && slot_of(fd) != slot)
        fd = slot_next(fd + 1);
    if (fd >= 0)
        family_uses(fd, true);
}

void slot_used(struct state_slot *slot)
{
    uint16_t f = atomic_load_explicit(&slot->flags, memory_order_relaxed);
    if (!(f & SLOT_INHERITED) || (f & SLOT_USED) || gate_is_vfork_child())
        return;
    f = atomic_fetch_or(&slot->flags, SLOT_USED);
    tell_family(slot);
    settle_use(f); /* counts once: for all but the first caller the flag is in F */
    /* a forked child gets its watcher with the first socket that it uses */
    gate_hooks.want_watcher();
}
