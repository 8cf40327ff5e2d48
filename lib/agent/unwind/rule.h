/* SPDX-License-Identifier: MIT */
/*
 * rule.h: makes a rule of a code address: how its frame is left.
 *
 * Any thread, signal handlers too: no allocation, no lock where objects are found without one (object_lookup_is_free).
 */
#ifndef SOCKLEAK_AGENT_RULE_H
#define SOCKLEAK_AGENT_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "cfi.h"

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
/* How many rules were made since the start. */
uint64_t rule_count_parsed(void);

#endif
