/* SPDX-License-Identifier: MIT */
/*
 * fuzz_cfi.c: any bytes as unwind tables: no read outside of them, an end, and a row whose
 * registers exist.
 *
 * The first byte chooses: even, the rest is .eh_frame_hdr with .eh_frame behind it, asked for
 * addresses near its entries; odd, the rest is the rules of one function (a byte for where in it,
 * then the program), around which sound tables are put.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/unwind/cfi.h"
#include "standalone.h"

static void sound(const struct cfi_row *row)
{
    if (row->ra >= CFI_REGS || (!row->cfa.odd && row->cfa.reg >= CFI_REGS - 1))
        abort();
    for (unsigned i = 0; i < CFI_REGS; i++) {
        const struct cfi_loc *l = &row->reg[i];
        if (l->how > CFI_ODD || ((l->how == CFI_SAVED || l->how == CFI_IS) && l->reg >= CFI_REGS && l->reg != CFI_CFA))
            abort();
    }
}

static void ask(const struct cfi_image *image, uintptr_t pc)
{
    struct cfi_row row;
    if (cfi_find(image, pc, &row) == CFI_OK)
        sound(&row);
}

/* Exactly as large as it is said to be, so that the sanitizer sees a read behind its end. */
static void tables(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    struct cfi_image image = {.lo = (uintptr_t)copy, .hi = (uintptr_t)copy + size, .hdr = (uintptr_t)copy};
    for (size_t at = 12; at + 8 <= size && at < 12 + 8 * 64; at += 8) {
        int32_t start;
        memcpy(&start, copy + at, sizeof start);
        for (int k = 0; k < 4; k++)
            ask(&image, image.hdr + (uintptr_t)(intptr_t)start + (uintptr_t)(k * k * 7));
    }
    ask(&image, image.hdr);
    image.lo++; /* a header before the image */
    ask(&image, image.hdr);
    free(copy);
}

static void put32(uint8_t *p, int64_t v)
{
    int32_t w = (int32_t)v;
    memcpy(p, &w, sizeof w);
}

static void program(const uint8_t *data, size_t size)
{
    enum { HDR = 20, CIE = 20, FDE = 17 };
    uint8_t where = size ? *data : 0, *p;
    size_t rules = size ? size - 1 : 0, all = HDR + CIE + 4 + FDE + rules;

    if (rules > 4096 || !(p = calloc(1, all)))
        return;
    /* header: version 1, one entry, the function at the header's own address */
    memcpy(p, "\x01\x1b\x03\x3b", 4);
    put32(p + 4, HDR - 4);
    put32(p + 8, 1);
    put32(p + 12, 0);
    put32(p + 16, HDR + CIE + 4);
    /*
     * CIE: "zR", code alignment 1, data alignment -8, return address in 16, pcrel sdata4, CFA = rsp
     * + 8, return address at CFA - 8
     */
    uint8_t *cie = p + HDR;
    put32(cie, CIE);
    memcpy(cie + 8, "\x01zR\0\x01\x78\x10\x01\x1b\x0c\x07\x08\x90\x01\0", 16);
    uint8_t *fde = cie + 4 + CIE;
    put32(fde, (int64_t)(FDE - 4 + rules));
    put32(fde + 4, fde + 4 - cie);
    put32(fde + 8, p - (fde + 8));
    put32(fde + 12, 0x1000);
    if (rules)
        memcpy(fde + FDE, data + 1, rules);
    struct cfi_image image = {.lo = (uintptr_t)p, .hi = (uintptr_t)p + all, .hdr = (uintptr_t)p};
    ask(&image, image.hdr + where * 16u);
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 1 << 16)
        return 0;
    if (*data & 1)
        program(data + 1, size - 1);
    else
        tables(data + 1, size - 1);
    return 0;
}
