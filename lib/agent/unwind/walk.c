/* SPDX-License-Identifier: MIT */
/*
 * walk.c: the walk itself, and the process-wide cache of rules by code address.
 *
 * Runs in the program's threads and signal handlers. The cache is a table of atomic words, each an
 * address (47 bits) and its rule (17 bits). No word is ever half written, a lost one only costs
 * parsing again, and dropping all is plain stores of 0. The table lies in .bss and takes memory
 * only where it was written: the addresses of one 64 KiB stretch of code share one page of it.
 */
#include "walk.h"

#include <stdatomic.h>

#include "../base/pages.h"
#include "generated.h"
#include "libc_frames.h"
#include "rule.h"
#include "stack_cache.h"

#define PAGE_WORDS 512u
#define PAGES 256u
#define LINE 8u /* words in one cache line: an address may be at any of them beside its own place */
#define RULE_BITS 17
#define RULE_MASK ((1u << RULE_BITS) - 1)
#define ADDRESS_END ((uintptr_t)1 << 47)
#define HIDDEN_MAX 256u /* frames of our own that are skipped */
#define FAR (8u << 20)  /* no frame with a frame pointer is larger */

static _Atomic uint64_t rule_table[PAGES * PAGE_WORDS] __attribute__((aligned(PAGE_BYTES)));
static _Atomic uint64_t touched_pages[PAGES / 64];
_Atomic unsigned walk_dlcloses, walk_epoch;

_Atomic(const struct generated_code *) generated_code;

bool walk_available(void) { return true; }

void walk_init(void)
{
    stack_memory_init();
    libc_frames_init();
}

uint64_t walk_rules_parsed(void) { return rule_count_parsed(); }

/*
 * The place of an address in the cache. The key is the address as it is recorded: the return
 * address; for an interrupted frame the pc plus 1.
 */
static inline uint32_t home_place(uintptr_t entry)
{
    return (uint32_t)((entry & (PAGE_WORDS - 1)) | (entry >> 7 & (PAGES - 1) * PAGE_WORDS));
}

static uint32_t recall_nearby(uintptr_t entry, uint32_t at)
{
    for (uint32_t i = 1; i < LINE; i++) {
        uint64_t word = atomic_load_explicit(&rule_table[at ^ i], memory_order_relaxed);
        if (word >> RULE_BITS == entry)
            return (uint32_t)word & RULE_MASK;
    }
    return 0;
}

/*
 * A rule that was parsed before a dlclose and stored after it would outlive its code. So the epoch
 * is checked again after the store.
 */
static void cache_rule(uintptr_t entry, uint32_t rule, unsigned since)
{
    uint32_t at = home_place(entry), page = at / PAGE_WORDS, i;

    if (entry >= ADDRESS_END || atomic_load(&walk_epoch) != since)
        return;
    if (!(atomic_load_explicit(&touched_pages[page / 64], memory_order_relaxed) >> page % 64 & 1))
        atomic_fetch_or(&touched_pages[page / 64], (uint64_t)1 << page % 64);
    for (i = 0; i < LINE && atomic_load_explicit(&rule_table[at ^ i], memory_order_relaxed) != 0; i++)
        ;
    at ^= i == LINE ? 0 : i;
    atomic_store(&rule_table[at], (uint64_t)entry << RULE_BITS | rule);
    if (atomic_load(&walk_epoch) != since)
        atomic_store(&rule_table[at], 0);
}

void walk_dlclose_begin(void)
{
    atomic_fetch_add(&walk_dlcloses, 1);
    atomic_fetch_add(&walk_epoch, 1);
}

void walk_dlclose_end(void)
{
    for (unsigned page = 0; page < PAGES; page++) {
        if (!(atomic_load(&touched_pages[page / 64]) >> page % 64 & 1))
            continue;
        atomic_fetch_and(&touched_pages[page / 64], ~((uint64_t)1 << page % 64));
        for (unsigned i = 0; i < PAGE_WORDS; i++)
            atomic_store_explicit(&rule_table[page * PAGE_WORDS + i], 0, memory_order_relaxed);
    }
    atomic_fetch_add(&walk_epoch, 1);
    atomic_fetch_sub(&walk_dlcloses, 1);
}

