/* SPDX-License-Identifier: MIT */
/*
 * arena.c: memory that lives as long as one report.
 *
 * Used by the model, the symbolizer and what they are shown with.
 */
#include "arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (64u * 1024u)

struct arena_chunk {
    alignas(max_align_t) struct arena_chunk *next;
};

static _Noreturn void out_of_memory(void)
{
    fputs("sockleak: out of memory\n", stderr);
    exit(1);
}

void *arena_take(struct arena *a, size_t n)
{
    if (n > (size_t)-1 / 2)
        out_of_memory();
    n = ((n ? n : 1) + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1); /* an empty arena has no place to point to */
    if (a->size - a->used < n) {
        size_t size = n > CHUNK / 4 ? n : CHUNK;
        struct arena_chunk *c = calloc(1, sizeof *c + size);
        if (!c)
            out_of_memory();
        struct arena_chunk *newest = a->chunks;
        if (size == n && newest) {
            /* A large piece gets a chunk of its own behind the newest, whose rest stays in use. */
            c->next = newest->next;
            newest->next = c;
            return c + 1;
        }
        c->next = newest;
        a->chunks = c;
        a->size = size;
        a->used = 0;
    }
    char *p = (char *)((struct arena_chunk *)a->chunks + 1) + a->used;
    a->used += n;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        out_of_memory();
    return arena_take(a, n);
}

char *arena_bytes(struct arena *a, const char *s, size_t n)
{
    char *p = arena_take(a, n + 1);
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}

char *arena_string(struct arena *a, const char *s) { return s ? arena_bytes(a, s, strlen(s)) : NULL; }

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = arena_take(a, n < 0 ? 1 : (size_t)n + 1);
    if (n >= 0)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

void arena_free(struct arena *a)
{
    for (struct arena_chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    *a = (struct arena){0};
}

void *arena_grow(void *p, size_t count, size_t size)
{
    void *more = reallocarray(p, count, size);
    if (!more)
        out_of_memory();
    return more;
}
