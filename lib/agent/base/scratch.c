/* SPDX-License-Identifier: MIT */
/*
 * scratch.c: memory that lives as long as one report.
 *
 * Called by the thread that makes a report. The program's allocator is never used: the report may
 * be made where that was interrupted.
 */
#include "scratch.h"

#include <string.h>

#include "pages.h"
#include "sys.h"

#define CHUNK (256u * 1024)

static bool keep_pages;

struct scratch {
    struct scratch *next;
    size_t size, used;
};

void *scratch_get(struct scratch **s, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    struct scratch *c = *s;
    if (!c || c->size - c->used < size) {
        size_t need = size + sizeof *c + 15;
        size_t pages = need > CHUNK ? (need + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1) : CHUNK;
        struct scratch *fresh = pages_alloc(pages);
        if (!fresh)
            return NULL;
        *fresh = (struct scratch){.next = c, .size = pages, .used = (sizeof *c + 15) & ~(size_t)15};
        *s = c = fresh;
    }
    void *p = (char *)c + c->used;
    c->used += size;
    return p;
}

char *scratch_string(struct scratch **s, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    char *copy = n ? scratch_get(s, n + 1) : NULL;
    return copy ? memcpy(copy, text, n + 1) : NULL;
}

void scratch_free(struct scratch **s)
{
    while (!keep_pages && *s) {
        struct scratch *next = (*s)->next;
        pages_free(*s, (*s)->size);
        *s = next;
    }
}

static bool grow_out(struct out *o, size_t need)
{
    size_t size = o->cap ? o->cap * 2 : 64 * 1024;
    while (size < o->len + need)
        size *= 2;
    char *bigger = pages_alloc(size);
    if (!bigger)
        return false;
    if (o->buf) {
        memcpy(bigger, o->buf, o->len);
        pages_free(o->buf, o->cap);
    }
    o->buf = bigger;
    o->cap = size;
    return true;
}

void scratch_out(struct out *o) { *o = (struct out){.flush = grow_out}; }

void scratch_out_free(struct out *o)
{
    if (o->buf && !keep_pages)
        pages_free(o->buf, o->cap);
    o->buf = NULL;
}

void scratch_keep(bool keep) { keep_pages = keep; }
