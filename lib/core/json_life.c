/* SPDX-License-Identifier: MIT */
/*
 * json_life.c: stacks, and what was done with a group's sockets, as members of its JSON object.
 *
 * Called by json.c. Only reads the group.
 */
#include "json_life.h"

#include "frame_role.h"
#include "json_put.h"
#include "parting.h"
#include "users.h"

/* Where F is in the file that runs. */
static void put_generated(struct out *o, const struct frame *f)
{
    json_put_key(o, "generated");
    out_str(o, "{\"file\":");
    out_json(o, f->generated_file);
    json_put_u64_opt(o, "line", f->generated_line);
    if (f->generated_column)
        json_put_u64(o, "column", f->generated_column);
    out_char(o, '}');
}

void json_put_frames(struct out *o, const char *key, const struct frame *frames, size_t n, const struct frame *whole, size_t n_whole)
{
    frames = whole ? whole : frames;
    n = whole ? n_whole : n;
    json_put_key(o, key);
    out_char(o, '[');
    for (size_t i = 0; i < n; i++) {
        const struct frame *f = &frames[i];
        bool module = f->module && *f->module;
        out_str(o, i ? ",{\"module\":" : "{\"module\":");
        out_json_opt(o, f->module);
        json_put_string(o, "build_id", f->build_id);
        if (module)
            json_put_address(o, "offset", f->offset);
        else
            out_str(o, ",\"offset\":null");
        json_put_string(o, "symbol", f->symbol);
        json_put_string(o, "file", f->file);
        json_put_u64_opt(o, "line", f->line);
        json_put_bool(o, "inlined", f->inlined);
        if (!module && f->runtime == RUNTIME_NATIVE)
            json_put_address(o, "pc", f->pc);
        json_put_string(o, "runtime", runtime_name(f->runtime));
        if (f->column)
            json_put_u64(o, "column", f->column);
        if (f->generated_file)
            put_generated(o, f);
        if (frame_role_name(f->role))
            json_put_string(o, "role", frame_role_name(f->role));
        if (f->line_of_function)
            json_put_bool(o, "line_of_function", true);
        if (f->interpreter)
            json_put_bool(o, "interpreter", true);
        if (f->on)
            json_put_string(o, "on", f->on);
        if (f->source)
            json_put_string(o, "source", f->source);
        out_char(o, '}');
    }
    out_char(o, ']');
}

/* The thread that made the last uses T, where it is not the one that opened the sockets. */
static void put_user(struct out *o, const struct group *g, const struct told *t)
{
    const struct opener *user = users_find(g, t->tid);
    if (!t->tid)
        return;
    json_put_key(o, "thread");
    out_fmt(o, "{\"tid\":%u", t->tid);
    json_put_string(o, "name", user ? user->name : NULL);
    json_put_string(o, "now", user ? user->now : NULL);
    if (user && (user->ended || user->name[0] || user->now[0]))
        json_put_bool(o, "ended", user->ended);
    else
        out_str(o, ",\"ended\":null");
    out_char(o, '}');
}

static void put_one_event(struct out *o, const struct group *g, const struct told *t, const char **before)
{
    out_fmt(o, "%s{\"event\":\"%s\"", *before, event_name(t->event));
    *before = ",";
    json_put_string(o, "call", call_name(t->call));
    json_put_u64(o, "count", t->count);
    json_put_error(o, "errno", t->error);
    json_put_bool(o, "inferred", t->count && t->n_inferred == t->count);
    if (t->n_elsewhere)
        json_put_u64(o, "other_thread", t->n_elsewhere);
    put_user(o, g, t);
    json_put_frames(o, "frames", t->frames, t->n_frames, t->whole, t->n_whole);
    out_char(o, '}');
}

/* Who created the goroutine that opened a group's sockets, and who waited for it: parts of the opening stack. */
static void put_part(struct out *o, const struct group *g, unsigned role, const char **before)
{
    const struct frame *frames = g->whole ? g->whole : g->frames;
    size_t n = g->whole ? g->n_whole : g->n_frames, at = 0, found = frame_role_part(frames, n, role, &at);
    if (!found)
        return;
    out_fmt(o, "%s{\"event\":\"%s\"", *before, frame_role_name(role));
    *before = ",";
    json_put_string(o, "call", NULL);
    json_put_u64(o, "count", g->count);
    json_put_error(o, "errno", 0);
    json_put_bool(o, "inferred", false);
    json_put_frames(o, "frames", frames + at, found, NULL, 0);
    out_char(o, '}');
}

void json_put_history(struct out *o, const struct group *g)
{
    const char *before = "";
    json_put_key(o, "history");
    out_char(o, '[');
    put_part(o, g, FRAME_ROLE_CREATED_BY, &before);
    put_part(o, g, FRAME_ROLE_WAITED_FOR_BY, &before);
    for (unsigned i = 0; i < g->n_told; i++) {
        const struct told *t = &g->told[i];
        if (t->event >= EVENT_SIBLINGS)
            continue;
        if (t->event != EVENT_HANDLED_BY || !g->n_handlers)
            put_one_event(o, g, t, &before);
        else if (i == 0 || t[-1].event != EVENT_HANDLED_BY)
            for (size_t k = 0; k < g->n_handlers; k++)
                put_one_event(o, g, &g->handlers[k], &before);
    }
    out_char(o, ']');
}

static void put_names(struct out *o, const char *key, uint32_t events)
{
    const char *before = "";
    json_put_key(o, key);
    out_char(o, '[');
    for (unsigned event = 0; event < EVENT_COUNT; event++) {
        if (!parting_has(events, event))
            continue;
        out_fmt(o, "%s\"%s\"", before, event_name(event));
        before = ",";
    }
    out_char(o, ']');
}

/* One socket that was closed there, compared with the group's own. */
static void put_parting(struct out *o, const struct group *g, const struct told *siblings)
{
    struct parting p;
    unsigned common = 0;
    if (!parting_of(g, siblings, &p))
        return;
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        common += parting_has(p.same, event);
    json_put_u64(o, "common", common);
    put_names(o, "same", p.same);
    json_put_key(o, "unlike");
    out_char(o, '[');
    for (unsigned i = 0; i < p.n_unlike; i++) {
        const struct told *t = p.unlike[i];
        out_fmt(o, "%s{\"event\":\"%s\"", i ? "," : "", event_name(t->was));
        json_put_string(o, "call", call_name(t->call));
        json_put_frames(o, "frames", t->frames, t->n_frames, t->whole, t->n_whole);
        out_char(o, '}');
    }
    out_char(o, ']');
    put_names(o, "lacks", p.lacks);
}

void json_put_siblings(struct out *o, const struct group *g)
{
    const char *before = "";
    json_put_key(o, "siblings_closed");
    out_char(o, '[');
    for (unsigned i = 0; i < g->n_told; i++) {
        const struct told *t = &g->told[i];
        if (t->event != EVENT_SIBLINGS)
            continue;
        out_fmt(o, "%s{\"count\":%lu", before, (unsigned long)t->count);
        before = ",";
        json_put_string(o, "call", call_name(t->call));
        json_put_bool(o, "about", g->about);
        json_put_bool(o, "cousins", g->cousins);
        json_put_frames(o, "frames", t->frames, t->n_frames, t->whole, t->n_whole);
        put_parting(o, g, t);
        out_char(o, '}');
    }
    out_char(o, ']');
}
