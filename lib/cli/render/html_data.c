/* SPDX-License-Identifier: MIT */
/*
 * html_data.c: what the page draws, as JSON.
 *
 * Called by html.c. Stacks share most of their frames, and sites many of their stacks: each is
 * written once, and named by its number. A member that says nothing is left out.
 */
#include "html_data.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/advice.h"
#include "../../core/finding.h"
#include "../../core/group_told.h"
#include "../../core/json_put.h"
#include "../../core/frame_role.h"
#include "../../core/own_frames.h"
#include "../../core/program_frame.h"
#include "../../core/text_life.h"
#include "../../core/textstack.h"
#include "html_text.h"
#include "intern.h"
#include "place.h"
#include "suppressions.h"

#define SOCKETS_LISTED 64u /* as in the JSON report */

/* page.js has the same numbers. */
enum frame_flags { FLAG_LIBRARY = 1, FLAG_RUNTIME = 2, FLAG_INLINED = 4, FLAG_OR = 8 };

struct data {
    struct out *o;
    struct intern frames, stacks, parts; /* as JSON */
};

/* ---- stacks ---------------------------------------------------------------------------------- */

static void put_place(struct out *o, const struct frame *f)
{
    struct out place;
    html_gather(&place);
    if (f->file && f->line)
        out_fmt(&place, "%s:%u", f->file, f->line);
    else if (f->file)
        out_str(&place, f->file);
    else if (f->module)
        out_fmt(&place, "%s+0x%llx", text_base_name(f->module), (unsigned long long)f->offset);
    out_char(&place, 0);
    out_json(o, place.buf);
    free(place.buf);
}

/* Code that is not the program's own, its first instructions with it. */
static bool is_library(const struct frame *f)
{
    if (f->runtime != RUNTIME_NATIVE)
        return f->interpreter || own_frames_is_library(f, true);
    return (f->module && own_frames_is_system_library(f->module)) || (f->symbol && strcmp(f->symbol, "_start") == 0);
}

static unsigned flags_of(const struct frame *f)
{
    bool runtime = f->runtime != RUNTIME_NATIVE, library = is_library(f);
    return (library ? FLAG_LIBRARY : 0u) | (runtime ? FLAG_RUNTIME : 0u) | (f->inlined ? FLAG_INLINED : 0u) |
           (f->role == FRAME_ROLE_OR ? FLAG_OR : 0u);
}

/* Its name and place; flags; its line of source; what stands above it where a part of the stack begins. */
static size_t number_of_frame(struct data *d, const struct frame *f)
{
    const char *heading = frame_role_heading(f);
    struct out one;
    bool is_new;
    html_gather(&one);
    out_char(&one, '[');
    out_json(&one, f->symbol ? f->symbol : "");
    out_char(&one, ',');
    put_place(&one, f);
    if (flags_of(f) || f->source || heading)
        out_fmt(&one, ",%u", flags_of(f));
    if (f->source) {
        out_char(&one, ',');
        out_json(&one, f->source);
    } else if (heading)
        out_str(&one, ",null");
    if (heading) {
        out_char(&one, ',');
        out_json(&one, heading);
    }
    out_char(&one, ']');
    size_t number = intern(&d->frames, one.buf, one.len, &is_new);
    free(one.buf);
    return number;
}

static size_t number_of_stack(struct data *d, const struct frame *frames, size_t n)
{
    const struct frame *own = program_frame_first(frames, n);
    struct out one;
    bool is_new;
    html_gather(&one);
    out_fmt(&one, "[%zu,%d", place_frame(frames, n), own ? (int)(own - frames) : -1);
    for (size_t i = 0; i < n; i++)
        out_fmt(&one, ",%zu", number_of_frame(d, &frames[i]));
    out_char(&one, ']');
    size_t number = intern(&d->stacks, one.buf, one.len, &is_new);
    free(one.buf);
    return number;
}

static void put_all(struct out *o, const char *key, const struct intern *t)
{
    json_put_key(o, key);
    out_char(o, '[');
    for (size_t i = 0; i < t->n; i++) {
        out_str(o, i ? ",\n" : "\n");
        out_bytes(o, t->entries[i].bytes, t->entries[i].len);
    }
    out_char(o, ']');
}

/* ---- a group --------------------------------------------------------------------------------- */

/* A text of core's, of any length, as a JSON string. */
static void put_gathered(struct out *o, struct out *text)
{
    out_char(text, 0);
    out_json(o, text->buf);
    free(text->buf);
}

