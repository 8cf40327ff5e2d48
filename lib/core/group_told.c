/* SPDX-License-Identifier: MIT */
/*
 * group_told.c: what a group's sockets were told and what was done with them, by stack.
 *
 * Called while a report is made, by group.c and by whoever gives the stacks their names, in agent
 * and command, over groups that the caller owns.
 */
#include "group_told.h"

#include "finding.h"
#include "sort.h"
#include "users.h"
#include "word.h"

#define STACKS_SEEN 16u /* of one event of a group, before the commonest are chosen */

/* The order in which those that were told in the same way lie together. */
static int compare_told(const void *pa, const void *pb)
{
    const struct finding *a = pa, *b = pb;
    ORDER(finding_event(a), finding_event(b));
    ORDER(a->told_id, b->told_id);
    ORDER(a->told_id ? 0 : a->told_site, b->told_id ? 0 : b->told_site);
    ORDER(a->told_call, b->told_call);
    ORDER(a->failed ? a->told_errno : 0, b->failed ? b->told_errno : 0);
    return 0;
}

static int compare_entries(const void *pa, const void *pb)
{
    const struct told *a = pa, *b = pb;
    ORDER(a->event, b->event);
    ORDER(b->count, a->count);
    ORDER(a->siteid, b->siteid);
    ORDER(a->site, b->site);
    ORDER(a->call, b->call);
    ORDER(a->error, b->error);
    return 0;
}

/* Events that do not come sorted, each run as one. */
static bool is_same_entry(const struct told *a, const struct told *b)
{
    return a->event >= EVENT_CLOSED && a->event == b->event && a->call == b->call && a->error == b->error && a->siteid == b->siteid &&
           a->was == b->was && a->closer == b->closer && (a->siteid || a->site == b->site);
}

static void enter_uses(struct group *g, const struct finding *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < USE_EVENTS; k++) {
            const struct use_event *e = &f[i].uses[k];
            struct told t = {
                .event = (uint8_t)(EVENT_CLOSED + k), .call = e->call, .error = e->error, .site = e->site, .siteid = e->siteid, .count = 1};
            if (e->happened)
                group_told_enter(g, &t);
        }
}

/* Either is of one socket that was closed there. */
static void take_comparison(struct told *to, const struct told *t)
{
    if (to->compared || !t->compared)
        return;
    to->compared = true;
    to->same = t->same;
    to->lacks = t->lacks;
}

void group_told_enter(struct group *g, const struct told *t)
{
    struct told *rarest = NULL;
    unsigned same = 0;
    for (unsigned i = 0; i < g->n_told; i++)
        if (is_same_entry(&g->told[i], t)) {
            g->told[i].count += t->count;
            take_comparison(&g->told[i], t);
            return;
        }
    for (unsigned i = 0; i < g->n_told; i++) {
        if (g->told[i].event != t->event)
            continue;
        same++;
        if (!rarest || g->told[i].count < rarest->count)
            rarest = &g->told[i];
    }
    if (same < TOLD_KEPT && g->n_told < GROUP_TOLD) {
        g->told[g->n_told++] = *t;
        return;
    }
    for (unsigned i = 0; same < TOLD_KEPT && i < g->n_told; i++)
        if (!rarest || g->told[i].count < rarest->count)
            rarest = &g->told[i];
    if (rarest->count < t->count)
        *rarest = *t;
}

/* N more of T's sockets were used last in another thread than opened them, by TID; 0: by several. */
static void add_thread(struct told *t, uint64_t n, uint32_t tid)
{
    if (n && (!t->n_elsewhere || t->tid != tid))
        t->tid = t->n_elsewhere ? 0 : tid;
    t->n_elsewhere += n;
}

/* Adds E, of a socket with so many DESCRIPTORS, to the stacks SEEN; returns their number. */
static unsigned count_event(struct told *seen, unsigned n, const struct finding_event *e, uint32_t descriptors)
{
    unsigned i = 0, rarest = 0;
    for (; i < n; i++) {
        if (seen[i].siteid == e->siteid && (e->siteid || seen[i].site == e->site) && seen[i].call == e->call)
            break;
        rarest = seen[i].count < seen[rarest].count ? i : rarest;
    }
    if (i == n) {
        if (n < STACKS_SEEN)
            n++;
        else
            i = rarest;
        seen[i] = (struct told){.event = e->event, .call = e->call, .site = e->site, .siteid = e->siteid};
    }
    add_thread(&seen[i], e->elsewhere, e->tid);
    seen[i].count++;
    seen[i].n_inferred += e->inferred;
    seen[i].n_opener += e->tid && !e->elsewhere;
    seen[i].n_either += e->either;
    seen[i].descriptors += descriptors;
    return n;
}

