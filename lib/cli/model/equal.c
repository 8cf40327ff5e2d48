/* SPDX-License-Identifier: MIT */
/*
 * equal.c: groups whose stacks read the same are one group.
 *
 * Called by model.c and merge.c once the frames have their names. Sorts the groups by what they
 * show, and moves the findings of equal ones together.
 */
#include "equal.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/group.h"
#include "../../core/group_told.h"
#include "../../core/siblings.h"
#include "../../core/sort.h"
#include "growth.h"
#include "handlers.h"

static bool after_operator(const char *s, const char *begin) { return s - begin >= 8 && strncmp(s - 8, "operator", 8) == 0; }

/* The end of the template arguments that begin at S; S where none do. */
static const char *skip_arguments(const char *s, const char *begin)
{
    unsigned depth = 0;
    const char *end = s;
    if (*s != '<' || s == begin || s[-1] == '<' || after_operator(s, begin))
        return s;
    do {
        depth += *end == '<';
        depth -= *end == '>' && end[-1] != '-';
    } while (*++end && depth);
    return depth ? s : end;
}

/*
 * The name of a function for comparison, in KEY: of a template without its arguments, and without
 * the types that may follow from them: "int ns::f<int>(int)" is "ns::f". Others are as they are.
 */
static const char *name_key(const char *name, char *key, size_t cap)
{
    size_t n = 0;
    bool is_template = false;
    for (const char *s = name; *s && n + 1 < cap;) {
        const char *end = skip_arguments(s, name);
        if (end != s) {
            is_template = true;
            s = end;
        } else if (*s == ' ' && !after_operator(s, name)) {
            n = 0;
            s++;
        } else if (*s == '(' && n && !after_operator(s, name)) {
            break;
        } else {
            key[n++] = *s++;
        }
    }
    key[n] = 0;
    return is_template ? key : name;
}

static int compare_names(const char *a, const char *b)
{
    char x[256], y[256];
    if (!a || !b)
        return a ? 1 : b ? -1 : 0;
    return strcmp(name_key(a, x, sizeof x), name_key(b, y, sizeof y));
}

static int compare_strings(const char *a, const char *b) { return !a || !b ? (a ? 1 : b ? -1 : 0) : strcmp(a, b); }

static int compare_frames(const struct frame *a, const struct frame *b)
{
    bool lines = a->file && a->line && b->file && b->line;
    int d = lines ? compare_names(a->symbol, b->symbol) : compare_strings(a->symbol, b->symbol);
    if (!d)
        d = compare_strings(a->file, b->file);
    if (d)
        return d;
    ORDER(a->line, b->line);
    ORDER(a->inlined, b->inlined);
    if (lines)
        return 0;
    d = compare_strings(a->module, b->module);
    if (!d)
        d = compare_strings(a->build_id, b->build_id);
    if (d)
        return d;
    ORDER(a->offset, b->offset);
    /* generated code is in no module, and two calls in it may differ in the address alone */
    ORDER(a->runtime, b->runtime);
    if (!a->module && a->runtime == RUNTIME_NATIVE)
        ORDER(a->pc, b->pc);
    return 0;
}

static bool has_line(const struct group *g)
{
    for (size_t i = 0; i < g->n_frames; i++)
        if (g->frames[i].file && g->frames[i].line)
            return true;
    return false;
}

static int compare_shown(const struct group *a, const struct group *b)
{
    ORDER(a->kind, b->kind);
    ORDER(a->n_frames, b->n_frames);
    for (size_t i = 0; i < a->n_frames; i++) {
        int d = compare_frames(&a->frames[i], &b->frames[i]);
        if (d)
            return d;
    }
    /* where no line is known, the addresses alone say the site */
    if (!has_line(a))
        ORDER(a->siteid, b->siteid);
    return 0;
}

static uint32_t variant_of(const struct group *g) { return g->variants > 1 ? g->variant : 0; }

/* Variants lie together, and in each the group with the most sockets comes first: its stacks are shown. */
static int by_shown(const void *x, const void *y)
{
    const struct group *a = x, *b = y;
    int d = compare_shown(a, b);
    if (d)
        return d;
    ORDER(variant_of(a), variant_of(b));
    ORDER(b->count, a->count);
    ORDER(a->siteid, b->siteid);
    return 0;
}

