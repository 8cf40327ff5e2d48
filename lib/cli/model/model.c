/* SPDX-License-Identifier: MIT */
/*
 * model.c: from the findings of one process to its report: groups with their stacks and counters,
 * sums, order.
 *
 * Called by report, run and top.
 */
#include "model.h"

#include <stdlib.h>

#include "../../core/group.h"
#include "../../core/group_told.h"
#include "../../core/growth.h"
#include "../../core/own_frames.h"
#include "../../core/siblings.h"
#include "../../core/sort.h"
#include "../../core/users.h"
#include "../base/now.h"
#include "collect.h"
#include "equal.h"
#include "growth.h"
#include "handlers.h"
#include "keeps.h"
#include "opener.h"
#include "stacks.h"
#include "watched.h"

static void fill_counters(const struct model *m, struct group *g)
{
    struct state_site_view site;
    const struct state_header *h = state_head(&m->from->view);
    if (!group_count(g, &m->from->view) || !state_site_at(&m->from->view, g->site, &site) || g->kind >= STATE_SITE_KINDS)
        return;
    g->rate_milli = load_relaxed32(&site.site->rate_milli[g->kind]);
    g->growing = load_relaxed32(&site.site->trend[g->kind]) == TREND_GROWING;
    g->steady = load_relaxed32(&site.site->trend[g->kind]) == TREND_STEADY;
    if (!g->rate_milli || !load_is_live(m->from))
        return;
    uint32_t limit = load_relaxed32(&h->nofile_limit);
    if (limit)
        group_forecast_descriptors(g, m->descriptors ? m->descriptors : m->tracked, limit);
    uint64_t range = load_relaxed64(&h->port_range);
    uint64_t low = range >> 16 & 0xffff, high = range & 0xffff;
    if (range && high >= low)
        group_forecast_ports(g, high - low + 1);
}

static int by_rate(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    ORDER(!group_has_stack(x), !group_has_stack(y));
    if (x->rate_milli != y->rate_milli)
        return x->rate_milli > y->rate_milli ? -1 : 1;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : 0;
}

static int by_age(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    ORDER(!group_has_stack(x), !group_has_stack(y));
    return x->oldest_ns != y->oldest_ns ? (x->oldest_ns > y->oldest_ns ? -1 : 1) : 0;
}

static int by_siteid(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void model_limit(struct model *m, unsigned max)
{
    struct report *r = &m->report;
    if (!max || r->n_groups <= max)
        return;
    for (size_t i = max; i < r->n_groups; i++)
        r->sockets_left_out += r->groups[i].count;
    r->groups_left_out += r->n_groups - max;
    r->n_groups = max;
}

static void *memory_of_model(void *arena, size_t size) { return arena_take(arena, size); }

void model_finish(struct model *m, const struct model_options *o)
{
    struct report *r = &m->report;
    size_t kept = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        struct suppression *rule = suppress_group(o->rules, o->n_rules, &r->groups[i]);
        if (!rule)
            rule = suppress_group(o->own, o->n_own, &r->groups[i]);
        if (rule) {
            rule->groups++;
            rule->sockets += r->groups[i].count;
            r->suppressed += rule->builtin ? 0 : r->groups[i].count;
        } else {
            r->groups[kept++] = r->groups[i];
        }
    }
    r->n_groups = kept;
    own_frames_show(r, memory_of_model, &m->arena);
    uint64_t *ids = arena_array(&m->arena, kept, sizeof *ids);
    for (size_t i = 0; i < kept; i++) {
        r->leaks += r->groups[i].count;
        r->by_kind[r->groups[i].kind] += r->groups[i].count;
        ids[i] = r->groups[i].siteid;
    }
    if (kept)
        qsort(ids, kept, sizeof *ids, by_siteid);
    for (size_t i = 0; i < kept; i++)
        r->sites += i == 0 || ids[i] != ids[i - 1];
    if (kept && o->sort != SORT_STUCK)
        qsort(r->groups, kept, sizeof *r->groups, o->sort == SORT_RATE ? by_rate : by_age);
    model_limit(m, o->max_leaks);
    r->max_sockets = o->max_sockets;
    r->print_summary = o->print_summary;
    r->color = o->color;
    r->brief = o->brief;
}

/* When the findings were true: now for what the kernel has just confirmed, else the last look. */
static void set_time(struct model *m, const struct loaded_file *l)
{
    const struct state_header *h = state_head(&l->view);
    m->looked_ns = load_relaxed64(&h->last_look_ns);
    if (load_is_live(l)) {
        m->report.now_ns = now_mono_ns();
    } else {
        m->report.now_ns = m->looked_ns ? m->looked_ns : h->opened_mono_ns;
        uint64_t pos = 0;
        struct state_slot s;
        /* later events prove a later moment */
        for (int fd; state_next_slot(&l->view, &pos, &fd, &s);) {
            uint64_t t = s.told_ns > s.opened_ns ? s.told_ns : s.opened_ns;
            if (t > m->report.now_ns)
                m->report.now_ns = t;
        }
    }
    m->report.now_real_ns = load_to_real(l, m->report.now_ns);
}

