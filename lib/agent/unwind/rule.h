/* SPDX-License-Identifier: MIT */
/*
 * rule.h: makes a rule for a code address: how to step from its frame to the caller's.
 *
 * Any thread, signal handlers too: no allocation, and no lock.
 */
#ifndef SOCKLEAK_AGENT_RULE_H
#define SOCKLEAK_AGENT_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "cfi.h"

/*
 * A rule is 17 bits. The low two bits are its kind. For the first two kinds, the next bits are the
 * distance of the CFA in bytes, ready to be added, and the bits above say where the frame pointer
 * was saved.
 */
enum {
    /*
     * CFA = sp + (rule & RULE_CFA); fp at CFA - 8 - 8 * (rule >> RULE_FP_SHIFT); 0: in its register
     */
    RULE_SP,
    RULE_FP,      /* the same with CFA = fp + (rule & RULE_CFA) */
    RULE_SHAPE,   /* the bits above are the number of a shape: rule_shape */
    RULE_SPECIAL, /* one of those below */
    RULE_KIND = 3,
    RULE_CFA = 0x1ff8,
    RULE_FP_SHIFT = 13,
    RULE_FP_MAX = 15,
    RULE_END = RULE_SPECIAL,             /* the outermost frame */
    RULE_SIGNAL = RULE_SPECIAL | 1 << 2, /* sp points to a ucontext */
    /* the object has rules for it, but only step_odd can follow them, or nothing can */
    RULE_ODD = RULE_SPECIAL | 2 << 2,
    RULE_NONE = RULE_SPECIAL | 3 << 2, /* no object has rules for this address */
    /* the address of a function's first instruction, put on the stack by hand */
    RULE_START = RULE_SPECIAL | 5 << 2,
    RULE_BOGUS = RULE_SPECIAL | 4 << 2,     /* no rules, and no call instruction before it either */
    RULE_GENERATED = RULE_SPECIAL | 6 << 2, /* code that a runtime has generated: generated.h */
};

/*
 * Rules other than sp or fp plus an offset, shared by all addresses with the same rule. The CFA is
 * (sp or fp) + OFF + ADD; with DEREF the word at (sp or fp) + OFF, plus ADD.
 */
struct rule_shape {
    bool from_fp, deref;
    uint8_t fp_how; /* 0: in its register; 1: at CFA + FP; 2: at frame pointer + FP */
    int16_t off, fp;
    int32_t add;
};

/*
 * Parses the tables and returns the rule of a frame. ENTRY is the address as the walk records it;
 * EXACT: it is the pc of an interrupted frame plus 1. *KEEP: the rule may be cached for ENTRY. An
 * ENTRY without a call instruction before it is where execution continues, not where a call came
 * from: a landing pad, a trampoline, the end of a coroutine. Its rule is that of the address
 * itself.
 */
uint32_t rule_of(uintptr_t entry, bool exact, bool *keep);
struct rule_shape rule_shape(uint32_t rule);
/*
 * The same, as the whole row. *CALLED: 1: a call instruction comes before ENTRY; 0: none does; -1:
 * there is no code.
 */
enum cfi_result rule_row(uintptr_t entry, bool exact, int *called, struct cfi_row *row);
/* The number of rules made since the start. */
uint64_t rule_count_parsed(void);

#endif
