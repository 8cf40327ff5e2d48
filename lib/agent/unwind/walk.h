/* SPDX-License-Identifier: MIT */
/*
 * walk.h: the first tier: an own walk over .eh_frame rules, remembered for the whole process by code address.
 *
 * walk.c walks and remembers, rule.c makes a rule of an address, step.c steps over a frame whose rule needs more than two
 * registers, stack_memory.c says what can be read. walk_none.c stands in for all of them in a build with the second tier alone. Everything
 * but walk_init and walk_dlclose_* may run in any thread and in signal handlers: no allocation, no lock; a system call only to probe memory
 * that is not known to be the thread's own stack.
 */
#ifndef SOCKLEAK_AGENT_WALK_H
#define SOCKLEAK_AGENT_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "../../arch/cpu.h"
#include "cfi.h"

/* Memory that can be read: LEN bytes from LO on, both multiples of 8. */
struct span {
    uintptr_t lo, len;
};

struct stack_memo;

struct walk {
    struct stack_memo *memo; /* takes down what the walk reads; NULL: nothing does, or it has met what cannot be recognized by that */
    struct arch_frame at;    /* the frame under way */
    bool exact;              /* its pc is where it was interrupted, not a return address */
    bool in_signal;          /* a signal frame was passed */
    unsigned n, max;         /* addresses recorded, room */
    uint64_t *pcs;
    struct span hidden; /* code that is not recorded: the agent's own */
    struct span span;   /* where AT's stack is known to be readable */
};

enum walk_end {
    WALK_OUTERMOST, /* complete */
    WALK_FULL,      /* PCS is full and there are more frames */
    WALK_LOST,      /* AT, which is recorded already, cannot be left */
};

/* False: this C library has no _dl_find_object. */
bool walk_available(void);
void walk_init(void);
/* Records from AT (included) outwards. */
enum walk_end walk_run(struct walk *w);
void walk_dlclose_begin(void);
void walk_dlclose_end(void);
uint64_t walk_rules_parsed(void);

/* ---- stack_cache.c: stacks that were walked before ---- */

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
/* False while a dlclose runs: nothing is remembered or recalled then. *EPOCH changes when one begins and when one ends. */
bool walk_may_recall(unsigned *epoch);

/* --- inside walk_*.c --- */

/* The walk has read WORD at A, of which its further way depends. False: that cannot be taken down. */
bool stack_cache_word(struct stack_memo *m, uintptr_t a, uint64_t word);
/* It went by the frame pointer that it began with. */
void stack_cache_needs_fp(struct stack_memo *m);

/*
 * A rule is 17 bits: what kind it is in the low two; for the first two kinds the distance of the CFA in bytes where it lies ready to be
 * added, and above it where the frame pointer was saved.
 */
enum {
    RULE_SP,      /* CFA = sp + (rule & RULE_CFA); the frame pointer at CFA - 8 - 8 * (rule >> RULE_FP_SHIFT), or 0: in its register */
    RULE_FP,      /* CFA = fp + ..., the same */
    RULE_SHAPE,   /* the number of a shape in the bits above: rule_shape */
    RULE_SPECIAL, /* one of below */
    RULE_KIND = 3,
    RULE_CFA = 0x1ff8,
    RULE_FP_SHIFT = 13,
    RULE_FP_MAX = 15,
    RULE_END = RULE_SPECIAL,             /* the outermost frame */
    RULE_SIGNAL = RULE_SPECIAL | 1 << 2, /* sp points to a ucontext */
    RULE_ODD = RULE_SPECIAL | 2 << 2,    /* known, but only step_odd can follow it, or nobody */
    RULE_NONE = RULE_SPECIAL | 3 << 2,   /* no object knows this address */
    RULE_START = RULE_SPECIAL | 5 << 2,  /* a function's first instruction, put on the stack by hand */
    RULE_BOGUS = RULE_SPECIAL | 4 << 2,  /* nor does a call lead back to it */
};

/*
 * The rules beyond sp and fp plus an offset, shared by all addresses that have the same. CFA = (sp or fp) + OFF, DEREF: loaded from there;
 * + ADD.
 */
struct rule_shape {
    bool from_fp, deref;
    uint8_t fp_how; /* 0 in its register, 1 at CFA + FP, 2 at frame pointer + FP */
    int16_t off, fp;
    int32_t add;
};

/*
 * Parses: the rule of a frame by what is recorded of it. *KEEP: it may be remembered for ENTRY. An address that no call leads back to is
 * where execution goes on, not where it came from: a landing pad, a trampoline, the end of a coroutine; its rule is that of the address
 * itself.
 */
uint32_t rule_of(uintptr_t entry, bool exact, bool *keep);
struct rule_shape rule_shape(uint32_t rule);
/* The same, as the whole row. *CALLED: a call leads back to ENTRY; 0: none does; -1: there is no code. */
enum cfi_result rule_row(uintptr_t entry, bool exact, int *called, struct cfi_row *row);

/* Leaves AT with all registers: unwinds from here, so AT must be a frame of the calling thread. *END: AT is the outermost frame. */
bool step_odd(struct walk *w, bool *end);
/* Leaves a frame that no object knows: a signal trampoline, a stub, or by the frame pointer's chain. */
bool step_unknown(struct walk *w);
bool step_signal(struct walk *w);
bool step_start(struct walk *w, bool *end);

/* What is known about the stack at SP without asking the kernel, or by asking once per thread. */
struct span stack_span(uintptr_t sp);
/* Makes the 8 bytes at A part of the span, or replaces the span; false: not readable. */
bool stack_reach(struct span *s, uintptr_t a);
void stack_memory_init(void);

static inline bool stack_load(struct span *s, uintptr_t a, uintptr_t *v)
{
    if (__builtin_expect(a - s->lo >= s->len, 0) && !stack_reach(s, a))
        return false;
    *v = *(const uintptr_t *)a;
    return true;
}

#endif
