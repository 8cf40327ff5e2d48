/* SPDX-License-Identifier: MIT */
/*
 * rule.c: makes a rule of 17 bits for a code address: finds the object that holds it and reads that
 * object's tables.
 *
 * Called for addresses that are not in the walk's cache. Objects are found without a lock
 * (elf/object.h). The tables are not trusted: reads stay within the object's readable segments.
 */
#include "rule.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>

#include "../../core/hash.h"
#include "../../arch/cpu.h"
#include "../base/pages.h"
#include "../base/readable.h"
#include "../base/sys.h"
#include "../elf/object.h"

#define SHAPES 2048u

static _Atomic uint64_t shapes[SHAPES] LARGE_TABLE;
static _Atomic uint64_t rules_parsed;

uint64_t rule_count_parsed(void) { return atomic_load_explicit(&rules_parsed, memory_order_relaxed); }

/*
 * Finds the run of adjacent readable segments around the tables. The program headers are taken from
 * the ELF header at the beginning of the mapping. If an object was rearranged so that they are
 * elsewhere, the whole mapping is taken, unless it has holes, which cannot be read.
 */
static bool image_of(const struct object *o, struct cfi_image *image)
{
    uintptr_t start = o->start, end = o->end, hdr = o->eh_frame_hdr;
    const ElfW(Ehdr) *e = (const void *)start;

    *image = (struct cfi_image){.lo = start, .hi = end, .hdr = hdr};
    if (hdr < start || hdr >= end || !readable(start))
        return false;
    if (memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 || e->e_phentsize != sizeof(ElfW(Phdr)) || e->e_phoff > PAGE_BYTES || e->e_phoff % 8 ||
        e->e_phoff + (size_t)e->e_phnum * sizeof(ElfW(Phdr)) > PAGE_BYTES)
        return !o->holes;

    const ElfW(Phdr) *p = (const void *)(start + e->e_phoff);
    uintptr_t bias = 0, lo = 0, hi = 0;
    for (unsigned i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == PT_LOAD) {
            bias = start - (p[i].p_vaddr & ~(uintptr_t)(PAGE_BYTES - 1));
            break;
        }
    for (unsigned i = 0; i < e->e_phnum; i++) {
        if (p[i].p_type != PT_LOAD)
            continue;
        uintptr_t from = bias + (p[i].p_vaddr & ~(uintptr_t)(PAGE_BYTES - 1)),
                  to = bias + ((p[i].p_vaddr + p[i].p_memsz + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1));
        if (!(p[i].p_flags & PF_R) || from < start || to < from)
            continue;
        if (from == hi)
            hi = to;
        else if (hi <= hdr)
            lo = from, hi = to;
    }
    if (hdr < lo || hdr >= hi)
        return false;
    image->lo = lo;
    image->hi = hi;
    return true;
}

/*
 * 1: the code before ENTRY is a call instruction, so ENTRY is a return address; 0: it is not; -1:
 * it cannot be read, so ENTRY is no code.
 */
static int after_call(uintptr_t entry)
{
    unsigned char code[8];

    for (unsigned i = 0; i < 8; i++) {
        uintptr_t at = entry - 8 + i;
        if ((i == 0 || at % PAGE_BYTES == 0) && !readable(at & ~(uintptr_t)7))
            return -1;
        code[i] = *(const unsigned char *)at;
    }
    return arch_after_call(code + 8);
}

enum cfi_result rule_row(uintptr_t entry, bool exact, int *called, struct cfi_row *row)
{
    struct object o;
    struct cfi_image image;

    *called = exact ? 1 : after_call(entry);
    uintptr_t key = entry - (*called != 0);
    if (!object_at(key, &o) || !o.eh_frame_hdr)
        return CFI_NONE;
    if (!image_of(&o, &image))
        return CFI_BAD;
    enum cfi_result r = cfi_find(&image, key, row);
    /*
     * The address of a function's first instruction was put on the stack by hand, and is the
     * stack's outermost frame: makecontext does so.
     */
    if (r == CFI_OK && *called == 0 && row->start == entry && !row->signal)
        row->reg[row->ra].how = CFI_UNDEFINED;
    return r;
}

/* FROM_FP, DEREF, FP_HOW in the low bits; then FP, OFF, ADD; never 0. */
static uint64_t pack_shape(const struct rule_shape *s)
{
    return 1u | (uint64_t)s->from_fp << 1 | (uint64_t)s->deref << 2 | (uint64_t)s->fp_how << 3 | (uint64_t)((uint16_t)s->fp >> 3) << 5 |
           (uint64_t)(uint16_t)s->off << 18 | (uint64_t)((uint32_t)s->add >> 2) << 34;
}

struct rule_shape rule_shape(uint32_t rule)
{
    uint64_t v = atomic_load_explicit(&shapes[rule >> 2 & (SHAPES - 1)], memory_order_relaxed);

