/* SPDX-License-Identifier: MIT */
/*
 * cfi_expr.c: evaluates DWARF expressions as compilers and assemblers write them into unwind rules,
 * without the registers' values.
 *
 * Called by cfi_program.c alone. An expression runs on a small stack of values of the form REG +
 * ADD or *(REG + OFF) + ADD. Whatever does not fit that form (branches, products of registers, two
 * loads) makes the result odd. It loops over the input only, and reads nothing outside of it.
 */
#include "cfi_expr.h"

/* The operations that are evaluated here (DWARF 5 section 7.7.1). */
enum {
    DW_OP_deref = 0x06,
    DW_OP_const1u = 0x08,
    DW_OP_const1s = 0x09,
    DW_OP_const2u = 0x0a,
    DW_OP_const2s = 0x0b,
    DW_OP_const4u = 0x0c,
    DW_OP_const4s = 0x0d,
    DW_OP_const8u = 0x0e,
    DW_OP_const8s = 0x0f,
    DW_OP_constu = 0x10,
    DW_OP_consts = 0x11,
    DW_OP_dup = 0x12,
    DW_OP_drop = 0x13,
    DW_OP_and = 0x1a,
    DW_OP_minus = 0x1c,
    DW_OP_mul = 0x1e,
    DW_OP_or = 0x21,
    DW_OP_plus = 0x22,
    DW_OP_plus_uconst = 0x23,
    DW_OP_shl = 0x24,
    DW_OP_shr = 0x25,
    DW_OP_shra = 0x26,
    DW_OP_xor = 0x27,
    DW_OP_eq = 0x29,
    DW_OP_ge = 0x2a,
    DW_OP_gt = 0x2b,
    DW_OP_le = 0x2c,
    DW_OP_lt = 0x2d,
    DW_OP_ne = 0x2e,
    DW_OP_lit0 = 0x30,
    DW_OP_lit31 = 0x4f,
    DW_OP_breg0 = 0x70,
    DW_OP_breg31 = 0x8f,
    DW_OP_bregx = 0x92,
    DW_OP_nop = 0x96,
};

#define DEPTH 8

struct machine {
    struct cfi_value v[DEPTH];
    unsigned n;
    bool odd;
};

static void push(struct machine *m, uint8_t reg, int64_t add)
{
    if (m->n == DEPTH || add != (int32_t)add) {
        m->odd = true;
        return;
    }
    m->v[m->n++] = (struct cfi_value){.reg = reg, .add = (int32_t)add};
}

static struct cfi_value pop(struct machine *m)
{
    if (m->n == 0) {
        m->odd = true;
        return (struct cfi_value){.reg = CFI_CONST};
    }
    return m->v[--m->n];
}

/* *RESULT is X OP Y, both of at most 32 bits. False: OP is not known here, or Y no valid shift. */
static bool compute(uint8_t op, int64_t x, int64_t y, int64_t *result)
{
    if ((op == DW_OP_shl || op == DW_OP_shr || op == DW_OP_shra) && (y < 0 || y > 31))
        return false;
    switch (op) {
    case DW_OP_and:
        return *result = x & y, true;
    case DW_OP_mul:
        return *result = x * y, true;
    case DW_OP_or:
        return *result = x | y, true;
    case DW_OP_shl:
        return *result = (int64_t)((uint64_t)x << y), true;
    case DW_OP_shr:
        return *result = (int64_t)((uint64_t)x >> y), true;
    case DW_OP_shra:
        return *result = x >> y, true;
    case DW_OP_xor:
        return *result = x ^ y, true;
    case DW_OP_eq:
        return *result = x == y, true;
    case DW_OP_ge:
        return *result = x >= y, true;
    case DW_OP_gt:
        return *result = x > y, true;
    case DW_OP_le:
        return *result = x <= y, true;
    case DW_OP_lt:
        return *result = x < y, true;
    case DW_OP_ne:
        return *result = x != y, true;
    default:
        return false;
    }
}

/*
 * A register plus a number keeps the form; all other operations need two numbers. Numbers stay
 * within 32 bits, so no result here overflows 64.
 */
