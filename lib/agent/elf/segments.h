/* SPDX-License-Identifier: MIT */
/*
 * segments.h: the range of an object, from its segments.
 */
#ifndef SOCKLEAK_AGENT_SEGMENTS_H
#define SOCKLEAK_AGENT_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/pages.h"

struct segments {
    uint64_t start, end; /* at first UINT64_MAX and 0 */
    bool holes;          /* between them there is memory that is not the object's */
};

/* Adds one segment; they come in ascending order. */
static inline void segments_add(struct segments *s, uint64_t from, uint64_t size)
{
    const uint64_t mask = PAGE_BYTES - 1;
    s->holes |= s->end != 0 && (from & ~mask) > ((s->end + mask) & ~mask);
    s->start = (from & ~mask) < s->start ? from & ~mask : s->start;
    s->end = from + size > s->end ? from + size : s->end;
}

#endif
