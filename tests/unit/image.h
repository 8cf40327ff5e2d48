/* SPDX-License-Identifier: MIT */
/*
 * image.h: builds a small state file in memory, for the decoder's tests.
 *
 * The image ends where an unreadable page begins, so that a read beyond it faults in every build,
 * not only under a sanitizer.
 */
#ifndef SOCKLEAK_TESTS_IMAGE_H
#define SOCKLEAK_TESTS_IMAGE_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "core/state.h"

struct image {
    unsigned char *base, *map;
    uint64_t size, map_size;
    uint32_t n;
};

static inline void image_make(struct image *im, uint32_t extents)
{
    im->size = STATE_BODY_OFFSET + (uint64_t)extents * STATE_EXTENT_SIZE;
    im->map_size = im->size + STATE_PAGE; /* both multiples of a page */
    im->map = mmap(NULL, im->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(im->map + im->size, STATE_PAGE, PROT_NONE);
    im->base = im->map;
    im->n = extents;
    struct state_header *h = (void *)im->base;
    memcpy(h->magic, STATE_MAGIC, 8);
    h->version = STATE_VERSION;
    h->byte_order = STATE_BYTE_ORDER;
    h->header_size = sizeof *h;
    h->slot_size = sizeof(struct state_slot);
    h->word_bits = 64;
    h->pid = 4242;
    h->n_extents = extents;
}

static inline void image_free(struct image *im) { munmap(im->map, im->map_size); }

static inline void image_extent(struct image *im, uint32_t index, unsigned type, uint32_t parameter)
{
    ((uint32_t *)(void *)(im->base + STATE_TABLE_OFFSET))[index] = (uint32_t)type << 28 | parameter;
}

static inline void *image_at(struct image *im, uint32_t extent, uint32_t offset)
{
    return im->base + STATE_BODY_OFFSET + (uint64_t)extent * STATE_EXTENT_SIZE + offset;
}

static inline state_ref image_ref(uint32_t extent, uint32_t offset)
{
    return (state_ref)((STATE_BODY_OFFSET + (uint64_t)extent * STATE_EXTENT_SIZE + offset) / STATE_REF_UNIT);
}

static inline struct state_site *image_site(struct image *im, uint32_t extent, uint32_t offset, unsigned nframes)
{
    struct state_site *s = image_at(im, extent, offset);
    s->size = STATE_SITE_SIZE(nframes);
    s->nframes = (uint16_t)nframes;
    s->siteid = 0x1000 + offset;
    uint64_t *pcs = (void *)(s + 1);
    uint16_t *modules = (void *)(pcs + nframes);
    for (unsigned i = 0; i < nframes; i++) {
        pcs[i] = 0x400000 + i;
        modules[i] = (uint16_t)i;
    }
    s->ready = 1;
    return s;
}

#endif
