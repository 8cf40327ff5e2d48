/* SPDX-License-Identifier: MIT */
/*
 * life.c: what the program does with a socket between its opening and its end.
 *
 * Runs in the program's threads and signal handlers, after the call. A life is written by whoever
 * uses the socket: two threads that use one at the same moment may leave the pair of either. Keeps
 * the call's errno.
 */
#include "life.h"

#include <errno.h>

#include "../base/thread.h"
#include "../runtimes/runtimes.h"
#include "../stacks/pairs.h"
#include "../stacks/sites.h"
#include "../table/table.h"
#include "ending.h"
#include "gate.h"
#include "slot.h"

/* The life of the live socket FD, to be added to; NULL: none. */
static struct state_life *live(int fd, struct state_slot **slot)
{
    *slot = slot_live(fd);
    struct state_life *life = *slot && !gate_is_vfork_child() ? life_of(fd) : NULL;
    return life && atomic_load(&life->gen) == SLOT_GEN(atomic_load(&(*slot)->word)) ? life : NULL;
}

static bool in_other_thread(const struct state_slot *slot)
{
    uint32_t tid = thread_tid();
    return tid && slot->tid && slot->tid != tid;
}

/*
 * LAST is of a socket that is closed, and its number a file's by now: from here on its calls are
 * seen to be no news.
 */
static void forget_last(int fd, _Atomic uint32_t *last)
{
    uint32_t word = atomic_load(last);
    struct state_slot *slot = gate_has_table() && !gate_is_vfork_child() ? slot_of(fd) : NULL;
    if (slot && SLOT_PHASE(atomic_load(&slot->word)) != SLOT_LIVE)
        atomic_compare_exchange_strong(last, &word, 0);
}

static _Atomic uint32_t *last_of(struct state_life *life, enum life_use use)
{
    return use == LIFE_RECEIVE ? &life->last_receive : &life->last_send;
}

/* WORD is a pair's, and not that of the last use of the socket FD, which is kept. */
static bool is_news(int fd, uint32_t word, enum life_use use)
{
    struct state_life *life = life_of(fd);
    uint32_t before = life ? atomic_load_explicit(last_of(life, use), memory_order_relaxed) : 0;
    return before && before != word && word > LIFE_FRESH;
}

void track_used(int fd, uint32_t word, enum life_use use)
{
    if (!is_news(fd, word, use)) /* most calls, where every call is an event */
        return;
    struct state_slot *slot;
    struct state_life *life = live(fd, &slot), *there = life_of(fd); /* in a new child of fork they are of its new table */
    if (!life && there)
        forget_last(fd, last_of(there, use));
    if (!life || !is_news(fd, word, use))
        return;
    _Atomic uint32_t *first = use == LIFE_RECEIVE ? &life->first_receive : &life->first_send;
    int saved = errno;
    pairs_used(word, this_thread.call, fd, SLOT_GEN(atomic_load(&slot->word)));
    if (atomic_load_explicit(first, memory_order_relaxed) == LIFE_FRESH) {
        uint32_t exact = runtimes_active() ? pairs_of_stack(this_thread.call) : 0;
        atomic_store_explicit(first, exact ? exact : word, memory_order_relaxed);
        if (in_other_thread(slot))
            atomic_fetch_or(&life->rare, use == LIFE_RECEIVE ? LIFE_RECEIVED_ELSEWHERE : LIFE_SENT_ELSEWHERE);
    }
    atomic_store_explicit(last_of(life, use), word, memory_order_relaxed);
    errno = saved;
}

/*
 * The stack of the event that this thread records now; 0: there is none, or the end of the program
 * makes the call, which is no part of what the program does.
 */
static state_ref site_of_event(void)
{
    int saved = errno;
    state_ref site = sites_here(NULL);
    if (ending_is_in(site))
        site = 0;
    errno = saved;
    return site;
}

/* Into AT, if that is empty. */
static void keep_first(_Atomic state_ref *at)
{
    if (!atomic_load_explicit(at, memory_order_relaxed))
        atomic_store(at, site_of_event());
}

void life_registered(int fd, bool added)
{
    struct state_slot *slot;
    struct state_life *life = live(fd, &slot);
    if (!life)
        return;
    uint32_t rare = atomic_load(&life->rare);
    if (added) {
        keep_first(&life->epoll_add);
        if (!(rare & LIFE_ON_EPOLL))
            atomic_fetch_or(&life->rare, LIFE_ON_EPOLL);
        return;
    }
    if (atomic_load(&life->epoll_del) && !(rare & LIFE_DELETED_AGAIN))
        atomic_fetch_or(&life->rare, LIFE_DELETED_AGAIN);
    keep_first(&life->epoll_del);
    if (rare & LIFE_ON_EPOLL)
        atomic_fetch_and(&life->rare, ~(uint32_t)LIFE_ON_EPOLL);
}

void life_shut_down(int fd)
{
    struct state_slot *slot;
    struct state_life *life = live(fd, &slot);
    uint32_t rare = life ? atomic_load(&life->rare) : LIFE_RARE_REF;
    if (rare & LIFE_RARE_REF)
        return;
    state_ref site = site_of_event() & LIFE_RARE_REF;
    while (!(rare & LIFE_RARE_REF) && !atomic_compare_exchange_weak(&life->rare, &rare, rare | site))
        ;
}

void life_duped(struct state_share *share)
{
    state_ref site = site_of_event(), none = 0;
    for (unsigned i = 0; site && i < STATE_SHARE_DUPS; i++, none = 0)
        if (atomic_compare_exchange_strong(&share->dup_site[i], &none, site) || none == site)
            break;
}

/* All but the generation, which TO has. */
static void take_over(struct state_life *to, const struct state_life *from)
{
    atomic_store(&to->first_receive, atomic_load(&from->first_receive));
    atomic_store(&to->last_receive, atomic_load(&from->last_receive));
    atomic_store(&to->first_send, atomic_load(&from->first_send));
    atomic_store(&to->last_send, atomic_load(&from->last_send));
    atomic_store(&to->epoll_add, atomic_load(&from->epoll_add));
    atomic_store(&to->epoll_del, atomic_load(&from->epoll_del));
    atomic_store(&to->rare, atomic_load(&from->rare));
}

void life_copy(int old, int copy)
{
    struct state_slot *slot;
    const struct state_life *from = live(old, &slot);
    struct state_life *to = live(copy, &slot);
    if (from && to)
        take_over(to, from);
}

void life_import(int fd, const struct state_view *old, struct state_finder *find, const struct state_slot *slot,
                 state_ref (*import)(const struct state_view *old, state_ref ref))
{
    struct state_slot *ours = slot_of(fd);
    struct state_life theirs, *life = life_of(fd);
    if (!ours || !life || atomic_load(&life->gen) != SLOT_GEN(atomic_load(&ours->word)) || !state_life_of(old, find, fd, slot, &theirs))
        return;
    pairs_import(old, find, theirs.first_receive, import);
    pairs_import(old, find, theirs.last_receive, import);
    pairs_import(old, find, theirs.first_send, import);
    pairs_import(old, find, theirs.last_send, import);
    theirs.epoll_add = import(old, theirs.epoll_add);
    theirs.epoll_del = import(old, theirs.epoll_del);
    theirs.rare = (theirs.rare & ~LIFE_RARE_REF) | import(old, theirs.rare & LIFE_RARE_REF);
    take_over(life, &theirs);
}
