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

/*
 * A register plus a number keeps the form; all other operations need two numbers. Numbers stay
 * within 32 bits, so no result here overflows 64.
 */
static void run_binary(struct machine *m, uint8_t op)
{
    struct cfi_value b = pop(m), a = pop(m);
    int64_t x = a.add, y = b.add;
    bool numbers = a.reg == CFI_CONST && b.reg == CFI_CONST;

    if (m->odd)
        return;
    if (op == 0x22 && a.reg == CFI_CONST && !numbers) {
        b.add = (int32_t)(x + y);
        m->odd = b.add != x + y;
        m->v[m->n++] = b;
        return;
    }
    if ((op == 0x22 || op == 0x1c) && b.reg == CFI_CONST) {
        int64_t sum = op == 0x22 ? x + y : x - y;
        a.add = (int32_t)sum;
        m->odd = a.add != sum;
        m->v[m->n++] = a;
        return;
    }
    if (!numbers || ((op == 0x24 || op == 0x25 || op == 0x26) && (y < 0 || y > 31))) {
        m->odd = true;
        return;
    }
    switch (op) {
    case 0x1a:
        push(m, CFI_CONST, x & y);
        break;
    case 0x1e:
        push(m, CFI_CONST, x * y);
        break;
    case 0x21:
        push(m, CFI_CONST, x | y);
        break;
    case 0x24:
        push(m, CFI_CONST, (int64_t)((uint64_t)x << y));
        break;
    case 0x25:
        push(m, CFI_CONST, (int64_t)((uint64_t)x >> y));
        break;
    case 0x26:
        push(m, CFI_CONST, x >> y);
        break;
    case 0x27:
        push(m, CFI_CONST, x ^ y);
        break;
    case 0x29:
        push(m, CFI_CONST, x == y);
        break;
    case 0x2a:
        push(m, CFI_CONST, x >= y);
        break;
    case 0x2b:
        push(m, CFI_CONST, x > y);
        break;
    case 0x2c:
        push(m, CFI_CONST, x <= y);
        break;
    case 0x2d:
        push(m, CFI_CONST, x < y);
        break;
    case 0x2e:
        push(m, CFI_CONST, x != y);
        break;
    default:
        m->odd = true;
    }
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

static void run_operation(struct machine *m, struct cfi_reader *r, uintptr_t pc)
{
    uint8_t op = cfi_u8(r);

    if (op >= 0x30 && op <= 0x4f) {
        push(m, CFI_CONST, op - 0x30);
        return;
    }
    if (op >= 0x70 && op <= 0x8f) {
        push_register(m, op - 0x70u, cfi_sleb(r), pc);
        return;
    }
    switch (op) {
    case 0x06:
        dereference(m);
        break;
    case 0x08:
        push(m, CFI_CONST, cfi_u8(r));
        break;
    case 0x09:
        push(m, CFI_CONST, (int8_t)cfi_u8(r));
        break;
    case 0x0a:
        push(m, CFI_CONST, cfi_u16(r));
        break;
    case 0x0b:
        push(m, CFI_CONST, (int16_t)cfi_u16(r));
        break;
    case 0x0c:
        push(m, CFI_CONST, cfi_u32(r));
        break;
    case 0x0d:
        push(m, CFI_CONST, (int32_t)cfi_u32(r));
        break;
    case 0x0e:
    case 0x0f:
        push(m, CFI_CONST, (int64_t)cfi_u64(r));
        break;
    case 0x10:
        push(m, CFI_CONST, (int64_t)cfi_uleb(r));
        break;
    case 0x11:
        push(m, CFI_CONST, cfi_sleb(r));
        break;
    case 0x12:
        if (m->n == 0 || m->n == DEPTH)
            m->odd = true;
        else {
            m->v[m->n] = m->v[m->n - 1];
            m->n++;
        }
        break;
    case 0x13:
        pop(m);
        break;
    case 0x23:
        push(m, CFI_CONST, (int64_t)cfi_uleb(r));
        if (!m->odd)
            run_binary(m, 0x22);
        break;
    case 0x92: {
        uint64_t reg = cfi_uleb(r);
        push_register(m, reg, cfi_sleb(r), pc);
        break;
    }
    case 0x96:
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
