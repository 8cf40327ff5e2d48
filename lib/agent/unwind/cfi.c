/* SPDX-License-Identifier: MIT */
/*
 * cfi.c: finds the frame description entry (FDE) of an address; cfi_program.c runs its rules up to
 * that address.
 *
 * Called by the walk in the program's threads and signal handlers, for addresses that are not in
 * its cache, and by the fuzzer. Must not allocate, lock, or read outside of the image. Uses about 2
 * KiB of stack, because signal stacks are small.
 */
#include "cfi.h"

#include "cfi_program.h"
#include "cfi_reader.h"

static struct cfi_reader reader_at(const struct cfi_image *image, uintptr_t at)
{
    if (at < image->lo || at > image->hi)
        return (struct cfi_reader){.bad = true};
    return (struct cfi_reader){.p = (const uint8_t *)at, .end = (const uint8_t *)image->hi};
}

/* Reads the length of the record at R. Returns a reader that ends with the record. */
static struct cfi_reader next_record(struct cfi_reader *r)
{
    uint64_t len = cfi_u32(r);

    if (len == 0xffffffff)
        len = cfi_u64(r);
    if (r->bad || len == 0 || len > (size_t)(r->end - r->p))
        return (struct cfi_reader){.bad = true};
    return (struct cfi_reader){.p = r->p, .end = r->p + len};
}

static bool read_augmentation(struct cfi_cie *c, struct cfi_reader *r, const char *s)
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
        case 'R':
            c->fde_enc = cfi_u8(&data);
            break;
        case 'L':
            cfi_u8(&data);
            break;
        case 'P': /* the personality routine: only its size matters */
            enc = cfi_u8(&data);
            cfi_encoded(&data, enc & 0x0f, 0);
            break;
        case 'S':
            c->signal = true;
            break;
        case 'B':
            break;
        default:
            return false;
        }
    }
    return !data.bad && !(c->fde_enc & CFI_ENC_INDIRECT);
}

static bool read_cie(const struct cfi_image *image, uintptr_t at, struct cfi_cie *c)
{
    struct cfi_reader all = reader_at(image, at), r = next_record(&all);
    const char *augmentation;

    *c = (struct cfi_cie){.fde_enc = 0};
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

/* Finds the entry for PC in the header's sorted table. */
static enum cfi_result search_table(const struct cfi_image *image, uintptr_t pc, uintptr_t *fde)
{
    struct cfi_reader r = reader_at(image, image->hdr);
    uint8_t version = cfi_u8(&r), frame_enc = cfi_u8(&r), count_enc = cfi_u8(&r), table_enc = cfi_u8(&r);

    if (r.bad || version != 1 || count_enc == CFI_ENC_OMIT || table_enc != (CFI_ENC_DATAREL | 0x0b))
        return CFI_BAD;
    if (frame_enc != CFI_ENC_OMIT)
        cfi_encoded(&r, frame_enc, image->hdr);
    uint64_t count = cfi_encoded(&r, count_enc, image->hdr);
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

enum cfi_result cfi_find(const struct cfi_image *image, uintptr_t pc, struct cfi_row *row)
{
    uintptr_t fde;
    enum cfi_result found = search_table(image, pc, &fde);
    if (found != CFI_OK)
        return found;

    struct cfi_reader all = reader_at(image, fde), r = next_record(&all);
    struct cfi_cie cie;
    uintptr_t field = (uintptr_t)r.p;
    uint32_t back = cfi_u32(&r);
    if (r.bad || back == 0 || !read_cie(image, field - back, &cie))
        return CFI_BAD;
    uintptr_t start = cfi_encoded(&r, cie.fde_enc, 0), size = cfi_encoded(&r, cie.fde_enc & 0x0f, 0);
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

    if (!cfi_run(&cie, r, start, pc, row))
        return CFI_BAD;
    row->ra = cie.ra;
    row->start = start;
    row->signal = cie.signal;
    return CFI_OK;
}
