/* SPDX-License-Identifier: MIT */
/*
 * group.c: findings sorted and cut into groups by kind and allocating stack.
 *
 * Called once a report by the thread that makes it, in the agent and in the command, over arrays
 * that the caller owns.
 */
#include "group.h"

#include <string.h>
#include <sys/socket.h>

#include "finding.h"
#include "group_told.h"
#include "growth.h"
#include "sort.h"
#include "variants.h"
#include "word.h"

#define FEW_PORTS 64 /* with fewer sockets to one peer a forecast of ports is not worth a line */

/* No stack opened it: it is grouped by the stack that saw EOF. */
static bool is_of_eof(const struct finding *f) { return !f->siteid && !f->site && f->told_id && finding_event(f) == EVENT_EOF; }

static uint64_t first_key(const struct finding *f) { return is_of_eof(f) ? f->told_id : f->siteid; }

/* A stack whose stable name is not known still groups by its record. */
static state_ref second_key(const struct finding *f) { return f->siteid ? 0 : f->site; }

static bool same_site(const struct finding *a, const struct finding *b)
{
    return a->kind == b->kind && is_of_eof(a) == is_of_eof(b) && first_key(a) == first_key(b) && second_key(a) == second_key(b);
}

int group_compare_ages(const void *pa, const void *pb)
{
    const struct finding *a = pa, *b = pb;
    ORDER(a->since_ns, b->since_ns);
    ORDER(a->pid, b->pid);
    ORDER(a->fd, b->fd);
    return 0;
}

static int compare_findings(const void *pa, const void *pb)
{
    const struct finding *a = pa, *b = pb;
    ORDER(a->kind, b->kind);
    ORDER(is_of_eof(a), is_of_eof(b));
    ORDER(first_key(a), first_key(b));
    ORDER(second_key(a), second_key(b));
    ORDER(a->variant, b->variant);
    return group_compare_ages(a, b);
}

bool group_has_stack(const struct group *g)
{
    bool any = g->siteid || g->site || g->n_frames;
    for (unsigned i = 0; i < g->n_told && !any; i++)
        any = g->told[i].siteid || g->told[i].site;
    return any;
}

int group_compare(const void *pa, const void *pb)
{
    const struct group *a = pa, *b = pb;
    ORDER(!group_has_stack(a), !group_has_stack(b));
    ORDER(group_site_count(b), group_site_count(a));
    ORDER(a->kind, b->kind);
    ORDER(a->siteid, b->siteid);
    ORDER(a->site, b->site);
    ORDER(b->count, a->count);
    ORDER(a->variant, b->variant);
    return 0;
}

static uint8_t most_frequent(const uint64_t *counts, unsigned n)
{
    unsigned best = 0;
    for (unsigned i = 1; i < n; i++)
        if (counts[i] > counts[best])
            best = i;
    return (uint8_t)best;
}

static uint64_t age(uint64_t now_ns, uint64_t since_ns) { return now_ns > since_ns ? now_ns - since_ns : 0; }

/* ---- groups ---------------------------------------------------------------------------------- */

/*
 * F's connection has ended as one that the program can see by EOF, so that not to know of it is
 * worth a word.
 */
static bool has_eof(const struct finding *f)
{
    switch (f->kind) {
    case KIND_CLOSE_WAIT:
    case KIND_HANGUP:
        return true;
    case KIND_DEAD:
        return f->how != HOW_RESET && f->how != HOW_TIMEOUT && !f->told_error;
    default:
        return false;
    }
}

static void count_eof(struct group *g, const struct finding *f)
{
    g->n_read += f->eof == EOF_READ;
    g->n_unread += f->eof == EOF_UNREAD;
    g->n_unknown += f->eof == EOF_NONE && has_eof(f);
    if (f != g->findings && f->eof != g->eof)
        g->eof = EOF_MIXED;
    if (f->tid != g->opener.tid)
        g->opener.tid = 0;
}

