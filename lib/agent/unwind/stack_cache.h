/* SPDX-License-Identifier: MIT */
/*
 * stack_cache.h: recognizes stacks that were walked before.
 *
 * Any thread, signal handlers too. No allocation, no lock, no system call but those of stack_span.
 */
#ifndef SOCKLEAK_AGENT_STACK_CACHE_H
#define SOCKLEAK_AGENT_STACK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "step.h"

#define MEMO_WORDS 112u /* the most words that a cached walk may have read */

struct stack_cache_found {
    unsigned n;
    enum walk_end end;
    uint64_t note;           /* what stack_cache_note stored with this stack; 0: nothing */
    struct stack_memo *memo; /* NULL: the stack could not be cached */
    uint32_t seq;
};

/*
 * MAX of what follows: the most addresses (below 256), and in the bits from STACK_CACHE_KIND on
 * whatever else its caller tells walks apart by: each kind has entries of its own.
 */
#define STACK_CACHE_KIND 8
/*
 * The note of the stack from FROM; 0: there is none, or another thread writes its entry now. For
 * what is done again and again: it does nothing else of what stack_cache_recall does.
 */
uint64_t stack_cache_note_of(const struct arch_frame *from, unsigned max, unsigned epoch);
/*
 * True: the cache has the result of a walk of MAX addresses from FROM, and *R describes it. Its
 * addresses are copied to PCS; those of a stack with a note only when ALWAYS.
 */
bool stack_cache_recall(const struct arch_frame *from, unsigned max, unsigned epoch, bool always, uint64_t *pcs,
                        struct stack_cache_found *r);
/*
 * Around a walk whose memo is what stack_cache_begin returned (NULL: no entry is free). END is how
 * the walk W ended. USABLE: W met nothing that may not be cached.
 */
struct stack_memo *stack_cache_begin(const struct arch_frame *from, unsigned max, unsigned epoch);
void stack_cache_end(struct stack_memo *m, const struct walk *w, enum walk_end end, bool usable, struct stack_cache_found *r);
/*
 * Stores a note, not 0, with the stack that was just walked or recalled. It is lost when the stack
 * leaves the cache.
 */
void stack_cache_note(const struct stack_cache_found *r, uint64_t note);

/* ---- for the walk ---- */

/*
 * Records that the walk has read WORD at A, and that its further way depends on it. False: the
 * entry cannot hold it, so the walk cannot be cached.
 */
bool stack_cache_word(struct stack_memo *m, uintptr_t a, uint64_t word);
/* Records that the walk used the frame pointer that it began with. */
void stack_cache_needs_fp(struct stack_memo *m);

#endif
