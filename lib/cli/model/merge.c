/* SPDX-License-Identifier: MIT */
/*
 * merge.c: many processes as one report.
 *
 * Called by run and report once the single models are built. Site references mean nothing outside
 * their own file, so groups find their frames and counters by the stable id of the stack.
 */
#include "merge.h"

#include <stdlib.h>

#include "../../core/group.h"
#include "../../core/group_told.h"
#include "../../core/siblings.h"
#include "equal.h"
#include "handlers.h"
#include "model.h"
#include "once.h"
#include "originals.h"

/* The clock of a merged report: any value from which every age can be taken. */
#define MERGED_NOW_NS (UINT64_MAX / 2)

static bool is_same_site(const struct group *a, const struct group *b) { return a->kind == b->kind && a->siteid == b->siteid; }

struct keyed {
    const struct group *group;
    size_t process; /* several of one process are variants of one site */
};

static int by_kind_and_site(const void *a, const void *b)
{
    const struct group *x = ((const struct keyed *)a)->group, *y = ((const struct keyed *)b)->group;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->siteid < y->siteid ? -1 : x->siteid > y->siteid;
}

static int by_process(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int d = by_kind_and_site(a, b);
    return d ? d : x->process < y->process ? -1 : x->process > y->process;
}

/* The stack in A is shown for that in B too, which is the same one in another process. */
#define SHOW_FOR_BOTH(arena, a, b)                                                                      \
    do {                                                                                                \
        (a)->frames = originals_of_both(arena, (a)->frames, (a)->n_frames, (b)->frames, (b)->n_frames); \
        (a)->whole = originals_of_both(arena, (a)->whole, (a)->n_whole, (b)->whole, (b)->n_whole);      \
    } while (0)

/* T's frames, if P has that stack. */
static void take_frames(struct arena *a, struct told *t, const struct group *p)
{
    for (unsigned i = 0; i < p->n_told && t->siteid; i++) {
        const struct told *from = &p->told[i];
        if (from->siteid != t->siteid || from->event != t->event)
            continue;
        if (t->n_frames) {
            SHOW_FOR_BOTH(a, t, from);
            continue;
        }
        t->frames = from->frames;
        t->n_frames = from->n_frames;
        t->whole = from->whole;
        t->n_whole = from->n_whole;
    }
}

/*
 * Sums what the single processes know of this stack; the frames come from the first that has them.
 */
static void sum_parts(struct arena *a, struct group *g, const struct keyed *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct group *p = parts[i].group;
        if (i == 0 || parts[i].process != parts[i - 1].process) {
            g->opened += p->opened;
            g->asserted += p->asserted;
            g->closed += p->closed;
            g->live += p->live;
            g->growing |= p->growing;
            g->rate_milli += p->rate_milli;
            g->steady = i == 0 ? p->steady : g->steady && p->steady;
        }
        if (g->n_frames && p->n_frames) {
            SHOW_FOR_BOTH(a, g, p);
        } else if (p->n_frames) {
            g->frames = p->frames;
            g->n_frames = p->n_frames;
            g->whole = p->whole;
            g->n_whole = p->n_whole;
        }
        for (unsigned k = 0; k < g->n_told; k++)
            take_frames(a, &g->told[k], p);
    }
    for (size_t i = 0, end; i < n; i = end) {
        const struct group *p = parts[i].group; /* all of a process have the same siblings, each compared with its own */
        for (end = i; end < n && parts[end].process == parts[i].process; end++)
            if (parts[end].group->variant == g->variant)
                p = parts[end].group;
        siblings_add(g, p);
    }
}

/* Sums over the N models; *N_PARTS is how many groups they have. */
static void add_up(struct model *m, const struct model *from, size_t n, size_t *n_parts)
{
    struct report *r = &m->report;
    *n_parts = 0;
    for (size_t i = 0; i < n; i++) {
        const struct report *one = &from[i].report;
        for (size_t k = 0; k < one->n_groups; k++)
            m->n_findings += one->groups[k].n_findings;
        *n_parts += one->n_groups;
        m->tracked += from[i].tracked;
        r->suppressed += one->suppressed;
        r->dropped += one->dropped;
        r->unwritten += one->unwritten;
        if (one->now_real_ns > r->now_real_ns)
            r->now_real_ns = one->now_real_ns;
    }
}

/*
 * A finding of one process on the merged clock, with N_HANDLED lists of handlers before that one's. Ages, not clocks, are what the processes have in
 * common: they may have ended at different times.
 */