static void fill_group(struct group *g, struct finding *f, size_t n, uint64_t now_ns)
{
    uint64_t hows[HOW_TIMEOUT + 1] = {0};
    memset(g, 0, sizeof *g);
    g->findings = f;
    g->eof = f->eof;
    g->never = f->never;
    g->opener.tid = f->tid;
    for (size_t i = 0; i < n; i++) {
        hows[f[i].how <= HOW_TIMEOUT ? f[i].how : HOW_NONE]++;
        count_eof(g, &f[i]);
        g->descriptors += f[i].descriptors ? f[i].descriptors : 1;
        if (f[i].never != g->never)
            g->never = NEVER_NONE;
    }
    g->kind = f->kind;
    g->how = most_frequent(hows, HOW_TIMEOUT + 1);
    g->of_eof = is_of_eof(f);
    g->siteid = first_key(f);
    g->site = f->site;
    group_told_fill(g, f, n);
    heap_sort(f, n, sizeof *f, compare_findings);
    g->count = n;
    g->oldest_ns = age(now_ns, f[0].since_ns);
    g->youngest_ns = age(now_ns, f[n - 1].since_ns);
    g->n_findings = n;
}

static bool is_sorted(const struct finding *f, size_t n)
{
    size_t i = 1;
    while (i < n && compare_findings(&f[i - 1], &f[i]) <= 0)
        i++;
    return i >= n;
}

/* The N findings F are all of one site and kind: one group, or one for each variant. Returns how many. */
static size_t fill_site(struct group *groups, struct finding *f, size_t n, uint64_t now_ns)
{
    size_t n_groups = 0;
    uint64_t descriptors = 0;
    unsigned variants = is_of_eof(f) ? 1 : variants_assign(f, n);
    if (!is_sorted(f, n))
        heap_sort(f, n, sizeof *f, compare_findings); /* each variant by its ages */
    for (size_t i = 0; i < n; i++)
        descriptors += f[i].descriptors ? f[i].descriptors : 1;
    for (size_t i = 0, end; i < n; i = end) {
        struct group *g = &groups[n_groups++];
        for (end = i + 1; end < n && f[end].variant == f[i].variant;)
            end++;
        fill_group(g, &f[i], end - i, now_ns);
        g->variants = variants;
        g->variant = f[i].variant;
        g->site_count = n;
        g->site_descriptors = descriptors;
        g->site_findings = f;
    }
    return n_groups;
}

size_t group_findings(struct finding *findings, size_t n, struct group *groups, uint64_t now_ns)
{
    size_t n_groups = 0;
    for (size_t i = 0; i < n; i++)
        findings[i].variant = 0;
    heap_sort(findings, n, sizeof *findings, compare_findings);
    for (size_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && same_site(&findings[i], &findings[end]))
            end++;
        n_groups += fill_site(&groups[n_groups], &findings[i], end - i, now_ns);
    }
    heap_sort(groups, n_groups, sizeof *groups, group_compare);
    return n_groups;
}

/* ---- counters -------------------------------------------------------------------------------- */

static void add_site(struct group *g, const struct state_site *s)
{
    g->opened += atomic_load_explicit(&s->opened, memory_order_relaxed);
    g->closed += atomic_load_explicit(&s->closed, memory_order_relaxed);
    g->asserted += atomic_load_explicit(&s->asserted, memory_order_relaxed);
}

/*
 * One stack may have several records: code that was unloaded and loaded again elsewhere is the same
 * code to a reader; and in a stack with frames of a runtime those of the interpreter may differ.
 */
static bool is_of_one_record(const struct group *g, const struct state_site_view *v)
{
    for (unsigned i = 0; i < v->nframes; i++)
        if (state_is_frame(v->pcs[i]))
            return false;
    for (size_t i = 0; i < g->n_findings; i++)
        if (g->findings[i].site != g->site)
            return false;
    return true;
}

bool group_count(struct group *g, const struct state_view *view)
{
    struct state_site_view v;
    const struct state_header *h = state_head(view);
    bool has_site = g->site && state_site_at(view, g->site, &v);
    g->opened = g->closed = g->asserted = 0;
    if (!has_site) { /* the header counts the sockets that have no stack */
        g->opened = atomic_load_explicit(&h->sockets_opened, memory_order_relaxed);
        g->closed = atomic_load_explicit(&h->sockets_closed, memory_order_relaxed);
    } else if (is_of_one_record(g, &v)) {
        add_site(g, v.site);
    } else {
        uint64_t pos = 0;
        state_ref ref;
        while (state_next_site(view, &pos, &ref, &v))
            if (v.site->siteid == g->siteid)
                add_site(g, v.site);
    }
    g->live = g->opened > g->closed ? g->opened - g->closed : 0;
    return has_site;
}

