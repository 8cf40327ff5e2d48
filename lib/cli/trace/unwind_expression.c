/* SPDX-License-Identifier: MIT */
/*
 * unwind_expression.c: the value of a DWARF expression in a rule of an unwind table.
 *
 * The operations that compilers and linkers put there: a register and a distance, for the most
 * part; a sum for entries of a procedure linkage table; a word of memory where a stack was aligned.
 */
#include "unwind_expression.h"

#include <dwarf.h>

#define DEPTH 16u

struct machine {
    uint64_t stack[DEPTH];
    unsigned n;
    bool is_value;
};

enum unwind_step unwind_register(const struct stack_view *v, const struct frame *f, unsigned r, uint64_t *value)
{
    if (r >= REGISTERS)
        return UNWIND_CUT;
    if (f->known >> r & 1) {
        *value = f->value[r];
        return UNWIND_OK;
    }
    if (!(f->stored >> r & 1))
        return UNWIND_UNKNOWN;
    return stack_word(v, f->value[r], value) ? UNWIND_OK : UNWIND_CUT;
}

static bool binary(struct machine *m, unsigned atom)
{
    if (m->n < 2)
        return false;
    uint64_t b = m->stack[--m->n], *a = &m->stack[m->n - 1];
    switch (atom) {
    case DW_OP_plus:
        *a += b;
        return true;
    case DW_OP_minus:
        *a -= b;
        return true;
    case DW_OP_mul:
        *a *= b;
        return true;
    case DW_OP_and:
        *a &= b;
        return true;
    case DW_OP_or:
        *a |= b;
        return true;
    case DW_OP_shl:
        *a = b < 64 ? *a << b : 0;
        return true;
    case DW_OP_shr:
        *a = b < 64 ? *a >> b : 0;
        return true;
    case DW_OP_ge:
        *a = (int64_t)*a >= (int64_t)b;
        return true;
    case DW_OP_gt:
        *a = (int64_t)*a > (int64_t)b;
        return true;
    case DW_OP_le:
        *a = (int64_t)*a <= (int64_t)b;
        return true;
    case DW_OP_lt:
        *a = (int64_t)*a < (int64_t)b;
        return true;
    case DW_OP_eq:
        *a = *a == b;
        return true;
    case DW_OP_ne:
        *a = *a != b;
        return true;
    }
    return false;
}

/* The number that OP pushes. UNWIND_CUT: it pushes none. */
static enum unwind_step pushed(const struct stack_view *v, const struct frame *f, const uint64_t *cfa, const Dwarf_Op *op, uint64_t *value)
{
    unsigned atom = op->atom;
    enum unwind_step step = UNWIND_OK;
    if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) {
        *value = atom - DW_OP_lit0;
    } else if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
        step = unwind_register(v, f, atom - DW_OP_breg0, value);
        *value += op->number;
    } else if (atom == DW_OP_bregx) {
        step = unwind_register(v, f, op->number < REGISTERS ? (unsigned)op->number : REGISTERS, value);
        *value += op->number2;
    } else if ((atom >= DW_OP_const1u && atom <= DW_OP_consts) || atom == DW_OP_addr) {
        *value = op->number;
    } else if (atom == DW_OP_call_frame_cfa && cfa) {
        *value = *cfa;
    } else {
        step = UNWIND_CUT;
    }
    return step;
}

static bool changed(const struct stack_view *v, struct machine *m, const Dwarf_Op *op)
{
    uint64_t *top = m->n ? &m->stack[m->n - 1] : NULL;
    if (!top)
        return false;
    switch (op->atom) {
    case DW_OP_plus_uconst:
        *top += op->number;
        return true;
    case DW_OP_deref:
        return stack_word(v, *top, top);
    case DW_OP_stack_value:
        m->is_value = true;
        return true;
    case DW_OP_nop:
        return true;
    }
    return binary(m, op->atom);
}

enum unwind_step unwind_expression(const struct stack_view *v, const struct frame *f, const uint64_t *cfa, const Dwarf_Op *ops, size_t n,
                                   uint64_t *value, bool *is_value)
{
    struct machine m = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        uint64_t number = 0;
        enum unwind_step step = pushed(v, f, cfa, &ops[i], &number);
        if (step == UNWIND_OK && m.n < DEPTH)
            m.stack[m.n++] = number;
        else if (step != UNWIND_CUT || !changed(v, &m, &ops[i]))
            return step == UNWIND_UNKNOWN ? UNWIND_UNKNOWN : UNWIND_CUT;
    }
    if (!m.n)
        return UNWIND_CUT;
    *value = m.stack[m.n - 1];
    if (is_value)
        *is_value = m.is_value;
    return UNWIND_OK;
}
