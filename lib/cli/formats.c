/* SPDX-License-Identifier: MIT */
/*
 * formats.c: models to a stream, in the format that was asked for.
 *
 * Called by report and run, on the command's one thread.
 */
#include "formats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/options.h"
#include "cli.h"

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

const char *format_base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path ? path : "";
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
            continue;
        }
        out_fmt(o, "==%u==sockleak: nothing is stuck", r->pid);
        if (m->tracked)
            out_fmt(o, " (%llu socket%s open)", (unsigned long long)m->tracked, m->tracked == 1 ? "" : "s");
        if (r->suppressed)
            out_fmt(o, "; %llu suppressed", (unsigned long long)r->suppressed);
        out_char(o, '\n');
    }
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
            json_report(&o, &models[i].report);
        break;
    case FORMAT_FOLDED:
        for (size_t i = 0; i < n; i++)
            folded_report(&o, &models[i].report);
        break;
    case FORMAT_JUNIT:
        junit_reports(&o, models, n);
        break;
    case FORMAT_SARIF: /* one result a site, however many processes run into it */
        cwd = getcwd(NULL, 0);
        model_merge(&all, models, n, n ? models[0].report.pid : 0, n ? models[0].report.exe : "", options);
        sarif_report(&o, &all.report, cwd);
        model_free(&all);
        free(cwd);
        break;
    case FORMAT_SUPPRESSIONS:
        gensupp_reports(&o, models, n);
        break;
    }
    format_flush(&o);
}

static void warn_line(void *arg, const char *line) { cli_warn("%s: %s", (const char *)arg, line); }

/* The agent's own rules behind the *N RULES of a file, so that what it leaves out of its reports is left out of ours. */
static struct suppression *add_builtin(struct arena *a, const struct suppression *rules, size_t *n)
{
    size_t cap = *n + 1, before = *n;
    for (const char *p = suppress_builtin; *p; p++)
        cap += *p == '\n';
    struct suppression *all = arena_array(a, cap, sizeof *all);
    if (rules)
        memcpy(all, rules, before * sizeof *all);
    suppress_parse(suppress_builtin, strlen(suppress_builtin), all, n, cap, NULL, NULL);
    for (size_t i = before; i < *n; i++)
        all[i].builtin = true;
    return all;
}

bool format_suppressions(struct arena *a, const char *path, struct suppression **rules, size_t *n)
{
    *n = 0;
    if (!path) {
        *rules = add_builtin(a, NULL, n);
        return true;
    }
    FILE *f = fopen(path, "re");
    size_t len = 0, cap = 0;
    char *text = NULL;
    while (f && !feof(f) && !ferror(f)) {
        if (cap - len < 4096)
            text = arena_grow(text, cap = cap ? cap * 2 : 8192, 1);
        len += fread(text + len, 1, cap - len, f);
        if (len > 64u << 20) {
            errno = EFBIG;
            break;
        }
    }
    bool ok = f && feof(f) && !ferror(f);
    int err = errno;
    if (f)
        fclose(f);
    if (!ok) {
        free(text);
        cli_fail("cannot read the suppressions file %s: %s", path, strerror(err));
        return false;
    }
    size_t lines = 1;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    *rules = arena_array(a, lines, sizeof **rules);
    char *kept = arena_bytes(a, text ? text : "", len); /* the rules point into it */
    free(text);
    suppress_parse(kept, len, *rules, n, lines, warn_line, (void *)path);
    *rules = add_builtin(a, *rules, n);
    return true;
}

bool format_both_suppressions(struct arena *a, const char *first, const char *second, struct suppression **rules, size_t *n)
{
    struct suppression *more;
    size_t n_more;
    if (!format_suppressions(a, first, rules, n))
        return false;
    if (!second)
        return true;
    if (!format_suppressions(a, second, &more, &n_more))
        return false;
    struct suppression *all = arena_array(a, *n + n_more, sizeof *all);
    memcpy(all, *rules, *n * sizeof *all);
    memcpy(all + *n, more, n_more * sizeof *all);
    *rules = all;
    *n += n_more;
    return true;
}
