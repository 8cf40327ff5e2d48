/* SPDX-License-Identifier: MIT */
/*
 * changes.c: what changed between two looks of `sockleak top`.
 *
 * Called by sites.c at each look, and by view.c for each line. The counts of the look before are
 * kept in the order of their groups' names, 32 bytes each.
 */
#include "changes.h"

#include <stdlib.h>

static int by_name(const void *x, const void *y)
{
    const struct top_before *a = x, *b = y;
    if (a->siteid != b->siteid)
        return a->siteid < b->siteid ? -1 : 1;
    if (a->variant != b->variant)
        return a->variant < b->variant ? -1 : 1;
    return (int)a->kind - (int)b->kind;
}

static struct top_before name_of(const struct group *g)
{
    return (struct top_before){.siteid = g->siteid, .variant = g->variant, .kind = g->kind, .count = g->count};
}

void changes_free(struct top *t)
{
    free(t->before);
    t->before = NULL;
    t->n_before = 0;
}

void changes_keep(struct top *t)
{
    const struct report *r = &t->model.report;
    changes_free(t);
    t->before = arena_grow(NULL, r->n_groups + 1, sizeof *t->before);
    for (size_t i = 0; i < r->n_groups; i++)
        t->before[t->n_before++] = name_of(&r->groups[i]);
    if (t->n_before)
        qsort(t->before, t->n_before, sizeof *t->before, by_name);
}

static const struct top_before *find(const struct top *t, const struct group *g)
{
    const struct top_before name = name_of(g);
    return t->before && t->n_before ? bsearch(&name, t->before, t->n_before, sizeof name, by_name) : NULL;
}

int64_t changes_of(const struct top *t, const struct group *g, bool *fresh)
{
    const struct top_before *b = find(t, g);
    *fresh = t->before && !b;
    return !t->before ? 0 : (int64_t)g->count - (int64_t)(b ? b->count : 0);
}

void changes_find(struct top *t)
{
    const struct report *r = &t->model.report;
    struct top_changes c = {.known = t->before != NULL};
    size_t still = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        bool fresh;
        int64_t more = changes_of(t, &r->groups[i], &fresh);
        c.fresh += fresh;
        still += !fresh;
        c.more += more > 0 ? (uint64_t)more : 0;
        c.stuck += r->groups[i].count;
    }
    uint64_t before = 0;
    for (size_t i = 0; t->before && i < t->n_before; i++)
        before += t->before[i].count;
    /* what went from the groups that are there, and from those that are not */
    c.fewer = c.known ? before + c.more - c.stuck : 0;
    c.gone = c.known ? t->n_before - still : 0;
    t->changes = c;
}
