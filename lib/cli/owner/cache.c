/* SPDX-License-Identifier: MIT */
/*
 * cache.c: another process' memory, a page at a time, within a budget.
 *
 * Called by all that reads there. A walk over JavaScript objects takes hundreds of small reads from
 * few pages.
 */
#include "cache.h"

#include <string.h>

#define LAST_ADDRESS (1ull << 47)

static const uint8_t *page_of(struct owner_cache *c, uint64_t page)
{
    size_t slot = (page ^ page >> 9) % OWNER_PAGES;
    if (c->pages[slot] == page)
        return c->bytes[slot];
    if (c->reads >= c->max_reads)
        return NULL;
    c->reads++;
    c->pages[slot] = 0;
    if (!c->read(c->arg, page * OWNER_PAGE, c->bytes[slot], OWNER_PAGE))
        return NULL;
    c->pages[slot] = page;
    return c->bytes[slot];
}

const void *owner_cache_at(void *cache, uint64_t a, size_t n)
{
    struct owner_cache *c = cache;
    if (a < OWNER_PAGE || a >= LAST_ADDRESS || n > OWNER_BYTES)
        return NULL;
    const uint8_t *page = page_of(c, a / OWNER_PAGE);
    size_t at = a % OWNER_PAGE;
    if (!page || at + n <= OWNER_PAGE)
        return page ? page + at : NULL;
    for (size_t done = 0, step; done < n; done += step, at = 0) {
        page = page_of(c, (a + done) / OWNER_PAGE);
        step = n - done < OWNER_PAGE - at ? n - done : OWNER_PAGE - at;
        if (!page)
            return NULL;
        memcpy(c->piece + done, page + at, step);
    }
    return c->piece;
}

bool owner_cache_word(struct owner_cache *c, uint64_t a, uint64_t *w)
{
    const void *p = owner_cache_at(c, a, sizeof *w);
    if (p)
        memcpy(w, p, sizeof *w);
    return p;
}

void owner_cache_drop(struct owner_cache *c) { memset(c->pages, 0, sizeof c->pages); }
