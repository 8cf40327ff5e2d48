/* SPDX-License-Identifier: MIT */
/*
 * html.c: reports as one page: totals and forecasts, the sites as a table, each with its text.
 *
 * Called by formats.c and by the exporter. page/page.html is the page with the names of what belongs
 * there in double braces. All that stands in the page is readable without scripts, which draw the
 * same again from the data at its end. Only scripts and styles with the page's own random word are
 * run: whatever a name may hold, none of it is.
 */
#include "html.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../../core/sort.h"
#include "../../core/textstack.h"
#include "../base/now.h"
#include "../model/circumstances.h"
#include "html_data.h"
#include "html_forecast.h"
#include "html_sites.h"
#include "html_text.h"
#include "nothing.h"
#include "page_files.h"

struct page {
    struct out *o;
    const struct model *models;
    size_t n;
    const struct html_options *options;
    struct html_row *rows;
    size_t n_rows;
    uint64_t leaks, sites, suppressed, left_out, by_kind[KIND_COUNT];
    char nonce[33];
    struct arena arena;
};

/* ---- sums ------------------------------------------------------------------------------------ */

static int by_count(const void *a, const void *b)
{
    const struct html_row *x = a, *y = b;
    ORDER(y->g->count, x->g->count);
    ORDER(x->process, y->process);
    ORDER(x->g->siteid, y->g->siteid);
    ORDER(x->g->variant, y->g->variant);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    ORDER(*(const uint64_t *)a, *(const uint64_t *)b);
    return 0;
}

static uint64_t count_sites(struct page *p)
{
    uint64_t sites = 0, *ids = arena_array(&p->arena, p->n_rows, sizeof *ids);
    for (size_t i = 0; i < p->n_rows; i++)
        ids[i] = p->rows[i].g->siteid;
    if (p->n_rows)
        qsort(ids, p->n_rows, sizeof *ids, by_value);
    for (size_t i = 0; i < p->n_rows; i++)
        sites += i == 0 || ids[i] != ids[i - 1];
    return sites;
}

/* A single report keeps its order, which may be another one. */
static void gather(struct page *p)
{
    for (size_t i = 0; i < p->n; i++)
        p->n_rows += p->models[i].report.n_groups;
    p->rows = arena_array(&p->arena, p->n_rows, sizeof *p->rows);
    p->n_rows = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct report *r = &p->models[i].report;
        p->leaks += r->leaks;
        p->suppressed += r->suppressed;
        p->left_out += r->groups_left_out;
        for (unsigned k = 0; k < KIND_COUNT; k++)
            p->by_kind[k] += r->by_kind[k];
        for (size_t k = 0; k < r->n_groups; k++)
            p->rows[p->n_rows++] = (struct html_row){&p->models[i], &r->groups[k], i};
    }
    if (p->n > 1 && p->n_rows)
        qsort(p->rows, p->n_rows, sizeof *p->rows, by_count);
    p->sites = count_sites(p);
}

/* ---- the head -------------------------------------------------------------------------------- */

static void put_nonce(struct page *p) { out_str(p->o, p->nonce); }
static void put_version(struct page *p) { html_text(p->o, SOCKLEAK_VERSION); }

static void put_bytes(struct out *o, const char *begin, const char *end) { out_bytes(o, begin, (size_t)(end - begin)); }
static void put_css(struct page *p) { put_bytes(p->o, page_file_css, page_file_css + page_file_css_size); }
static void put_script(struct page *p) { put_bytes(p->o, page_file_js, page_file_js + page_file_js_size); }

static const char *words_of(unsigned kind)
{
    return kind == KIND_OPEN ? "open" : kind == KIND_USE_AFTER_CLOSE ? "used after close" : "stuck";
}

/* Of what is reported: "stuck", unless all of it is of a kind that has another word. */
static const char *word_of_all(const struct page *p)
{
    const char *word = NULL;
    for (unsigned k = 0; k < KIND_COUNT; k++)
        if (p->by_kind[k])
            word = !word || strcmp(word, words_of(k)) == 0 ? words_of(k) : "reported";
    return word ? word : "stuck";
}

static void put_counts(struct page *p)
{
    if (p->leaks)
        out_fmt(p->o, "%llu socket%s %s at %llu site%s", (unsigned long long)p->leaks, text_plural(p->leaks), word_of_all(p),
                (unsigned long long)p->sites, text_plural(p->sites));
    else
        out_str(p->o, p->n ? "No socket is reported" : "No process is recorded");
}

static void put_title(struct page *p)
{
    put_counts(p);
    out_str(p->o, " - sockleak");
}

static void put_headline(struct page *p)
{
    put_counts(p);
    if (p->n == 1) {
        out_str(p->o, " in ");
        html_program(p->o, &p->models[0].report);
    } else if (p->n) {
        out_fmt(p->o, " in %zu processes", p->n);
    }
}

