/* SPDX-License-Identifier: MIT */
/*
 * image_ranges.c: the ranges of code that .eh_frame has tables for.
 *
 * The section is a chain of entries: a CIE says how the addresses in its FDEs are written. Only the
 * way that compilers use on x86-64 is read, 32-bit numbers counted from where they stand. The
 * sorted list of .eh_frame_hdr would serve as well, but static programs are linked without it.
 */
#include "image_ranges.h"

#include <stdlib.h>

#define COUNTED_32 0x1bu /* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
#define ENTRIES_MAX (1u << 22)

static uint64_t counted(uint64_t from, uint32_t distance) { return from + (uint64_t)(int64_t)(int32_t)distance; }

/* The section, by name or by the first number of .eh_frame_hdr. */
static bool find_section(const struct image *i, struct span *bytes, uint64_t *address)
{
    uint8_t head[4];
    uint32_t distance;
    if (image_section(i, ".eh_frame", bytes, address) && bytes->n)
        return true;
    struct span list = i->frame_index ? image_at(i, i->frame_index) : (struct span){NULL, 0};
    if (!span_copy(list, 0, head, sizeof head) || head[0] != 1 || head[1] != COUNTED_32 || !span_u32(list, 4, &distance))
        return false;
    *address = counted(i->frame_index + 4, distance);
    *bytes = image_at(i, *address);
    return bytes->n > 0;
}

static bool skip_number(struct span s, uint64_t *at)
{
    uint8_t b;
    do
        if (!span_copy(s, (*at)++, &b, 1))
            return false;
    while (b & 128);
    return true;
}

/* The CIE at AT writes addresses in the way that is read here. */
static bool is_counted(struct span s, uint64_t at)
{
    uint8_t version, way;
    const char *letters = span_string(s, at + 9);
    if (!span_copy(s, at + 8, &version, 1) || !letters || letters[0] != 'z')
        return false;
    at += 10 + strlen(letters);
    for (unsigned i = 0; i < 2; i++) /* code and data alignment */
        if (!skip_number(s, &at))
            return false;
    at += version == 1;
    if (version != 1 && !skip_number(s, &at))
        return false;
    if (!skip_number(s, &at)) /* length of what the letters stand for */
        return false;
    for (const char *l = letters + 1; *l && span_copy(s, at, &way, 1); l++) {
        if (*l == 'R')
            return way == COUNTED_32;
        if (*l == 'L')
            at++;
        else if (*l == 'P') /* of a personality routine: its way, then 4 or 8 bytes, or 2 */
            at += 1 + ((way & 7) == 2 ? 2 : (way & 7) == 3 ? 4 : 8);
    }
    return false;
}

static int by_start(const void *a, const void *b)
{
    const struct image_range *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* The range of the FDE at AT; false: it is none. */
static bool range_of(struct span s, uint64_t at, uint64_t address, struct image_range *r)
{
    uint32_t back, from, size;
    if (!span_u32(s, at + 4, &back) || !back || back > at + 4 || !is_counted(s, at + 4 - back))
        return false;
    if (!span_u32(s, at + 8, &from) || !span_u32(s, at + 12, &size) || !size)
        return false;
    r->start = counted(address + at + 8, from);
    r->end = r->start + size;
    return r->start < r->end;
}

void image_ranges_read(struct image *i)
{
    struct span s;
    uint64_t address;
    uint32_t length;
    size_t cap = 0;
    if (!find_section(i, &s, &address))
        return;
    for (uint64_t at = 0; span_u32(s, at, &length) && length && length < UINT32_MAX - 16 && i->n_ranges < ENTRIES_MAX;
         at += 4ull + length) {
        struct image_range r;
        if (!range_of(s, at, address, &r))
            continue;
        if (i->n_ranges == cap) {
            struct image_range *more = reallocarray(i->ranges, cap = cap ? cap * 2 : 256, sizeof *more);
            if (!more)
                break;
            i->ranges = more;
        }
        i->ranges[i->n_ranges++] = r;
    }
    if (i->n_ranges)
        qsort(i->ranges, i->n_ranges, sizeof *i->ranges, by_start);
}
