/* SPDX-License-Identifier: MIT */
/*
 * formats.c: models to a stream, in the format that was asked for.
 *
 * Called by report and run.
 */
#include "formats.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/json.h"
#include "../../core/options.h"
#include "../../core/text.h"
#include "../../core/textstack.h"
#include "../model/circumstances.h"
#include "../model/merge.h"
#include "../model/model.h"
#include "../model/shown.h"
#include "folded.h"
#include "junit.h"
#include "sarif.h"
#include "suppressions.h"

bool format_from_name(const char *word, enum format *format)
{
    static const char *const names[] = {"text", "json", "folded", "junit", "sarif"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(word, names[i]) == 0) {
            *format = (enum format)i;
            return true;
        }
    }
    return false;
}

bool format_use_color(FILE *f, unsigned choice)
{
    if (choice != COLOR_AUTO)
        return choice == COLOR_ALWAYS;
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(f)) && !(no && no[0]) && !(term && strcmp(term, "dumb") == 0);
}

static bool write_out(struct out *o, size_t need)
{
    (void)need;
    fwrite(o->buf, 1, o->len, o->arg);
    o->len = 0;
    return true;
}

void format_open(struct out *o, FILE *f, char *buf, size_t cap) { *o = (struct out){.buf = buf, .cap = cap, .flush = write_out, .arg = f}; }

void format_flush(struct out *o) { write_out(o, 0); }

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

static void put_nothing(struct out *o, const struct model *m)
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

/* Behind a report. */
static void put_rest(struct out *o, const struct model *m)
{
    if (!m->unrecorded)
        return;
    out_fmt(o, "==%u==sockleak: ", m->report.pid);
    shown_unrecorded(o, m);
    out_char(o, '\n');
}

static void text_models(struct out *o, const struct model *models, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct model *m = &models[i];
        const struct report *r = &m->report;
        char circumstances[256];
        model_circumstances(m, circumstances, sizeof circumstances);
        if (circumstances[0] || n > 1)
            out_fmt(o, "==%u==sockleak: %s%s%s\n", r->pid, r->exe, circumstances[0] ? ": " : "", circumstances);
        if (r->n_groups) {
            text_report(o, r);
            put_rest(o, m);
            continue;
        }
        put_nothing(o, m);
    }
}

/* Of a process with nothing stuck there is a summary too: no line at all may be a report that was lost. */
static void json_model(struct out *o, const struct report *r)
{
    if (r->n_groups || !r->print_summary)
        json_report(o, r);
    else
        json_summary(o, r);
}

void format_models(FILE *f, enum format format, const struct model *models, size_t n, const struct model_options *options)
{
    char buf[65536], *cwd = NULL;
    struct out o;
    struct model all;
    format_open(&o, f, buf, sizeof buf);
    switch (format) {
    case FORMAT_TEXT:
        text_models(&o, models, n);
        break;
    case FORMAT_JSON:
        for (size_t i = 0; i < n; i++)
            json_model(&o, &models[i].report);
        break;
    case FORMAT_FOLDED:
        for (size_t i = 0; i < n; i++)
            folded_report(&o, &models[i].report);
        break;
    case FORMAT_JUNIT:
        junit_reports(&o, models, n, options->unread);
        break;
    case FORMAT_SARIF: /* one result a site, however many processes run into it */
        cwd = getcwd(NULL, 0);
        model_merge(&all, models, n, n ? models[0].report.pid : 0, n ? models[0].report.exe : "", options);
        sarif_report(&o, &all.report, cwd, options->unread);
        model_free(&all);
        free(cwd);
        break;
    case FORMAT_SUPPRESSIONS:
        suppressions_report(&o, models, n);
        break;
    }
    format_flush(&o);
}
