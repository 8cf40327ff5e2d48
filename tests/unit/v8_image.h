/* SPDX-License-Identifier: MIT */
/*
 * v8_image.h: lays out objects of a V8 heap in a test's memory, as V8 11.3 does.
 *
 * A tagged pointer is an address + 1, a small integer stands in the upper half of a word. What is
 * made stays until the next v8_image_begin. The bytes may lie at their own address, or stand for the
 * memory of another process.
 */
#ifndef SOCKLEAK_TESTS_V8_IMAGE_H
#define SOCKLEAK_TESTS_V8_IMAGE_H

#include <stdint.h>
#include <string.h>

#include "core/v8_layout.h"

#define V8_TYPE_OF_MAPS 255

static struct {
    uint8_t *bytes;
    uint64_t base; /* their address, to those who read them */
    size_t size, used, align;
    struct {
        unsigned type;
        uint64_t map;
    } maps[32];
} v8_image;

static inline void v8_image_begin(uint8_t *bytes, uint64_t base, size_t size, size_t align)
{
    memset(&v8_image, 0, sizeof v8_image);
    v8_image.bytes = bytes;
    v8_image.base = base;
    v8_image.size = size;
    v8_image.align = align;
}

/* What both the agent and the command must know of a layout. */
#define V8_IMAGE_LAYOUT                                                                                                          \
    .map_type = 12, .function_shared = 24, .shared_name = 16, .shared_script = 32, .script_source = 8, .script_name = 16,        \
    .script_line_offset = 24, .script_column_offset = 32, .script_line_ends = 56, .script_id = 64, .script_eval_from = 72,       \
    .debug_script = 24, .string_length = 12, .string_characters = 16, .cons_first = 16, .cons_second = 24, .thin_actual = 16,    \
    .sliced_parent = 16, .sliced_offset = 24, .external_resource = 16, .array_length = 8, .array_data = 16, .scope_n_locals = 2, \
    .scope_locals = 3, .type_map = V8_TYPE_OF_MAPS, .first_no_string = 128

static inline uint64_t smi(int32_t v) { return (uint64_t)(uint32_t)v << 32; }

/* The word at the address A, which has a tag or none. */
static inline uint64_t *words_of(uint64_t a)
{
    uint64_t at = (a & ~(uint64_t)1) - v8_image.base;
    assert_true(at < v8_image.size && at % 8 == 0);
    return (uint64_t *)(void *)(v8_image.bytes + at);
}

/* A tagged pointer to BYTES that are zero. */
static inline uint64_t allocate(size_t bytes)
{
    uint64_t at = v8_image.base + v8_image.used;
    v8_image.used += (bytes + v8_image.align - 1) & ~(v8_image.align - 1);
    assert_true(v8_image.used <= v8_image.size);
    return at + 1;
}

static inline uint64_t map_of(unsigned type);

/* A map of its own, which a test may change. */
static inline uint64_t new_map(unsigned type)
{
    uint64_t map = allocate(80);
    words_of(map)[1] = (uint64_t)type << 32;
    words_of(map)[0] = type == V8_TYPE_OF_MAPS ? map : map_of(V8_TYPE_OF_MAPS);
    return map;
}

/* The map that all objects of a type have. */
static inline uint64_t map_of(unsigned type)
{
    unsigned i = 0;
    for (; v8_image.maps[i].map; i++)
        if (v8_image.maps[i].type == type)
            return v8_image.maps[i].map;
    assert_true(i + 1 < sizeof v8_image.maps / sizeof *v8_image.maps);
    uint64_t map = new_map(type);
    while (v8_image.maps[i].map) /* that of maps came before it */
        i++;
    v8_image.maps[i].type = type;
    return v8_image.maps[i].map = map;
}

static inline uint64_t object_with(uint64_t map, size_t bytes)
{
    uint64_t o = allocate(bytes);
    words_of(o)[0] = map;
    return o;
}

static inline uint64_t object(unsigned type, size_t bytes) { return object_with(map_of(type), bytes); }

static inline uint64_t array(unsigned type, const void *data, int32_t n, size_t each)
{
    uint64_t o = object(type, 16 + (size_t)n * each);
    words_of(o)[1] = smi(n);
    memcpy(words_of(o) + 2, data, (size_t)n * each);
    return o;
}

static inline uint64_t string_of(unsigned type, const void *s, uint32_t n, size_t each)
{
    uint64_t o = object(type, 16 + n * each);
    words_of(o)[1] = (uint64_t)n << 32;
    memcpy(words_of(o) + 2, s, n * each);
    return o;
}

#endif
