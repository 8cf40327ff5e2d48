/* SPDX-License-Identifier: MIT */
/*
 * cfi_program.c: runs a function's unwind instructions up to an address.
 *
 * Called by cfi.c alone. Every instruction consumes input, so a run ends when its input ends. Uses
 * about 2 KiB of stack.
 */
#include "cfi_program.h"

#include "cfi_expr.h"

/* The call frame instructions that are read here (DWARF 5 section 7.24, and two of GNU's). */
enum {
    DW_CFA_nop = 0x00,
    DW_CFA_set_loc = 0x01,
    DW_CFA_advance_loc1 = 0x02,
    DW_CFA_advance_loc2 = 0x03,
    DW_CFA_advance_loc4 = 0x04,
    DW_CFA_offset_extended = 0x05,
    DW_CFA_restore_extended = 0x06,
    DW_CFA_undefined = 0x07,
    DW_CFA_same_value = 0x08,
    DW_CFA_register = 0x09,
    DW_CFA_remember_state = 0x0a,
    DW_CFA_restore_state = 0x0b,
    DW_CFA_def_cfa = 0x0c,
    DW_CFA_def_cfa_register = 0x0d,
    DW_CFA_def_cfa_offset = 0x0e,
    DW_CFA_def_cfa_expression = 0x0f,
    DW_CFA_expression = 0x10,
    DW_CFA_offset_extended_sf = 0x11,
    DW_CFA_def_cfa_sf = 0x12,
    DW_CFA_def_cfa_offset_sf = 0x13,
    DW_CFA_val_offset = 0x14,
    DW_CFA_val_offset_sf = 0x15,
    DW_CFA_val_expression = 0x16,
    DW_CFA_GNU_args_size = 0x2e,
    DW_CFA_GNU_negative_offset_extended = 0x2f,
    /* in the high two bits; the low six bits are an operand */
    DW_CFA_advance_loc = 1,
    DW_CFA_offset = 2,
    DW_CFA_restore = 3,
};

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

static bool set_location(struct run *x, struct cfi_reader *r)
{
    uintptr_t to = cfi_encoded(r, x->cie->fde_enc, 0);

    if (to < x->loc) {
        x->bad = true;
        return false;
    }
    if (to > x->pc)
        return false;
    x->loc = to;
    return true;
}

static void remember_state(struct run *x)
{
    if (x->depth == REMEMBERED)
        x->bad = true;
    else
        x->stack[x->depth++] = x->now;
}

static void restore_state(struct run *x)
{
    if (x->depth == 0)
        x->bad = true;
    else
        x->now = x->stack[--x->depth];
}

/* False: OP does not define the CFA. */
static bool run_cfa_rule(struct run *x, struct cfi_reader *r, uint8_t op)
{
    uint64_t reg;

    switch (op) {
    case DW_CFA_def_cfa:
        reg = cfi_uleb(r), set_cfa(x, reg, (int64_t)cfi_uleb(r));
        return true;
    case DW_CFA_def_cfa_register:
        reg = cfi_uleb(r), set_cfa(x, reg, x->now.cfa.add);
        return true;
    case DW_CFA_def_cfa_offset:
        set_cfa(x, x->now.cfa.reg, (int64_t)cfi_uleb(r));
        return true;
    case DW_CFA_def_cfa_expression:
        x->now.cfa = expression(x, r, false);
        return true;
    case DW_CFA_def_cfa_sf:
        reg = cfi_uleb(r), set_cfa(x, reg, scaled(x, cfi_sleb(r)));
        return true;
    case DW_CFA_def_cfa_offset_sf:
        set_cfa(x, x->now.cfa.reg, scaled(x, cfi_sleb(r)));
        return true;
    default:
        return false;
    }
}

/* False: OP is no rule of a register. */
static bool run_register_rule(struct run *x, struct cfi_reader *r, uint8_t op)
{
    uint64_t reg;

    switch (op) {
    case DW_CFA_offset_extended:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_SAVED, CFI_CFA, scaled(x, (int64_t)cfi_uleb(r)));
        return true;
    case DW_CFA_restore_extended:
        restore_reg(x, cfi_uleb(r));
        return true;
    case DW_CFA_undefined:
        set_reg(x, cfi_uleb(r), CFI_UNDEFINED, 0, 0);
        return true;
    case DW_CFA_same_value:
        set_reg(x, cfi_uleb(r), CFI_SAME, 0, 0);
        return true;
    case DW_CFA_register:
        reg = cfi_uleb(r), set_reg_register(x, reg, cfi_uleb(r));
        return true;
    case DW_CFA_expression:
        set_reg_expression(x, r, CFI_SAVED);
        return true;
    case DW_CFA_offset_extended_sf:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_SAVED, CFI_CFA, scaled(x, cfi_sleb(r)));
        return true;
    case DW_CFA_val_offset:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_IS, CFI_CFA, scaled(x, (int64_t)cfi_uleb(r)));
        return true;
    case DW_CFA_val_offset_sf:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_IS, CFI_CFA, scaled(x, cfi_sleb(r)));
        return true;
    case DW_CFA_val_expression:
        set_reg_expression(x, r, CFI_IS);
        return true;
    case DW_CFA_GNU_negative_offset_extended:
        reg = cfi_uleb(r), set_reg(x, reg, CFI_SAVED, CFI_CFA, scaled(x, -(int64_t)(cfi_uleb(r) & INT64_MAX)));
        return true;
    default:
        return false;
    }
}

/*
 * Runs an instruction whose opcode is the whole byte. False: no further instruction concerns the
 * address, or BAD is set.
 */
static bool run_extended(struct run *x, struct cfi_reader *r, uint8_t op)
{
    switch (op) {
    case DW_CFA_nop:
        return true;
    case DW_CFA_set_loc:
        return set_location(x, r);
    case DW_CFA_advance_loc1:
        return advance(x, cfi_u8(r));
    case DW_CFA_advance_loc2:
        return advance(x, cfi_u16(r));
    case DW_CFA_advance_loc4:
        return advance(x, cfi_u32(r));
    case DW_CFA_remember_state:
        remember_state(x);
        return true;
    case DW_CFA_restore_state:
        restore_state(x);
        return true;
    case DW_CFA_GNU_args_size:
        cfi_uleb(r);
        return true;
    default:
        if (!run_cfa_rule(x, r, op) && !run_register_rule(x, r, op))
            x->bad = true;
        return true;
    }
}

static void run_instructions(struct run *x, struct cfi_reader r)
{
    bool on = true;

    while (on && r.p < r.end && !r.bad && !x->bad) {
        uint8_t op = cfi_u8(&r), low = op & 0x3f;
        switch (op >> 6) {
        case DW_CFA_advance_loc:
            on = advance(x, low);
            break;
        case DW_CFA_offset:
            set_reg(x, low, CFI_SAVED, CFI_CFA, scaled(x, (int64_t)cfi_uleb(&r)));
            break;
        case DW_CFA_restore:
            restore_reg(x, low);
            break;
        default:
            on = run_extended(x, &r, op);
        }
    }
    x->bad |= r.bad;
}

bool cfi_run(const struct cfi_cie *cie, struct cfi_reader program, uintptr_t start, uintptr_t pc, struct cfi_row *row)
{
    struct run x = {.cie = cie, .loc = start, .pc = pc};
    struct rules initial;

    set_cfa(&x, CFI_REGS, 0);
    run_instructions(&x, cie->program);
    initial = x.now;
    x.initial = &initial;
    run_instructions(&x, program);
    row->cfa = x.now.cfa;
    memcpy(row->reg, x.now.reg, sizeof row->reg);
    return !x.bad;
}
