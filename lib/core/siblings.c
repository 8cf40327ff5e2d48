/* SPDX-License-Identifier: MIT */
/*
 * siblings.c: by which stacks the other sockets of a group's site were closed.
 *
 * Called once for each group of a report, before its stacks get their names. Reads all records of
 * closes, of which there is one for each site that has closed a socket.
 */
#include "siblings.h"

#include "finding.h"
#include "group_told.h"
#include "own_frames.h"
#include "parting.h"

/*
 * Cousins differ in so many inner frames at most: what is opened under main alone, or by another
 * handler of the same event loop, says nothing of this socket.
 */
#define INNER_FRAMES 4u

static bool is_of_site(const struct group *g, const struct state_view *view, const struct state_closes *c)
{
    struct state_site_view v;
    if (g->site && c->site == g->site)
        return true;
    return g->siteid && state_site_at(view, c->site, &v) && v.site->siteid == g->siteid;
}

/* What is known of a socket that the stack of T has closed, compared with G's own. */
static void compare(struct group *g, struct told *t, const struct state_view *view, const struct state_closes *c)
{
    struct state_closed closed;
    struct state_finder find = {0};
    struct finding f;
    if (!state_closed_by(view, c, t->site, &closed))
        return;
    finding_from_closed(&f, &closed, g->kind, view, &find);
    parting_find(g, t, &f);
}

/* What CLOSES counts, to G. Returns how many that are. */
static uint64_t add_record(struct group *g, const struct state_view *view, const struct state_closes *c)
{
    uint64_t sum = atomic_load_explicit(&c->others, memory_order_relaxed);
    for (unsigned i = 0; i < STATE_CLOSERS; i++) {
        struct state_site_view v;
        state_ref by = atomic_load_explicit(&c->by[i], memory_order_relaxed);
        uint64_t count = by ? atomic_load_explicit(&c->count[i], memory_order_relaxed) : 0;
        sum += count;
        if (!count || !state_site_at(view, by, &v))
            continue;
        struct told t = {
            .event = EVENT_SIBLINGS, .call = (uint8_t)CALL_OF(v.site->call), .site = by, .siteid = v.site->siteid, .count = count};
        compare(g, &t, view, c);
        group_told_enter(g, &t);
    }
    g->about |= atomic_load_explicit(&c->about, memory_order_relaxed);
    return sum;
}

/* ---- cousins --------------------------------------------------------------------------------- */

static bool is_programs(const struct state_view *view, const struct state_site_view *v, unsigned i)
{
    const struct state_module *m = state_module_at(view, v->modules[i]);
    return state_is_frame(v->pcs[i]) || !m || !own_frames_is_inner_object(m->path);
}

/*
 * How many outer frames two sites have in common; 0: they are no cousins. The call that opens must
 * be the same, as accept's sockets are no brothers of those that connect; and the innermost common
 * frame must be of the program's own code, not only of what calls main.
 */
static unsigned common_frames(const struct state_view *view, const struct state_site_view *a, const struct state_site_view *b)
{
    unsigned n = 0, least = a->nframes < b->nframes ? a->nframes : b->nframes;
    if (a->site->call != b->site->call)
        return 0;
    while (n < least && a->pcs[a->nframes - 1 - n] == b->pcs[b->nframes - 1 - n])
        n++;
    if (!n || a->nframes - n > INNER_FRAMES || b->nframes - n > INNER_FRAMES)
        return 0;
    return is_programs(view, a, a->nframes - n) ? n : 0;
}

/* The nearest cousins: those with the most frames in common. */
static unsigned nearest(const struct state_view *view, const struct state_site_view *own)
{
    unsigned most = 0;
    uint64_t pos = 0;
    for (const struct state_closes *c; (c = state_next_closes(view, &pos)) != NULL;) {
        struct state_site_view v;
        unsigned n = state_site_at(view, c->site, &v) ? common_frames(view, own, &v) : 0;
        most = n > most ? n : most;
    }
    return most;
}

static void find_cousins(struct group *g, const struct state_view *view)
{
    struct state_site_view own, v;
    unsigned n = state_site_at(view, g->site, &own) ? nearest(view, &own) : 0;
    uint64_t pos = 0;
    for (const struct state_closes *c; n && (c = state_next_closes(view, &pos)) != NULL;)
        if (state_site_at(view, c->site, &v) && common_frames(view, &own, &v) == n)
            g->n_siblings += add_record(g, view, c);
    g->cousins = g->n_siblings > 0;
}

/* ---------------------------------------------------------------------------------------------- */

void siblings_find(struct group *g, const struct state_view *view)
{
    uint64_t pos = 0;
    if (g->kind == KIND_USE_AFTER_CLOSE || g->of_eof || (!g->site && !g->siteid))
        return;
    for (const struct state_closes *c; (c = state_next_closes(view, &pos)) != NULL;)
        if (is_of_site(g, view, c))
            g->n_siblings += add_record(g, view, c);
    if (!g->n_siblings && g->site)
        find_cousins(g, view);
}

static void forget(struct group *g)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < g->n_told; i++)
        if (g->told[i].event < EVENT_SIBLINGS)
            g->told[kept++] = g->told[i];
    g->n_told = kept;
    g->n_siblings = 0;
}

void siblings_add(struct group *g, const struct group *from)
{
    /* the cousins of two groups are mostly the same sockets, or one's are the other's siblings */
    if (!from->n_siblings || (from->cousins && g->n_siblings))
        return;
    if (g->cousins)
        forget(g);
    for (unsigned i = 0; i < from->n_told; i++)
        if (from->told[i].event >= EVENT_SIBLINGS)
            group_told_enter(g, &from->told[i]);
    g->n_siblings += from->n_siblings;
    g->cousins = from->cousins;
    g->about |= from->about;
    group_told_named(g);
}
