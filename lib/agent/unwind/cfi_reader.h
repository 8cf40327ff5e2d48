/* SPDX-License-Identifier: MIT */
/*
 * cfi_reader.h: reads the bytes of unwind tables within bounds.
 *
 * For cfi*.c only. A read past the end returns 0 and sets BAD, and all later reads return 0. So the
 * callers need to test BAD only once, after several reads.
 */
#ifndef SOCKLEAK_AGENT_CFI_READER_H
#define SOCKLEAK_AGENT_CFI_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

enum { /* pointer encodings (DW_EH_PE_*) */
       CFI_ENC_OMIT = 0xff,
       CFI_ENC_INDIRECT = 0x80,
       CFI_ENC_PCREL = 0x10,
       CFI_ENC_DATAREL = 0x30,
};

/*
 * Reads a pointer in the encoding ENC. DATA is the address that data-relative pointers are relative
 * to.
 */
static inline uintptr_t cfi_encoded(struct cfi_reader *r, uint8_t enc, uintptr_t data)
{
    uintptr_t at = (uintptr_t)r->p;
    uint64_t v;

    switch (enc & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
        v = cfi_u64(r);
        break;
    case 0x01:
        v = cfi_uleb(r);
        break;
    case 0x02:
        v = cfi_u16(r);
        break;
    case 0x03:
        v = cfi_u32(r);
        break;
    case 0x09:
        v = (uint64_t)cfi_sleb(r);
        break;
    case 0x0a:
        v = (uint64_t)(int64_t)(int16_t)cfi_u16(r);
        break;
    case 0x0b:
        v = (uint64_t)(int64_t)(int32_t)cfi_u32(r);
        break;
    default:
        r->bad = true;
        return 0;
    }
    switch (enc & 0xf0) {
    case 0:
        return v;
    case CFI_ENC_PCREL:
        return v + at;
    case CFI_ENC_DATAREL:
        return v + data;
    default:
        r->bad = true;
        return 0;
    }
}

#endif
