/* SPDX-License-Identifier: MIT */
/*
 * unwind_expression.h: the value of a DWARF expression in a rule of an unwind table.
 */
#ifndef SOCKLEAK_CLI_TRACE_UNWIND_EXPRESSION_H
#define SOCKLEAK_CLI_TRACE_UNWIND_EXPRESSION_H

#include <elfutils/libdw.h>

#include "frame.h"
#include "stack_view.h"

/*
 * UNWIND_OK and *VALUE; UNWIND_UNKNOWN: it needs a register that is not known; UNWIND_CUT: it reads
 * what the copy does not have, or cannot be evaluated. CFA: what the frame's rules count from; NULL
 * while that is what is looked for. *IS_VALUE (may be NULL): the expression is the value itself,
 * not its address.
 */
enum unwind_step unwind_expression(const struct stack_view *v, const struct frame *f, const uint64_t *cfa, const Dwarf_Op *ops, size_t n,
                                   uint64_t *value, bool *is_value);
/* The value of register R in F. */
enum unwind_step unwind_register(const struct stack_view *v, const struct frame *f, unsigned r, uint64_t *value);

#endif
