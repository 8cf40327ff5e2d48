/* SPDX-License-Identifier: MIT */
/*
 * cfi.c: finds the frame description entry of an address and runs its rules up to that address.
 *
 * Called by the walk in the program's threads and signal handlers, for addresses that are not in its cache, and by the fuzzer. Must not allocate,
 * lock, or read outside of the image. The stack that it uses is small (about 2 KiB): signal stacks are.
 */
#include "cfi_reader.h"

#define REMEMBERED 6 /* remember_state nested deeper than compilers do */

enum { /* pointer encodings */
    ENC_OMIT = 0xff,
    ENC_INDIRECT = 0x80,
    ENC_PCREL = 0x10,
    ENC_DATAREL = 0x30,
};

struct cie {
    uint64_t code_align;
    int64_t data_align;
    uint8_t ra, fde_enc;
    bool augmented, signal;
    struct cfi_reader program;
};

struct rules {
    struct cfi_value cfa;
    struct cfi_loc reg[CFI_REGS];
};

static struct cfi_reader reader_at(const struct cfi_image *image, uintptr_t at)
{
    if (at < image->lo || at > image->hi)
        return (struct cfi_reader){.bad = true};
    return (struct cfi_reader){.p = (const uint8_t *)at, .end = (const uint8_t *)image->hi};
}

static uintptr_t encoded(struct cfi_reader *r, uint8_t enc, uintptr_t data)
{
    uintptr_t at = (uintptr_t)r->p;
    uint64_t v;

    switch (enc & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c: v = cfi_u64(r); break;
    case 0x01: v = cfi_uleb(r); break;
    case 0x02: v = cfi_u16(r); break;
    case 0x03: v = cfi_u32(r); break;
    case 0x09: v = (uint64_t)cfi_sleb(r); break;
    case 0x0a: v = (uint64_t)(int64_t)(int16_t)cfi_u16(r); break;
    case 0x0b: v = (uint64_t)(int64_t)(int32_t)cfi_u32(r); break;
    default: r->bad = true; return 0;
    }
    switch (enc & 0xf0) {
    case 0: return v;
    case ENC_PCREL: return v + at;
    case ENC_DATAREL: return v + data;
    default: r->bad = true; return 0;
    }
}

/* The length of the record at R, and a reader that ends with it. */
static struct cfi_reader record(struct cfi_reader *r)
{
    uint64_t len = cfi_u32(r);

    if (len == 0xffffffff)
        len = cfi_u64(r);
    if (r->bad || len == 0 || len > (size_t)(r->end - r->p))
        return (struct cfi_reader){.bad = true};
    return (struct cfi_reader){.p = r->p, .end = r->p + len};
}

static bool read_augmentation(struct cie *c, struct cfi_reader *r, const char *s)
{
    c->fde_enc = 0;
    if (*s == '\0')
        return true;
    if (*s++ != 'z')
        return false;
    c->augmented = true;
    uint64_t len = cfi_uleb(r);
    if (r->bad || len > (size_t)(r->end - r->p))
        return false;
    struct cfi_reader data = {.p = r->p, .end = r->p + len};
    r->p += len;
    for (; *s; s++) {
        uint8_t enc;
        switch (*s) {
        case 'R': c->fde_enc = cfi_u8(&data); break;
        case 'L': cfi_u8(&data); break;
        case 'P': /* the personality routine: only its size matters */
            enc = cfi_u8(&data);
            encoded(&data, enc & 0x0f, 0);
            break;
        case 'S': c->signal = true; break;
        case 'B': break;
        default: return false;
        }
    }
    return !data.bad && !(c->fde_enc & ENC_INDIRECT);
}

static bool read_cie(const struct cfi_image *image, uintptr_t at, struct cie *c)
{
    struct cfi_reader all = reader_at(image, at), r = record(&all);
    const char *augmentation;

    *c = (struct cie){.fde_enc = 0};
    if (cfi_u32(&r) != 0 || r.bad)
        return false;
    uint8_t version = cfi_u8(&r);
    if (version != 1 && version != 3)
        return false;
    augmentation = (const char *)r.p;
    while (cfi_u8(&r) != 0)
        ;
    if (r.bad)
        return false;
    c->code_align = cfi_uleb(&r);
    c->data_align = cfi_sleb(&r);
    uint64_t ra = version == 1 ? cfi_u8(&r) : cfi_uleb(&r);
    if (r.bad || ra >= CFI_REGS || c->data_align > 4096 || c->data_align < -4096)
        return false;
    c->ra = (uint8_t)ra;
    if (!read_augmentation(c, &r, augmentation))
        return false;
    c->program = r;
    return !r.bad;
}

/* The entry that the header's sorted table names for PC. */
static enum cfi_result search(const struct cfi_image *image, uintptr_t pc, uintptr_t *fde)
{
    struct cfi_reader r = reader_at(image, image->hdr);
    uint8_t version = cfi_u8(&r), frame_enc = cfi_u8(&r), count_enc = cfi_u8(&r), table_enc = cfi_u8(&r);

    if (r.bad || version != 1 || count_enc == ENC_OMIT || table_enc != (ENC_DATAREL | 0x0b))
        return CFI_BAD;
    if (frame_enc != ENC_OMIT)
        encoded(&r, frame_enc, image->hdr);
    uint64_t count = encoded(&r, count_enc, image->hdr);
    if (r.bad || count > (size_t)(r.end - r.p) / 8)
        return CFI_BAD;