/*
 * A CFA lies above sp and on an 8-byte boundary; if it is not derived from sp, it must not be too
 * far away.
 */
static bool climbs(uintptr_t cfa, uintptr_t sp) { return cfa > sp && cfa - sp < FAR && cfa % 8 == 0; }

static bool shape_step(struct walk *w, uint32_t rule)
{
    struct rule_shape s = rule_shape(rule);
    uintptr_t cfa = (s.from_fp ? w->at.fp : w->at.sp) + (uintptr_t)(intptr_t)s.off, ra, fp = w->at.fp;

    if (s.deref && !stack_load(&w->span, cfa, &cfa))
        return false;
    cfa += (uintptr_t)(intptr_t)s.add;
    if ((s.from_fp || s.deref) ? !climbs(cfa, w->at.sp) : cfa <= w->at.sp)
        return false;
    if (s.fp_how && !stack_load(&w->span, (s.fp_how == 1 ? cfa : w->at.fp) + (uintptr_t)(intptr_t)s.fp, &fp))
        return false;
    if (!stack_load(&w->span, cfa - 8, &ra))
        return false;
    w->at = (struct arch_frame){.pc = ra, .sp = cfa, .fp = fp};
    w->exact = false;
    return true;
}

/*
 * Steps from a frame of generated code, unless what is known of it may be wrong: where a signal has
 * interrupted something, or behind a frame without rules.
 */
static enum generated_step generated_step(struct walk *w)
{
    const struct generated_code *g = atomic_load_explicit(&generated_code, memory_order_acquire);
    if (!g || w->in_signal || w->guessed)
        return GENERATED_NONE;
    return w->collect ? g->step(w) : GENERATED_END;
}

/* Steps by the rules that are not a register plus an offset. */
static __attribute__((noinline)) bool special_step(struct walk *w, uint32_t rule, bool *end)
{
    w->stepped = rule == RULE_GENERATED ? generated_step(w) : GENERATED_NONE;
    if (w->stepped != GENERATED_NONE)
        return w->stepped == GENERATED_PASSED;
    switch (rule) {
    case RULE_END:
        *end = true;
        return true;
    case RULE_SIGNAL:
        return step_signal(w);
    case RULE_START:
        return step_start(w, end);
    case RULE_GENERATED:
    case RULE_NONE:
    case RULE_BOGUS:
        w->guessed = true;
        return step_unknown(w);
    case RULE_ODD:
        return step_odd(w, end);
    default:
        return shape_step(w, rule);
    }
}

/* The rule that is cached beside the address' own place, or else parsed now. */
static __attribute__((noinline)) uint32_t find_rule(uintptr_t entry, bool exact, unsigned since, bool remembering)
{
    uint32_t rule = remembering ? recall_nearby(entry, home_place(entry)) : 0;
    bool keep;

    if (rule)
        return rule;
    if (!exact && generated_holds(entry))
        return RULE_GENERATED;
    rule = rule_of(entry, exact, &keep);
    if (keep && remembering)
        cache_rule(entry, rule, since);
    return rule;
}

/*
 * The rule for ENTRY, from the cache's first place for it or else from find_rule. The bits above
 * the rule are masked where it is used.
 */
static inline __attribute__((always_inline)) uint32_t rule_at(const struct walk *w, uintptr_t entry, unsigned since, bool remembering)
{
    uint64_t word = atomic_load_explicit(&rule_table[home_place(entry)], memory_order_relaxed);
    uint32_t rule = (uint32_t)word;
    /*
     * An interrupted frame does not use the cache. If it is at its function's last instruction, its
     * key is the next function's first address; the cache may have a rule there for a coroutine
     * that has not begun.
     */
    bool remembered = remembering && !w->exact;
    if (__builtin_expect(word >> RULE_BITS != entry || !remembered, 0))
        rule = find_rule(entry, w->exact, since, remembered);
    return rule;
}

/*
 * Records that the walk used FP, which it began with (IS_FIRST) or loaded from FP_AT (0: the memo
 * has that word already). Returns MEMO; NULL: the walk cannot be cached.
 */
