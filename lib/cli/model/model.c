/* SPDX-License-Identifier: MIT */
/*
 * model.c: which sockets of a state file are findings, and what a report says of them.
 *
 * Called by report, run and the agent's helper. The watcher's details are the judgement; this file adds what happened since the last look to
 * a process that is gone, and takes away what the kernel does not confirm of one that lives (confirm.c).
 */
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../core/growth.h"
#include "../../core/judge.h"
#include "../base/now.h"
#include "confirm.h"
#include "stacks.h"

static uint64_t load_relaxed64(const _Atomic uint64_t *p) { return atomic_load_explicit(p, memory_order_relaxed); }

static uint32_t load_relaxed32(const _Atomic uint32_t *p) { return atomic_load_explicit(p, memory_order_relaxed); }

/*
 * What the program was told after the last look, or before any: a socket that is still open then is stuck. Only what is certain without the
 * kernel's word counts.
 */
static bool infer(const struct state_slot *s, struct finding *f)
{
    unsigned type = SLOT_TYPE(s);
    bool tcp = s->family == AF_INET || s->family == AF_INET6;
    if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
        return false;
    f->since_ns = s->told_ns > s->opened_ns ? s->told_ns : s->opened_ns;
    if (s->flags & SLOT_TOLD_ERROR) {
        f->kind = s->flags & SLOT_CONNECTED ? KIND_DEAD : KIND_NEVER_CONNECTED;
        if (f->kind == KIND_DEAD)
            f->how = s->told_errno == ETIMEDOUT ? HOW_TIMEOUT : HOW_RESET;
        f->tcp_state = tcp ? ST_CLOSE : ST_NONE;
        return true;
    }
    if (!(s->flags & SLOT_TOLD_EOF))
        return false;
    f->eof = EOF_READ;
    if (!tcp) {
        f->kind = KIND_HANGUP;
        return s->family != 0;
    }
    if (s->flags & SLOT_SHUT_WR) {
        f->kind = KIND_DEAD;
        f->how = HOW_FINISHED;
        f->tcp_state = ST_CLOSE;
    } else {
        f->kind = KIND_CLOSE_WAIT;
        f->tcp_state = ST_CLOSE_WAIT;
    }
    return true;
}

static void from_detail(struct model *m, struct finding *f, const struct state_detail *d)
{
    char text[sizeof d->local];
    f->kind = d->kind;
    f->how = d->how;
    f->eof = d->eof;
    f->tcp_state = d->tcp_state;
    f->past_grace = d->past_grace;
    f->since_ns = d->since_ns;
    f->unread = d->unread;
    state_string(text, sizeof text, d->local, sizeof d->local);
    f->local = text[0] ? arena_string(&m->arena, text) : NULL;
    state_string(text, sizeof text, d->peer, sizeof d->peer);
    f->peer = text[0] ? arena_string(&m->arena, text) : NULL;
}

struct collecting {
    struct model *m;
    const struct loaded_file *l;
    const struct model_options *o;
    struct confirm *confirm; /* NULL: dead */
    uint32_t kinds;
    uint64_t min_age_ns;
    size_t cap;
    uint64_t *seen; /* open addressing; 0: free */
    size_t n_seen, cap_seen;
};

static uint64_t *seen_place(uint64_t *seen, size_t cap, uint64_t key)
{
    size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & (cap - 1);
    while (seen[i] && seen[i] != key)
        i = (i + 1) & (cap - 1);
    return &seen[i];
}

/* Several descriptors of one open socket are one finding, under the first of them. */
static bool seen_again(struct collecting *c, const struct state_slot *s)
{
    bool known = s->watch_gen == SLOT_GEN(s->word) && s->cookie;
    uint64_t key = known ? s->cookie : s->share ? (uint64_t)1 << 63 | s->share : 0;
    if (!key)
        return false;
    if (2 * (c->n_seen + 1) > c->cap_seen) {
        size_t cap = c->cap_seen ? c->cap_seen * 2 : 1024;
        uint64_t *more = arena_grow(NULL, cap, sizeof *more);
        memset(more, 0, cap * sizeof *more);
        for (size_t i = 0; i < c->cap_seen; i++)
            if (c->seen[i])
                *seen_place(more, cap, c->seen[i]) = c->seen[i];
        free(c->seen);
        c->seen = more;
        c->cap_seen = cap;
    }
    uint64_t *at = seen_place(c->seen, c->cap_seen, key);
    bool again = *at != 0;
    c->n_seen += !again;
    *at = key;
    return again;
}

static uint64_t age_of(uint64_t now, uint64_t then) { return now > then ? now - then : 0; }

