/* SPDX-License-Identifier: MIT */
/*
 * generated.c: names of the frames of a report that are in no module.
 *
 * Called by build.c. All addresses are collected first, so the map is read once.
 */
#include "generated.h"

#include <string.h>

#include "../../core/sort.h"
#include "../symbolize/perf_names.h"

static bool is_generated(const struct state_site_view *site, unsigned i)
{
    return site->modules[i] == STATE_NO_MODULE && !state_is_frame(site->pcs[i]);
}

static bool has_generated(const struct state_site_view *site)
{
    unsigned i = 0;
    while (i < site->nframes && !is_generated(site, i))
        i++;
    return i < site->nframes;
}

/* The next stack that has SITE's id, SITE itself among them. */
static bool next_alike(const struct state_view *view, const struct state_site_view *site, uint64_t *pos, struct state_site_view *other)
{
    state_ref ref;
    while (state_next_site(view, pos, &ref, other))
        if (other->site->siteid == site->site->siteid)
            return true;
    return false;
}

struct addresses {
    struct perf_map_target *targets; /* NULL: they are counted only */
    size_t n, room;
};

static uint64_t address_of(uint64_t pc) { return pc - (pc > 0); } /* the call is before it */

static void collect(struct addresses *a, const struct state_view *view, state_ref ref)
{
    struct state_site_view site, other;
    uint64_t pos = 0;
    if (!state_site_at(view, ref, &site) || !has_generated(&site))
        return;
    while (next_alike(view, &site, &pos, &other))
        for (unsigned i = 0; i < other.nframes; i++) {
            if (!is_generated(&other, i))
                continue;
            if (a->targets && a->n < a->room)
                a->targets[a->n] = (struct perf_map_target){.addr = address_of(other.pcs[i])};
            a->n += !a->targets || a->n < a->room;
        }
}

static void collect_all(struct addresses *a, const struct state_view *view, const struct report *r)
{
    a->n = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        collect(a, view, r->groups[i].site);
        for (unsigned t = 0; t < r->groups[i].n_told; t++)
            collect(a, view, r->groups[i].told[t].site);
    }
}

static int compare_targets(const void *pa, const void *pb)
{
    const struct perf_map_target *a = pa, *b = pb;
    ORDER(a->addr, b->addr);
    return 0;
}

static void sort_targets(struct addresses *a)
{
    size_t n = 0;
    heap_sort(a->targets, a->n, sizeof *a->targets, compare_targets);
    for (size_t i = 0; i < a->n; i++)
        if (!n || a->targets[n - 1].addr != a->targets[i].addr)
            a->targets[n++] = a->targets[i];
    a->n = n;
}

static const char *name_at(const struct addresses *a, const struct state_site_view *site, unsigned i)
{
    if (i >= site->nframes || !is_generated(site, i))
        return NULL;
    uint64_t addr = address_of(site->pcs[i]);
    size_t at = sorted_first(a->targets, a->n, sizeof *a->targets, addr);
    return at < a->n && a->targets[at].addr == addr ? a->targets[at].name : NULL;
}

/* FRAMES: of the site REF, N of them. */
static void name_stack(const struct addresses *a, const struct state_view *view, state_ref ref, struct frame *frames, size_t n)
{
    struct state_site_view site, other;
    uint64_t pos = 0;
    if (!state_site_at(view, ref, &site) || site.nframes != n || !has_generated(&site))
        return;
    for (unsigned i = 0; i < n; i++)
        if (is_generated(&site, i))
            frames[i].symbol = name_at(a, &site, i);
    while (next_alike(view, &site, &pos, &other))
        for (unsigned i = 0; i < n; i++) {
            if (!is_generated(&site, i) || !frames[i].symbol)
                continue;
            const char *name = name_at(a, &other, i);
            if (!name || other.nframes != n || strcmp(name, frames[i].symbol) != 0)
                frames[i].symbol = NULL;
        }
}

void generated_name(struct scratch **scratch, struct names_arena *arena, const struct state_view *view, struct report *r)
{
    struct addresses a = {.n = 0};
    collect_all(&a, view, r);
    if (!a.n)
        return;
    a.room = a.n;
    a.targets = scratch_get(scratch, a.room * sizeof *a.targets);
    if (!a.targets)
        return;
    collect_all(&a, view, r);
    sort_targets(&a);
    perf_names_find(arena, a.targets, a.n);
    for (size_t i = 0; i < r->n_groups; i++) {
        struct group *g = &r->groups[i];
        name_stack(&a, view, g->site, (struct frame *)(uintptr_t)g->frames, g->n_frames);
        for (unsigned t = 0; t < g->n_told; t++)
            name_stack(&a, view, g->told[t].site, (struct frame *)(uintptr_t)g->told[t].frames, g->told[t].n_frames);
    }
}