static void put_made(struct page *p)
{
    out_rfc3339(p->o, p->n == 1 ? p->models[0].report.now_real_ns : now_real_ns());
    if (p->n && p->models[0].report.host && *p->models[0].report.host) {
        out_str(p->o, ", host ");
        html_text(p->o, p->models[0].report.host);
    }
    if (p->suppressed)
        out_fmt(p->o, ", %llu suppressed", (unsigned long long)p->suppressed);
    if (p->left_out)
        out_fmt(p->o, ", %llu more group%s left out (max_leaks)", (unsigned long long)p->left_out, text_plural(p->left_out));
}

static void put_links(struct page *p)
{
    if (p->options->served)
        out_str(p->o, ", <a href=\"/metrics\">metrics</a>, <a href=\"/debug/pprof/sockets\">profile</a>; lines of source are not served: "
                      "<code>sockleak report --format html</code> has them");
}

static void put_kinds(struct page *p)
{
    if (!p->leaks)
        return;
    out_str(p->o, "<ul class=\"kinds\">");
    for (unsigned k = 0; k < KIND_COUNT; k++)
        if (p->by_kind[k])
            out_fmt(p->o, "<li><b>%llu</b> %s", (unsigned long long)p->by_kind[k], kind_name(k));
    out_str(p->o, "</ul>");
}

static void put_forecast(struct page *p) { html_forecast(p->o, p->models, p->n); }

/* ---- processes ------------------------------------------------------------------------------- */

/* What became of it, and what is said of one with nothing to report. */
static void put_remarks(struct page *p, const struct model *m)
{
    char circumstances[256];
    struct out text;
    html_gather(&text);
    model_circumstances(m, circumstances, sizeof circumstances);
    out_str(&text, circumstances);
    if (!m->report.n_groups && m->from) {
        out_str(&text, text.len ? "\n" : "");
        nothing_text(&text, m);
    }
    if (text.len && text.buf[text.len - 1] == '\n')
        text.len--;
    html_text_of(p->o, &text);
}

static void put_processes(struct page *p)
{
    if (!p->n)
        return;
    out_fmt(p->o, "<details%s><summary>%zu process%s</summary>\n", p->n_rows ? "" : " open", p->n, p->n == 1 ? "" : "es");
    out_str(p->o, "<table><thead><tr><th class=\"n\">sockets<th>program<th class=\"n\">pid<th>remarks<tbody>\n");
    for (size_t i = 0; i < p->n; i++) {
        const struct report *r = &p->models[i].report;
        out_fmt(p->o, "<tr><td class=\"n\">%llu<td class=\"name\">", (unsigned long long)r->leaks);
        html_text(p->o, r->exe);
        out_fmt(p->o, "<td class=\"n\">%u<td class=\"name\">", r->pid);
        put_remarks(p, &p->models[i]);
        out_char(p->o, '\n');
    }
    out_str(p->o, "</table></details>\n");
}

/* ---- sites ------------------------------------------------------------------------------------- */

static void put_table(struct page *p) { html_table(p->o, p->rows, p->n_rows, p->n == 1); }
static void put_stacks(struct page *p) { html_stacks(p->o, p->rows, p->n_rows); }
static void put_data(struct page *p) { html_data(p->o, p->models, p->n, p->rows, p->n_rows, !p->options->redacted); }

/* ---- the page -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*put)(struct page *p);
} parts[] = {
    {"nonce", put_nonce},         {"version", put_version}, {"title", put_title}, {"css", put_css},       {"headline", put_headline},
    {"made", put_made},           {"links", put_links},     {"kinds", put_kinds}, {"table", put_table},   {"forecast", put_forecast},
    {"processes", put_processes}, {"stacks", put_stacks},   {"data", put_data},   {"script", put_script},
};

static void put_part(struct page *p, const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strlen(parts[i].name) == len && memcmp(parts[i].name, name, len) == 0)
            parts[i].put(p);
}

static const char *find(const char *from, const char *end, const char *what)
{
    const char *at = memmem(from, (size_t)(end - from), what, strlen(what));
    return at ? at : end;
}

static void make_nonce(char nonce[33])
{
    unsigned char random[16] = {0};
    /* without it (no kernel that runs this is so old) the page's scripts are still its own */
    if (getrandom(random, sizeof random, GRND_NONBLOCK) < 0)
        memcpy(random, &(uint64_t){now_real_ns()}, sizeof(uint64_t));
    for (unsigned i = 0; i < sizeof random; i++) {
        nonce[2 * i] = "0123456789abcdef"[random[i] >> 4];
        nonce[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
    }
    nonce[32] = 0;
}

void html_report(struct out *o, const struct model *models, size_t n, const struct html_options *options)
{
    struct page p = {.o = o, .models = models, .n = n, .options = options};
    make_nonce(p.nonce);
    gather(&p);
    const char *end = page_file_html + page_file_html_size;
    for (const char *at = page_file_html; at < end;) {
        const char *open = find(at, end, "{{"), *close = find(open, end, "}}");
        put_bytes(o, at, open);
        if (close < end)
            put_part(&p, open + 2, (size_t)(close - open - 2));
        at = close < end ? close + 2 : end;
    }
    arena_free(&p.arena);
}