static void add_group(struct arena *a, struct group *to, const struct group *g)
{
    to->count += g->count;
    to->descriptors += g->descriptors;
    to->n_findings += g->n_findings;
    if (to->never != g->never)
        to->never = NEVER_NONE;
    if (to->how != g->how && g->count > to->count - g->count)
        to->how = g->how;
    if (g->oldest_ns > to->oldest_ns)
        to->oldest_ns = g->oldest_ns;
    if (g->youngest_ns < to->youngest_ns)
        to->youngest_ns = g->youngest_ns;
    group_told_add(to, g);
    handlers_join(a, to, g);
    group_told_named(to);
    siblings_add(to, g);
    /* the sooner one; both are of the one process */
    if (g->fd_limit_in_s && (!to->fd_limit_in_s || g->fd_limit_in_s < to->fd_limit_in_s)) {
        to->fd_limit = g->fd_limit;
        to->fd_limit_in_s = g->fd_limit_in_s;
    }
}

/* The findings of the N groups at PARTS, in one array, of one site. */
static const struct finding *join_findings(struct model *m, const struct group *parts, size_t n, size_t total, uint64_t siteid)
{
    struct finding *all = arena_array(&m->arena, total, sizeof *all);
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < parts[i].n_findings; k++) {
            all[at] = parts[i].findings[k];
            all[at++].siteid = siteid;
        }
    qsort(all, at, sizeof *all, group_compare_ages);
    return all;
}

/* One of the N groups at PARTS before the one at AT is of its site, too: another variant. */
static bool is_counted(const struct group *parts, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (parts[i].siteid == parts[at].siteid)
            return true;
    return false;
}

/* What is the whole site's: of the N groups at PARTS, which read the same but for their variants. */
static struct group sum_site(struct arena *a, const struct group *parts, size_t n)
{
    struct group sum = {.siteid = parts[0].siteid, .steady = true};
    for (size_t i = 0; i < n; i++) {
        const struct group *g = &parts[i];
        sum.site_count += g->count;
        sum.site_descriptors += g->descriptors;
        sum.variants += i == 0 || variant_of(&g[-1]) != variant_of(g);
        if (g->siteid < sum.siteid)
            sum.siteid = g->siteid;
        if (is_counted(parts, i))
            continue;
        sum.opened += g->opened;
        sum.asserted += g->asserted;
        sum.closed += g->closed;
        sum.live += g->live;
        sum.rate_milli += g->rate_milli;
        sum.growing |= g->growing;
        sum.steady &= g->steady;
        growth_join(&sum, g, a);
    }
    return sum;
}

static void set_site(struct group *g, const struct group *site)
{
    g->siteid = site->siteid;
    g->variants = site->variants;
    g->site_count = site->site_count;
    g->site_descriptors = site->site_descriptors;
    g->opened = site->opened;
    g->asserted = site->asserted;
    g->closed = site->closed;
    g->live = site->live;
    g->rate_milli = site->rate_milli;
    g->growing = site->growing;
    g->steady = site->steady;
    g->growth = site->growth;
    g->n_growth = site->n_growth;
}

/* Makes one of those of the N groups at PARTS that are of one variant; returns how many are left. */
static size_t merge_site(struct model *m, struct group *parts, size_t n)
{
    struct group site = sum_site(&m->arena, parts, n);
    size_t kept = 0;
    for (size_t i = 0, k; i < n; i += k) {
        struct group sum = parts[i];
        for (k = 1; i + k < n && variant_of(&parts[i + k]) == variant_of(&parts[i]); k++)
            add_group(&m->arena, &sum, &parts[i + k]);
        if (k > 1 || sum.siteid != site.siteid)
            sum.findings = join_findings(m, &parts[i], k, sum.n_findings, site.siteid);
        set_site(&sum, &site);
        parts[kept++] = sum;
    }
    return kept;
}

void equal_groups_merge(struct model *m)
{
    struct report *r = &m->report;
    size_t kept = 0;
    if (r->n_groups < 2)
        return;
    qsort(r->groups, r->n_groups, sizeof *r->groups, by_shown);
    for (size_t i = 0, n; i < r->n_groups; i += n) {
        for (n = 1; i + n < r->n_groups && compare_shown(&r->groups[i], &r->groups[i + n]) == 0; n++)
            ;
        size_t left = n > 1 ? merge_site(m, &r->groups[i], n) : 1;
        memmove(&r->groups[kept], &r->groups[i], left * sizeof *r->groups);
        kept += left;
    }
    r->n_groups = kept;
    qsort(r->groups, r->n_groups, sizeof *r->groups, group_compare);
}
