/* SPDX-License-Identifier: MIT */
/*
 * bytes.h: numbers in a block of bytes, of this machine's order, that need not lie at a multiple of
 * their size: copies of another process' or of a runtime's memory.
 *
 * Pure, inline, async-signal-safe. That OFFSET and the number lie in the block is for the caller to
 * see to.
 */
#ifndef SOCKLEAK_CORE_BYTES_H
#define SOCKLEAK_CORE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t bytes_u64(const void *block, size_t offset)
{
    uint64_t v;
    memcpy(&v, (const unsigned char *)block + offset, sizeof v);
    return v;
}

static inline uint32_t bytes_u32(const void *block, size_t offset)
{
    uint32_t v;
    memcpy(&v, (const unsigned char *)block + offset, sizeof v);
    return v;
}

static inline int32_t bytes_i32(const void *block, size_t offset) { return (int32_t)bytes_u32(block, offset); }

#endif
