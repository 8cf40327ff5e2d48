/* SPDX-License-Identifier: MIT */
/*
 * group.c: findings sorted and cut into groups by kind and allocating stack.
 *
 * Called once a report by the thread that makes it, in the agent and in the command, over arrays
 * that the caller owns. Heap sort, because it needs neither memory nor recursion and has no slow
 * case.
 */
#include "group.h"

#include <string.h>
#include <sys/socket.h>

#include "finding.h"
#include "growth.h"

#define FEW_PORTS 64 /* with fewer sockets to one peer a forecast of ports is not worth a line */

typedef int compare_fn(const void *a, const void *b);

static void swap(char *a, char *b, size_t size)
{
    char tmp[64];
    while (size > 0) {
        size_t n = size < sizeof tmp ? size : sizeof tmp;
        memcpy(tmp, a, n);
        memcpy(a, b, n);
        memcpy(b, tmp, n);
        a += n;
        b += n;
        size -= n;
    }
}

static void sift_down(char *base, size_t root, size_t n, size_t size, compare_fn *compare)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= n)
            return;
        if (child + 1 < n && compare(base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (compare(base + root * size, base + child * size) >= 0)
            return;
        swap(base + root * size, base + child * size, size);
        root = child;
    }
}

static void heap_sort(void *array, size_t n, size_t size, compare_fn *compare)
{
    char *base = array;
    for (size_t i = n / 2; i-- > 0;)
        sift_down(base, i, n, size, compare);
    for (size_t end = n; end-- > 1;) {
        swap(base, base + end * size, size);
        sift_down(base, 0, end, size, compare);
    }
}

#define ORDER(a, b)                    \
    do {                               \
        if ((a) != (b))                \
            return (a) < (b) ? -1 : 1; \
    } while (0)

/* A stack whose stable name is not known still groups by its record. */
static state_ref second_key(const struct finding *f) { return f->siteid ? 0 : f->site; }

static bool same_group(const struct finding *a, const struct finding *b)
{
    return a->kind == b->kind && a->siteid == b->siteid && second_key(a) == second_key(b);
}

static int compare_findings(const void *pa, const void *pb)
{
    const struct finding *a = pa, *b = pb;
    ORDER(a->kind, b->kind);
    ORDER(a->siteid, b->siteid);
    ORDER(second_key(a), second_key(b));
    ORDER(a->since_ns, b->since_ns);
    ORDER(a->pid, b->pid);
    ORDER(a->fd, b->fd);
    return 0;
}

static int compare_groups(const void *pa, const void *pb)
{
    const struct group *a = pa, *b = pb;
    ORDER(b->count, a->count);
    ORDER(a->kind, b->kind);
    ORDER(a->siteid, b->siteid);
    ORDER(a->site, b->site);
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

static void fill_group(struct group *g, const struct finding *f, size_t n, uint64_t now_ns)
{
    uint64_t hows[HOW_TIMEOUT + 1] = {0}, eofs[EOF_UNREAD + 1] = {0};
    state_ref told = 0;
    uint64_t votes = 0;
    memset(g, 0, sizeof *g);
    for (size_t i = 0; i < n; i++) {
        hows[f[i].how <= HOW_TIMEOUT ? f[i].how : HOW_NONE]++;
        eofs[f[i].eof <= EOF_UNREAD ? f[i].eof : EOF_NONE]++;
        if (!f[i].told_site)
            continue;
        /*
         * Boyer and Moore's majority vote: the stack in which most of them saw EOF or the error, if
         * there is one; else one of those stacks.
         */
        if (votes == 0)
            told = f[i].told_site;
        votes = f[i].told_site == told ? votes + 1 : votes - 1;
    }
    g->never = f->never;
    for (size_t i = 0; i < n; i++) {
        g->descriptors += f[i].descriptors ? f[i].descriptors : 1;
        if (f[i].never != g->never)
            g->never = NEVER_NONE;
    }
    g->kind = f->kind;
    g->how = most_frequent(hows, HOW_TIMEOUT + 1);
    g->eof = most_frequent(eofs, EOF_UNREAD + 1);
    g->siteid = f->siteid;
    g->site = f->site;
    g->told_site = told;
    g->count = n;
    g->oldest_ns = age(now_ns, f[0].since_ns);
    g->youngest_ns = age(now_ns, f[n - 1].since_ns);
    g->n_findings = n;
    g->findings = f;
}

size_t group_findings(struct finding *findings, size_t n, struct group *groups, uint64_t now_ns)
{
    size_t n_groups = 0;
    heap_sort(findings, n, sizeof *findings, compare_findings);
    for (size_t i = 0, end; i < n; i = end) {
        end = i + 1;
        while (end < n && same_group(&findings[i], &findings[end]))
            end++;
        fill_group(&groups[n_groups++], &findings[i], end - i, now_ns);
    }
    heap_sort(groups, n_groups, sizeof *groups, compare_groups);
    return n_groups;
}

/* ---- counters -------------------------------------------------------------------------------- */

static void add_site(struct group *g, const struct state_site *s)
{
    g->opened += atomic_load_explicit(&s->opened, memory_order_relaxed);
    g->closed += atomic_load_explicit(&s->closed, memory_order_relaxed);
}

/*
 * One stack may have several records: code that was unloaded and loaded again elsewhere is the same
 * code to a reader.
 */
static bool is_of_one_record(const struct group *g)
{
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
    g->opened = g->closed = 0;
    if (!has_site) { /* the header counts the sockets that have no stack */
        g->opened = atomic_load_explicit(&h->sockets_opened, memory_order_relaxed);
        g->closed = atomic_load_explicit(&h->sockets_closed, memory_order_relaxed);
    } else if (is_of_one_record(g)) {
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

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

static bool reads_the_same(const struct group *a, const struct group *b)
{
    if (a->n_frames != b->n_frames || !a->n_frames)
        return false;
    for (size_t i = 0; i < a->n_frames; i++) {
        const struct frame *x = &a->frames[i], *y = &b->frames[i];
        if (!x->symbol || !same_text(x->symbol, y->symbol) || x->line != y->line || (x->line && !same_text(x->file, y->file)))
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
    uint64_t copies = g->count ? (uint64_t)g->rate_milli * g->descriptors / g->count : 0;
    uint64_t rate = copies > g->rate_milli ? copies : g->rate_milli;
    g->fd_limit = limit;
    g->fd_limit_reached = growth_is_reached(used, limit);
    g->fd_limit_in_s = growth_runs_out_s(used, limit, rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate);
}

const char *group_ports_peer(const struct group *g)
{
    const char *peer = g->n_findings >= FEW_PORTS ? g->findings[0].peer : NULL;
    for (size_t i = 0; peer && i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
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
    g->ports_reached = growth_is_reached(g->count, ports);
    g->ports_in_s = growth_runs_out_s(g->count, ports, g->rate_milli);
}
