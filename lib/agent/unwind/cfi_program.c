/* SPDX-License-Identifier: MIT */
/*
 * cfi_program.c: runs a function's unwind instructions up to an address.
 *
 * Called by cfi.c alone. Every instruction consumes input, so a run ends when its input ends. Uses
 * about 2 KiB of stack.
 */
#include "cfi_program.h"

#include "cfi_expr.h"

#define REMEMBERED 6 /* compilers do not nest remember_state deeper */

struct rules {
    struct cfi_value cfa;
    struct cfi_loc reg[CFI_REGS];
};

struct run {
    const struct cfi_cie *cie;
    uintptr_t loc, pc;
    struct rules now;
    const struct rules *initial; /* NULL while the CIE's own program runs */
    struct rules stack[REMEMBERED];
    unsigned depth;
    bool bad;
};

static void set_reg(struct run *x, uint64_t reg, enum cfi_how how, uint8_t base, int64_t off)
{
    if (reg >= CFI_REGS)
        return; /* a vector register or the like: the walk does not need it */
    x->now.reg[reg] = (struct cfi_loc){.how = (uint8_t)(off == (int32_t)off ? how : CFI_ODD), .reg = base, .off = (int32_t)off};
}

static void set_reg_register(struct run *x, uint64_t reg, uint64_t other)
{
    set_reg(x, reg, other < CFI_REGS ? CFI_IS : CFI_ODD, (uint8_t)other, 0);
}

static void restore_reg(struct run *x, uint64_t reg)
{
    if (!x->initial)
        x->bad = true;
    else if (reg < CFI_REGS)
        x->now.reg[reg] = x->initial->reg[reg];
}

static int64_t scaled(const struct run *x, int64_t factor)
{
    int64_t v;
    return __builtin_mul_overflow(factor, x->cie->data_align, &v) ? INT64_MAX : v;
}

static void set_cfa(struct run *x, uint64_t reg, int64_t off)
{
    x->now.cfa = (struct cfi_value){
        .reg = (uint8_t)(reg < CFI_REGS ? reg : CFI_REGS), .add = (int32_t)off, .odd = reg >= CFI_REGS - 1 || off != (int32_t)off};
}

static struct cfi_value expression(struct run *x, struct cfi_reader *r, bool with_cfa)
{
    uint64_t len = cfi_uleb(r);

    if (r->bad || len > (size_t)(r->end - r->p)) {
        r->bad = true;
        return (struct cfi_value){.odd = true};
    }
    struct cfi_reader e = {.p = r->p, .end = r->p + len};
    r->p += len;
    return cfi_expression(e, x->pc, with_cfa);
}

static void set_reg_expression(struct run *x, struct cfi_reader *r, enum cfi_how how)
{
    uint64_t reg = cfi_uleb(r);
    struct cfi_value v = expression(x, r, true);

    set_reg(x, reg, v.odd || v.deref ? CFI_ODD : how, v.reg, v.add);
}

/* Returns false when LOC would pass the address that is searched for. */
static bool advance(struct run *x, uint64_t delta)
{
    uint64_t by;

    if (__builtin_mul_overflow(delta, x->cie->code_align, &by) || by > x->pc - x->loc)
        return false;
    x->loc += by;
    return true;
}

static bool extended(struct run *x, struct cfi_reader *r, uint8_t op)
{
    uint64_t reg;

    switch (op) {
    case 0x00:
        break;
    case 0x01: {
        uintptr_t to = cfi_encoded(r, x->cie->fde_enc, 0);
        if (to < x->loc) {
            x->bad = true;
            return false;
        }
        if (to > x->pc)
            return false;
        x->loc = to;
        break;
    }
    case 0x02:
        return advance(x, cfi_u8(r));
    case 0x03:
        return advance(x, cfi_u16(r));
    case 0x04:
        return advance(x, cfi_u32(r));
    case 0x05:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_SAVED, CFI_CFA, scaled(x, (int64_t)cfi_uleb(r)));
        break;
    case 0x06:
        restore_reg(x, cfi_uleb(r));
        break;
    case 0x07:
        set_reg(x, cfi_uleb(r), CFI_UNDEFINED, 0, 0);
        break;
    case 0x08:
        set_reg(x, cfi_uleb(r), CFI_SAME, 0, 0);
        break;
    case 0x09:
        reg = cfi_uleb(r), set_reg_register(x, reg, cfi_uleb(r));
        break;
    case 0x0a:
        if (x->depth == REMEMBERED)
            x->bad = true;
        else
            x->stack[x->depth++] = x->now;
        break;
    case 0x0b:
        if (x->depth == 0)
            x->bad = true;
        else
            x->now = x->stack[--x->depth];
        break;
    case 0x0c:
        reg = cfi_uleb(r), set_cfa(x, reg, (int64_t)cfi_uleb(r));
        break;
    case 0x0d:
        reg = cfi_uleb(r), set_cfa(x, reg, x->now.cfa.add);
        break;
    case 0x0e:
        set_cfa(x, x->now.cfa.reg, (int64_t)cfi_uleb(r));
        break;
    case 0x0f:
        x->now.cfa = expression(x, r, false);
        break;
    case 0x10:
        set_reg_expression(x, r, CFI_SAVED);
        break;
    case 0x11:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_SAVED, CFI_CFA, scaled(x, cfi_sleb(r)));
        break;
    case 0x12:
        reg = cfi_uleb(r), set_cfa(x, reg, scaled(x, cfi_sleb(r)));
        break;
    case 0x13:
        set_cfa(x, x->now.cfa.reg, scaled(x, cfi_sleb(r)));
        break;
    case 0x14:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_IS, CFI_CFA, scaled(x, (int64_t)cfi_uleb(r)));
        break;
    case 0x15:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_IS, CFI_CFA, scaled(x, cfi_sleb(r)));
        break;
    case 0x16:
        set_reg_expression(x, r, CFI_IS);
        break;
    case 0x2e:
        cfi_uleb(r);
        break; /* GNU_args_size */
    case 0x2f:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_SAVED, CFI_CFA, scaled(x, -(int64_t)(cfi_uleb(r) & INT64_MAX)));
        break;
    default:
        x->bad = true;
    }
    return true;
}

static void run(struct run *x, struct cfi_reader r)
{
    bool on = true;

    while (on && r.p < r.end && !r.bad && !x->bad) {
        uint8_t op = cfi_u8(&r), low = op & 0x3f;
        switch (op >> 6) {
        case 1:
            on = advance(x, low);
            break;
        case 2:
            set_reg(x, low, CFI_SAVED, CFI_CFA, scaled(x, (int64_t)cfi_uleb(&r)));
            break;
        case 3:
            restore_reg(x, low);
            break;
        default:
            on = extended(x, &r, op);
        }
    }
    x->bad |= r.bad;
}

bool cfi_run(const struct cfi_cie *cie, struct cfi_reader program, uintptr_t start, uintptr_t pc, struct cfi_row *row)
{
    struct run x = {.cie = cie, .loc = start, .pc = pc};
    struct rules initial;

    set_cfa(&x, CFI_REGS, 0);
    run(&x, cie->program);
    initial = x.now;
    x.initial = &initial;
    run(&x, program);
    row->cfa = x.now.cfa;
    memcpy(row->reg, x.now.reg, sizeof row->reg);
    return !x.bad;
}
