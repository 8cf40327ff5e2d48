/* SPDX-License-Identifier: MIT */
/*
 * cfi_row.h: the unwind rules of one address, as data: where the CFA and each register of the caller are.
 */
#ifndef SOCKLEAK_AGENT_CFI_ROW_H
#define SOCKLEAK_AGENT_CFI_ROW_H

#include <stdbool.h>
#include <stdint.h>

#define CFI_REGS 17    /* DWARF numbers 0..16: the general registers and the return address (x86-64) */
#define CFI_CFA 0xfe   /* in place of a register: the frame's CFA */
#define CFI_CONST 0xff /* in place of a register: none, a number */

/* What an expression comes to: REG + ADD, or with DEREF *(REG + OFF) + ADD. */
struct cfi_value {
    uint8_t reg;
    bool deref;
    bool odd; /* anything else */
    int32_t off;
    int32_t add;
};

/* Where the caller's value of a register is. */
enum cfi_how {
    CFI_SAME,      /* in the register itself: not changed, or not said */
    CFI_UNDEFINED, /* lost; for the return address: this is the outermost frame */
    CFI_SAVED,     /* in memory at REG + OFF */
    CFI_IS,        /* it is REG + OFF */
    CFI_ODD,       /* in a way that this parser does not express */
};
struct cfi_loc {
    uint8_t how, reg;
    int32_t off;
};

struct cfi_row {
    struct cfi_value cfa;
    struct cfi_loc reg[CFI_REGS];
    uint8_t ra;      /* the return address' register */
    uintptr_t start; /* the first address that the same rules were written for: a function's, mostly */
    bool signal;     /* 'S': the frame was entered by a signal; its caller's pc is exact, not a return address */
};

#endif
