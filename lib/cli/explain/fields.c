/* SPDX-License-Identifier: MIT */
/*
 * fields.c: whether a place in all objects of a sort is one for descriptors.
 *
 * Called by search.c.
 */
#include "fields.h"

#include <stdlib.h>

#include "../../core/bytes.h"
#include "../../core/sort.h"

static int compare_ints(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* 0 to 2 are open in most programs, and are what a count or a state mostly is. */
static void count(struct field *f, const unsigned char *at, const struct search_query *q)
{
    int32_t value = bytes_i32(at, 0);
    f->values += value != 0;
    f->good += value == -1 || (value > 2 && q->n_open && bsearch(&value, q->open, q->n_open, sizeof value, compare_ints));
}

/* The word at AT in R is a pointer to VALUE: what is in the fields of that value? */
static void count_pointer(struct field *fields, size_t n, uint64_t value, const struct memory_region *r, uint64_t at,
                          const struct search_query *q, const struct chunks *chunks)
{
    size_t lo = sorted_first(fields, n, sizeof *fields, value);
    const struct chunk *chunk = lo < n && fields[lo].value == value ? chunks_find(chunks, r->start + at) : NULL;
    for (; lo < n && fields[lo].value == value && (!chunk || chunk->used); lo++) {
        uint64_t place = at - (uint64_t)(int64_t)fields[lo].distance, address = r->start + place;
        /* of another block it is no field */
        if (place + 4 <= r->size && place < r->size && (!chunk || address - chunk->user < chunk->size))
            count(&fields[lo], r->data + place, q);
    }
}

void fields_count(struct field *fields, size_t n, const struct search_query *q, const struct chunks *chunks)
{
    for (size_t i = 0; n && i < q->memory->n_regions; i++) {
        const struct memory_region *r = &q->memory->regions[i];
        for (uint64_t at = 0; r->kind != MEMORY_STACK && at + 8 <= r->size; at += 8) {
            uint64_t value = bytes_u64(r->data, at);
            if (value >= fields[0].value && value <= fields[n - 1].value)
                count_pointer(fields, n, value, r, at, q, chunks);
        }
    }
}

static const struct memory_region *region_of(const struct memory *m, uint64_t at)
{
    for (size_t i = 0; i < m->n_regions; i++)
        if (at >= m->regions[i].start && at - m->regions[i].start < m->regions[i].size)
            return &m->regions[i];
    return NULL;
}

bool fields_hold_in_blocks(uint64_t size, uint64_t offset, const struct search_query *q, const struct chunks *chunks)
{
    struct field f = {0};
    const struct memory_region *r = NULL;
    for (size_t i = 0; i < chunks->n; i++) {
        const struct chunk *k = &chunks->at[i];
        if (!k->used || chunks_size(k) != size)
            continue;
        if (!r || k->user - r->start >= r->size)
            r = region_of(q->memory, k->user);
        if (r && k->user - r->start + offset + 4 <= r->size)
            count(&f, r->data + (k->user - r->start + offset), q);
    }
    return fields_hold(&f);
}
