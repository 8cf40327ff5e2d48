/* SPDX-License-Identifier: MIT */
/*
 * intern.c: numbers for byte strings.
 *
 * Called by pprof.c.
 */
#include "intern.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/hash.h"
#include "../base/cli.h"

static uint32_t *place_of(const struct intern *t, const char *bytes, size_t len)
{
    size_t at = hash_bytes(HASH_START, bytes, len) % t->n_index;
    for (; t->index[at]; at = (at + 1) % t->n_index) {
        const struct intern_entry *e = &t->entries[t->index[at] - 1];
        if (e->len == len && memcmp(e->bytes, bytes, len) == 0)
            break;
    }
    return &t->index[at];
}

static void make_room(struct intern *t)
{
    if (t->n_index > 2 * t->n)
        return;
    t->n_index = t->n_index ? t->n_index * 4 : 1024;
    t->index = arena_grow(t->index, t->n_index, sizeof *t->index);
    memset(t->index, 0, t->n_index * sizeof *t->index);
    for (size_t i = 0; i < t->n; i++)
        *place_of(t, t->entries[i].bytes, t->entries[i].len) = (uint32_t)i + 1;
}

size_t intern(struct intern *t, const char *bytes, size_t len, bool *is_new)
{
    make_room(t);
    uint32_t *place = place_of(t, bytes, len);
    *is_new = !*place;
    if (*place)
        return *place - 1;
    t->entries = cli_grow(t->entries, t->n, &t->cap, sizeof *t->entries);
    t->entries[t->n] = (struct intern_entry){arena_bytes(&t->arena, bytes, len), len};
    *place = (uint32_t)++t->n;
    return t->n - 1;
}

void intern_free(struct intern *t)
{
    free(t->entries);
    free(t->index);
    arena_free(&t->arena);
    *t = (struct intern){0};
}