/* [heading, sockets, stack]: who opened them, each event, who closed the others. */
static void put_life(struct data *d, const struct group *g)
{
    const char *before = "[";
    json_put_key(d->o, "life");
    for (int i = -1; i < (int)g->n_told; i++) {
        const struct told *t = i < 0 ? NULL : &g->told[i];
        struct out heading;
        if (t ? group_told_is_within(g, (unsigned)i) : !g->n_frames)
            continue;
        html_gather(&heading);
        if (t)
            text_told(&heading, g, (unsigned)i);
        else
            text_opened(&heading, g);
        out_str(d->o, before);
        out_char(d->o, '[');
        put_gathered(d->o, &heading);
        out_fmt(d->o, ",%llu", (unsigned long long)(t ? t->count : g->count));
        if (t && group_told_like(g, (unsigned)i))
            out_char(d->o, ']'); /* the heading says whose stack it is */
        else
            out_fmt(d->o, ",%zu]", number_of_stack(d, t ? t->frames : g->frames, t ? t->n_frames : g->n_frames));
        before = ",";
    }
    out_str(d->o, *before == '[' ? "[]" : "]");
}

static uint64_t age_of(const struct report *r, uint64_t ns) { return r->now_ns > ns ? r->now_ns - ns : 0; }

static void put_number(struct out *o, bool known, uint64_t value)
{
    if (known)
        out_u64(o, value);
    else
        out_str(o, "null");
}

enum column { FD, LOCAL, PEER, STATE, STUCK, AGE, UNREAD, TID, RECEIVED, SENT, EOF_SEEN, TAG, COLUMNS };
static const char *const column_names[COLUMNS] = {"fd",     "local", "peer",     "state", "stuck_s", "age_s",
                                                  "unread", "tid",   "received", "sent",  "eof",     "tag"};

static void put_value(struct out *o, const struct report *r, const struct finding *f, enum column which)
{
    const char *peer = f->peer && *f->peer ? f->peer : f->asked;
    switch (which) {
    case FD:
        out_i64(o, f->fd);
        break;
    case STUCK:
        out_seconds(o, age_of(r, f->since_ns));
        break;
    case AGE:
        if (f->opened_ns && !f->adopted)
            out_seconds(o, age_of(r, f->opened_ns));
        else
            out_str(o, "null");
        break;
    case UNREAD:
        put_number(o, true, f->unread);
        break;
    case TID:
        put_number(o, f->tid, f->tid);
        break;
    case RECEIVED:
        put_number(o, f->transfer.has_received, f->transfer.received);
        break;
    case SENT:
        put_number(o, f->transfer.has_sent, f->transfer.sent);
        break;
    default:
        out_json_opt(o, which == LOCAL   ? f->local
                        : which == PEER  ? peer
                        : which == STATE ? finding_state(f)
                        : which == TAG   ? f->tag
                                         : eof_name(f->eof));
    }
}

/* One value, where it is that of all N sockets, else a list of them; nothing where it is of none. */
static void put_column(struct out *o, const struct report *r, const struct finding *f, size_t n, enum column which)
{
    struct out first, next;
    bool same = true;
    html_gather(&first);
    html_gather(&next);
    put_value(&first, r, &f[0], which);
    for (size_t i = 1; i < n && same; i++) {
        next.len = 0;
        put_value(&next, r, &f[i], which);
        same = next.len == first.len && memcmp(next.buf, first.buf, next.len) == 0;
    }
    if (!same || first.len != 4 || memcmp(first.buf, "null", 4) != 0) {
        json_put_key(o, column_names[which]);
        out_str(o, same ? "" : "[");
        for (size_t i = 0; i < (same ? 1 : n); i++) {
            out_str(o, i ? "," : "");
            put_value(o, r, &f[i], which);
        }
        out_str(o, same ? "" : "]");
    }
    free(first.buf);
    free(next.buf);
}

static void put_sockets(struct out *o, const struct report *r, const struct group *g)
{
    size_t n = g->n_findings < SOCKETS_LISTED ? g->n_findings : SOCKETS_LISTED;
    json_put_key(o, "sockets");
    out_fmt(o, "{\"n\":%zu", n);
    for (unsigned i = 0; i < COLUMNS && n; i++)
        put_column(o, r, g->findings, n, i);
    out_char(o, '}');
}

static void put_forecast(struct out *o, const struct group *g)
{
    if (g->rate_milli) {
        json_put_key(o, "rate_per_minute");
        out_fmt(o, "%u.%03u", g->rate_milli / 1000, g->rate_milli % 1000);
    }
    if (g->fd_limit_in_s || g->fd_limit_reached) {
        json_put_u64(o, "fd_limit", g->fd_limit);
        json_put_seconds_left(o, "fd_limit_in_s", g->fd_limit_in_s, g->fd_limit_reached);
    }
    if (g->ports_in_s || g->ports_reached) {
        json_put_u64(o, "ports", g->ports);
        json_put_seconds_left(o, "ports_in_s", g->ports_in_s, g->ports_reached);
        json_put_string(o, "ports_peer", g->ports_peer);
    }
}

