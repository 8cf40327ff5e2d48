/* SPDX-License-Identifier: MIT */
/*
 * v8_memory.c: reads objects of V8's heap.
 *
 * Called in the thread whose frames are read. Nothing of its heap moves meanwhile: the collector
 * moves objects only while this thread waits for it, and it waits here for a C call instead. So a
 * page that was found to be readable stays so until the call returns.
 */
#include "../base/readable.h"
#include "v8.h"

#define MAX_BYTES (1u << 20) /* of a table that is read */

bool v8_is_readable(struct v8_memory *m, uintptr_t a)
{
    uintptr_t page = a / PAGE_BYTES, *seen = &m->pages[(page ^ page >> 6) % 64];
    if (a >> 47 || !page)
        return false;
    if (*seen == page)
        return true;
    if (!readable(a & ~(uintptr_t)7))
        return false;
    *seen = page;
    return true;
}

const void *v8_bytes(struct v8_memory *m, uintptr_t a, size_t n)
{
    if (n > MAX_BYTES || a >> 47)
        return NULL;
    if (m->trusting)
        return a >= V8_FIRST_ADDRESS ? (const void *)a : NULL;
    for (uintptr_t page = a & ~(uintptr_t)(PAGE_BYTES - 1); page < a + n; page += PAGE_BYTES)
        if (!v8_is_readable(m, page))
            return NULL;
    return (const void *)a;
}

int v8_certain_type(struct v8_memory *m, uintptr_t object)
{
    uintptr_t map = v8_field(m, object, 0), map_of_maps = v8_field(m, map, 0);
    if (v8_type(m, map) != v8.type_map || v8_type(m, map_of_maps) != v8.type_map)
        return -1;
    return v8_type(m, object);
}

uintptr_t v8_element(struct v8_memory *m, uintptr_t array, int32_t i)
{
    const int32_t types[] = {v8.type_fixed,           v8.type_weak_fixed,   v8.type_trusted_fixed,
                             v8.type_protected_fixed, v8.type_trusted_weak, v8.type_protected_weak};
    int type = v8_type(m, array);
    size_t known = 0;
    while (known < sizeof types / sizeof *types && types[known] != type)
        known++;
    if (known == sizeof types / sizeof *types)
        return 0;
    uintptr_t length = v8_field(m, array, v8.array_length);
    return v8_is_smi(length) && i >= 0 && i < v8_smi(length) ? v8_field(m, array, v8.array_data + 8 * i) : 0;
}

const uint8_t *v8_byte_array(struct v8_memory *m, uintptr_t array, size_t *n)
{
    int type = v8_type(m, array);
    if (type != v8.type_bytes && type != v8.type_trusted_bytes)
        return NULL;
    uintptr_t length = v8_field(m, array, v8.array_length);
    if (!v8_is_smi(length) || v8_smi(length) < 0)
        return NULL;
    *n = (size_t)v8_smi(length);
    return v8_bytes(m, array - 1 + (uintptr_t)v8.array_data, *n);
}

uintptr_t v8_script(struct v8_memory *m, uintptr_t shared)
{
    uintptr_t script = v8_field(m, shared, v8.shared_script);
    int type = v8_type(m, script);
    if (type == v8.type_debug) {
        script = v8_field(m, script, v8.debug_script);
        type = v8_type(m, script);
    }
    return type == v8.type_script ? script : 0;
}
