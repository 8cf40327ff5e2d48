/* SPDX-License-Identifier: MIT */
/*
 * chunks.c: the blocks of glibc's heaps, by the headers of its chunks in a copy of the memory.
 *
 * Called by search.c. A chunk begins with 16 bytes, of which the second word is its size and three
 * flags; the first one belongs to the chunk before while that is in use. Whether a chunk is in use
 * stands in the next one's header, but not for what waits on the short lists (tcache, fastbins):
 * those are known by their links, which glibc 2.32 and later mix with their own address.
 */
#include "chunks.h"

#include <stdlib.h>

#include "../../core/bytes.h"
#include "../../core/sort.h"
#include "../base/cli.h"

#define HEADER 16u
#define LEAST 32u
#define FLAGS 7u
#define PREVIOUS_IN_USE 1u
/* A heap that another one follows ends with chunks too small to be any. */
#define FENCE 48u
/*
 * The first chunk of an arena's heap: behind heap_info, and behind the arena itself in its first
 * heap, whose size differs between versions.
 */
#define INFO_LEAST 0x20u
#define INFO_MOST 0x40u
#define ARENA_LEAST 0x890u
#define ARENA_MOST 0x920u

/* The next chunk's offset; 0: OFFSET is no chunk. */
static uint64_t next_of(const struct memory_region *r, uint64_t offset)
{
    if (offset + HEADER > r->size)
        return 0;
    uint64_t size = bytes_u64(r->data, offset + 8) & ~(uint64_t)FLAGS;
    return size >= LEAST && size % 16 == 0 && size <= r->size - offset ? offset + size : 0;
}

static bool is_fence(const struct memory_region *r, uint64_t offset)
{
    return r->size - offset <= FENCE && offset + HEADER <= r->size && (bytes_u64(r->data, offset + 8) & ~(uint64_t)FLAGS) < LEAST;
}

/* The walk from FIRST ends where the heap does. */
static bool ends_well(const struct memory_region *r, uint64_t first)
{
    uint64_t at = first, next;
    while ((next = next_of(r, at)) != 0)
        at = next;
    return at > first && (at == r->size || is_fence(r, at));
}

static uint64_t try_from(const struct memory_region *r, uint64_t from, uint64_t to)
{
    for (uint64_t first = from; first <= to; first += 16)
        if (ends_well(r, first))
            return first;
    return UINT64_MAX;
}

/* Where the first chunk is; UINT64_MAX: there is none. */
static uint64_t first_chunk(const struct memory_region *r)
{
    if (r->kind == MEMORY_HEAP)
        return ends_well(r, 0) ? 0 : UINT64_MAX;
    if (r->kind != MEMORY_ARENA)
        return UINT64_MAX;
    uint64_t first = try_from(r, INFO_LEAST, INFO_MOST);
    return first != UINT64_MAX ? first : try_from(r, ARENA_LEAST, ARENA_MOST);
}

bool chunks_walk(struct chunks *c, const struct memory_region *r)
{
    uint64_t at = first_chunk(r), next;
    if (at == UINT64_MAX)
        return false;
    for (; (next = next_of(r, at)) != 0; at = next) {
        /* the last one is what is left at the top, or the fence's neighbour */
        bool used = next + HEADER <= r->size && bytes_u64(r->data, next + 8) & PREVIOUS_IN_USE;
        c->at = cli_grow(c->at, c->n, &c->cap, sizeof *c->at);
        c->at[c->n++] = (struct chunk){.user = r->start + at + HEADER, .size = next - at - 8, .used = used};
    }
    return true;
}

const struct chunk *chunks_find(const struct chunks *c, uint64_t address)
{
    size_t lo = sorted_first(c->at, c->n, sizeof *c->at, address + 1);
    if (!lo || address - c->at[lo - 1].user >= c->at[lo - 1].size)
        return NULL;
    return &c->at[lo - 1];
}

/* A chunk of SIZE whose user's part, or whose header, is at ADDRESS. */
static bool is_chunk_of(const struct chunks *c, uint64_t address, uint64_t size)
{
    const struct chunk *by_user = chunks_find(c, address), *by_header = chunks_find(c, address + HEADER);
    return (by_user && by_user->user == address && by_user->size == size) ||
           (by_header && by_header->user == address + HEADER && by_header->size == size);
}

/* A thread's table of its short lists, as it lies in a chunk of its own. */
static bool is_tcache(const struct chunks *c, uint64_t address)
{
    const struct chunk *table = chunks_find(c, address);
    return table && table->user == address && (chunks_size(table) == 0x290 || chunks_size(table) == 0x250 || chunks_size(table) == 0x300);
}

static bool is_listed(const struct chunks *c, const struct chunk *k, const struct memory_region *r)
{
    uint64_t link = bytes_u64(r->data, k->user - r->start), key = bytes_u64(r->data, k->user - r->start + 8);
    uint64_t next = link ^ k->user >> 12;
    if (next == 0 || is_chunk_of(c, next, k->size))
        return true;
    /* before 2.32 */
    return is_tcache(c, key) && (link == 0 || is_chunk_of(c, link, k->size));
}

void chunks_settle(struct chunks *c, const struct memory *m)
{
    size_t nth = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct chunk *k = &c->at[i];
        while (nth < m->n_regions && k->user >= m->regions[nth].start + m->regions[nth].size)
            nth++;
        if (k->used && nth < m->n_regions && k->user + 16 <= m->regions[nth].start + m->regions[nth].size)
            k->used = !is_listed(c, k, &m->regions[nth]);
    }
}

void chunks_free(struct chunks *c)
{
    free(c->at);
    *c = (struct chunks){0};
}
