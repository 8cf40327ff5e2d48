/* SPDX-License-Identifier: MIT */
/*
 * v8_heap.h: reads objects of V8's heap, which may be this process' or another's.
 *
 * Nothing that is read is trusted: an object may be anything, and each read may fail. Pure; nothing
 * is allocated.
 */
#ifndef SOCKLEAK_CORE_V8_HEAP_H
#define SOCKLEAK_CORE_V8_HEAP_H

#include "v8_layout.h"

struct v8_heap {
    const struct v8_layout *layout;
    /* The N bytes at A, valid until the next call; NULL: they cannot be read. */
    const void *(*at)(void *arg, uint64_t a, size_t n);
    void *arg;
};

static inline const void *v8_heap_bytes(const struct v8_heap *h, uint64_t a, size_t n) { return h->at(h->arg, a, n); }
/* The word, and the half of one, at A. False: it cannot be read. */
bool v8_heap_word(const struct v8_heap *h, uint64_t a, uint64_t *w);
bool v8_heap_half(const struct v8_heap *h, uint64_t a, uint32_t *w);
/* The field at OFFSET of OBJECT, which may be anything; 0: it has none. */
uint64_t v8_heap_field(const struct v8_heap *h, uint64_t object, int32_t offset);
/* The instance type of OBJECT, which may be anything; -1: it is no object. */
int v8_heap_type(const struct v8_heap *h, uint64_t object);
/* The same, and the object's map must be one. */
int v8_heap_certain_type(const struct v8_heap *h, uint64_t object);
/* The Script of a SharedFunctionInfo; 0: it has none, as V8's own functions. */
uint64_t v8_heap_script(const struct v8_heap *h, uint64_t shared);

#endif