static void run_binary(struct machine *m, uint8_t op)
{
    struct cfi_value b = pop(m), a = pop(m);
    int64_t x = a.add, y = b.add, result;
    bool numbers = a.reg == CFI_CONST && b.reg == CFI_CONST;

    if (m->odd)
        return;
    if (op == DW_OP_plus && a.reg == CFI_CONST && !numbers) {
        b.add = (int32_t)(x + y);
        m->odd = b.add != x + y;
        m->v[m->n++] = b;
        return;
    }
    if ((op == DW_OP_plus || op == DW_OP_minus) && b.reg == CFI_CONST) {
        int64_t sum = op == DW_OP_plus ? x + y : x - y;
        a.add = (int32_t)sum;
        m->odd = a.add != sum;
        m->v[m->n++] = a;
        return;
    }
    if (numbers && compute(op, x, y, &result))
        push(m, CFI_CONST, result);
    else
        m->odd = true;
}

static void dereference(struct machine *m)
{
    struct cfi_value a = pop(m);

    if (m->odd || a.deref || a.reg == CFI_CONST) {
        m->odd = true;
        return;
    }
    a.deref = true;
    a.off = a.add;
    a.add = 0;
    m->v[m->n++] = a;
}

/*
 * The pc itself is known, so a value that depends on it (the PLT's "pc & 15") becomes a number. It
 * is taken modulo 16 MiB to stay within 32 bits.
 */
static void push_register(struct machine *m, uint64_t reg, int64_t off, uintptr_t pc)
{
    if (off != (int32_t)off)
        m->odd = true;
    else if (reg == CFI_REGS - 1)
        push(m, CFI_CONST, (int64_t)(pc & 0xffffff) + off);
    else if (reg < CFI_REGS)
        push(m, (uint8_t)reg, off);
    else
        m->odd = true;
}

/* False: OP does not push a constant. */
static bool push_constant(struct machine *m, struct cfi_reader *r, uint8_t op)
{
    if (op >= DW_OP_lit0 && op <= DW_OP_lit31) {
        push(m, CFI_CONST, op - DW_OP_lit0);
        return true;
    }
    switch (op) {
    case DW_OP_const1u:
        push(m, CFI_CONST, cfi_u8(r));
        return true;
    case DW_OP_const1s:
        push(m, CFI_CONST, (int8_t)cfi_u8(r));
        return true;
    case DW_OP_const2u:
        push(m, CFI_CONST, cfi_u16(r));
        return true;
    case DW_OP_const2s:
        push(m, CFI_CONST, (int16_t)cfi_u16(r));
        return true;
    case DW_OP_const4u:
        push(m, CFI_CONST, cfi_u32(r));
        return true;
    case DW_OP_const4s:
        push(m, CFI_CONST, (int32_t)cfi_u32(r));
        return true;
    case DW_OP_const8u:
    case DW_OP_const8s:
        push(m, CFI_CONST, (int64_t)cfi_u64(r));
        return true;
    case DW_OP_constu:
        push(m, CFI_CONST, (int64_t)cfi_uleb(r));
        return true;
    case DW_OP_consts:
        push(m, CFI_CONST, cfi_sleb(r));
        return true;
    default:
        return false;
    }
}

static void run_operation(struct machine *m, struct cfi_reader *r, uintptr_t pc)
{
    uint8_t op = cfi_u8(r);

    if (push_constant(m, r, op))
        return;
    if (op >= DW_OP_breg0 && op <= DW_OP_breg31) {
        push_register(m, (uint8_t)(op - DW_OP_breg0), cfi_sleb(r), pc);
        return;
    }
    switch (op) {
    case DW_OP_deref:
        dereference(m);
        break;
    case DW_OP_dup:
        if (m->n == 0 || m->n == DEPTH)
            m->odd = true;
        else {
            m->v[m->n] = m->v[m->n - 1];
            m->n++;
        }
        break;
    case DW_OP_drop:
        pop(m);
        break;
    case DW_OP_plus_uconst:
        push(m, CFI_CONST, (int64_t)cfi_uleb(r));
        if (!m->odd)
            run_binary(m, DW_OP_plus);
        break;
    case DW_OP_bregx: {
        uint64_t reg = cfi_uleb(r);
        push_register(m, reg, cfi_sleb(r), pc);
        break;
    }
    case DW_OP_nop:
        break;
    default:
        run_binary(m, op);
    }
}

struct cfi_value cfi_expression(struct cfi_reader r, uintptr_t pc, bool with_cfa)
{
    struct machine m = {.n = 0};

    if (with_cfa)
        push(&m, CFI_CFA, 0);
    while (r.p < r.end && !m.odd && !r.bad)
        run_operation(&m, &r, pc);
    struct cfi_value v = pop(&m);
    v.odd = m.odd || r.bad || v.reg == CFI_CONST;
    return v;
}
