/* SPDX-License-Identifier: MIT */
/*
 * json.c: a report as JSON Lines: one object a line.
 *
 * Called by the agent (any thread that reports, never under a lock) and by the command. Only reads
 * the report. The order and meaning of the keys are part of the contract with users; new keys go
 * behind the old ones. What is not known is null.
 */
#include "json.h"

#include "advice.h"
#include "asked.h"
#include "finding.h"
#include "group.h"
#include "parting.h"
#include "text.h"

static void put_key(struct out *o, const char *key) { out_fmt(o, ",\"%s\":", key); }

static void put_string(struct out *o, const char *key, const char *value)
{
    put_key(o, key);
    out_json_opt(o, value);
}

static void put_u64(struct out *o, const char *key, uint64_t value)
{
    put_key(o, key);
    out_u64(o, value);
}

/* A number, or null for the 0 that means "not known". */
static void put_u64_opt(struct out *o, const char *key, uint64_t value)
{
    put_key(o, key);
    if (value)
        out_u64(o, value);
    else
        out_str(o, "null");
}

static void put_seconds(struct out *o, const char *key, uint64_t ns)
{
    put_key(o, key);
    out_seconds(o, ns);
}

/* Whole seconds as the other times are written, or null for the 0 that means "never". */
static void put_whole_seconds(struct out *o, const char *key, uint64_t seconds)
{
    put_u64_opt(o, key, seconds);
    if (seconds)
        out_str(o, ".0");
}

/* The limit that is reached runs out in 0.0 s; null: never. */
static void put_seconds_left(struct out *o, const char *key, uint64_t seconds, bool reached)
{
    if (reached)
        put_seconds(o, key, 0);
    else
        put_whole_seconds(o, key, seconds);
}

static void put_bool(struct out *o, const char *key, bool value)
{
    put_key(o, key);
    out_str(o, value ? "true" : "false");
}

static void put_site(struct out *o, uint64_t siteid)
{
    put_key(o, "site");
    if (!siteid) {
        out_str(o, "null");
        return;
    }
    out_char(o, '"');
    out_hex(o, siteid, 16);
    out_char(o, '"');
}

static void put_address(struct out *o, const char *key, uint64_t value)
{
    put_key(o, key);
    out_str(o, "\"0x");
    out_hex(o, value, 1);
    out_char(o, '"');
}

static uint64_t age(const struct report *r, uint64_t since_ns) { return r->now_ns > since_ns ? r->now_ns - since_ns : 0; }

static void put_start(struct out *o, const struct report *r, const char *type)
{
    out_fmt(o, "{\"type\":\"%s\"", type);
    put_key(o, "time");
    out_char(o, '"');
    out_rfc3339(o, r->now_real_ns);
    out_char(o, '"');
}

/* WHOLE, with the interpreter's own frames, where there are such; else FRAMES. */
static void put_frames(struct out *o, const char *key, const struct frame *frames, size_t n, const struct frame *whole, size_t n_whole)
{
    frames = whole ? whole : frames;
    n = whole ? n_whole : n;
    put_key(o, key);
    out_char(o, '[');
    for (size_t i = 0; i < n; i++) {
        const struct frame *f = &frames[i];
        bool module = f->module && *f->module;
        out_str(o, i ? ",{\"module\":" : "{\"module\":");
        out_json_opt(o, f->module);
        put_string(o, "build_id", f->build_id);
        if (module)
            put_address(o, "offset", f->offset);
        else
            out_str(o, ",\"offset\":null");
        put_string(o, "symbol", f->symbol);
        put_string(o, "file", f->file);
        put_u64_opt(o, "line", f->line);
        put_bool(o, "inlined", f->inlined);
        if (!module && f->runtime == RUNTIME_NATIVE)
            put_address(o, "pc", f->pc);
        put_string(o, "runtime", runtime_name(f->runtime));
        if (f->column)
            put_u64(o, "column", f->column);
        if (f->line_of_function)
            put_bool(o, "line_of_function", true);
        if (f->interpreter)
            put_bool(o, "interpreter", true);
        if (f->on)
            put_string(o, "on", f->on);
        out_char(o, '}');
    }
    out_char(o, ']');
}

