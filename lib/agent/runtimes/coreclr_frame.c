/* SPDX-License-Identifier: MIT */
/*
 * coreclr_frame.c: how the frame of a compiled method is left.
 *
 * Pure. A method that makes one call and no loop keeps no frame pointer, when it is optimized: the
 * chain of these would pass over its caller. What a method has pushed is known from its unwind
 * information, where it was compiled ahead of time (System V's rbp and Windows' form: clrnt.h and
 * unwinder_amd64.cpp of the runtime), else from its prologue, which the compiler writes in one form
 * (codegenxarch.cpp): pushes, the room for its variables, the frame pointer.
 */
#include "../../core/bytes.h"
#include "coreclr.h"

#define RBP 5u

static bool is_known(bool from_fp, unsigned add, unsigned fp_below)
{
    return add >= 8 && add < CORECLR_MAX_ADD && add % 8 == 0 && fp_below <= CORECLR_MAX_BELOW && (!from_fp || fp_below);
}

static bool set(struct coreclr_frame *f, bool from_fp, unsigned add, unsigned fp_below)
{
    if (!is_known(from_fp, add, fp_below))
        return false;
    *f = (struct coreclr_frame){.from_fp = from_fp, .add = (uint16_t)add, .fp_below = (uint8_t)fp_below};
    return true;
}

/* ---- code ------------------------------------------------------------------------------------ */

/* Reading a prologue. */
struct prologue {
    const uint8_t *code;
    size_t n, at;
    unsigned pushed, below; /* words, the return address too; how many there are with rbp's */
    unsigned room;
};

static bool is_next(const struct prologue *p, const char *bytes, size_t n)
{
    return p->n - p->at >= n && __builtin_memcmp(p->code + p->at, bytes, n) == 0;
}

static uint32_t number(const struct prologue *p, unsigned offset, bool is_long)
{
    return is_long ? bytes_u32(p->code, p->at + offset) : (uint32_t)(int8_t)p->code[p->at + offset];
}

/* push of a register */
static bool take_push(struct prologue *p)
{
    bool extended = is_next(p, "\x41", 1);
    if (p->n - p->at < 2 || (p->code[p->at + extended] & 0xf8) != 0x50)
        return false;
    p->pushed++;
    if (!extended && p->code[p->at] == 0x50 + RBP && !p->below)
        p->below = p->pushed;
    p->at += 1u + extended;
    return true;
}

/* sub rsp */
static bool take_room(struct prologue *p)
{
    bool is_long = is_next(p, "\x48\x81\xec", 3);
    if (p->room || p->n - p->at < 7 || (!is_long && !is_next(p, "\x48\x83\xec", 3)))
        return false;
    p->room = number(p, 3, is_long);
    p->at += is_long ? 7 : 4;
    return true;
}

bool coreclr_frame_of_code(const uint8_t *code, size_t n, struct coreclr_frame *f)
{
    struct prologue p = {.code = code, .n = n, .pushed = 1};
    while (take_push(&p))
        ;
    /* mov rbp, rsp */
    if (p.below == p.pushed && (is_next(&p, "\x48\x8b\xec", 3) || is_next(&p, "\x48\x89\xe5", 3)))
        return set(f, true, 8 * p.pushed, p.below);
    bool with_room = take_room(&p);
    if (is_next(&p, "\xc5\xf8\x77", 3)) /* vzeroupper */
        p.at += 3;
    /* lea rbp, [rsp + number] */
    bool is_long = is_next(&p, "\x48\x8d\xac\x24", 4), is_zero = is_next(&p, "\x48\x8d\x2c\x24", 4);
    if (p.below && p.n - p.at >= 8 && (is_long || is_zero || is_next(&p, "\x48\x8d\x6c\x24", 4)))
        return set(f, true, p.room + 8 * p.pushed - (is_zero ? 0 : number(&p, 4, is_long)), p.below);
    /* more than a page: it is touched first, and the form is another one */
    if (!with_room && (is_next(&p, "\x48\x8d", 2) || is_next(&p, "\x4c\x8d", 2) || is_next(&p, "\x48\x85", 2) || is_next(&p, "\x85", 1)))
        return false;
    return p.n - p.at >= 8 && set(f, false, p.room + 8 * p.pushed, p.below);
}

/* ---- unwind information ---------------------------------------------------------------------- */

enum { PUSH, ALLOC_LARGE, ALLOC_SMALL, SET_FP, SAVE, SAVE_FAR, SAVE_XMM = 8, SAVE_XMM_FAR };
enum { IS_CHAINED = 4 };

/* What its operations sum up to. The last one of the prologue comes first. */
struct sum {
    unsigned bytes, fp_at; /* of the frame without the return address; from there to rbp's word */
    bool has_fp;
};

/* Returns how many of the N codes it takes; 0: it is not understood. */
static unsigned take_code(const uint8_t *c, unsigned n, struct sum *s)
{
    unsigned operation = c[1] & 15, info = c[1] >> 4;
    switch (operation) {
    case PUSH:
        s->bytes += 8;
        if (info == RBP)
            s->fp_at = s->bytes;
        return 1;
    case ALLOC_SMALL:
        s->bytes += 8 * info + 8;
        return 1;
    case ALLOC_LARGE:
        if (n < 2 + info || info > 1)
            return 0;
        s->bytes += info ? c[2] | (unsigned)c[3] << 8 | (unsigned)c[4] << 16 | (unsigned)c[5] << 24 : 8 * (c[2] | (unsigned)c[3] << 8);
        return 2 + info;
    case SET_FP:
        s->has_fp = true;
        return 1;
    case SAVE:
        return info == RBP ? 0 : 2;
    case SAVE_FAR:
        return info == RBP ? 0 : 3;
    case SAVE_XMM:
        return 2;
    case SAVE_XMM_FAR:
        return 3;
    default:
        return 0;
    }
}

bool coreclr_frame_of_info(const uint8_t *info, size_t n, struct coreclr_frame *f)
{
    struct sum s = {0};
    if (n < 4 || (info[0] & 7) != 1 || info[0] >> 3 & IS_CHAINED || n < 4 + 2u * info[2])
        return false;
    for (unsigned i = 0, took; i < info[2]; i += took) {
        took = take_code(info + 4 + 2 * i, info[2] - i, &s);
        if (!took || took > info[2] - i || s.bytes >= CORECLR_MAX_ADD)
            return false;
    }
    unsigned below = s.fp_at ? (s.bytes - s.fp_at + 16) / 8 : 0, offset = 16u * (info[3] >> 4);
    if (s.has_fp != ((info[3] & 15) != 0) || (s.has_fp && ((info[3] & 15) != RBP || offset > s.bytes)))
        return false;
    return set(f, s.has_fp, s.bytes + 8 - (s.has_fp ? offset : 0), below);
}