static inline __attribute__((always_inline)) struct stack_memo *memo_used_fp(struct stack_memo *memo, bool is_first, uintptr_t fp_at,
                                                                             uintptr_t fp)
{
    if (memo && is_first)
        stack_cache_needs_fp(memo);
    else if (memo && fp_at && !stack_cache_word(memo, fp_at, fp))
        memo = NULL;
    return memo;
}

/*
 * The frame under way is kept in local variables, and W->at is updated only where other functions
 * read it. Each frame's address depends on two loads of the frame before, so every instruction less
 * in this chain counts once per frame. ENTRY is the pc as it is recorded. The empty assembly keeps
 * the compiler from choosing the base register without a branch, which would make the chains of sp
 * and of fp depend on each other.
 */
enum walk_end walk_run(struct walk *w)
{
    unsigned since = atomic_load_explicit(&walk_epoch, memory_order_acquire), n = w->n, max = w->max, hidden = 0;
    bool remembering = atomic_load_explicit(&walk_dlcloses, memory_order_relaxed) == 0, end = false;
    uintptr_t entry = w->at.pc + w->exact, sp = w->at.sp, fp = w->at.fp, cfa;
    uintptr_t hidden_lo = w->hidden.lo, hidden_len = w->hidden.len;
    uint64_t *pcs = w->pcs;
    struct span span = stack_span(sp);
    struct stack_memo *memo = w->memo;
    uintptr_t fp_at = 0; /* where FP was loaded from, until the memo has that word */
    bool fp_is_first = true;
    enum walk_end how = WALK_LOST;

    for (;;) {
        if (__builtin_expect(entry - hidden_lo >= hidden_len, 1)) {
            if (__builtin_expect(n == max, 0)) {
                how = WALK_FULL;
                break;
            }
            pcs[n++] = entry;
        } else if (++hidden > HIDDEN_MAX)
            break;

        uint32_t rule = rule_at(w, entry, since, remembering);
        switch (rule & RULE_KIND) {
        case RULE_SP:
            cfa = sp + (rule & RULE_CFA);
            __asm__("" : "+r"(cfa));
            break;
        case RULE_FP:
            cfa = fp + (rule & RULE_CFA);
            __asm__("" : "+r"(cfa));
            memo = memo_used_fp(memo, fp_is_first, fp_at, fp);
            fp_at = 0;
            break;
        default:
            if ((rule & RULE_MASK) != RULE_END && ((rule & RULE_MASK) != RULE_GENERATED || w->collect))
                memo = NULL;
            w->at = (struct arch_frame){.pc = entry - w->exact, .sp = sp, .fp = fp};
            w->span = span;
            bool ok = special_step(w, rule & RULE_MASK, &end);
            /* the step from the frame before was wrong; or a runtime's reader records this one */
            if (((rule == RULE_BOGUS && !ok) || w->stepped != GENERATED_NONE) && n && pcs[n - 1] == entry)
                n--;
            if (!ok) {
                how = w->stepped == GENERATED_END ? WALK_GENERATED : WALK_LOST;
                goto out;
            }
            entry = w->at.pc ? w->at.pc + w->exact : 0, sp = w->at.sp, fp = w->at.fp;
            span = w->span;
            if (entry == 0 || end) {
                how = WALK_OUTERMOST;
                goto out;
            }
            continue;
        }

        uintptr_t slot = rule >> RULE_FP_SHIFT & RULE_FP_MAX;
        if (__builtin_expect(!climbs(cfa, sp), 0) || !stack_load(&span, cfa - 8, &entry))
            break;
        if (slot) {
            fp_at = cfa - 8 - slot * 8;
            fp_is_first = false;
            if (!stack_load(&span, fp_at, &fp))
                break;
        }
        if (memo && !stack_cache_word(memo, cfa - 8, entry))
            memo = NULL;
        sp = cfa;
        w->exact = false;
        if (__builtin_expect(entry == 0, 0)) {
            how = WALK_OUTERMOST;
            break;
        }
    }
out:
    w->n = n;
    w->memo = memo;
    if (how == WALK_LOST && n)
        w->at = (struct arch_frame){.pc = pcs[n - 1], .sp = sp, .fp = fp};
    else if (how == WALK_FULL)
        w->at = (struct arch_frame){.pc = entry - w->exact, .sp = sp, .fp = fp};
    return how;
}