static void put_error(struct out *o, const char *key, unsigned number)
{
    const char *name = errno_name(number);
    put_key(o, key);
    if (name || !number)
        out_json_opt(o, name);
    else
        out_fmt(o, "\"errno %u\"", number);
}

static void put_holders(struct out *o, const struct finding *f)
{
    put_key(o, "holders");
    out_char(o, '[');
    for (unsigned i = 0; i < f->n_holders; i++) {
        const struct state_holder *h = &f->holder[i];
        out_fmt(o, "%s{\"pid\":%u", i ? "," : "", h->pid);
        put_string(o, "exe", h->exe);
        put_key(o, "fd");
        out_i64(o, h->fd);
        out_char(o, '}');
    }
    out_char(o, ']');
    put_u64(o, "n_holders", f->holders);
}

static void put_socket(struct out *o, const struct report *r, const struct finding *f)
{
    out_fmt(o, "{\"fd\":%d", f->fd);
    put_string(o, "family", f->family ? family_name(f->family) : NULL);
    put_string(o, "local", f->local);
    put_string(o, "peer", f->peer);
    put_string(o, "state", finding_state(f));
    put_key(o, "age_s");
    if (f->opened_ns && !f->adopted)
        out_seconds(o, age(r, f->opened_ns));
    else
        out_str(o, "null");
    put_seconds(o, "stuck_s", age(r, f->since_ns));
    put_u64(o, "unread", f->unread);
    put_string(o, "origin", origin_name(f->origin));
    put_string(o, "tag", f->tag);
    put_u64_opt(o, "tid", f->tid);
    put_string(o, "how", f->kind == KIND_DEAD ? how_name(f->how) : NULL);
    put_error(o, "error", finding_error(f));
    if (f->error_inferred)
        put_bool(o, "error_inferred", true);
    put_u64(o, "pid", f->pid ? f->pid : r->pid);
    put_string(o, "eof", eof_name(f->eof));
    put_string(o, "protocol", protocol_name(f->family, f->type, f->protocol));
    put_u64(o, "descriptors", f->descriptors ? f->descriptors : 1);
    if (f->parent) {
        put_u64(o, "parent", f->parent);
        put_bool(o, "parent_ended", f->parent_ended);
    }
    if (f->until_exit)
        put_bool(o, "until_exit", true);
    if (f->kind == KIND_HELD_BY_CHILD)
        put_holders(o, f);
    if (f->kind == KIND_USE_AFTER_CLOSE) {
        put_u64_opt(o, "closed_tid", f->closed_tid);
        put_u64_opt(o, "used_tid", f->used_tid);
        put_u64_opt(o, "victim_tid", f->victim_tid);
    }
    asked_json_socket(o, r, f);
    out_char(o, '}');
}

static void put_one_event(struct out *o, const struct told *t, const char **before)
{
    out_fmt(o, "%s{\"event\":\"%s\"", *before, event_name(t->event));
    *before = ",";
    put_string(o, "call", call_name(t->call));
    put_u64(o, "count", t->count);
    put_error(o, "errno", t->error);
    put_bool(o, "inferred", t->count && t->n_inferred == t->count);
    if (t->n_elsewhere)
        put_u64(o, "other_thread", t->n_elsewhere);
    put_frames(o, "frames", t->frames, t->n_frames, t->whole, t->n_whole);
    out_char(o, '}');
}

/* What happened to the sockets, each stack with the number of those that it is true of. */
static void put_history(struct out *o, const struct group *g)
{
    const char *before = "";
    put_key(o, "history");
    out_char(o, '[');
    for (unsigned i = 0; i < g->n_told; i++) {
        const struct told *t = &g->told[i];
        if (t->event >= EVENT_SIBLINGS)
            continue;
        if (t->event != EVENT_HANDLED_BY || !g->n_handlers)
            put_one_event(o, t, &before);
        else if (i == 0 || t[-1].event != EVENT_HANDLED_BY)
            for (size_t k = 0; k < g->n_handlers; k++)
                put_one_event(o, &g->handlers[k], &before);
    }
    out_char(o, ']');
}