    return (struct rule_shape){.from_fp = v >> 1 & 1,
                               .deref = v >> 2 & 1,
                               .fp_how = v >> 3 & 3,
                               .fp = (int16_t)((v >> 5 & 0x1fff) << 3),
                               .off = (int16_t)(v >> 18 & 0xffff),
                               .add = (int32_t)((uint32_t)(v >> 34) << 2)};
}

static uint32_t intern_shape(const struct rule_shape *s)
{
    uint64_t v = pack_shape(s);
    uint32_t h = (uint32_t)(hash_spread(v) >> 40);

    for (uint32_t i = 0; i < 32; i++) {
        uint32_t at = (h + i) & (SHAPES - 1);
        uint64_t there = 0;
        if (atomic_compare_exchange_strong_explicit(&shapes[at], &there, v, memory_order_relaxed, memory_order_relaxed) || there == v)
            return RULE_SHAPE | at << 2;
    }
    return RULE_ODD;
}

#ifdef ARCH_UC_PC
static bool is_ucontext(const struct cfi_row *r)
{
    const struct cfi_loc *ra = &r->reg[ARCH_PC], *fp = &r->reg[ARCH_FP];

    return !r->cfa.odd && r->cfa.deref && r->cfa.reg == ARCH_SP && r->cfa.off == ARCH_UC_SP && r->cfa.add == 0 && ra->how == CFI_SAVED &&
           ra->reg == ARCH_SP && ra->off == ARCH_UC_PC && fp->how == CFI_SAVED && fp->reg == ARCH_SP && fp->off == ARCH_UC_FP;
}
#endif

static uint32_t rule_from_row(const struct cfi_row *r)
{
    struct cfi_loc ra = r->reg[r->ra], fp = r->reg[ARCH_FP], sp = r->reg[ARCH_SP];
    struct rule_shape s = {.from_fp = r->cfa.reg == ARCH_FP, .deref = r->cfa.deref, .off = (int16_t)r->cfa.off, .add = r->cfa.add};

    if (ra.how == CFI_UNDEFINED)
        return RULE_END;
    if (r->signal)
        return is_ucontext(r) ? RULE_SIGNAL : RULE_ODD;
    if (r->cfa.odd || (r->cfa.reg != ARCH_SP && r->cfa.reg != ARCH_FP) || ra.how != CFI_SAVED || ra.reg != CFI_CFA || ra.off != -8 ||
        !(sp.how == CFI_SAME || (sp.how == CFI_IS && sp.reg == CFI_CFA && sp.off == 0)))
        return RULE_ODD;
    if (s.add % 8 || s.off != r->cfa.off || s.off % 8 || (!s.deref && !s.from_fp && s.add < 8))
        return RULE_ODD;

    if (fp.how == CFI_SAVED && fp.reg == ARCH_SP && r->cfa.reg == ARCH_SP && !s.deref)
        fp = (struct cfi_loc){.how = CFI_SAVED, .reg = CFI_CFA, .off = fp.off - s.add};
    s.fp = (int16_t)fp.off;
    if (fp.how == CFI_SAME || fp.how == CFI_UNDEFINED)
        s.fp_how = 0, s.fp = 0;
    else if (fp.how == CFI_SAVED && fp.reg == CFI_CFA)
        s.fp_how = 1;
    else if (fp.how == CFI_SAVED && fp.reg == ARCH_FP)
        s.fp_how = 2;
    else
        return RULE_ODD;
    if (s.fp_how && (s.fp != fp.off || s.fp % 8))
        return RULE_ODD;

    uint32_t slot = s.fp_how ? (uint32_t)(-8 - s.fp) / 8 : 0;
    if (s.deref || s.fp_how == 2 || (s.fp_how && (s.fp > -16 || slot > RULE_FP_MAX)) || s.add < 8 || s.add > RULE_CFA)
        return intern_shape(&s);
    return (s.from_fp ? RULE_FP : RULE_SP) | (uint32_t)s.add | slot << RULE_FP_SHIFT;
}

uint32_t rule_of(uintptr_t entry, bool exact, bool *keep)
{
    struct cfi_row row;
    int called;
    enum cfi_result found = rule_row(entry, exact, &called, &row);
    uint32_t rule = found == CFI_OK ? rule_from_row(&row) : found == CFI_NONE ? RULE_NONE : RULE_ODD;

    atomic_fetch_add_explicit(&rules_parsed, 1, memory_order_relaxed);
    if (rule == RULE_NONE)
        return *keep = false, called == 1 ? RULE_NONE : RULE_BOGUS;
    if (called == 0 && row.start == entry && rule == RULE_END)
        rule = RULE_START;
    *keep = called != 0 || rule == RULE_START || rule == RULE_END || rule == RULE_SIGNAL;
    return rule;
}