/* Counts the stacks of what the program did. Where there are very many, the rare ones are lost. */
static void fill_life(struct group *g, const struct finding *f, size_t n)
{
    struct told seen[STACKS_SEEN];
    for (unsigned event = EVENT_NONE + 1; event < EVENT_COUNT; event++) {
        unsigned n_seen = 0;
        for (size_t i = 0; i < n; i++)
            for (unsigned k = 0; k < f[i].n_events; k++)
                if (f[i].events[k].event == event)
                    n_seen = count_event(seen, n_seen, &f[i].events[k], f[i].descriptors ? f[i].descriptors : 1);
        for (unsigned i = 0; i < n_seen; i++)
            group_told_enter(g, &seen[i]);
    }
}

/*
 * Sorts the group's findings by what was told of them and counts each run: exact, however many
 * stacks there are, and without memory.
 */
void group_told_fill(struct group *g, struct finding *f, size_t n)
{
    uint64_t without_stack = 0;
    heap_sort(f, n, sizeof *f, compare_told);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && compare_told(&f[i], &f[end]) == 0;)
            end++;
        struct told t = {.event = (uint8_t)finding_event(&f[i]),
                         .call = f[i].told_call,
                         .error = f[i].failed ? f[i].told_errno : 0,
                         .site = f[i].told_site,
                         .siteid = f[i].told_id,
                         .count = end - i};
        for (size_t k = i; k < end; k++)
            t.n_elsewhere += t.site && f[k].told_elsewhere;
        if (t.event)
            group_told_enter(g, &t);
        for (size_t k = i; k < end; k++) /* its stack is the error's */
            without_stack += t.event != EVENT_EOF && f[k].told_eof;
    }
    if (f->kind == KIND_USE_AFTER_CLOSE)
        enter_uses(g, f, n);
    if (without_stack)
        group_told_enter(g, &(struct told){.event = EVENT_EOF, .count = without_stack});
    fill_life(g, f, n);
    heap_sort(g->told, g->n_told, sizeof *g->told, compare_entries);
}

/* Two frames that read the same: of one line of one function, wherever in it the call stands. */
static bool same_frame(const struct frame *a, const struct frame *b)
{
    if (!same_text(a->on, b->on))
        return false;
    if (a->file && a->line && a->symbol)
        return a->line == b->line && same_text(a->file, b->file) && same_text(a->symbol, b->symbol);
    return a->offset == b->offset && a->pc == b->pc && same_text(a->module, b->module);
}

static bool same_frames(const struct told *a, const struct told *b)
{
    if (a->n_frames != b->n_frames)
        return false;
    for (size_t i = 0; i < a->n_frames; i++)
        if (!same_frame(&a->frames[i], &b->frames[i]))
            return false;
    return true;
}

bool group_told_reads_the_same(const struct told *a, const struct told *b)
{
    return a->event == b->event && a->call == b->call && a->error == b->error && a->was == b->was && a->closer == b->closer &&
           same_frames(a, b);
}

bool group_same_stack(const struct told *a, const struct told *b) { return a->n_frames && same_frames(a, b); }

static bool is_of_end(const struct told *t) { return event_is_end(t->event); }

const struct told *group_told_like(const struct group *g, unsigned nth)
{
    const struct told *t = &g->told[nth];
    if (t->event >= EVENT_HANDLED_BY)
        return NULL;
    for (unsigned i = 0; i < g->n_told && !is_of_end(t); i++)
        if (is_of_end(&g->told[i]) && group_same_stack(t, &g->told[i]))
            return &g->told[i];
    for (unsigned i = 0; i < nth && !is_of_end(t); i++)
        if (group_same_stack(t, &g->told[i]))
            return &g->told[i];
    return NULL;
}

const struct told *group_told_last(const struct group *g, unsigned nth)
{
    const struct told *t = &g->told[nth];
    unsigned last = t->event == EVENT_FIRST_RECEIVE ? EVENT_LAST_RECEIVE : t->event == EVENT_FIRST_SEND ? EVENT_LAST_SEND : EVENT_NONE;
    for (unsigned i = 0; last && i < g->n_told; i++)
        if (g->told[i].event == last && g->told[i].call == t->call && g->told[i].count == t->count && group_same_stack(t, &g->told[i]))
            return &g->told[i];
    return NULL;
}