static void put_names(struct out *o, const char *key, uint32_t events)
{
    const char *before = "";
    put_key(o, key);
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
    put_u64(o, "common", common);
    put_names(o, "same", p.same);
    put_key(o, "unlike");
    out_char(o, '[');
    for (unsigned i = 0; i < p.n_unlike; i++) {
        const struct told *t = p.unlike[i];
        out_fmt(o, "%s{\"event\":\"%s\"", i ? "," : "", event_name(t->was));
        put_string(o, "call", call_name(t->call));
        put_frames(o, "frames", t->frames, t->n_frames, t->whole, t->n_whole);
        out_char(o, '}');
    }
    out_char(o, ']');
    put_names(o, "lacks", p.lacks);
}

/* The stacks that closed the other sockets of the site; with "cousins" those of other sites. */
static void put_siblings(struct out *o, const struct group *g)
{
    const char *before = "";
    put_key(o, "siblings_closed");
    out_char(o, '[');
    for (unsigned i = 0; i < g->n_told; i++) {
        const struct told *t = &g->told[i];
        if (t->event != EVENT_SIBLINGS)
            continue;
        out_fmt(o, "%s{\"count\":%lu", before, (unsigned long)t->count);
        before = ",";
        put_string(o, "call", call_name(t->call));
        put_bool(o, "about", g->about);
        put_bool(o, "cousins", g->cousins);
        put_frames(o, "frames", t->frames, t->n_frames, t->whole, t->n_whole);
        put_parting(o, g, t);
        out_char(o, '}');
    }
    out_char(o, ']');
}

/* The end of the program closed all of them. */
static bool is_until_exit(const struct group *g)
{
    for (size_t i = 0; i < g->n_findings; i++)
        if (!g->findings[i].until_exit)
            return false;
    return g->n_findings > 0;
}

/* Advice has neither controls nor bytes that are no UTF-8: two characters are left to escape. */
static bool put_escaped(struct out *o, size_t need)
{
    (void)need;
    for (size_t i = 0; i < o->len; i++) {
        if (o->buf[i] == '"' || o->buf[i] == '\\')
            out_char(o->arg, '\\');
        out_char(o->arg, o->buf[i]);
    }
    o->len = 0;
    return true;
}

static void put_advice(struct out *o, const struct group *g)
{
    char part[256];
    struct out nothing = {0}, text = {.buf = part, .cap = sizeof part, .flush = put_escaped, .arg = o};
    if (!advice_of(&nothing, "", g))
        return;
    put_key(o, "advice");
    out_char(o, '"');
    advice_of(&text, "", g);
    put_escaped(&text, 0);
    out_char(o, '"');
}

static void put_variant(struct out *o, const struct group *g)
{
    bool has = g->variants > 1 && g->variant;
    put_key(o, "variant");
    out_str(o, has ? "\"" : "null");
    if (has)
        out_hex(o, g->variant, 8);
    out_str(o, has ? "\"" : "");
    if (g->variants > 1)
        put_u64(o, "site_count", g->site_count);
}

void json_group(struct out *o, const struct report *r, const struct group *g)
{
    put_start(o, r, "leak");
    put_string(o, "host", r->host);
    put_u64(o, "pid", r->pid);
    put_string(o, "exe", r->exe);
    put_string(o, "reason", reason_name(r->reason));
    put_string(o, "kind", kind_name(g->kind));
    put_string(o, "how", g->kind == KIND_DEAD ? how_name(g->how) : NULL);
    put_string(o, "eof", eof_name(g->eof));
    put_site(o, g->siteid);
    put_u64(o, "count", g->count);
    put_u64(o, "opened", g->opened);
    put_u64(o, "closed", g->closed);
    put_u64(o, "live", g->live);
    put_bool(o, "growing", g->growing);
    put_seconds(o, "oldest_s", g->oldest_ns);
    put_seconds(o, "youngest_s", g->youngest_ns);
    put_frames(o, "frames", g->frames, g->n_frames, g->whole, g->n_whole);
    const struct told *told = group_commonest(g);
    put_frames(o, "eof_frames", told ? told->frames : NULL, told ? told->n_frames : 0, told ? told->whole : NULL, told ? told->n_whole : 0);
    put_key(o, "sockets");
    out_char(o, '[');
    for (size_t i = 0; i < g->n_findings && i < JSON_MAX_SOCKETS; i++) {
        if (i)
            out_char(o, ',');
        put_socket(o, r, &g->findings[i]);
    }
    out_char(o, ']');
    put_bool(o, "steady", g->steady);
    put_key(o, "rate_per_minute");
    out_fmt(o, "%u.%03u", g->rate_milli / 1000, g->rate_milli % 1000);
    put_u64_opt(o, "fd_limit", g->fd_limit);
    put_seconds_left(o, "fd_limit_in_s", g->fd_limit_in_s, g->fd_limit_reached);
    put_u64_opt(o, "ports", g->ports);
    put_seconds_left(o, "ports_in_s", g->ports_in_s, g->ports_reached);
    put_string(o, "ports_peer", g->ports_peer);
    put_history(o, g);
    put_variant(o, g);
    put_string(o, "site_of", g->of_eof ? "eof" : NULL);
    if (is_until_exit(g))
        put_bool(o, "until_exit", true);
    put_siblings(o, g);
    asked_json(o, r, g);
    put_advice(o, g);
    out_str(o, "}\n");
}

