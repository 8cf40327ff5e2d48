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
static inline __attribute__((always_inline)) struct state_life *live(int fd, struct state_slot **slot)
{
    *slot = slot_live(fd);
    struct state_life *life = *slot && !gate_in_vfork_child() ? life_of(fd) : NULL;
    return life && atomic_load(&life->gen) == SLOT_GEN(atomic_load(&(*slot)->word)) ? life : NULL;
}

static bool in_other_thread(const struct state_slot *slot)
{
    uint32_t tid = thread_number();
    return tid && slot->tid && slot->tid != tid;
}

static _Atomic uint64_t *use_of(struct state_life *life, enum life_use use) { return use == LIFE_RECEIVE ? &life->receive : &life->send; }

/*
 * AT is of a socket that is closed, and its number a file's by now: from here on its calls are seen
 * to be no news.
 */
static void forget_last(int fd, _Atomic uint64_t *at)
{
    uint64_t use = atomic_load(at);
    struct state_slot *slot = gate_has_table() && !gate_is_vfork_child() ? slot_of(fd) : NULL;
    uint64_t word = slot ? atomic_load(&slot->word) : 0;
    if (!slot || SLOT_PHASE(word) == SLOT_LIVE)
        return;
    atomic_compare_exchange_strong(at, &use, 0);
    if (SLOT_PHASE(word) != SLOT_EMPTY && SLOT_PHASE(word) != SLOT_CLOSING)
        return;
    lives_drop(fd);
    if (atomic_load(&slot->word) != word) /* a socket again, meanwhile */
        lives_keep(fd);
}

/* WORD is a pair's, and not that of LAST, the last use of a socket that is kept. */
static bool is_news(uint64_t last, uint32_t word) { return LIFE_WORD(last) && LIFE_WORD(last) != word && word > LIFE_NOBODY; }

/* After BEFORE, this thread has used the socket FD of SLOT by the pair COMMON, which is its WORD. */
static inline uint64_t next_use(uint64_t before, uint32_t word, uint32_t common, int fd, const struct state_slot *slot)
{
    uint32_t last = LIFE_LAST(before), first = LIFE_FIRST(before);
    if (!last || !pairs_is(last, common)) /* else only the thread is another: its stack is known */
        last = pairs_used(common, this_thread.call, fd, SLOT_GEN(atomic_load(&slot->word)));
    if (LIFE_WORD(before) == LIFE_FRESH) {
        uint32_t exact = atomic_load_explicit(&runtimes_found, memory_order_relaxed) ? pairs_of_stack(this_thread.call) : 0;
        first = exact ? exact : last;
    }
    return LIFE_USE(word, last, first);
}

static __attribute__((noinline)) void used_anew(int fd, uint32_t word, enum life_use use)
{
    struct state_life *life;
    uint32_t common = pairs_common(word);
    struct state_slot *slot;
    life = live(fd, &slot);
    if (!life) {
        /* also in a vfork child, which must not give its parent's thread a number */
        life = life_of(fd); /* a new child of fork has another table now */
        if (life)
            forget_last(fd, use_of(life, use));
        return;
    }
    word = pairs_own(common);
    uint64_t before = atomic_load(use_of(life, use));
    if (!is_news(before, word)) /* only the word was new: this thread, or child, had not called yet */
        return;
    uint64_t now = next_use(before, word, common, fd, slot);
    /* not kept: another thread has used it at this moment */
    bool kept = atomic_compare_exchange_strong(use_of(life, use), &before, now);
    if (kept && LIFE_WORD(before) == LIFE_FRESH && in_other_thread(slot))
        atomic_fetch_or(&life->rare, use == LIFE_RECEIVE ? LIFE_RECEIVED_ELSEWHERE : LIFE_SENT_ELSEWHERE);
}

void track_used(int fd, uint32_t word, enum life_use use)
{
    struct state_life *life = life_of(fd);
    /* else it is one of most calls, where every call is an event */
    if (life && is_news(atomic_load_explicit(use_of(life, use), memory_order_relaxed), word))
        used_anew(fd, word, use);
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
        atomic_store_explicit(at, site_of_event(), memory_order_release);
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

void life_told(int fd)
{
    struct state_slot *slot;
    struct state_life *life = live(fd, &slot);
    if (!life)
        return;
    bool before = atomic_load(&life->rare) & LIFE_TOLD_ELSEWHERE, now = in_other_thread(slot);
    if (now && !before)
        atomic_fetch_or(&life->rare, LIFE_TOLD_ELSEWHERE);
    else if (before && !now)
        atomic_fetch_and(&life->rare, ~(uint32_t)LIFE_TOLD_ELSEWHERE);
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
    atomic_store(&to->receive, atomic_load(&from->receive));
    atomic_store(&to->send, atomic_load(&from->send));
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

/*
 * USE of OLD, another table, for this one. Its thread was another process': no thread of this one
 * is said to have made that call.
 */
static uint64_t import_use(const struct state_view *old, struct state_finder *find, uint64_t use,
                           state_ref (*import)(const struct state_view *old, state_ref ref))
{
    if (LIFE_WORD(use) <= LIFE_FRESH)
        return LIFE_WORD(use);
    uint32_t first = pairs_import(old, find, LIFE_FIRST(use), import), last = pairs_import(old, find, LIFE_LAST(use), import);
    return LIFE_USE(LIFE_NOBODY, last, first);
}

void life_import(int fd, const struct state_view *old, struct state_finder *find, const struct state_slot *slot,
                 state_ref (*import)(const struct state_view *old, state_ref ref))
{
    struct state_slot *ours = slot_of(fd);
    struct state_life theirs, *life = life_of(fd);
    if (!ours || !life || atomic_load(&life->gen) != SLOT_GEN(atomic_load(&ours->word)) || !state_life_of(old, find, fd, slot, &theirs))
        return;
    theirs.receive = import_use(old, find, theirs.receive, import);
    theirs.send = import_use(old, find, theirs.send, import);
    theirs.epoll_add = import(old, theirs.epoll_add);
    theirs.epoll_del = import(old, theirs.epoll_del);
    theirs.rare = (theirs.rare & ~LIFE_RARE_REF) | import(old, theirs.rare & LIFE_RARE_REF);
    take_over(life, &theirs);
}
