/* SPDX-License-Identifier: MIT */
/*
 * fields.h: whether a place in all objects of a sort is one for descriptors.
 *
 * Pure. For search.c alone. Small numbers are counts, lengths and states too: at the place of a
 * descriptor nearly all objects that have a value there have an open socket, or -1.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_FIELDS_H
#define SOCKLEAK_CLI_EXPLAIN_FIELDS_H

#include "chunks.h"
#include "query.h"

#define FIELDS_MOST 512u
/* What stands DISTANCE in front of each pointer to VALUE. */
struct field {
    uint64_t value;
    int32_t distance;
    size_t nth; /* the caller's own */
    size_t values, good;
};

/* Counts, over all memory of Q that is in no free chunk, what stands in the N FIELDS, by value. */
void fields_count(struct field *fields, size_t n, const struct search_query *q, const struct chunks *chunks);
static inline bool fields_hold(const struct field *f) { return f->good * 8 >= f->values * 7; }
/* The same of OFFSET in all blocks of glibc's heap of SIZE. */
bool fields_hold_in_blocks(uint64_t size, uint64_t offset, const struct search_query *q, const struct chunks *chunks);

#endif
