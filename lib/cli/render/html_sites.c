/* SPDX-License-Identifier: MIT */
/*
 * html_sites.c: the sites as a table, and each as text, for readers without scripts and on paper.
 *
 * Called by html.c.
 */
#include "html_sites.h"

#include "../../core/text.h"
#include "../../core/textstack.h"
#include "html_forecast.h"
#include "html_text.h"
#include "place.h"

/* What the stacks may take as text; the data has all of them. It keeps a thousand sites below 2 MB. */
#define PLAIN_MAX 400000u
#define PLAIN_SOCKETS 2u /* listed of each group, where there are ... */
#define MANY_GROUPS 100u

/* ---- the table ------------------------------------------------------------------------------- */

static void put_growth(struct out *o, const struct group *g)
{
    if (!g->growing) {
        out_str(o, g->steady ? "steady (a pool?)" : "");
        return;
    }
    out_str(o, "<span class=\"grows\">growing");
    if (g->rate_milli)
        out_fmt(o, ", %u.%u a minute", (g->rate_milli + 50) / 1000, (g->rate_milli + 50) % 1000 / 100);
    out_str(o, "</span>");
}

static void put_row(struct out *o, struct arena *a, const struct html_row *rows, size_t i)
{
    const struct group *g = rows[i].g;
    struct place at = place_of(a, g->frames, g->n_frames);
    out_fmt(o, "<tr><td>%llu<td>%s<td><a href=\"#s%zu\">", (unsigned long long)g->count, kind_name(g->kind), i);
    html_text(o, at.function[0] ? at.function : "(no stack)");
    out_str(o, "</a><span>");
    html_text(o, at.file);
    out_str(o, "</span><td>");
    put_growth(o, g);
    out_fmt(o, "<td>%llu<td>%llu<td>", (unsigned long long)g->opened, (unsigned long long)g->closed);
    out_duration(o, g->oldest_ns / 1000000000u);
    out_str(o, "<td>");
    html_program(o, &rows[i].m->report);
    out_char(o, '\n');
}

void html_table(struct out *o, const struct html_row *rows, size_t n, bool one_process)
{
    struct arena arena = {0};
    if (!n) {
        out_str(o, "<p>There are none.</p>\n");
        return;
    }
    out_fmt(o, "<table id=\"sites\"%s><colgroup><col><col><col><col><col><col><col><col></colgroup>\n",
            one_process ? " class=\"one-process\"" : "");
    out_str(o,
            "<thead><tr><th data-key=\"count\">stuck<th data-key=\"kind\">kind<th data-key=\"where\">opened in<th data-key=\"rate\">growth"
            "<th data-key=\"opened\">opened<th data-key=\"closed\">closed<th data-key=\"oldest\">oldest<th "
            "data-key=\"process\">process\n<tbody>\n");
    for (size_t i = 0; i < n; i++)
        put_row(o, &arena, rows, i);
    out_str(o, "</table>\n");
    arena_free(&arena);
}

/* ---- each site as text ----------------------------------------------------------------------- */

static void put_plain(struct out *o, const struct html_row *rows, size_t n, size_t i, size_t *written)
{
    const struct group *g = rows[i].g;
    struct report r = rows[i].m->report;
    struct out text;
    html_gather(&text);
    r.color = r.brief = false;
    if (n > MANY_GROUPS && r.max_sockets > PLAIN_SOCKETS)
        r.max_sockets = PLAIN_SOCKETS;
    text_group(&text, &r, g);
    *written += text.len;
    out_fmt(o, "<pre id=\"s%zu\">", i);
    html_text_of(o, &text);
    out_str(o, "</pre>\n");
}

/* The most stuck ones first, as the table has them. */
void html_stacks(struct out *o, const struct html_row *rows, size_t n)
{
    size_t i = 0, written = 0;
    if (!n)
        return;
    out_str(o, "<section class=\"plain\"><h2>Each site</h2>\n");
    for (; i < n && written < PLAIN_MAX; i++)
        put_plain(o, rows, n, i, &written);
    if (i < n)
        out_fmt(o, "<p>The stacks of the other %zu are in the data at the end of this page, which its scripts show.</p>\n", n - i);
    out_str(o, "</section>\n");
}
