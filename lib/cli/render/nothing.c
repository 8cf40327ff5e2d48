/* SPDX-License-Identifier: MIT */
/*
 * nothing.c: what is said of a process of which there is nothing to report.
 *
 * Called by formats.c and html.c.
 */
#include "nothing.h"

#include "../../core/textstack.h"
#include "../model/shown.h"

static bool has_lost_events(const struct model *m) { return m->report.dropped > m->report.unwritten; }

/* What is known of a process of which there is nothing to report, and no more than that. */
static void put_state(struct out *o, const struct model *m)
{
    const struct loaded_file *l = m->from;
    bool live = load_is_live(l), ended = l->life == LIFE_EXITED || l->life == LIFE_ABORTED;
    if (m->young.n) {
        out_str(o, "stuck: none for ");
        if (m->min_age_ns < 1000000000u)
            out_fmt(o, "%llu ms", (unsigned long long)m->min_age_ns / 1000000u);
        else
            out_duration(o, m->min_age_ns / 1000000000u);
        out_fmt(o, "%s, %llu for less: --min-age 0 lists %s", live ? " yet" : "", (unsigned long long)m->young.n,
                m->young.n == 1 ? "it" : "them");
    } else if (!m->looked_ns && !(live && m->checked)) {
        out_fmt(o, "not known whether anything %s stuck, nobody has looked", live ? "is" : "was");
    } else if (live ? !m->checked : !ended) {
        out_str(o, "nothing was stuck at the last look");
    } else {
        out_fmt(o, "nothing %sis %sstuck",
                m->unrecorded                                 ? "that it has recorded "
                : m->of_others                                ? "of its own "
                : (m->kinds & KINDS_DEFAULT) != KINDS_DEFAULT ? "of the kinds that were asked for "
                                                              : "",
                m->unjudged || has_lost_events(m) ? "known to be " : "");
    }
}

/* Of those that are stuck, but for less than was asked for. */
static void put_youngest(struct out *o, const struct model *m)
{
    const struct young_socket *s = &m->young.youngest;
    if (!m->young.n)
        return;
    out_fmt(o, "  the youngest: fd %d, %s for ", s->fd, shown_kind((enum kind)s->kind));
    uint64_t age = m->report.now_ns > s->since_ns ? m->report.now_ns - s->since_ns : 0;
    if (age < 1000000000u)
        out_fmt(o, "%llu ms", (unsigned long long)age / 1000000u);
    else
        out_duration(o, age / 1000000000u);
    if (!m->youngest) {
        out_str(o, "; who opened it is not known\n");
        return;
    }
    struct text_columns columns = {0};
    out_str(o, ", opened in\n");
    text_measure(&columns, m->youngest, 1);
    text_stack(o, &columns, m->youngest, 1, m->report.color ? m->youngest : NULL);
}

static void put_of_others(struct out *o, const struct model *m)
{
    const struct state_header *h = state_head(&m->from->view);
    uint32_t parent = atomic_load(&h->inherited_from);
    out_fmt(o, "; %llu socket%s reported by another process that holds %s too", (unsigned long long)m->of_others,
            m->of_others == 1 ? " is" : "s are", m->of_others == 1 ? "it" : "them");
    if (parent && h->pid == m->report.pid)
        out_fmt(o, ": it was forked by %u, so try `sockleak report %u`", parent, parent);
}

void nothing_text(struct out *o, const struct model *m)
{
    const struct report *r = &m->report;
    out_fmt(o, "==%u==sockleak: ", r->pid);
    bool knows_none = m->unrecorded && !m->tracked;
    if (!knows_none)
        put_state(o, m);
    if (m->tracked)
        out_fmt(o, " (%llu socket%s open)", (unsigned long long)m->tracked, m->tracked == 1 ? "" : "s");
    if (m->unrecorded && !knows_none)
        out_str(o, "; ");
    shown_unrecorded(o, m);
    if (m->of_others)
        put_of_others(o, m);
    if (r->suppressed)
        out_fmt(o, "; %llu suppressed", (unsigned long long)r->suppressed);
    if (has_lost_events(m))
        out_fmt(o, "; %llu event%s could not be recorded, so more may be", (unsigned long long)(r->dropped - r->unwritten),
                r->dropped - r->unwritten == 1 ? "" : "s");
    out_char(o, '\n');
    put_youngest(o, m);
}