static struct finding moved(const struct finding *f, const struct report *one, size_t n_handled)
{
    struct finding copy = *f;
    if (copy.handled)
        copy.handled += (uint32_t)n_handled;
    copy.pid = one->pid;
    copy.site = copy.told_site = 0; /* of another file */
    for (unsigned i = 0; i < copy.n_events; i++)
        copy.events[i].site = 0;
    for (unsigned i = 0; i < USE_EVENTS; i++)
        copy.uses[i].site = 0;
    copy.since_ns = MERGED_NOW_NS - (one->now_ns > f->since_ns ? one->now_ns - f->since_ns : 0);
    if (f->transfer.moved_ns)
        copy.transfer.moved_ns = MERGED_NOW_NS - (one->now_ns > f->transfer.moved_ns ? one->now_ns - f->transfer.moved_ns : 0);
    copy.opened_ns = MERGED_NOW_NS - (one->now_ns > f->opened_ns ? one->now_ns - f->opened_ns : 0);
    return copy;
}

/* Gives G what those of PARTS (sorted) with the same kind and stack know. */
static void find_parts(struct arena *a, struct group *g, const struct keyed *parts, size_t n_parts)
{
    struct keyed key = {.group = g};
    const struct keyed *hit = bsearch(&key, parts, n_parts, sizeof *parts, by_kind_and_site);
    if (!hit)
        return;
    while (hit > parts && is_same_site(hit[-1].group, g))
        hit--;
    size_t count = 1;
    while (hit + count < parts + n_parts && is_same_site(hit[count].group, g))
        count++;
    sum_parts(a, g, hit, count);
}

static size_t count_handled(const struct model *from, size_t n)
{
    size_t handled = 0;
    for (size_t i = 0; i < n; i++)
        handled += from[i].n_handled;
    return handled;
}

/*
 * The groups, findings and handlers of all, each socket once; returns the number of PARTS. A group
 * of which nothing is left does not count: its sockets were opened once.
 */
static size_t take_parts(struct model *m, const struct model *from, size_t n, struct keyed *parts)
{
    size_t place = 0, at = 0, part = 0;
    struct told *handled = arena_array(&m->arena, count_handled(from, n) + 1, sizeof *handled);
    m->findings = arena_grow(NULL, m->n_findings + 1, sizeof *m->findings);
    bool *is_again = arena_grow(NULL, m->n_findings + 1, sizeof *is_again);
    once_mark(from, n, is_again);
    for (size_t i = 0; i < n; i++) {
        const struct report *one = &from[i].report;
        for (size_t k = 0; k < one->n_groups; k++) {
            size_t before = at;
            for (size_t f = 0; f < one->groups[k].n_findings; f++, place++)
                if (!is_again[place])
                    m->findings[at++] = moved(&one->groups[k].findings[f], one, m->n_handled);
            if (at > before || !one->groups[k].n_findings)
                parts[part++] = (struct keyed){&one->groups[k], i};
        }
        for (size_t k = 0; k < from[i].n_handled; k++)
            handled[m->n_handled++] = from[i].handled[k];
    }
    m->handled = handled;
    m->n_findings = at;
    free(is_again);
    return part;
}

void model_merge(struct model *m, const struct model *from, size_t n, uint32_t pid, const char *exe, const struct model_options *o)
{
    *m = (struct model){.checked = true};
    struct report *r = &m->report;
    size_t n_parts;
    add_up(m, from, n, &n_parts);
    struct keyed *parts = arena_array(&m->arena, n_parts, sizeof *parts);
    n_parts = take_parts(m, from, n, parts);
    r->now_ns = MERGED_NOW_NS;
    r->pid = pid;
    r->exe = arena_string(&m->arena, exe);
    r->host = n ? from[0].report.host : NULL;
    r->reason = o->reason >= 0 ? (uint8_t)o->reason : REASON_EXIT;
    r->groups = arena_array(&m->arena, m->n_findings, sizeof *r->groups);
    r->n_groups = group_findings(m->findings, m->n_findings, r->groups, r->now_ns);
    if (n_parts)
        qsort(parts, n_parts, sizeof *parts, by_process);
    for (size_t i = 0; i < r->n_groups; i++) {
        find_parts(&m->arena, &r->groups[i], parts, n_parts);
        handlers_tell(m, &r->groups[i]);
        group_told_named(&r->groups[i]);
        r->groups[i].opener.tid = 0; /* of several processes */
    }
    equal_groups_merge(m);
    struct model_options quiet = *o;
    quiet.n_rules = quiet.n_own = 0; /* each process' findings were matched against them already */
    model_finish(m, &quiet);
}