bool group_told_is_within(const struct group *g, unsigned nth)
{
    for (unsigned i = 0; i < nth; i++)
        if (group_told_last(g, i) == &g->told[nth])
            return true;
    return g->told[nth].event == EVENT_PARTED;
}

static void add_told(struct told *to, const struct told *t)
{
    add_thread(to, t->n_elsewhere, t->tid);
    to->count += t->count;
    to->n_inferred += t->n_inferred;
    to->n_opener += t->n_opener;
    to->descriptors += t->descriptors;
    to->n_either += t->n_either;
    take_comparison(to, t);
}

/* What is told of a socket that GONE has closed belongs to TWIN from now on, which reads the same. */
static void rename_closer(struct group *g, unsigned first, const struct told *gone, const struct told *twin)
{
    for (unsigned i = first; gone->event == EVENT_SIBLINGS && i < g->n_told; i++)
        if (g->told[i].event == EVENT_PARTED && g->told[i].closer == gone->siteid)
            g->told[i].closer = twin->siteid;
}

/*
 * Sockets that may have been in either of the two stacks are counted for both; these read the same,
 * so it was one.
 */
static void count_once(struct told *a, const struct told *b)
{
    uint64_t twice = a->n_either < b->n_either ? a->n_either : b->n_either;
    a->count -= twice < a->count ? twice : a->count;
    a->n_inferred -= twice < a->n_inferred ? twice : a->n_inferred;
    a->n_elsewhere -= twice < a->n_elsewhere ? twice : a->n_elsewhere;
    a->n_opener -= twice < a->n_opener ? twice : a->n_opener;
    a->n_either -= twice;
}

void group_told_named(struct group *g)
{
    unsigned kept = 0, shown = 0;
    heap_sort(g->told, g->n_told, sizeof *g->told, compare_entries); /* who has closed before what parted */
    for (unsigned i = 0; i < g->n_told; i++) {
        unsigned twin = 0;
        while (twin < kept && !group_told_reads_the_same(&g->told[twin], &g->told[i]))
            twin++;
        if (twin < kept) {
            rename_closer(g, i + 1, &g->told[i], &g->told[twin]);
            count_once(&g->told[twin], &g->told[i]);
            add_told(&g->told[twin], &g->told[i]);
        } else {
            g->told[kept++] = g->told[i];
        }
    }
    heap_sort(g->told, kept, sizeof *g->told, compare_entries);
    g->n_told = 0;
    for (unsigned i = 0; i < kept; i++) {
        shown = i && g->told[i].event == g->told[i - 1].event ? shown + 1 : 1;
        if (shown <= TOLD_SHOWN)
            g->told[g->n_told++] = g->told[i];
    }
}

void group_told_enter_named(struct group *g, const struct told *t)
{
    unsigned twin = 0;
    while (twin < g->n_told && !group_told_reads_the_same(&g->told[twin], t))
        twin++;
    if (twin < g->n_told)
        add_told(&g->told[twin], t);
    else
        group_told_enter(g, t);
}

void group_told_add(struct group *g, const struct group *from)
{
    for (unsigned i = 0; i < from->n_told; i++)
        if (from->told[i].event < EVENT_SIBLINGS)
            group_told_enter_named(g, &from->told[i]);
    group_told_named(g);
    g->n_read += from->n_read;
    g->n_unread += from->n_unread;
    g->n_unknown += from->n_unknown;
    if (g->eof != from->eof)
        g->eof = EOF_MIXED;
    if (g->opener.tid != from->opener.tid)
        g->opener = (struct opener){0};
    users_add(g, from);
}

const struct told *group_commonest(const struct group *g)
{
    const struct told *best = NULL;
    for (unsigned i = 0; i < g->n_told; i++) {
        const struct told *t = &g->told[i];
        if (t->n_frames && t->event == EVENT_EOF)
            return t;
        if (!best && t->n_frames && is_of_end(t))
            best = t;
    }
    return best;
}

const struct told *group_told_of(const struct group *g, const struct finding *f)
{
    for (unsigned i = 0; i < g->n_told; i++)
        if (g->told[i].event == finding_event(f) && g->told[i].site == f->told_site && g->told[i].siteid == f->told_id)
            return &g->told[i];
    return NULL;
}
