/* SPDX-License-Identifier: MIT */
/*
 * print.c: what has changed, for people and for programs.
 *
 * Called by diff.c.
 */
#include "print.h"

#include <string.h>

#include "../../core/json_life.h"
#include "../../core/json_put.h"
#include "../../core/textstack.h"

static const char *const change_names[DIFF_CHANGES] = {"new", "grown", "shrunk", "gone", "same"};
static const char *const matched_names[] = {NULL, "site", "functions_and_files", "functions"};

/* ---- text ---------------------------------------------------------------------------------------- */

/* "3 close_wait, 1 dead" */
static void put_kinds(struct out *o, const struct diff_site *s)
{
    const char *before = "";
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        if (!s->by_kind[kind])
            continue;
        out_fmt(o, "%s%llu %s", before, (unsigned long long)s->by_kind[kind], kind_name(kind));
        before = ", ";
    }
}

static void put_sockets(struct out *o, uint64_t n) { out_fmt(o, "%llu socket%s", (unsigned long long)n, text_plural(n)); }

/* A pair has one of them at least. */
static const struct diff_site *site_of(const struct diff_pair *p)
{
    static const struct diff_site none = {0};
    return p->now ? p->now : p->before ? p->before : &none;
}

static void put_change(struct out *o, const struct diff_pair *p)
{
    out_str(o, change_names[p->change]);
    out_str(o, ": ");
    if (p->before && p->now)
        out_fmt(o, "%llu -> ", (unsigned long long)p->before->count);
    put_sockets(o, site_of(p)->count);
    out_str(o, " (");
    put_kinds(o, site_of(p));
    out_str(o, ")\n");
}

static void put_site(struct out *o, const struct diff_site *s)
{
    if (s->id) {
        out_str(o, "site ");
        out_hex(o, s->id, 16);
    } else {
        out_str(o, "no stack, of ");
        text_clean(o, s->exe);
    }
}

static void put_matched(struct out *o, const struct diff_pair *p)
{
    if (p->matched < MATCHED_FILES)
        return;
    out_str(o, "\n  was site ");
    out_hex(o, p->before->id, 16);
    out_fmt(o, ", matched by the functions%s of its stack: the build differs",
            p->matched == MATCHED_FILES ? " and files" : ", not the files,");
}

/* Where the opening call was, if it is somewhere else now. */
static void put_moved(struct out *o, const struct diff_pair *p)
{
    const struct frame *was = p->before && p->now ? diff_place(p->before) : NULL, *is = was ? diff_place(p->now) : NULL;
    if (!was || !is || !was->file || !is->file || (was->line == is->line && strcmp(was->file, is->file) == 0))
        return;
    out_str(o, "\n  ");
    text_clean(o, was->symbol);
    out_str(o, " was at");
    text_source(o, was);
}

static void put_pair(struct out *o, const struct diff_pair *p)
{
    const struct diff_site *s = site_of(p);
    struct text_columns columns = {0};
    put_change(o, p);
    put_site(o, s);
    out_fmt(o, ": opened %llu, closed %llu", (unsigned long long)s->opened, (unsigned long long)s->closed);
    if (p->before && p->now)
        out_fmt(o, "; before: opened %llu, closed %llu", (unsigned long long)p->before->opened, (unsigned long long)p->before->closed);
    put_matched(o, p);
    put_moved(o, p);
    if (p->uncertain)
        out_str(o, "\n  one of several places with these functions, of which one report has more: which one is new or gone is not certain");
    out_fmt(o, "\n%s", !s->n_frames ? "" : s->of_eof ? "  saw EOF in\n" : "  opened in\n");
    text_measure(&columns, s->frames, s->n_frames);
    text_stack(o, &columns, s->frames, s->n_frames, NULL);
    out_char(o, '\n');
}

void diff_text(struct out *o, const struct diff_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++)
        if (pairs->items[i].change != DIFF_SAME)
            put_pair(o, &pairs->items[i]);
    out_str(o, "SUMMARY: sockleak diff: ");
    for (unsigned change = 0; change < DIFF_SAME; change++)
        out_fmt(o, "%zu %s, ", pairs->changes[change], change_names[change]);
    out_fmt(o, "%zu unchanged; ", pairs->changes[DIFF_SAME]);
    put_sockets(o, pairs->before);
    out_fmt(o, " before, %llu now\n", (unsigned long long)pairs->now);
}

/* ---- JSON Lines ---------------------------------------------------------------------------------- */

static void put_by_kind(struct out *o, const char *key, const struct diff_site *s)
{
    const char *before = "";
    json_put_key(o, key);
    out_char(o, '{');
    for (unsigned kind = 0; s && kind < KIND_COUNT; kind++) {
        if (!s->by_kind[kind])
            continue;
        out_fmt(o, "%s\"%s\":%llu", before, kind_name(kind), (unsigned long long)s->by_kind[kind]);
        before = ",";
    }
    out_char(o, '}');
}

static void put_old_site(struct out *o, uint64_t id)
{
    char digits[17];
    struct out text = {.buf = digits, .cap = sizeof digits - 1};
    if (id)
        out_hex(&text, id, 16);
    digits[text.len] = 0;
    json_put_string(o, "old_site", digits);
}

/* The kind that most of the sockets have. */
static unsigned kind_of(const struct diff_site *s)
{
    unsigned most = 0;
    for (unsigned kind = 1; kind < KIND_COUNT; kind++)
        if (s->by_kind[kind] > s->by_kind[most])
            most = kind;
    return most;
}

static void put_json_pair(struct out *o, const struct diff_pair *p)
{
    static const struct diff_site none = {0};
    const struct diff_site *now = p->now ? p->now : &none, *before = p->before ? p->before : &none, *s = site_of(p);
    out_fmt(o, "{\"type\":\"diff\",\"change\":\"%s\"", change_names[p->change]);
    json_put_string(o, "kind", kind_name(kind_of(s)));
    json_put_site(o, s->id);
    put_old_site(o, before->id);
    json_put_string(o, "site_of", s->of_eof ? "eof" : NULL);
    json_put_string(o, "exe", s->exe);
    json_put_string(o, "matched", matched_names[p->matched]);
    json_put_bool(o, "uncertain", p->uncertain);
    json_put_u64(o, "old_count", before->count);
    json_put_u64(o, "count", now->count);
    put_by_kind(o, "old_by_kind", p->before);
    put_by_kind(o, "by_kind", p->now);
    json_put_u64(o, "old_opened", before->opened);
    json_put_u64(o, "opened", now->opened);
    json_put_u64(o, "old_closed", before->closed);
    json_put_u64(o, "closed", now->closed);
    json_put_frames(o, "frames", s->frames, s->n_frames, NULL, 0);
    json_put_frames(o, "old_frames", before->frames, before->n_frames, NULL, 0);
    out_str(o, "}\n");
}

void diff_json(struct out *o, const struct diff_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++)
        if (pairs->items[i].change != DIFF_SAME)
            put_json_pair(o, &pairs->items[i]);
    out_str(o, "{\"type\":\"diff_summary\"");
    for (unsigned change = 0; change < DIFF_CHANGES; change++)
        json_put_u64(o, change_names[change], pairs->changes[change]);
    json_put_u64(o, "old_count", pairs->before);
    json_put_u64(o, "count", pairs->now);
    out_str(o, "}\n");
}
