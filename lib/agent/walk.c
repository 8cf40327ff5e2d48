/* SPDX-License-Identifier: MIT */
/*
 * walk.c: the walk itself, and the process-wide memory of rules by code address.
 *
 * Runs in the program's threads and signal handlers. The memory is a table of atomic words, each an address (47 bits) and its rule (17 bits): no word is ever
 * half written, losing one costs only parsing again, and forgetting all is plain stores of 0. It lies in .bss and takes memory only where it was
 * written: the addresses of one 64 KiB stretch of code share one page of it.
 */
#include "walk.h"

#include <stdatomic.h>

#define PAGE_WORDS 512u
#define PAGES 256u
#define LINE 8u /* words that one cache line holds: where an address may be besides its own place */
#define RULE_BITS 17
#define RULE_MASK ((1u << RULE_BITS) - 1)
#define ADDRESS_END ((uintptr_t)1 << 47)
#define HIDDEN_MAX 256u /* frames of ours that are passed over */
#define FAR (8u << 20)  /* no frame of a frame pointer is larger */

static _Atomic uint64_t table[PAGES * PAGE_WORDS] __attribute__((aligned(4096)));
static _Atomic uint64_t touched[PAGES / 64];
static _Atomic unsigned closing; /* dlclose calls under way */
static _Atomic unsigned epoch;   /* changes when one begins and when one ends */

void walk_init(void) { walk_memory_init(); }

static inline uint32_t home(uintptr_t key)
{
    uint32_t page = ((uint32_t)(key >> 16) * 0x9E3779B1u) >> 24;

    return page * PAGE_WORDS + (uint32_t)((key ^ key >> 9) & (PAGE_WORDS - 1));
}

static uint32_t look_around(uintptr_t key, uint32_t at)
{
    for (uint32_t i = 1; i < LINE; i++) {
        uint64_t word = atomic_load_explicit(&table[at ^ i], memory_order_relaxed);
        if (word >> RULE_BITS == key)
            return (uint32_t)word & RULE_MASK;
    }
    return 0;
}

/* A rule that was parsed before a dlclose and is stored after it would outlive its code: so the epoch is looked at again after the store. */
static void remember(uintptr_t key, uint32_t rule, unsigned since)
{
    uint32_t at = home(key), page = at / PAGE_WORDS, i;

    if (key >= ADDRESS_END || atomic_load(&epoch) != since)
        return;
    if (!(atomic_load_explicit(&touched[page / 64], memory_order_relaxed) >> page % 64 & 1))
        atomic_fetch_or(&touched[page / 64], (uint64_t)1 << page % 64);
    for (i = 0; i < LINE && atomic_load_explicit(&table[at ^ i], memory_order_relaxed) != 0; i++)
        ;
    at ^= i == LINE ? 0 : i;
    atomic_store(&table[at], (uint64_t)key << RULE_BITS | rule);
    if (atomic_load(&epoch) != since)
        atomic_store(&table[at], 0);
}

void walk_dlclose_begin(void)
{
    atomic_fetch_add(&closing, 1);
    atomic_fetch_add(&epoch, 1);
}

void walk_dlclose_end(void)
{
    for (unsigned page = 0; page < PAGES; page++) {
        if (!(atomic_load(&touched[page / 64]) >> page % 64 & 1))
            continue;
        atomic_fetch_and(&touched[page / 64], ~((uint64_t)1 << page % 64));
        for (unsigned i = 0; i < PAGE_WORDS; i++)
            atomic_store_explicit(&table[page * PAGE_WORDS + i], 0, memory_order_relaxed);
    }
    atomic_fetch_add(&epoch, 1);
    atomic_fetch_sub(&closing, 1);
}

static uint32_t learn(uintptr_t key, unsigned since, bool keep)
{
    uint32_t rule = walk_rule(key);

    if (keep && rule != RULE_NONE)
        remember(key, rule, since);
    return rule;
}

/* A CFA that does not come from sp: above it, on an 8-byte boundary, not absurdly far. */
static bool climbs(uintptr_t cfa, uintptr_t sp) { return cfa > sp && cfa - sp < FAR && cfa % 8 == 0; }

static bool shape_step(struct walk *w, uint32_t rule)
{
    struct walk_shape s = walk_shape_at(rule);
    uintptr_t cfa = (s.from_fp ? w->at.fp : w->at.sp) + (uintptr_t)(intptr_t)s.off, ra, fp = w->at.fp;

    if (s.deref && !walk_load(&w->span, cfa, &cfa))
        return false;
    cfa += (uintptr_t)(intptr_t)s.add;
    if ((s.from_fp || s.deref) ? !climbs(cfa, w->at.sp) : cfa <= w->at.sp)
        return false;
    if (s.fp_how && !walk_load(&w->span, (s.fp_how == 1 ? cfa : w->at.fp) + (uintptr_t)(intptr_t)s.fp, &fp))
        return false;
    if (!walk_load(&w->span, cfa - 8, &ra))
        return false;
    w->at = (struct arch_frame){.pc = ra, .sp = cfa, .fp = fp};
    w->exact = false;
    return true;
}

/* The rules that are not a register plus an offset. */
static bool special_step(struct walk *w, uint32_t rule, bool *end)
{
    switch (rule) {
    case RULE_END: *end = true; return true;
    case RULE_SIGNAL: return walk_signal_step(w);
    case RULE_NONE: return walk_unknown_step(w);
    case RULE_ODD: return walk_odd_step(w, end);
    default: return shape_step(w, rule);
    }
}

enum walk_end walk_run(struct walk *w)
{
    unsigned since = atomic_load_explicit(&epoch, memory_order_acquire), steps = 0;
    bool keep = atomic_load_explicit(&closing, memory_order_relaxed) == 0;

    w->span = walk_span(w->at.sp);
    for (;; steps++) {
        uintptr_t pc = w->at.pc, key = pc - !w->exact;

        if (pc - w->hidden.lo >= w->hidden.len) {
            if (w->n == w->max)
                return WALK_FULL;
            w->pcs[w->n++] = key + 1;
        }
        if (steps - w->n > HIDDEN_MAX && steps > w->n)
            return WALK_LOST;

        uint32_t at = home(key), rule;
        uint64_t word = atomic_load_explicit(&table[at], memory_order_relaxed);
        if (__builtin_expect(keep && word >> RULE_BITS == key, 1))
            rule = (uint32_t)word & RULE_MASK;
        else if (!keep || !(rule = look_around(key, at)))
            rule = learn(key, since, keep);

        if (__builtin_expect((rule & RULE_KIND) <= RULE_FP, 1)) {
            uintptr_t cfa = ((rule & RULE_KIND) == RULE_SP ? w->at.sp : w->at.fp) + (rule >> RULE_CFA_SHIFT & RULE_CFA_MAX) * 8;
            uintptr_t slot = rule >> RULE_FP_SHIFT & RULE_FP_MAX, fp = w->at.fp;
            if ((rule & RULE_KIND) == RULE_FP && !climbs(cfa, w->at.sp))
                return WALK_LOST;
            if (!walk_load(&w->span, cfa - 8, &pc) || (slot && !walk_load(&w->span, cfa - 8 - slot * 8, &fp)))
                return WALK_LOST;
            w->at = (struct arch_frame){.pc = pc, .sp = cfa, .fp = fp};
            w->exact = false;
        } else {
            bool end = false;
            if (!special_step(w, rule, &end))
                return WALK_LOST;
            if (end)
                return WALK_OUTERMOST;
        }
        if (w->at.pc == 0)
            return WALK_OUTERMOST;
    }
}