    const uint8_t *table = r.p;
    int64_t want = (int64_t)(pc - image->hdr);
    uint64_t low = 0, high = count; /* entries below LOW start at or before PC */
    int32_t entry[2];
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        memcpy(entry, table + mid * 8, sizeof entry);
        if (entry[0] <= want)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return CFI_NONE;
    memcpy(entry, table + (low - 1) * 8, sizeof entry);
    *fde = image->hdr + (uintptr_t)(intptr_t)entry[1];
    return CFI_OK;
}

struct run {
    const struct cie *cie;
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
        return; /* vector registers and the like: nobody asks */
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
    x->now.cfa = (struct cfi_value){.reg = (uint8_t)(reg < CFI_REGS ? reg : CFI_REGS), .add = (int32_t)off, .odd = reg >= CFI_REGS - 1 || off != (int32_t)off};
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

/* Returns false when LOC has passed the address that is asked for. */
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
    case 0x00: break;
    case 0x01: {
        uintptr_t to = encoded(r, x->cie->fde_enc, 0);
        if (to < x->loc) {
            x->bad = true;
            return false;
        }
        if (to > x->pc)
            return false;
        x->loc = to;
        break;
    }
    case 0x02: return advance(x, cfi_u8(r));
    case 0x03: return advance(x, cfi_u16(r));
    case 0x04: return advance(x, cfi_u32(r));
    case 0x05: reg = cfi_uleb(r), set_reg(x, reg, CFI_SAVED, CFI_CFA, scaled(x, (int64_t)cfi_uleb(r))); break;
    case 0x06: restore_reg(x, cfi_uleb(r)); break;
    case 0x07: set_reg(x, cfi_uleb(r), CFI_UNDEFINED, 0, 0); break;
    case 0x08: set_reg(x, cfi_uleb(r), CFI_SAME, 0, 0); break;
    case 0x09: reg = cfi_uleb(r), set_reg_register(x, reg, cfi_uleb(r)); break;
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
    case 0x0c: reg = cfi_uleb(r), set_cfa(x, reg, (int64_t)cfi_uleb(r)); break;
    case 0x0d: reg = cfi_uleb(r), set_cfa(x, reg, x->now.cfa.add); break;
    case 0x0e: set_cfa(x, x->now.cfa.reg, (int64_t)cfi_uleb(r)); break;
    case 0x0f: x->now.cfa = expression(x, r, false); break;
    case 0x10: set_reg_expression(x, r, CFI_SAVED); break;
    case 0x11: reg = cfi_uleb(r), set_reg(x, reg, CFI_SAVED, CFI_CFA, scaled(x, cfi_sleb(r))); break;
    case 0x12: reg = cfi_uleb(r), set_cfa(x, reg, scaled(x, cfi_sleb(r))); break;
    case 0x13: set_cfa(x, x->now.cfa.reg, scaled(x, cfi_sleb(r))); break;
    case 0x14: reg = cfi_uleb(r), set_reg(x, reg, CFI_IS, CFI_CFA, scaled(x, (int64_t)cfi_uleb(r))); break;
    case 0x15: reg = cfi_uleb(r), set_reg(x, reg, CFI_IS, CFI_CFA, scaled(x, cfi_sleb(r))); break;
    case 0x16: set_reg_expression(x, r, CFI_IS); break;
    case 0x2e: cfi_uleb(r); break; /* GNU_args_size */
    case 0x2f: reg = cfi_uleb(r), set_reg(x, reg, CFI_SAVED, CFI_CFA, scaled(x, -(int64_t)(cfi_uleb(r) & INT64_MAX))); break;
    default: x->bad = true;
    }
    return true;
}

static void run(struct run *x, struct cfi_reader r)
{
    bool on = true;

    while (on && r.p < r.end && !r.bad && !x->bad) {
        uint8_t op = cfi_u8(&r), low = op & 0x3f;
        switch (op >> 6) {
        case 1: on = advance(x, low); break;
        case 2: set_reg(x, low, CFI_SAVED, CFI_CFA, scaled(x, (int64_t)cfi_uleb(&r))); break;
        case 3: restore_reg(x, low); break;
        default: on = extended(x, &r, op);
        }
    }
    x->bad |= r.bad;
}

enum cfi_result cfi_find(const struct cfi_image *image, uintptr_t pc, struct cfi_row *row)
{
    uintptr_t fde;
    enum cfi_result found = search(image, pc, &fde);
    if (found != CFI_OK)
        return found;

    struct cfi_reader all = reader_at(image, fde), r = record(&all);
    struct cie cie;
    uintptr_t field = (uintptr_t)r.p;
    uint32_t back = cfi_u32(&r);
    if (r.bad || back == 0 || !read_cie(image, field - back, &cie))
        return CFI_BAD;
    uintptr_t start = encoded(&r, cie.fde_enc, 0), size = encoded(&r, cie.fde_enc & 0x0f, 0);
    if (cie.augmented) {
        uint64_t skip = cfi_uleb(&r);
        if (r.bad || skip > (size_t)(r.end - r.p))
            return CFI_BAD;
        r.p += skip;
    }
    if (r.bad)
        return CFI_BAD;
    if (pc - start >= size)
        return CFI_NONE;

    struct run x = {.cie = &cie, .loc = start, .pc = pc};
    struct rules initial;
    set_cfa(&x, CFI_REGS, 0);
    run(&x, cie.program);
    initial = x.now;
    x.initial = &initial;
    run(&x, r);
    if (x.bad)
        return CFI_BAD;
    row->cfa = x.now.cfa;
    memcpy(row->reg, x.now.reg, sizeof row->reg);
    row->ra = cie.ra;
    row->start = start;
    row->signal = cie.signal;
    return CFI_OK;
}
