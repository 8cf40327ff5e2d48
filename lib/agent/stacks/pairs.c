/* SPDX-License-Identifier: MIT */
/*
 * pairs.c: which stack stands behind a call at one place.
 *
 * Called when a socket was used by another pair than the last time, and by forked children for what
 * they inherited. The records lie in the state file; a private index finds them by their word.
 */
#include "pairs.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "../base/sys.h"
#include "../table/table.h"
#include "sites.h"

/*
 * A program that moves its stacks about (coroutines) has a pair for each place of each of them. It
 * must not walk for ever, nor fill the file.
 */
#define PAIRS (STATE_PAIRS_EXTENTS * STATE_PAIRS_PER_EXTENT)
#define PLACES (2 * PAIRS)
/* By then a second stack was seen; threads that share a pair share no counter any more. */
#define SAMPLED 1024u

static _Atomic(struct state_pair *) records[PAIRS] LARGE_TABLE;
/*
 * Open addressing by word: the record's number + 1, and above it the generation; one of another
 * generation is free. A child of fork begins a new one, and so writes to no page of this.
 */
static _Atomic uint16_t places[PLACES] LARGE_TABLE;
#define NUMBER_BITS 13
#define GENERATIONS (1u << (16 - NUMBER_BITS))
_Static_assert(PAIRS < 1u << NUMBER_BITS, "a place holds each number + 1");
static uint16_t generation;
static _Atomic uint32_t n_records;

static inline __attribute__((always_inline)) uint16_t number_in(uint16_t place)
{
    return place >> NUMBER_BITS == generation ? place & ((1u << NUMBER_BITS) - 1) : 0;
}

/* Where WORD is, or would be: RECORD is NULL then, and THERE what the free place has. */
static inline __attribute__((always_inline)) _Atomic uint16_t *place_of(uint32_t word, struct state_pair **record, uint16_t *there)
{
    uint32_t at = (word ^ word >> 16) % PLACES;
    for (;; at = (at + 1) % PLACES) {
        *there = atomic_load_explicit(&places[at], memory_order_acquire);
        uint16_t number = number_in(*there);
        *record = number ? atomic_load_explicit(&records[number - 1], memory_order_relaxed) : NULL;
        if (!number || atomic_load_explicit(&(*record)->word, memory_order_relaxed) == word)
            return &places[at];
    }
}

struct state_pair *pairs_find(uint32_t common)
{
    struct state_pair *p;
    uint16_t there;
    place_of(common, &p, &there);
    return p;
}

bool pairs_is(uint32_t number, uint32_t common)
{
    const struct state_pair *p = number && number <= atomic_load_explicit(&n_records, memory_order_relaxed)
                                     ? atomic_load_explicit(&records[number - 1], memory_order_relaxed)
                                     : NULL;
    return p && atomic_load_explicit(&p->word, memory_order_relaxed) == common;
}

/* A record for WORD, unless another thread makes one at this moment. NULL: full. */
static struct state_pair *add(uint32_t word)
{
    state_ref ref;
    uint32_t number = atomic_load_explicit(&n_records, memory_order_relaxed);
    do
        if (number >= PAIRS)
            return NULL;
    while (!atomic_compare_exchange_weak(&n_records, &number, number + 1));
    struct state_pair *p = table_alloc(EXTENT_PAIRS, sizeof *p / STATE_REF_UNIT, &ref), *there;
    if (!p)
        return NULL;
    atomic_store_explicit(&p->word, word, memory_order_relaxed);
    atomic_store_explicit(&p->number, number + 1, memory_order_release);
    atomic_store_explicit(&records[number], p, memory_order_relaxed);
    for (;;) {
        uint16_t free, mine = (uint16_t)(generation << NUMBER_BITS | (number + 1));
        _Atomic uint16_t *place = place_of(word, &there, &free);
        if (!there && atomic_compare_exchange_strong_explicit(place, &free, mine, memory_order_acq_rel, memory_order_acquire))
            return p;
        if (there) {
            atomic_store(&p->word, 0);
            atomic_store(&p->number, 0);
            return there;
        }
    }
}

