/* SPDX-License-Identifier: MIT */
/*
 * growth.c: how many sockets of a site were stuck over the life of its process.
 *
 * Called by model.c, and by equal.c where several sites are shown as one.
 */
#include "growth.h"

#include <string.h>

#include "../../core/sort.h"

struct growth_record {
    uint64_t of; /* site and kind; first: sorted_first */
    const struct state_growth *record;
};

static uint64_t key_of(state_ref site, unsigned kind) { return (uint64_t)site << 8 | kind; }

/* Of several with the same key the first in the file stands first. */
static int by_key(const void *a, const void *b)
{
    const struct growth_record *x = a, *y = b;
    ORDER(x->of, y->of);
    ORDER((uintptr_t)x->record, (uintptr_t)y->record);
    return 0;
}

/* A live process may add records meanwhile: those that were counted are taken. */
void growth_index(struct growth_index *i, const struct state_view *view, struct arena *a)
{
    size_t n = 0;
    uint64_t pos = 0;
    const struct state_growth *g;
    while (state_next_growth(view, &pos))
        n++;
    *i = (struct growth_index){.records = arena_array(a, n, sizeof *i->records)};
    pos = 0;
    while (i->n < n && (g = state_next_growth(view, &pos)) != NULL)
        i->records[i->n++] =
            (struct growth_record){key_of(__atomic_load_n(&g->site, __ATOMIC_RELAXED), __atomic_load_n(&g->kind, __ATOMIC_RELAXED)), g};
    heap_sort(i->records, i->n, sizeof *i->records, by_key);
}

static void keep(struct group *g, const struct growth_point *points, unsigned n, struct arena *a)
{
    struct growth_point *copy = arena_array(a, n, sizeof *copy);
    if (n)
        memcpy(copy, points, n * sizeof *copy);
    g->growth = copy;
    g->n_growth = n;
}

void growth_find(struct group *g, const struct growth_index *i, struct arena *a)
{
    struct growth_point points[STATE_GROWTH_POINTS];
    uint64_t key = key_of(g->site, g->kind);
    size_t at = sorted_first(i->records, i->n, sizeof *i->records, key);
    if (!g->of_eof && at < i->n && i->records[at].of == key)
        keep(g, points, growth_ring_read(i->records[at].record, points), a);
}

/* The place of the next point of G from AT on; UINT64_MAX: there is none. */
static uint64_t next_ns(const struct group *g, size_t at) { return at < g->n_growth ? g->growth[at].at_ns : UINT64_MAX; }

void growth_join(struct group *a, const struct group *b, struct arena *arena)
{
    struct state_growth sum = {0};
    struct growth_point points[STATE_GROWTH_POINTS];
    uint32_t of_a = 0, of_b = 0;
    for (size_t i = 0, k = 0; i < a->n_growth || k < b->n_growth;) {
        uint64_t x = next_ns(a, i), y = next_ns(b, k), at = x < y ? x : y;
        if (x == at)
            of_a = a->growth[i++].count;
        if (y == at)
            of_b = b->growth[k++].count;
        growth_ring_add(&sum, at, of_a + of_b);
    }
    keep(a, points, growth_ring_read(&sum, points), arena);
}
