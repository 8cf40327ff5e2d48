/* SPDX-License-Identifier: MIT */
/*
 * member.c: from one process' report and state file to samples and counts.
 *
 * Called by look.c.
 */
#include "member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/kinds.h"
#include "../base/cli.h"
#include "../model/peer.h"
#include "../model/stacks.h"
#include "../render/place.h"
#include "samples.h"

static struct resource resource_of(const struct fleet_member *m)
{
    return (struct resource){.exe = m->model.report.exe, .container = m->container, .pid = m->model.report.pid};
}

/* ---- stuck sockets --------------------------------------------------------------------------- */

static void site_name(char name[32], uint64_t siteid)
{
    if (siteid)
        snprintf(name, 32, "%016llx", (unsigned long long)siteid);
    else
        snprintf(name, 32, SITE_UNKNOWN);
}

/* How many groups before group I are of other sites, each site once: is there room for one more? */
static bool has_room(const struct report *r, size_t i, unsigned max_sites)
{
    unsigned n = 0;
    for (size_t k = 0; k <= i; k++) {
        bool first = true;
        for (size_t j = 0; j < k && first; j++)
            first = r->groups[j].siteid != r->groups[k].siteid;
        n += first;
        if (r->groups[k].siteid == r->groups[i].siteid)
            return n <= max_sites;
    }
    return true;
}

void member_add_stuck(struct samples *s, const struct fleet_member *m, unsigned max_sites)
{
    const struct report *r = &m->model.report;
    struct resource of = resource_of(m);
    uint64_t other[KIND_COUNT] = {0};
    bool full = false;
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        char site[32];
        full = full || !has_room(r, i, max_sites);
        if (full) {
            other[g->kind] += g->count;
            continue;
        }
        struct place p = place_of(&s->arena, g->frames, g->n_frames);
        if (!g->n_frames && g->of_eof)
            for (unsigned k = 0; k < g->n_told && !p.function[0]; k++)
                if (g->told[k].siteid == g->siteid)
                    p = place_of(&s->arena, g->told[k].frames, g->told[k].n_frames);
        site_name(site, g->siteid);
        struct sample *at = samples_add(s, METRIC_STUCK, &of, (double)g->count);
        samples_label(s, at, "kind", kind_name(g->kind));
        samples_label(s, at, "site", site);
        samples_label(s, at, "function", p.function);
        samples_label(s, at, "file", p.file);
    }
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        if (!other[kind])
            continue;
        struct sample *at = samples_add(s, METRIC_STUCK, &of, (double)other[kind]);
        samples_label(s, at, "kind", kind_name((enum kind)kind));
        samples_label(s, at, "site", SITE_OTHER);
        samples_label(s, at, "function", "");
        samples_label(s, at, "file", "");
    }
}

/* ---- peers ----------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const struct peer_share *x = a, *y = b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : strcmp(x->name, y->name);
}

void member_add_peers(struct samples *s, const struct fleet_member *m)
{
    const struct report *r = &m->model.report;
    struct resource of = resource_of(m);
    struct peer_share *peers = NULL;
    size_t n = 0, cap = 0;
    uint64_t other = 0;
    for (size_t i = 0; i < r->n_groups; i++)
        for (size_t k = 0; k < r->groups[i].n_findings; k++) {
            peers = cli_grow(peers, n, &cap, sizeof *peers);
            peer_of(&r->groups[i].findings[k], peers[n].name);
            peers[n].count = 1;
            peers[n].age_ns = 0;
            n += peers[n].name[0] != 0;
        }
    size_t kept = peers ? peer_join(peers, n) : 0;
    if (kept)
        qsort(peers, kept, sizeof *peers, by_number);
    for (size_t i = 0; i < kept; i++)
        if (i < MAX_PEERS)
            samples_label(s, samples_add(s, METRIC_STUCK_BY_PEER, &of, (double)peers[i].count), "peer", peers[i].name);
        else
            other += peers[i].count;
    if (other)
        samples_label(s, samples_add(s, METRIC_STUCK_BY_PEER, &of, (double)other), "peer", SITE_OTHER);
    free(peers);
}

/* ---- the process ----------------------------------------------------------------------------- */

static void add_forecast(struct samples *s, const struct resource *of, const char *resource, bool reached, uint64_t seconds)
{
    if (reached || seconds)
        samples_label(s, samples_add(s, METRIC_EXHAUSTION, of, reached ? 0 : (double)seconds), "resource", resource);
}

