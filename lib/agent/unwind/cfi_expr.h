/* SPDX-License-Identifier: MIT */
/*
 * cfi_expr.h: works out a DWARF expression without the registers' values. For cfi_program.c alone.
 */
#ifndef SOCKLEAK_AGENT_CFI_EXPR_H
#define SOCKLEAK_AGENT_CFI_EXPR_H

#include "cfi_reader.h"
#include "cfi_row.h"

/* R holds one expression. WITH_CFA: the CFA lies on its stack at the start (register rules, DWARF 5 section 6.4.2.3). */
struct cfi_value cfi_expression(struct cfi_reader r, uintptr_t pc, bool with_cfa);

#endif
