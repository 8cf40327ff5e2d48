/* SPDX-License-Identifier: MIT */
/*
 * story.c: the times of a story.
 *
 * Called by explain.c and the two that show it.
 */
#include "story.h"

#include "../../core/finding.h"
#include "../../core/group_told.h"

uint64_t story_told_ns(const struct story *s, const struct finding *f)
{
    size_t lo = 0, hi = s->n_told;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->told[mid].fd < f->fd)
            lo = mid + 1;
        else
            hi = mid;
    }
    bool known = lo < s->n_told && s->told[lo].fd == f->fd && s->told[lo].opened_ns == f->opened_ns && !f->adopted;
    return known && (f->told_eof || f->told_error) && s->told[lo].told_ns >= f->opened_ns ? s->told[lo].told_ns : 0;
}

uint64_t story_until(const struct story *s, const struct finding *f)
{
    uint64_t told = story_told_ns(s, f);
    return told ? told : f->kind == KIND_OPEN ? s->model->report.now_ns : f->since_ns;
}

/* The only entry of its event: those that were told of it are counted there, whatever their stack. */
static bool is_only_one(const struct group *g, const struct told *t)
{
    unsigned n = 0;
    for (unsigned i = 0; i < g->n_told; i++)
        n += g->told[i].event == t->event;
    return n == 1;
}

bool story_times(const struct story *s, const struct group *g, const struct told *t, uint64_t *least, uint64_t *most)
{
    bool known = false, only = is_only_one(g, t);
    if (!event_is_end(t->event))
        return false;
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
        bool counted = only ? finding_event(f) == t->event : group_told_of(g, f) == t;
        uint64_t told = counted ? story_told_ns(s, f) : 0, after = told - f->opened_ns;
        if (!told)
            continue;
        *least = known && *least < after ? *least : after;
        *most = known && *most > after ? *most : after;
        known = true;
    }
    return known;
}
