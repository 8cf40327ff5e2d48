/* SPDX-License-Identifier: MIT */
/*
 * cache.h: another process' memory, a page at a time, within a budget.
 *
 * The process runs meanwhile: two pages may be of two moments, and a page is what it was when it was
 * first asked for, until owner_cache_drop. Whoever reads here proves what he reads, and reads again.
 */
#ifndef SOCKLEAK_CLI_OWNER_CACHE_H
#define SOCKLEAK_CLI_OWNER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OWNER_PAGE 4096u
#define OWNER_PAGES 512u           /* kept */
#define OWNER_BYTES (128u * 1024u) /* at most in one request */

struct owner_cache {
    /* The caller's: reads N bytes at A, all or none. */
    bool (*read)(void *arg, uint64_t a, void *to, size_t n);
    void *arg;
    uint64_t reads, max_reads; /* of a page; beyond the budget nothing can be read */
    uint64_t pages[OWNER_PAGES];
    uint8_t bytes[OWNER_PAGES][OWNER_PAGE];
    uint8_t piece[OWNER_BYTES]; /* what lies in several pages */
};

/*
 * The N bytes at A of the process of CACHE, a struct owner_cache, valid until the next call; NULL:
 * they cannot be read. As v8_heap.h wants it.
 */
const void *owner_cache_at(void *cache, uint64_t a, size_t n);
/* The word at A, which need not be aligned. */
bool owner_cache_word(struct owner_cache *c, uint64_t a, uint64_t *w);
/* The pages are of the past. */
void owner_cache_drop(struct owner_cache *c);

#endif