static void put_growth(struct out *o, const struct report *r, const struct group *g)
{
    if (g->n_growth < 2)
        return;
    json_put_key(o, "growth");
    for (size_t i = 0; i < g->n_growth; i++) {
        out_str(o, i ? ",[" : "[[");
        out_seconds(o, age_of(r, g->growth[i].at_ns));
        out_fmt(o, ",%u]", g->growth[i].count);
    }
    out_char(o, ']');
}

static void put_advice(struct out *o, const struct group *g)
{
    struct out text;
    html_gather(&text);
    if (advice_of(&text, "", g)) {
        json_put_key(o, "advice");
        put_gathered(o, &text);
    } else {
        free(text.buf);
    }
}

/* The numbers of its parts, which have " < " between them. */
static void put_suppression(struct data *d, const struct group *g)
{
    struct out text;
    const char *before = "[", between[] = " < ";
    html_gather(&text);
    suppressions_of_group(&text, g);
    while (text.len && text.buf[text.len - 1] == '\n')
        text.len--;
    out_char(&text, 0);
    json_put_key(d->o, "suppression");
    for (char *part = text.buf, *end; part; part = end ? end + sizeof between - 1 : NULL) {
        struct out json;
        bool is_new;
        end = strstr(part, between);
        if (end)
            *end = 0;
        html_gather(&json);
        out_json(&json, part);
        out_fmt(d->o, "%s%zu", before, intern(&d->parts, json.buf, json.len, &is_new));
        free(json.buf);
        before = ",";
    }
    out_char(d->o, ']');
    free(text.buf);
}

static void put_group(struct data *d, const struct html_row *row, bool suppress)
{
    struct out *o = d->o;
    const struct group *g = row->g;
    const struct told *end = group_commonest(g);
    out_fmt(o, "{\"process\":%zu", row->process);
    json_put_string(o, "kind", kind_name(g->kind));
    json_put_site(o, g->siteid);
    if (g->variants > 1) {
        json_put_key(o, "variant");
        out_char(o, '"');
        out_hex(o, g->variant, 8);
        out_char(o, '"');
    }
    if (g->kind == KIND_DEAD && how_name(g->how))
        json_put_string(o, "how", how_name(g->how));
    if (eof_name(g->eof))
        json_put_string(o, "eof", eof_name(g->eof));
    json_put_u64(o, "count", g->count);
    json_put_u64(o, "opened", g->opened);
    json_put_u64(o, "closed", g->closed);
    if (g->growing)
        json_put_bool(o, "growing", true);
    if (g->steady)
        json_put_bool(o, "steady", true);
    json_put_seconds(o, "oldest_s", g->oldest_ns);
    json_put_seconds(o, "youngest_s", g->youngest_ns);
    put_forecast(o, g);
    if (g->n_frames)
        json_put_u64(o, "stack", number_of_stack(d, g->frames, g->n_frames));
    if (end && end->n_frames)
        json_put_u64(o, "eof_stack", number_of_stack(d, end->frames, end->n_frames));
    put_life(d, g);
    put_growth(o, &row->m->report, g);
    put_advice(o, g);
    if (suppress)
        put_suppression(d, g);
    put_sockets(o, &row->m->report, g);
    out_char(o, '}');
}

static void put_process(struct out *o, const struct report *r)
{
    out_fmt(o, "{\"pid\":%u", r->pid);
    json_put_string(o, "exe", r->exe);
    if (r->host && *r->host)
        json_put_string(o, "host", r->host);
    json_put_u64(o, "leaks", r->leaks);
    out_char(o, '}');
}

void html_data(struct out *o, const struct model *models, size_t n_models, const struct html_row *rows, size_t n, bool suppress)
{
    struct out json;
    html_gather(&json);
    struct data d = {.o = &json};
    out_str(&json, "{\"version\":1");
    json_put_key(&json, "processes");
    out_char(&json, '[');
    for (size_t i = 0; i < n_models; i++) {
        out_str(&json, i ? ",\n" : "\n");
        put_process(&json, &models[i].report);
    }
    out_char(&json, ']');
    json_put_key(&json, "groups");
    out_char(&json, '[');
    for (size_t i = 0; i < n; i++) {
        out_str(&json, i ? ",\n" : "\n");
        put_group(&d, &rows[i], suppress);
    }
    out_char(&json, ']');
    put_all(&json, "stacks", &d.stacks);
    put_all(&json, "frames", &d.frames);
    put_all(&json, "suppression_parts", &d.parts);
    out_char(&json, '}');
    html_json_of(o, &json);
    intern_free(&d.frames);
    intern_free(&d.stacks);
    intern_free(&d.parts);
}