/* ---- reserves -------------------------------------------------------------------------------- */

/* The only finding of G with which nothing was tried; n_findings: there is none, or several. */
static size_t only_reserve(const struct group *g)
{
    size_t at = g->n_findings;
    for (size_t i = 0; i < g->n_findings; i++) {
        if (!finding_may_be_reserve(g->findings[i].never))
            continue;
        if (at < g->n_findings)
            return g->n_findings;
        at = i;
    }
    return at;
}

static bool reads_the_same(const struct group *a, const struct group *b)
{
    if (a->n_frames != b->n_frames || !a->n_frames)
        return false;
    for (size_t i = 0; i < a->n_frames; i++) {
        const struct frame *x = &a->frames[i], *y = &b->frames[i];
        bool named = x->symbol || y->symbol; /* a C library without debug symbols has functions without a name */
        if (named ? !same_text(x->symbol, y->symbol) || x->line != y->line || (x->line && !same_text(x->file, y->file))
                  : x->pc != y->pc || x->offset != y->offset || !same_text(x->module, y->module))
            return false;
    }
    return true;
}

/* Another group than I has a socket of the same site with which nothing was tried either. */
static bool has_fellow(const struct group *groups, size_t n, size_t i)
{
    for (size_t k = 0; k < n; k++) {
        bool reserves = false;
        for (size_t f = 0; k != i && groups[k].kind == KIND_NEVER_CONNECTED && f < groups[k].n_findings && !reserves; f++)
            reserves = finding_may_be_reserve(groups[k].findings[f].never);
        if (reserves && reads_the_same(&groups[i], &groups[k]))
            return true;
    }
    return false;
}

size_t group_settle_reserves(struct group *groups, size_t n, enum kind kind)
{
    size_t settled = 0;
    /* first all answers: a group that is settled is a fellow of others all the same */
    for (size_t i = 0; i < n; i++)
        groups[i].reserve =
            groups[i].kind == KIND_NEVER_CONNECTED && only_reserve(&groups[i]) < groups[i].n_findings && !has_fellow(groups, n, i);
    for (size_t i = 0; i < n; i++) {
        if (!groups[i].reserve)
            continue;
        struct finding *f = (struct finding *)(uintptr_t)&groups[i].findings[only_reserve(&groups[i])]; /* the caller's array */
        f->kind = (uint8_t)kind;
        f->never = NEVER_NONE;
        f->since_ns = f->opened_ns;
        settled++;
    }
    return settled;
}

size_t group_drop_settled(struct finding *findings, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (findings[i].kind != KIND_NONE)
            findings[kept++] = findings[i];
    return kept;
}

/* ---- forecasts ------------------------------------------------------------------------------- */

void group_forecast_descriptors(struct group *g, uint64_t used, uint64_t limit)
{
    uint64_t count = group_site_count(g), descriptors = g->variants > 1 ? g->site_descriptors : g->descriptors;
    uint64_t copies = count ? (uint64_t)g->rate_milli * descriptors / count : 0;
    uint64_t rate = copies > g->rate_milli ? copies : g->rate_milli;
    g->fd_limit = limit;
    g->fd_limit_reached = growth_is_reached(used, limit);
    g->fd_limit_in_s = growth_runs_out_s(used, limit, rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate);
}

const char *group_ports_peer(const struct group *g)
{
    const struct finding *all = g->variants > 1 ? g->site_findings : g->findings;
    size_t n = g->variants > 1 ? (size_t)g->site_count : g->n_findings;
    const char *peer = n >= FEW_PORTS ? all[0].peer : NULL;
    for (size_t i = 0; peer && i < n; i++) {
        const struct finding *f = &all[i];
        if (f->origin != ORIGIN_SOCKET || (f->family != AF_INET && f->family != AF_INET6) || !f->peer || strcmp(f->peer, peer) != 0)
            return NULL;
    }
    return peer;
}

void group_forecast_ports(struct group *g, uint64_t ports)
{
    const char *peer = ports ? group_ports_peer(g) : NULL;
    if (!peer)
        return;
    g->ports = ports;
    g->ports_peer = peer;
    g->ports_reached = growth_is_reached(group_site_count(g), ports);
    g->ports_in_s = growth_runs_out_s(group_site_count(g), ports, g->rate_milli);
}
