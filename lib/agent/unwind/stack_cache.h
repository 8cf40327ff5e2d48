/* SPDX-License-Identifier: MIT */
/*
 * stack_cache.h: stacks that were walked before. Any thread, signal handlers too.
 */
#ifndef SOCKLEAK_AGENT_STACK_CACHE_H
#define SOCKLEAK_AGENT_STACK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "step.h"

#define MEMO_WORDS 96u /* that a walk may read to be remembered */

struct stack_cache_found {
    unsigned n;
    enum walk_end end;
    uint64_t note;           /* what stack_cache_note kept with this stack; 0: nothing */
    struct stack_memo *memo; /* NULL: the stack could not be remembered */
    uint32_t seq;
};

/* True: a walk of MAX from FROM would be one that is remembered. Its addresses are in PCS, unless it has a note and they are
 * not wanted ALWAYS. */
bool stack_cache_recall(const struct arch_frame *from, unsigned max, unsigned epoch, bool always, uint64_t *pcs,
                        struct stack_cache_found *r);
/* Around a walk whose memo is what BEGIN gave (NULL: none is free). END: W ended so; USABLE: it met nothing that may not be remembered. */
struct stack_memo *stack_cache_begin(const struct arch_frame *from, unsigned max, unsigned epoch);
void stack_cache_end(struct stack_memo *m, const struct walk *w, enum walk_end end, bool usable, struct stack_cache_found *r);
/* Keeps a note, not 0, with the stack that was just walked or recalled. It is lost with the stack. */
void stack_cache_note(const struct stack_cache_found *r, uint64_t note);

/* ---- for the walk ---- */

/* The walk has read WORD at A, of which its further way depends. False: that cannot be taken down. */
bool stack_cache_word(struct stack_memo *m, uintptr_t a, uint64_t word);
/* It went by the frame pointer that it began with. */
void stack_cache_needs_fp(struct stack_memo *m);

#endif
