/* SPDX-License-Identifier: MIT */
/*
 * cfi_expr.h: evaluates a DWARF expression without the registers' values.
 *
 * For cfi_program.c alone. Pure; any thread, signal handlers too.
 */
#ifndef SOCKLEAK_AGENT_CFI_EXPR_H
#define SOCKLEAK_AGENT_CFI_EXPR_H

#include "cfi_reader.h"
#include "cfi_row.h"

/*
 * Evaluates the expression that R holds, for a frame at PC. WITH_CFA: its stack holds the CFA at
 * the start (register rules, DWARF 5 section 6.4.2.3).
 */
struct cfi_value cfi_expression(struct cfi_reader r, uintptr_t pc, bool with_cfa);

#endif
