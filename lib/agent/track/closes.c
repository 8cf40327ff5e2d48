/* SPDX-License-Identifier: MIT */
/*
 * closes.c: by which stacks the sockets of each site are closed.
 *
 * Called by the program's threads at each close of a socket, in signal handlers too; no lock. The
 * stack is not walked each time: the return address and the stack pointer, relative to the thread's
 * own place, nearly always tell the stack, so the process remembers the one that was found under
 * them. It is walked again at the first few closes and then at one of 64, and where that finds
 * another stack the counts are marked as being about right.
 */
#include "closes.h"

#include <errno.h>

#include "../../core/calls.h"
#include "../../core/hash.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../runtimes/runtimes.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "../table/index.h"
#include "closed_life.h"
#include "ending.h"

#define HEADS INDEX_HEADS_MAX
#define REMEMBERED 1024u /* pairs of site and caller */
#define FIRST 4u         /* closes of a stack that are all walked */
#define ONE_OF 64u
/* where stacks are told apart less well by the caller: an interpreter's, or one taken for another */
#define ONE_OF_ABOUT 8u

/* PLACE: the record's ref, and in the high half which of its stacks. */
struct remembered {
    _Atomic uint64_t key, place;
};
static struct remembered remembered[REMEMBERED] LARGE_TABLE;

static _Atomic(index_head *) heads;
static _Atomic uint32_t generation = 1; /* of the table: what is remembered of another has other keys */

/* ---- records --------------------------------------------------------------------------------- */

static state_ref find(state_ref first, state_ref site)
{
    state_ref r = first;
    while (r && ((struct state_closes *)table_at(r))->site != site)
        r = atomic_load_explicit(&((struct state_closes *)table_at(r))->next, memory_order_relaxed);
    return r;
}

/* The record of SITE, made now if it is new; 0: no room. */
static state_ref record_of(state_ref site)
{
    index_head *all = table_index(&heads, HEADS);
    if (!all)
        return 0;
    index_head *head = &all[hash_spread(site) >> 32 & (HEADS - 1)];
    state_ref first = atomic_load_explicit(head, memory_order_acquire), ref = find(first, site);
    if (ref)
        return ref;
    struct state_closes *c = table_alloc(EXTENT_CLOSES, sizeof *c / STATE_REF_UNIT, &ref);
    if (!c)
        return 0;
    c->format = STATE_CLOSES_SITE;
    c->site = site;
    atomic_store_explicit(&c->size, sizeof *c, memory_order_release);
    atomic_store_explicit(&c->ready, 1, memory_order_release);
    do
        atomic_store_explicit(&c->next, first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(head, &first, ref));
    return ref;
}

/* Which of C's stacks is BY, entered now if it is new; STATE_CLOSERS: there is no room. */
static unsigned place_of(struct state_closes *c, state_ref by)
{
    unsigned i = 0;
    for (; by && i < STATE_CLOSERS; i++) {
        state_ref there = atomic_load_explicit(&c->by[i], memory_order_relaxed);
        if (there == by || (!there && (atomic_compare_exchange_strong(&c->by[i], &there, by) || there == by)))
            return i;
    }
    return STATE_CLOSERS;
}

static void count(struct state_closes *c, unsigned place)
{
    atomic_fetch_add_explicit(place < STATE_CLOSERS ? &c->count[place] : &c->others, 1, memory_order_relaxed);
}

/* ---- what is remembered ---------------------------------------------------------------------- */

/* Not 0. Threads have their stacks at other addresses, but each at the same distance from its own data. */
static uint64_t key_of(state_ref site, unsigned call, struct closer by)
{
    uint64_t depth = (uint64_t)((uintptr_t)by.stack - (uintptr_t)&this_thread);
    uint64_t h =
        hash_mix((uint64_t)site << 32 | atomic_load_explicit(&generation, memory_order_relaxed), (uint64_t)(uintptr_t)by.returns_to);
    return hash_mix(h, depth ^ (uint64_t)call << 56) | 1;
}

/* The place in PLACE's record, if that is of SITE. */
static inline __attribute__((always_inline)) struct state_closes *recall(const struct remembered *r, uint64_t key, state_ref site,
                                                                         unsigned *place)
{
    uint64_t at = atomic_load_explicit(&r->key, memory_order_acquire) == key ? atomic_load_explicit(&r->place, memory_order_acquire) : 0;
    struct state_closes *c = table_at((state_ref)at);
    *place = (unsigned)(at >> 32);
    return c && c->site == site ? c : NULL; /* else another thread is just remembering another one */
}

static void remember(struct remembered *r, uint64_t key, state_ref record, unsigned place)
{
    atomic_store_explicit(&r->key, 0, memory_order_relaxed);
    atomic_store_explicit(&r->place, (uint64_t)place << 32 | record, memory_order_release);
    atomic_store_explicit(&r->key, key, memory_order_release);
}

static inline __attribute__((always_inline)) bool is_to_be_walked(const struct state_closes *c, unsigned place)
{
    uint64_t n = atomic_load_explicit(&c->count[place], memory_order_relaxed);
    bool about = atomic_load_explicit(&c->about, memory_order_relaxed) | atomic_load_explicit(&runtimes_found, memory_order_relaxed);
    return n < FIRST || !(n & ((about ? ONE_OF_ABOUT : ONE_OF) - 1));
}

/* ---- the event ------------------------------------------------------------------------------- */

static __attribute__((noinline)) void walk(const struct leaving *was, unsigned call, struct closer by, struct remembered *r, uint64_t key,
                                           unsigned known)
{
    int saved = errno;
    state_ref stack = sites_here_of(call ? call : CALL_CLOSE, NULL), ref = ending_is_in(stack) ? 0 : record_of(was->site);
    struct state_closes *c = table_at(ref);
    if (c) {
        unsigned place = place_of(c, stack);
        if (known != STATE_CLOSERS && place != known)
            atomic_store_explicit(&c->about, 1, memory_order_relaxed);
        count(c, place);
        if (place < STATE_CLOSERS)
            closed_life_keep(c, stack, was);
        if (place < STATE_CLOSERS && by.stack)
            remember(r, key, ref, place);
    }
    errno = saved;
}

static inline __attribute__((always_inline)) void count_close(const struct leaving *was, unsigned call, struct closer by)
{
    uint64_t key = key_of(was->site, call, by);
    struct remembered *r = &remembered[hash_spread(key) >> 32 & (REMEMBERED - 1)];
    unsigned place;
    struct state_closes *c = recall(r, key, was->site, &place);
    if (c && !is_to_be_walked(c, place))
        count(c, place);
    else
        walk(was, call, by, r, key, c ? place : STATE_CLOSERS);
}

static __attribute__((noinline)) void count_in_runtime(const struct leaving *was, unsigned call, struct closer by)
{
    if (!runtimes_are_ending())
        count_close(was, call, by);
}

/* The two ways are apart, so that the common one keeps nothing over a call. */
void closes_count(const struct leaving *was, unsigned call, struct closer by)
{
    if (!was->site || !was->last || was->flags & SLOT_UNCOUNTED)
        return;
    if (__builtin_expect(atomic_load_explicit(&runtimes_found, memory_order_relaxed), 0))
        count_in_runtime(was, call, by);
    else
        count_close(was, call, by);
}

void closes_reset(void)
{
    atomic_store(&heads, NULL);
    atomic_fetch_add(&generation, 1);
}
