/* SPDX-License-Identifier: MIT */
/*
 * cfi_program.h: runs a function's unwind instructions up to an address.
 *
 * For cfi.c alone. Pure; any thread, signal handlers too.
 */
#ifndef SOCKLEAK_AGENT_CFI_PROGRAM_H
#define SOCKLEAK_AGENT_CFI_PROGRAM_H

#include "cfi_reader.h"
#include "cfi_row.h"

struct cfi_cie {
    uint64_t code_align;
    int64_t data_align;
    uint8_t ra, fde_enc;
    bool augmented, signal;
    struct cfi_reader program;
};

/*
 * Runs the CIE's program and then PROGRAM, of a function that begins at START, up to PC. Fills the
 * CFA and the registers of ROW. False: the instructions are damaged.
 */
bool cfi_run(const struct cfi_cie *cie, struct cfi_reader program, uintptr_t start, uintptr_t pc, struct cfi_row *row);

#endif
