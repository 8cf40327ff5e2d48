/* SPDX-License-Identifier: MIT */
/*
 * cfi_row.h: the unwind rules of one address, as data: where the CFA and each register of the
 * caller are.
 *
 * Pure data, filled in by cfi_find.
 */
#ifndef SOCKLEAK_AGENT_CFI_ROW_H
#define SOCKLEAK_AGENT_CFI_ROW_H

#include <stdbool.h>
#include <stdint.h>

/* DWARF numbers 0..16: the general registers and the return address (x86-64) */
#define CFI_REGS 17
#define CFI_CFA 0xfe   /* in place of a register: the frame's CFA */
#define CFI_CONST 0xff /* in place of a register: none, the value is a number */

/* The result of an expression: REG + ADD, or with DEREF *(REG + OFF) + ADD. */
struct cfi_value {
    uint8_t reg;
    bool deref;
    bool odd; /* any other form */
    int32_t off;
    int32_t add;
};

/* Where the caller's value of a register is. */
enum cfi_how {
    CFI_SAME,      /* in the register itself: unchanged, or without a rule */
    CFI_UNDEFINED, /* lost; for the return address: this is the outermost frame */
    CFI_SAVED,     /* in memory at REG + OFF */
    CFI_IS,        /* the value itself is REG + OFF */
    CFI_ODD,       /* described in a way that this parser does not express */
};
struct cfi_loc {
    uint8_t how, reg;
    int32_t off;
};

struct cfi_row {
    struct cfi_value cfa;
    struct cfi_loc reg[CFI_REGS];
    uint8_t ra; /* the register that holds the return address */
    /* the first address that these rules were written for, mostly a function's start */
    uintptr_t start;
    /*
     * augmentation 'S': a signal entered the frame; its caller's pc is exact, not a return address
     */
    bool signal;
};

#endif