void json_summary(struct out *o, const struct report *r)
{
    put_start(o, r, "summary");
    put_u64(o, "pid", r->pid);
    put_string(o, "reason", reason_name(r->reason));
    put_u64(o, "leaks", r->leaks);
    put_u64(o, "sites", r->sites);
    put_u64(o, "suppressed", r->suppressed);
    put_u64(o, "dropped", r->dropped);
    put_key(o, "by_kind");
    out_char(o, '{');
    const char *before = "";
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        if (r->by_kind[k]) {
            out_fmt(o, "%s\"%s\":%lu", before, kind_name(k), (unsigned long)r->by_kind[k]);
            before = ",";
        }
    }
    out_char(o, '}');
    put_u64(o, "groups_left_out", r->groups_left_out);
    put_u64(o, "sockets_left_out", r->sockets_left_out);
    out_str(o, "}\n");
}

static void put_note(struct out *o, const struct report *r, void (*words)(struct out *o, const struct report *r))
{
    put_start(o, r, "note");
    put_u64(o, "pid", r->pid);
    put_key(o, "text");
    out_char(o, '"');
    words(o, r);
    out_char(o, '"');
}

static void put_stretched(struct out *o, const struct report *r)
{
    put_note(o, r, text_stretched);
    put_seconds(o, "period_s", r->stretched_ms * 1000000ull);
    out_str(o, "}\n");
}

/* What was left out: for a report without a summary, which has it otherwise. */
static void put_left_out(struct out *o, const struct report *r)
{
    put_note(o, r, text_left_out);
    put_u64(o, "groups_left_out", r->groups_left_out);
    put_u64(o, "sockets_left_out", r->sockets_left_out);
    out_str(o, "}\n");
}

void json_report(struct out *o, const struct report *r)
{
    if (r->n_groups == 0)
        return;
    for (size_t i = 0; i < r->n_groups; i++)
        json_group(o, r, &r->groups[i]);
    if (r->stretched_ms)
        put_stretched(o, r);
    if (r->print_summary)
        json_summary(o, r);
    else if (r->sockets_left_out)
        put_left_out(o, r);
}

void json_release(struct out *o, const struct report *r, const struct release *rel)
{
    put_start(o, r, "release");
    put_u64(o, "pid", r->pid);
    put_key(o, "fd");
    out_i64(o, rel->fd);
    put_site(o, rel->siteid);
    put_string(o, "kind", kind_name(rel->kind));
    put_seconds(o, "stuck_s", rel->stuck_ns);
    put_u64(o, "count", rel->count);
    put_key(o, "fds");
    for (size_t i = 0; i < rel->n_fds && i < JSON_MAX_SOCKETS; i++)
        out_fmt(o, "%c%d", i ? ',' : '[', rel->fds[i]);
    out_str(o, rel->n_fds ? "]}\n" : "[]}\n");
}

void json_idle_note(struct out *o, const struct report *r, const struct group *g)
{
    char words[512];
    struct out text = {.buf = words, .cap = sizeof words - 1};
    text_idle_words(&text, g);
    words[text.len] = 0;
    put_start(o, r, "note");
    put_u64(o, "pid", r->pid);
    put_string(o, "text", words);
    put_site(o, g->siteid);
    put_u64(o, "count", g->count);
    put_seconds(o, "idle_s", g->youngest_ns);
    out_str(o, "}\n");
}