/* What /proc shows of the threads that opened G's sockets and used them last. */
static void add_threads(struct group *g, pid_t pid)
{
    opener_of(&g->opener, pid, g->n_findings ? g->findings[0].opened_ns : 0);
    for (unsigned i = 0; i < g->n_users; i++)
        opener_user_of(&g->users[i], pid, users_since(g));
}

static void make_groups(struct model *m, struct symbolizer *sym, const struct model_options *o)
{
    struct report *r = &m->report;
    struct growth_index growth;
    growth_index(&growth, &m->from->view, &m->arena);
    r->n_groups = group_findings(m->findings, m->n_findings, r->groups, r->now_ns);
    for (size_t i = 0; i < r->n_groups; i++) {
        siblings_find(&r->groups[i], &m->from->view);
        stacks_want(m->from, sym, r->groups[i].site);
        for (unsigned k = 0; k < r->groups[i].n_told; k++)
            stacks_want(m->from, sym, r->groups[i].told[k].site);
    }
    for (size_t i = 0; i < r->n_groups; i++) {
        struct group *g = &r->groups[i];
        fill_counters(m, g);
        growth_find(g, &growth, &m->arena);
        g->frames = stacks_frames(&m->arena, m->from, sym, g->site, &g->n_frames);
        for (unsigned k = 0; k < g->n_told; k++)
            g->told[k].frames = stacks_frames(&m->arena, m->from, sym, g->told[k].site, &g->told[k].n_frames);
        group_told_named(g);
        users_want(g);
        /* in another pid namespace its threads have other numbers */
        if (!o->no_threads && load_is_live(m->from) && state_head(&m->from->view)->pid == (uint32_t)m->from->pid)
            add_threads(g, m->from->pid);
    }
}

/* The first line of the stack that opened the youngest of what is not to be reported yet. */
static void name_youngest(struct model *m, struct symbolizer *sym)
{
    size_t n = 0;
    if (!m->young.n)
        return;
    stacks_want(m->from, sym, m->young.youngest.site);
    const struct frame *frames = stacks_frames(&m->arena, m->from, sym, m->young.youngest.site, &n);
    size_t begin = own_frames_begin(frames, n);
    if (n > begin)
        m->youngest = &frames[begin + own_frames_name(frames + begin, n - begin)];
}

void model_build(struct model *m, const struct loaded_file *l, struct symbolizer *sym, const struct model_options *o)
{
    const struct state_header *h = state_head(&l->view);
    struct report *r = &m->report;
    char exe[sizeof h->exe], host[sizeof h->host];
    *m = (struct model){.from = l};
    state_string(exe, sizeof exe, h->exe, sizeof h->exe);
    state_string(host, sizeof host, h->host, sizeof host);
    r->pid = load_is_live(l) ? (uint32_t)l->pid : h->pid;
    r->exe = arena_string(&m->arena, exe);
    r->host = arena_string(&m->arena, host);
    r->reason = o->reason >= 0 ? (uint8_t)o->reason : load_is_live(l) ? REASON_REQUEST : REASON_EXIT;
    for (unsigned i = 0; i < DROP_COUNT; i++)
        r->dropped += load_relaxed64(&h->dropped[i]);
    r->unwritten = load_relaxed64(&h->dropped[DROP_LOG]);
    r->stretched_ms = load_is_live(l) ? load_relaxed32(&h->stretched) : 0;
    set_time(m, l);
    collect_findings(m, l, o);
    keeps_find(m);
    if (!o->no_watched) {
        watched_find(m);
        watched_transfers(m);
    }

    r->groups = arena_array(&m->arena, m->n_findings, sizeof *r->groups);
    make_groups(m, sym, o);
    if (group_settle_reserves(r->groups, r->n_groups, m->kinds & KIND_BIT(KIND_OPEN) ? KIND_OPEN : KIND_NONE)) {
        m->n_findings = group_drop_settled(m->findings, m->n_findings);
        make_groups(m, sym, o);
    }
    name_youngest(m, sym);
    if (!o->no_handlers)
        handlers_add(m, sym, o->kept);
    equal_groups_merge(m);
    model_finish(m, o);
}

void model_free(struct model *m)
{
    free(m->findings);
    arena_free(&m->arena);
}
