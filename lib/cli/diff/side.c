/* SPDX-License-Identifier: MIT */
/*
 * side.c: the sites of a report over many processes.
 */
#include "side.h"

#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"

void side_add(struct diff_side *side, const struct diff_site *site)
{
    side->sites = cli_grow(side->sites, side->n, &side->cap, sizeof *side->sites);
    side->sites[side->n++] = *site;
}

/* Sockets without a stack have nothing but the program to tell them apart. */
static int by_name(const struct diff_site *a, const struct diff_site *b)
{
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->id ? 0 : strcmp(a->exe, b->exe);
}

static int by_site(const void *a, const void *b)
{
    const struct diff_site *x = a, *y = b;
    int order = by_name(x, y);
    return order ? order : x->process < y->process ? -1 : x->process > y->process;
}

static void add_counts(struct diff_site *to, const struct diff_site *from)
{
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        to->by_kind[kind] += from->by_kind[kind];
    to->count += from->count;
    if (!to->n_frames) {
        to->frames = from->frames;
        to->n_frames = from->n_frames;
    }
}

void side_settle(struct diff_side *side)
{
    size_t kept = 0, i = 0;
    if (side->n)
        qsort(side->sites, side->n, sizeof *side->sites, by_site);
    while (i < side->n) {
        struct diff_site all = side->sites[i];
        all.opened = all.closed = 0;
        memset(all.by_kind, 0, sizeof all.by_kind);
        all.count = 0;
        while (i < side->n && by_name(&all, &side->sites[i]) == 0) {
            /* each kind and variant of a site has what its whole site has opened and closed in this process */
            unsigned process = side->sites[i].process;
            uint64_t opened = 0, closed = 0;
            for (; i < side->n && by_name(&all, &side->sites[i]) == 0 && side->sites[i].process == process; i++) {
                const struct diff_site *s = &side->sites[i];
                opened = s->opened > opened ? s->opened : opened;
                closed = s->closed > closed ? s->closed : closed;
                add_counts(&all, s);
            }
            all.opened += opened;
            all.closed += closed;
        }
        side->sites[kept++] = all;
    }
    side->n = kept;
}

void side_keep_kinds(struct diff_side *side, uint32_t mask)
{
    size_t kept = 0;
    for (size_t i = 0; i < side->n; i++) {
        struct diff_site s = side->sites[i];
        for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
            if (mask & KIND_BIT(kind))
                continue;
            s.count -= s.by_kind[kind];
            s.by_kind[kind] = 0;
        }
        if (s.count)
            side->sites[kept++] = s;
    }
    side->n = kept;
}

void side_free(struct diff_side *side)
{
    free(side->sites);
    arena_free(&side->arena);
    *side = (struct diff_side){0};
}
