/* SPDX-License-Identifier: MIT */
/*
 * known.h: a table from keys to refs, which may forget.
 *
 * Any thread, lock-free. An entry is two words, each of which proves the other, so a thread that
 * reads while another writes finds nothing. The table's owner puts it into LARGE_TABLE memory.
 */
#ifndef SOCKLEAK_AGENT_KNOWN_H
#define SOCKLEAK_AGENT_KNOWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../core/hash.h"

#define KNOWN_ENTRIES 4096u

struct known {
    _Atomic uint64_t key, proof; /* proof: upper half of the key spread | ref */
};

static inline uint64_t known_proof(uint64_t key, uint32_t ref) { return (hash_spread(key ^ key >> 32) & ~(uint64_t)UINT32_MAX) | ref; }

/* The ref that was stored with KEY, which is not 0; never another key's. False: none is known. */
static inline bool known_recall(const struct known table[KNOWN_ENTRIES], uint64_t key, uint32_t *ref)
{
    const struct known *k = &table[key % KNOWN_ENTRIES];
    uint64_t proof = atomic_load_explicit(&k->proof, memory_order_acquire);
    *ref = (uint32_t)proof;
    return atomic_load_explicit(&k->key, memory_order_acquire) == key && proof == known_proof(key, *ref);
}

static inline void known_remember(struct known table[KNOWN_ENTRIES], uint64_t key, uint32_t ref)
{
    struct known *k = &table[key % KNOWN_ENTRIES];
    atomic_store_explicit(&k->key, key, memory_order_release);
    atomic_store_explicit(&k->proof, known_proof(key, ref), memory_order_release);
}

#endif
