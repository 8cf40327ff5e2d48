/* SPDX-License-Identifier: MIT */
/*
 * trends.c: counts stuck sockets by site and kind.
 *
 * Called by look.c and observe.c. The rules are the agent's (lib/agent/report/counts.c): growth is told
 * of what lasts for a period, and not before the samples span GROWTH_RATE_SPAN_NS.
 */
#include "trends.h"

#include <stdlib.h>

#include "../../core/hash.h"
#include "../base/cli.h"

static struct trend_of *place(struct trend_of *all, size_t cap, state_ref site, unsigned kind)
{
    size_t at = (size_t)(hash_spread((uint64_t)kind << 32 | site) >> 32) & (cap - 1);
    while (all[at].site && (all[at].site != site || all[at].kind != kind))
        at = (at + 1) & (cap - 1);
    return &all[at];
}

static void grow(struct trends *t)
{
    size_t cap = t->cap ? t->cap * 2 : 64;
    struct trend_of *more = calloc(cap, sizeof *more);
    if (!more)
        exit(cli_fail("out of memory"));
    for (size_t i = 0; i < t->cap; i++)
        if (t->all[i].site)
            *place(more, cap, t->all[i].site, t->all[i].kind) = t->all[i];
    free(t->all);
    t->all = more;
    t->cap = cap;
}

void trends_begin(struct trends *t)
{
    for (size_t i = 0; i < t->cap; i++) {
        t->all[i].lasting = t->all[i].past = 0;
        t->all[i].first_ns = t->all[i].last_ns = 0;
    }
}

void trends_add(struct trends *t, state_ref site, unsigned kind, uint64_t since_ns, bool lasting, bool past)
{
    if (!site || kind >= STATE_SITE_KINDS)
        return;
    if (2 * (t->n + 1) > t->cap)
        grow(t);
    struct trend_of *e = place(t->all, t->cap, site, kind);
    if (!e->site) {
        *e = (struct trend_of){.site = site, .kind = (uint8_t)kind};
        t->n++;
    }
    e->past += past;
    if (!lasting)
        return;
    e->lasting++;
    if (!e->first_ns || since_ns < e->first_ns)
        e->first_ns = since_ns;
    if (since_ns > e->last_ns)
        e->last_ns = since_ns;
}

/* A look that was asked for between two others only updates the last sample. */
static void sample(struct growth *g, uint32_t count, uint64_t now_ns, uint64_t period_ns)
{
    if (g->n >= 2 && now_ns - g->at_ns[(g->n - 2) % GROWTH_SAMPLES] < period_ns)
        g->n--;
    growth_add(g, count, now_ns);
}

void trends_end(struct trends *t, struct state_writer *w, uint64_t now_ns, uint64_t period_ns)
{
    for (size_t i = 0; i < t->cap; i++) {
        struct trend_of *e = &t->all[i];
        struct state_site *s = e->site ? state_writer_at(w, e->site) : NULL;
        if (!s)
            continue;
        sample(&e->growth, e->lasting, now_ns, period_ns);
        bool grows = growth_is_growing(&e->growth) && e->last_ns - e->first_ns >= GROWTH_RATE_SPAN_NS;
        atomic_store(&s->stuck[e->kind], e->past);
        atomic_store(&s->trend[e->kind], grows ? TREND_GROWING : TREND_NONE);
        atomic_store(&s->rate_milli[e->kind], grows ? growth_rate_milli(&e->growth) : 0);
    }
}

void trends_free(struct trends *t)
{
    free(t->all);
    *t = (struct trends){0};
}
