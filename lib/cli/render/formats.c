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
#include "html.h"
#include "junit.h"
#include "nothing.h"
#include "pprof.h"
#include "sarif.h"
#include "suppressions.h"

bool format_from_name(const char *word, enum format *format)
{
    static const char *const names[] = {"text", "json", "folded", "junit", "sarif", "pprof", "html"};
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
        nothing_text(o, m);
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

static void put_profile(struct out *o, const struct model *models, size_t n)
{
    size_t len;
    char *profile = pprof_gzip(models, n, &len);
    out_bytes(o, profile, len);
    free(profile);
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
    case FORMAT_PPROF:
        put_profile(&o, models, n);
        break;
    case FORMAT_HTML:
        html_report(&o, models, n, &(struct html_options){.redacted = options->redacted});
        break;
    case FORMAT_SUPPRESSIONS:
        suppressions_report(&o, models, n);
        break;
    }
    format_flush(&o);
}