static void collect_slot(struct collecting *c, int fd, const struct state_slot *s)
{
    struct model *m = c->m;
    struct finding f = {.fd = fd, .kind = KIND_OPEN, .since_ns = s->opened_ns};
    if (c->l->life == LIFE_EXECED && s->flags & SLOT_CLOEXEC) /* exec has closed it */
        return;
    m->tracked++;
    if (s->flags & SLOT_IGNORED || ((s->flags & SLOT_INHERITED) && !(s->flags & SLOT_USED)))
        return;
    bool looked_at = s->watch_gen == SLOT_GEN(s->word) && s->cookie;
    const struct state_detail *live = state_slot_detail(&c->l->view, s);
    struct state_detail d = {.kind = KIND_NONE};
    if (live) {
        memcpy(&d, live, sizeof d);
        if (!state_slot_detail(&c->l->view, s)) /* given to another socket while we copied */
            return;
        if (d.kind < KIND_COUNT)
            from_detail(m, &f, &d);
    } else if (!load_is_live(c->l) || (!looked_at && s->family != AF_UNIX)) {
        infer(s, &f); /* of a live one the kernel's word is asked below */
    }
    f.origin = SLOT_ORIGIN(s) < ORIGIN_COUNT ? (uint8_t)SLOT_ORIGIN(s) : ORIGIN_UNSEEN;
    f.family = s->family;
    f.told_errno = s->told_errno;
    f.tid = s->tid;
    f.tag_number = s->tag;
    f.opened_ns = s->opened_ns;
    f.adopted = s->flags & SLOT_ADOPTED;
    f.told_site = s->told_site;
    struct state_site_view site;
    if (s->site && state_site_at(&c->l->view, s->site, &site)) {
        f.site = s->site;
        f.siteid = site.site->siteid;
    }
    if (s->tag) {
        char tag[64];
        state_tag_at(&c->l->view, s->tag, tag);
        f.tag = tag[0] ? arena_string(&m->arena, tag) : NULL;
    }
    uint8_t seen = f.kind;
    struct confirm_slot slot = {.inode = d.inode, .looked_at = looked_at, .was_connected = s->flags & SLOT_CONNECTED, .type = SLOT_TYPE(s)};
    bool held = !c->confirm || confirm_socket(c->confirm, &f, &slot, c->kinds & KIND_BIT(KIND_OPEN));
    if (seen != KIND_OPEN && c->kinds & KIND_BIT(seen) && (!held || f.kind == KIND_OPEN))
        m->unconfirmed++;
    /* Standard descriptors that came from outside are not this program's to close. */
    if (!load_is_live(c->l) && f.origin == ORIGIN_INHERITED && fd <= 2 && !f.past_grace)
        return;
    if (!held || !(c->kinds & KIND_BIT(f.kind)) || age_of(m->report.now_ns, f.since_ns) < c->min_age_ns || seen_again(c, s))
        return;
    struct suppression *rule = suppress_socket(c->o->rules, c->o->n_rules, &f);
    if (!rule)
        rule = suppress_socket(c->o->own, c->o->n_own, &f);
    if (rule) {
        rule->sockets++;
        m->report.suppressed += !rule->builtin;
        return;
    }
    if (m->n_findings == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        m->findings = arena_grow(m->findings, c->cap, sizeof *m->findings);
    }
    m->findings[m->n_findings++] = f;
}

static void collect(struct model *m, const struct loaded_file *l, const struct model_options *o)
{
    const struct state_header *h = state_head(&l->view);
    bool live = load_is_live(l);
    struct collecting c = {.m = m, .l = l, .o = o, .kinds = o->kinds ? o->kinds : load_relaxed32(&h->kinds) & KINDS_ALL};
    if (!c.kinds)
        c.kinds = KINDS_DEFAULT;
    c.min_age_ns = o->min_age_set ? o->min_age_ns : live ? load_relaxed64(&h->grace_ns) : 0;
    if (live)
        c.confirm = confirm_begin(l, &m->arena);
    m->checked = c.confirm != NULL;
    uint64_t pos = 0;
    struct state_slot slot;
    for (int fd; state_next_slot(&l->view, &pos, &fd, &slot);)
        collect_slot(&c, fd, &slot);
    confirm_end(c.confirm);
    free(c.seen);
}

/* ---- groups --------------------------------------------------------------------------------------------------- */

static void fill_counters(const struct model *m, struct group *g)
{
    struct state_site_view site;
    const struct state_header *h = state_head(&m->from->view);
    if (!group_count(g, &m->from->view) || !state_site_at(&m->from->view, g->site, &site))
        return;
    g->rate_milli = load_relaxed32(&site.site->rate_milli[g->kind]);
    g->growing = load_relaxed32(&site.site->trend[g->kind]) == TREND_GROWING;
    g->steady = load_relaxed32(&site.site->trend[g->kind]) == TREND_STEADY;
    if (!g->rate_milli || !load_is_live(m->from))
        return;
    uint32_t limit = load_relaxed32(&h->nofile_limit);
    g->fd_limit_in_s = growth_runs_out_s(m->tracked, limit, g->rate_milli);
    g->fd_limit = g->fd_limit_in_s ? limit : 0;
    uint64_t range = load_relaxed64(&h->port_range);
    uint64_t low = range >> 16 & 0xffff, high = range & 0xffff;
    if (range && high >= low)
        group_forecast_ports(g, high - low + 1);
}

static int by_rate(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->rate_milli != y->rate_milli)
        return x->rate_milli > y->rate_milli ? -1 : 1;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : 0;
}

static int by_age(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
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
        for (int fd; state_next_slot(&l->view, &pos, &fd, &s);) { /* later events prove a later moment */
            uint64_t t = s.told_ns > s.opened_ns ? s.told_ns : s.opened_ns;
            if (t > m->report.now_ns)
                m->report.now_ns = t;
        }
    }
    m->report.now_real_ns = load_to_real(l, m->report.now_ns);
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
    r->stretched_ms = load_is_live(l) ? load_relaxed32(&h->stretched) : 0;
    set_time(m, l);
    collect(m, l, o);

    r->groups = arena_array(&m->arena, m->n_findings, sizeof *r->groups);
    r->n_groups = group_findings(m->findings, m->n_findings, r->groups, r->now_ns);
    for (size_t i = 0; i < r->n_groups; i++) {
        stacks_want(l, sym, r->groups[i].site);
        stacks_want(l, sym, r->groups[i].told_site);
    }
    for (size_t i = 0; i < r->n_groups; i++) {
        struct group *g = &r->groups[i];
        fill_counters(m, g);
        g->frames = stacks_frames(&m->arena, l, sym, g->site, &g->n_frames);
        g->told = stacks_frames(&m->arena, l, sym, g->told_site, &g->n_told);
    }
    model_finish(m, o);
}

void model_free(struct model *m)
{
    free(m->findings);
    arena_free(&m->arena);
}
