/* SPDX-License-Identifier: MIT */
/*
 * v8_heap.c: reads objects of V8's heap.
 *
 * Called by v8_name.c and by whoever reads objects of another process.
 */
#include "v8_heap.h"

#include <string.h>

bool v8_heap_word(const struct v8_heap *h, uint64_t a, uint64_t *w)
{
    const void *p = a % 8 ? NULL : h->at(h->arg, a, sizeof *w);
    if (p)
        memcpy(w, p, sizeof *w);
    return p;
}

bool v8_heap_half(const struct v8_heap *h, uint64_t a, uint32_t *w)
{
    const void *p = a % 4 ? NULL : h->at(h->arg, a, sizeof *w);
    if (p)
        memcpy(w, p, sizeof *w);
    return p;
}

uint64_t v8_heap_field(const struct v8_heap *h, uint64_t object, int32_t offset)
{
    uint64_t w;
    return v8_is_object(object) && v8_heap_word(h, object - 1 + (uint64_t)(int64_t)offset, &w) ? w : 0;
}

int v8_heap_type(const struct v8_heap *h, uint64_t object)
{
    uint64_t map = v8_heap_field(h, object, 0);
    uint32_t w;
    return v8_is_object(map) && v8_heap_half(h, map - 1 + (uint64_t)h->layout->map_type, &w) ? (int)(w & 0xffff) : -1;
}

int v8_heap_certain_type(const struct v8_heap *h, uint64_t object)
{
    uint64_t map = v8_heap_field(h, object, 0), map_of_maps = v8_heap_field(h, map, 0);
    if (v8_heap_type(h, map) != h->layout->type_map || v8_heap_type(h, map_of_maps) != h->layout->type_map)
        return -1;
    return v8_heap_type(h, object);
}

uint64_t v8_heap_script(const struct v8_heap *h, uint64_t shared)
{
    uint64_t script = v8_heap_field(h, shared, h->layout->shared_script);
    int type = v8_heap_type(h, script);
    if (type == h->layout->type_debug) {
        script = v8_heap_field(h, script, h->layout->debug_script);
        type = v8_heap_type(h, script);
    }
    return type == h->layout->type_script ? script : 0;
}
