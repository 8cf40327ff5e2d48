/* SPDX-License-Identifier: MIT */
/*
 * hash.h: the ways in which bytes and numbers are hashed here. Pure, inline, async-signal-safe.
 *
 * FNV-1a (draft-eastlake-fnv) for bytes: its values stand in state files and reports, so it never
 * changes. Multiplication by the golden ratio (Knuth, volume 3, 6.4) to spread numbers over a
 * table, and a step that mixes one word after the other (MurmurHash3's multiplier): both only ever
 * for what one process knows.
 */
#ifndef SOCKLEAK_CORE_HASH_H
#define SOCKLEAK_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START 0xcbf29ce484222325u /* FNV-1a's offset basis */

/* H with the byte B added. */
static inline uint64_t hash_byte(uint64_t h, unsigned char b) { return (h ^ b) * 0x100000001b3u; }

/* H with the N bytes at P added. */
static inline uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = hash_byte(h, ((const unsigned char *)p)[i]);
    return h;
}

/* V spread over 64 bits, the high ones best: an index is taken from those, by a shift. */
static inline uint64_t hash_spread(uint64_t v) { return v * 0x9e3779b97f4a7c15u; }

/* H with the word V added; every bit of both counts in the low half too. */
static inline uint64_t hash_mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0xff51afd7ed558ccdu;
    return h ^ h >> 32;
}

#endif
