/* SPDX-License-Identifier: MIT */
/*
 * span.h: bytes of a file or of another process that nobody has checked, read within their bounds.
 * Pure. Numbers are little-endian, as those of every processor that is walked on.
 */
#ifndef SOCKLEAK_CLI_TRACE_SPAN_H
#define SOCKLEAK_CLI_TRACE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *at;
    size_t n;
};

static inline bool span_has(struct span s, uint64_t offset, uint64_t n) { return offset <= s.n && n <= s.n - offset; }

/* What begins at OFFSET; empty when that lies outside. */
static inline struct span span_from(struct span s, uint64_t offset)
{
    return offset < s.n ? (struct span){s.at + offset, s.n - (size_t)offset} : (struct span){NULL, 0};
}

/* The N bytes at OFFSET; empty when they are not all there. */
static inline struct span span_part(struct span s, uint64_t offset, uint64_t n)
{
    return n && span_has(s, offset, n) ? (struct span){s.at + offset, (size_t)n} : (struct span){NULL, 0};
}

static inline bool span_copy(struct span s, uint64_t offset, void *to, size_t n)
{
    if (!span_has(s, offset, n))
        return false;
    memcpy(to, s.at + offset, n);
    return true;
}

static inline bool span_u32(struct span s, uint64_t offset, uint32_t *v) { return span_copy(s, offset, v, sizeof *v); }
static inline bool span_u64(struct span s, uint64_t offset, uint64_t *v) { return span_copy(s, offset, v, sizeof *v); }

/* The string at OFFSET, if its NUL lies within the span; else NULL. */
static inline const char *span_string(struct span s, uint64_t offset)
{
    if (offset >= s.n || !memchr(s.at + offset, '\0', s.n - (size_t)offset))
        return NULL;
    return (const char *)s.at + offset;
}

#endif
