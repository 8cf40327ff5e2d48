/* SPDX-License-Identifier: MIT */
/*
 * cfi_reader.h: bytes of unwind tables, read with bounds. Inside cfi*.c only.
 *
 * A read past the end gives 0 and sets BAD, and all later reads give 0: the callers test BAD once at the end of a thought.
 */
#ifndef SOCKLEAK_AGENT_CFI_READER_H
#define SOCKLEAK_AGENT_CFI_READER_H

#include <stddef.h>
#include <string.h>

#include "cfi.h"

struct cfi_reader {
    const uint8_t *p, *end;
    bool bad;
};

static inline bool cfi_take(struct cfi_reader *r, void *to, size_t n)
{
    if (r->bad || (size_t)(r->end - r->p) < n) {
        r->bad = true;
        memset(to, 0, n);
        return false;
    }
    memcpy(to, r->p, n);
    r->p += n;
    return true;
}
#define CFI_READ(name, type)                      \
    static inline type name(struct cfi_reader *r) \
    {                                             \
        type v;                                   \
        cfi_take(r, &v, sizeof v);                \
        return v;                                 \
    }
CFI_READ(cfi_u8, uint8_t)
CFI_READ(cfi_u16, uint16_t)
CFI_READ(cfi_u32, uint32_t)
CFI_READ(cfi_u64, uint64_t)

static inline uint64_t cfi_uleb(struct cfi_reader *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0;; shift += 7) {
        uint8_t b = cfi_u8(r);
        if (shift < 64)
            v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
}
static inline int64_t cfi_sleb(struct cfi_reader *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0;;) {
        uint8_t b = cfi_u8(r);
        if (shift < 64)
            v |= (uint64_t)(b & 0x7f) << shift;
        shift += 7;
        if (!(b & 0x80)) {
            if (shift < 64 && (b & 0x40))
                v |= ~(uint64_t)0 << shift;
            return (int64_t)v;
        }
    }
}

struct cfi_cie {
    uint64_t code_align;
    int64_t data_align;
    uint8_t ra, fde_enc;
    bool augmented, signal;
    struct cfi_reader program;
};

/* A pointer in the encoding ENC; DATA is what data-relative ones count from. */
uintptr_t cfi_encoded(struct cfi_reader *r, uint8_t enc, uintptr_t data);
/* Runs the CIE's program and then PROGRAM, of a function that begins at START, up to PC. Fills the CFA and the registers; false: damaged. */
bool cfi_run(const struct cfi_cie *cie, struct cfi_reader program, uintptr_t start, uintptr_t pc, struct cfi_row *row);
/* R holds one expression. WITH_CFA: the CFA lies on its stack at the start (register rules, DWARF 5 section 6.4.2.3). */
struct cfi_value cfi_expression(struct cfi_reader r, uintptr_t pc, bool with_cfa);

#endif
