/* SPDX-License-Identifier: MIT */
/*
 * chunks.h: the blocks of glibc's heaps, by the headers of its chunks in a copy of the memory.
 *
 * Pure. The memory may be of another allocator, damaged, or torn by what its process did while it
 * was copied: a heap counts as glibc's only if the walk over its sizes ends exactly at its end.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_CHUNKS_H
#define SOCKLEAK_CLI_EXPLAIN_CHUNKS_H

#include "memory.h"

struct chunk {
    uint64_t user; /* what malloc returned */
    uint64_t size; /* bytes behind that which its owner may use */
    bool used;     /* neither free nor on a list of free ones */
};
/* A zeroed one is empty. */
struct chunks {
    struct chunk *at; /* by address */
    size_t n, cap;
};

/*
 * Adds the chunks of REGION. False: it is no heap of glibc's, nothing is added. Regions come in the
 * order of their addresses.
 */
bool chunks_walk(struct chunks *c, const struct memory_region *region);
/* Marks what is on a list of free ones that the headers do not tell of. After the last walk. */
void chunks_settle(struct chunks *c, const struct memory *m);
/* The chunk that ADDRESS lies in; NULL: none. */
const struct chunk *chunks_find(const struct chunks *c, uint64_t address);
/* The whole chunk's size, as its header has it. */
static inline uint64_t chunks_size(const struct chunk *c) { return c->size + 8; }
void chunks_free(struct chunks *c);

#endif