/* Of several forecasts samples_settle keeps the earliest. */
void member_add_process(struct samples *s, const struct fleet_member *m)
{
    const struct report *r = &m->model.report;
    struct resource of = resource_of(m);
    if (!load_is_live(m->from))
        return;
    samples_add(s, METRIC_OPEN, &of, (double)m->model.tracked);
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        if (g->fd_limit)
            add_forecast(s, &of, "descriptors", g->fd_limit_reached, g->fd_limit_in_s);
        if (g->ports)
            add_forecast(s, &of, "ports", g->ports_reached, g->ports_in_s);
    }
}

/* ---- counters -------------------------------------------------------------------------------- */

struct naming {
    const struct fleet_member *m;
    struct symbolizer *sym;
    struct arena arena;
};

static state_ref ref_of(const struct state_view *view, uint64_t siteid)
{
    struct state_site_view v;
    uint64_t pos = 0;
    state_ref ref;
    while (state_next_site(view, &pos, &ref, &v))
        if (v.site->siteid == siteid)
            return ref;
    return 0;
}

static void name_site(void *arg, struct ledger_entry *e)
{
    struct naming *n = arg;
    size_t n_frames = 0;
    state_ref ref = ref_of(&n->m->from->view, e->siteid);
    stacks_want(n->m->from, n->sym, ref);
    const struct frame *frames = stacks_frames(&n->arena, n->m->from, n->sym, ref, &n_frames);
    struct place p = place_of(&n->arena, frames, n_frames);
    e->function = p.function;
    e->file = p.file;
}

/* The names of all that will be asked for, so that each module is read once. */
static void announce(const struct fleet_member *m, struct symbolizer *sym, struct ledger_look *look)
{
    struct state_site_view v;
    uint64_t pos = 0;
    state_ref ref;
    ledger_rank(look);
    while (state_next_site(&m->from->view, &pos, &ref, &v))
        for (size_t i = 0; i < look->n && i < look->max_sites; i++)
            if (look->entries[i].siteid == v.site->siteid)
                stacks_want(m->from, sym, ref);
}

static int by_siteid(const void *a, const void *b)
{
    const struct ledger_entry *x = a, *y = b;
    return x->siteid < y->siteid ? -1 : x->siteid > y->siteid;
}

/* The sites at which something was opened, each name once. */
static size_t list_sites(const struct loaded_file *l, struct ledger_entry **out)
{
    const struct state_header *h = state_head(&l->view);
    struct ledger_entry *entries = NULL;
    struct state_site_view v;
    size_t n = 0, cap = 0, kept = 0;
    uint64_t pos = 0, opened = load_relaxed64(&h->sockets_opened);
    state_ref ref;
    while (state_next_site(&l->view, &pos, &ref, &v)) {
        struct ledger_entry e = {.siteid = v.site->siteid};
        /* closed first: what is opened between the two is not closed yet */
        e.count.closed = load_relaxed64(&v.site->closed);
        e.count.opened = load_relaxed64(&v.site->opened);
        if (!e.count.opened)
            continue;
        for (unsigned k = 0; k < STATE_SITE_KINDS; k++)
            e.rank += (uint64_t)load_relaxed32(&v.site->stuck[k]) << 32;
        e.rank += e.count.opened < UINT32_MAX ? e.count.opened : UINT32_MAX;
        entries = cli_grow(entries, n, &cap, sizeof *entries);
        entries[n++] = e;
    }
    if (opened) {
        entries = cli_grow(entries, n, &cap, sizeof *entries);
        entries[n++] = (struct ledger_entry){.count = {opened, load_relaxed64(&h->sockets_closed)}};
    }
    if (n)
        qsort(entries, n, sizeof *entries, by_siteid);
    for (size_t i = 0; i < n; i++)
        if (kept && entries[kept - 1].siteid == entries[i].siteid) {
            entries[kept - 1].count.opened += entries[i].count.opened;
            entries[kept - 1].count.closed += entries[i].count.closed;
            entries[kept - 1].rank += entries[i].rank;
        } else {
            entries[kept++] = entries[i];
        }
    *out = entries;
    return kept;
}

void member_count(struct ledger *l, const struct fleet_member *m, struct symbolizer *sym, unsigned max_sites, uint64_t now_s)
{
    const struct state_header *h = state_head(&m->from->view);
    struct naming naming = {.m = m, .sym = sym};
    struct ledger_look look = {
        .pid = h->pid,
        .start = h->start_ticks,
        .opened_real_ns = h->opened_real_ns,
        .exe = m->model.report.exe,
        .container = m->container,
        .max_sites = max_sites,
        .name = name_site,
        .arg = &naming,
    };
    look.n = list_sites(m->from, &look.entries);
    if (!ledger_knows(l, &look))
        announce(m, sym, &look);
    ledger_add(l, &look, now_s);
    free(look.entries);
    arena_free(&naming.arena);
}
