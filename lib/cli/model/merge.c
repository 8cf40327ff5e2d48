/* SPDX-License-Identifier: MIT */
/*
 * merge.c: many processes as one report; and what is to be said of the process behind a model.
 *
 * Called by run and report once the single models are built. Site references mean nothing outside their own file, so groups find
 * their frames and counters by the stable name of the stack.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static bool same_key(const struct group *a, const struct group *b) { return a->kind == b->kind && a->siteid == b->siteid; }

struct keyed {
    const struct group *group;
};

static int by_key(const void *a, const void *b)
{
    const struct group *x = ((const struct keyed *)a)->group, *y = ((const struct keyed *)b)->group;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->siteid < y->siteid ? -1 : x->siteid > y->siteid;
}

/* Sums what the single processes know of this stack; frames from the first that has them. */
static void adopt(struct group *g, const struct keyed *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct group *p = parts[i].group;
        g->opened += p->opened;
        g->closed += p->closed;
        g->live += p->live;
        g->growing |= p->growing;
        g->rate_milli += p->rate_milli;
        g->steady = i == 0 ? p->steady : g->steady && p->steady;
        if (!g->n_frames && p->n_frames) {
            g->frames = p->frames;
            g->n_frames = p->n_frames;
        }
        if (!g->n_told && p->n_told) {
            g->told = p->told;
            g->n_told = p->n_told;
        }
    }
}

void model_merge(struct model *m, const struct model *from, size_t n, uint32_t pid, const char *exe, const struct model_options *o)
{
    *m = (struct model){.checked = true};
    struct report *r = &m->report;
    size_t n_parts = 0;
    for (size_t i = 0; i < n; i++) {
        const struct report *one = &from[i].report;
        for (size_t k = 0; k < one->n_groups; k++)
            m->n_findings += one->groups[k].n_findings;
        n_parts += one->n_groups;
        m->tracked += from[i].tracked;
        r->suppressed += one->suppressed;
        r->dropped += one->dropped;
        if (one->now_real_ns > r->now_real_ns)
            r->now_real_ns = one->now_real_ns;
    }
    m->findings = arena_grow(NULL, m->n_findings + 1, sizeof *m->findings);
    struct keyed *parts = arena_array(&m->arena, n_parts, sizeof *parts);
    size_t at = 0, part = 0;
    for (size_t i = 0; i < n; i++) {
        const struct report *one = &from[i].report;
        for (size_t k = 0; k < one->n_groups; k++) {
            parts[part++].group = &one->groups[k];
            for (size_t f = 0; f < one->groups[k].n_findings; f++) {
                struct finding *copy = &m->findings[at++];
                *copy = one->groups[k].findings[f];
                copy->pid = one->pid;
                copy->site = copy->told_site = 0; /* of another file */
                /* Ages, not clocks, are what the processes have in common: they may have ended at different times. */
                copy->since_ns = UINT64_MAX / 2 - (one->now_ns > copy->since_ns ? one->now_ns - copy->since_ns : 0);
                copy->opened_ns = UINT64_MAX / 2 - (one->now_ns > copy->opened_ns ? one->now_ns - copy->opened_ns : 0);
            }
        }
    }
    r->now_ns = UINT64_MAX / 2;
    r->pid = pid;
    r->exe = arena_string(&m->arena, exe);
    r->host = n ? from[0].report.host : NULL;
    r->reason = o->reason >= 0 ? (uint8_t)o->reason : REASON_EXIT;
    r->groups = arena_array(&m->arena, m->n_findings, sizeof *r->groups);
    r->n_groups = group_findings(m->findings, m->n_findings, r->groups, r->now_ns);
    if (n_parts)
        qsort(parts, n_parts, sizeof *parts, by_key);
    for (size_t i = 0; i < r->n_groups; i++) {
        struct keyed key = {.group = &r->groups[i]};
        const struct keyed *hit = bsearch(&key, parts, n_parts, sizeof *parts, by_key);
        if (!hit)
            continue;
        while (hit > parts && same_key(hit[-1].group, key.group))
            hit--;
        size_t count = 1;
        while (hit + count < parts + n_parts && same_key(hit[count].group, key.group))
            count++;
        adopt(&r->groups[i], hit, count);
    }
    struct model_options quiet = *o;
    quiet.n_rules = quiet.n_own = 0; /* each process' findings were held against them already */
    model_finish(m, &quiet);
}

/* ---- the process ---------------------------------------------------------------------------------------------- */

static const char *duration(char *buf, size_t cap, uint64_t ns)
{
    struct out o = {.buf = buf, .cap = cap - 1};
    out_duration(&o, ns / 1000000000u);
    buf[o.len] = 0;
    return buf;
}

void model_circumstances(const struct model *m, char *line, size_t cap)
{
    const struct loaded *l = m->from;
    line[0] = 0;
    if (!l)
        return;
    const struct state_header *h = state_head(&l->view);
    char age[64];
    uint64_t now = load_mono_ns(), now_real = load_real_ns();
    uint64_t looked_real = m->looked_ns ? load_to_real(l, m->looked_ns) : 0;
    if (load_is_live(l)) {
        const char *what = l->life == LIFE_STOPPED         ? "it is stopped"
                           : !atomic_load(&h->enabled)     ? "it is dormant and records nothing (sockleak attach wakes it)"
                           : !atomic_load(&h->watcher_tid) ? "it has no watcher (interval=0)"
                           : !l->writable                  ? "its file may not be written, so it cannot be asked for a fresh look"
                           : l->asked                      ? "it did not answer in time (does it hang?)"
                                                           : NULL;
        if (l->answered || !what)
            return;
        const char *source = m->checked ? "; judged by the kernel's tables" : "; not confirmed by the kernel";
        if (m->looked_ns && now >= m->looked_ns)
            snprintf(line, cap, "%s; its last look is %s old%s", what, duration(age, sizeof age, now - m->looked_ns), source);
        else
            snprintf(line, cap, "%s; it has not looked yet%s", what, source);
        return;
    }
    char how[80];
    switch (l->life) {
    case LIFE_EXITED:
        snprintf(how, sizeof how, "exited with status %u", atomic_load(&h->exit_status));
        break;
    case LIFE_EXECED:
        snprintf(how, sizeof how, "went on as another program (exec)");
        break;
    case LIFE_ABORTED:
        snprintf(how, sizeof how, "aborted");
        break;
    case LIFE_ELSEWHERE:
        snprintf(how, sizeof how, "recorded on another machine or before its last boot, no exit seen");
        break;
    default:
        if (m->signal)
            snprintf(how, sizeof how, "ended by signal %d (%s)", m->signal, strsignal(m->signal));
        else
            snprintf(how, sizeof how, "ended without an exit (killed?)");
    }
    if (!looked_real)
        snprintf(line, cap, "%s; it was never looked at: only what the program was told is known", how);
    else
        snprintf(line, cap, "%s; last look %s ago", how, duration(age, sizeof age, now_real > looked_real ? now_real - looked_real : 0));
}