/* Another stack is kept as the second one; a third is not. */
static void keep(struct state_pair *p, state_ref site, int fd, uint32_t gen)
{
    for (unsigned i = 0; i < 2; i++) {
        state_ref there = atomic_load(&p->stack[i].site);
        if (!there && atomic_compare_exchange_strong(&p->stack[i].site, &there, site)) {
            atomic_store(&p->stack[i].fd, (uint32_t)fd);
            atomic_store(&p->stack[i].gen, gen);
            return;
        }
        if (there == site || sites_at(there)->siteid == sites_at(site)->siteid)
            return;
    }
}

/* The code of its only stack was unloaded: something else may lie at its place now. */
static inline bool is_unloaded(struct state_pair *p)
{
    const struct state_site *s = sites_at(atomic_load_explicit(&p->stack[0].site, memory_order_relaxed));
    return s && atomic_load_explicit(&s->stale, memory_order_relaxed) && !atomic_load_explicit(&p->stack[1].site, memory_order_relaxed);
}

static state_ref walk(unsigned call)
{
    int saved = errno;
    state_ref site = sites_here_of(call, NULL);
    errno = saved;
    return site;
}

/* P is one that is still sampled, or not known yet, or its code is gone. */
static __attribute__((noinline)) uint32_t sample(struct state_pair *p, uint32_t common, unsigned call, int fd, uint32_t gen)
{
    if (!p && !(p = common ? add(common) : NULL))
        return 0;
    uint32_t uses = atomic_fetch_add_explicit(&p->uses, 1, memory_order_relaxed) + 1;
    state_ref site = (uses & (uses - 1)) && !is_unloaded(p) ? 0 : walk(call);
    if (site)
        keep(p, site, fd, gen);
    return atomic_load_explicit(&p->number, memory_order_relaxed);
}

uint32_t pairs_used(uint32_t common, unsigned call, int fd, uint32_t gen)
{
    struct state_pair *p = common ? pairs_find(common) : NULL;
    if (p && atomic_load_explicit(&p->uses, memory_order_relaxed) >= SAMPLED && !is_unloaded(p))
        return atomic_load_explicit(&p->number, memory_order_relaxed);
    return sample(p, common, call, fd, gen);
}

uint32_t pairs_of_stack(unsigned call)
{
    state_ref site = walk(call);
    uint32_t word = site * 0x9e3779b1u; /* odd: no two sites have the same */
    struct state_pair *p = site ? pairs_find(word) : NULL;
    if (p)
        return atomic_load(&p->exact) ? atomic_load(&p->number) : 0; /* else it is a pair's by chance */
    p = site ? add(word) : NULL;
    if (!p)
        return 0;
    keep(p, site, -1, 0);
    atomic_store(&p->exact, 1);
    return atomic_load(&p->number);
}

uint32_t pairs_import(const struct state_view *old, struct state_finder *find, uint32_t number,
                      state_ref (*import)(const struct state_view *old, state_ref ref))
{
    const struct state_pair *theirs = state_pair_of(old, find, number);
    uint32_t word = theirs ? atomic_load(&theirs->word) : 0;
    struct state_pair *p = word ? pairs_find(word) : NULL;
    if (p || !word)
        return p ? atomic_load(&p->number) : 0;
    p = add(word);
    if (!p)
        return 0;
    for (unsigned i = 0; i < 2; i++) {
        state_ref site = import(old, atomic_load(&theirs->stack[i].site));
        if (site)
            keep(p, site, -1, 0); /* the generations of the two tables have nothing in common */
    }
    atomic_store(&p->exact, atomic_load(&theirs->exact));
    atomic_fetch_add(&p->uses, 1);
    return atomic_load(&p->number);
}

void pairs_reset(void)
{
    if (!atomic_load(&n_records))
        return;
    generation = (generation + 1) % GENERATIONS;
    for (uint32_t i = 0; !generation && i < PLACES; i++)
        atomic_store_explicit(&places[i], 0, memory_order_relaxed);
    atomic_store(&n_records, 0);
}
