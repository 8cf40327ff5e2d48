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
#include "exhaustion.h"
#include "finding.h"
#include "group_told.h"
#include "json_life.h"
#include "json_put.h"
#include "text.h"

static uint64_t age(const struct report *r, uint64_t since_ns) { return r->now_ns > since_ns ? r->now_ns - since_ns : 0; }

static void put_start(struct out *o, const struct report *r, const char *type)
{
    out_fmt(o, "{\"type\":\"%s\"", type);
    json_put_key(o, "time");
    out_char(o, '"');
    out_rfc3339(o, r->now_real_ns);
    out_char(o, '"');
}

static void put_holders(struct out *o, const struct finding *f)
{
    json_put_key(o, "holders");
    out_char(o, '[');
    for (unsigned i = 0; i < f->n_holders; i++) {
        const struct state_holder *h = &f->holder[i];
        out_fmt(o, "%s{\"pid\":%u", i ? "," : "", h->pid);
        json_put_string(o, "exe", h->exe);
        json_put_key(o, "fd");
        out_i64(o, h->fd);
        out_char(o, '}');
    }
    out_char(o, ']');
    json_put_u64(o, "n_holders", f->holders);
}

static void put_socket(struct out *o, const struct report *r, const struct finding *f)
{
    out_fmt(o, "{\"fd\":%d", f->fd);
    json_put_string(o, "family", f->family ? family_name(f->family) : NULL);
    json_put_string(o, "local", f->local);
    json_put_string(o, "peer", f->peer);
    json_put_string(o, "state", finding_state(f));
    json_put_key(o, "age_s");
    if (f->opened_ns && !f->adopted)
        out_seconds(o, age(r, f->opened_ns));
    else
        out_str(o, "null");
    json_put_seconds(o, "stuck_s", age(r, f->since_ns));
    json_put_u64(o, "unread", f->unread);
    json_put_string(o, "origin", origin_name(f->origin));
    json_put_string(o, "tag", f->tag);
    json_put_u64_opt(o, "tid", f->tid);
    json_put_u64_opt(o, "receive_tid", f->receive_tid);
    json_put_u64_opt(o, "send_tid", f->send_tid);
    json_put_string(o, "how", f->kind == KIND_DEAD ? how_name(f->how) : NULL);
    json_put_error(o, "error", finding_error(f));
    if (f->error_inferred)
        json_put_bool(o, "error_inferred", true);
    json_put_u64(o, "pid", f->pid ? f->pid : r->pid);
    json_put_string(o, "eof", eof_name(f->eof));
    json_put_string(o, "protocol", protocol_name(f->family, f->type, f->protocol));
    json_put_u64(o, "descriptors", f->descriptors ? f->descriptors : 1);
    if (f->parent) {
        json_put_u64(o, "parent", f->parent);
        json_put_bool(o, "parent_ended", f->parent_ended);
    }
    if (f->until_exit)
        json_put_bool(o, "until_exit", true);
    if (f->kind == KIND_HELD_BY_CHILD)
        put_holders(o, f);
    if (f->kind == KIND_USE_AFTER_CLOSE) {
        json_put_u64_opt(o, "closed_tid", f->closed_tid);
        json_put_u64_opt(o, "used_tid", f->used_tid);
        json_put_u64_opt(o, "victim_tid", f->victim_tid);
    }
    asked_json_socket(o, r, f);
    out_char(o, '}');
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
    json_put_key(o, "advice");
    out_char(o, '"');
    advice_of(&text, "", g);
    put_escaped(&text, 0);
    out_char(o, '"');
}

static void put_variant(struct out *o, const struct group *g)
{
    bool has = g->variants > 1 && g->variant;
    json_put_key(o, "variant");
    out_str(o, has ? "\"" : "null");
    if (has)
        out_hex(o, g->variant, 8);
    out_str(o, has ? "\"" : "");
    if (g->variants > 1)
        json_put_u64(o, "site_count", g->site_count);
}

static void put_growth(struct out *o, const struct report *r, const struct group *g)
{
    json_put_key(o, "growth");
    for (size_t i = 0; i < g->n_growth; i++) {
        out_str(o, i ? ",{\"age_s\":" : "[{\"age_s\":");
        out_seconds(o, age(r, g->growth[i].at_ns));
        json_put_u64(o, "count", g->growth[i].count);
        out_char(o, '}');
    }
    out_char(o, ']');
}

void json_group(struct out *o, const struct report *r, const struct group *g)
{
    put_start(o, r, "leak");
    json_put_string(o, "host", r->host);
    json_put_u64(o, "pid", r->pid);
    json_put_string(o, "exe", r->exe);
    json_put_string(o, "reason", reason_name(r->reason));
    json_put_string(o, "kind", kind_name(g->kind));
    json_put_string(o, "how", g->kind == KIND_DEAD ? how_name(g->how) : NULL);
    json_put_string(o, "eof", eof_name(g->eof));
    json_put_site(o, g->siteid);
    json_put_u64(o, "count", g->count);
    json_put_u64(o, "opened", g->opened);
    json_put_u64(o, "closed", g->closed);
    json_put_u64(o, "live", g->live);
    json_put_bool(o, "growing", g->growing);
    json_put_seconds(o, "oldest_s", g->oldest_ns);
    json_put_seconds(o, "youngest_s", g->youngest_ns);
    json_put_frames(o, "frames", g->frames, g->n_frames, g->whole, g->n_whole);
    const struct told *told = group_commonest(g);
    json_put_frames(o, "eof_frames", told ? told->frames : NULL, told ? told->n_frames : 0, told ? told->whole : NULL,
                    told ? told->n_whole : 0);
    json_put_key(o, "sockets");
    out_char(o, '[');
    for (size_t i = 0; i < g->n_findings && i < JSON_MAX_SOCKETS; i++) {
        if (i)
            out_char(o, ',');
        put_socket(o, r, &g->findings[i]);
    }
    out_char(o, ']');
    json_put_bool(o, "steady", g->steady);
    json_put_key(o, "rate_per_minute");
    out_fmt(o, "%u.%03u", g->rate_milli / 1000, g->rate_milli % 1000);
    json_put_u64_opt(o, "fd_limit", g->fd_limit);
    json_put_seconds_left(o, "fd_limit_in_s", g->fd_limit_in_s, g->fd_limit_reached);
    json_put_u64_opt(o, "ports", g->ports);
    json_put_seconds_left(o, "ports_in_s", g->ports_in_s, g->ports_reached);
    json_put_string(o, "ports_peer", g->ports_peer);
    json_put_history(o, g);
    put_variant(o, g);
    json_put_string(o, "site_of", g->of_eof ? "eof" : NULL);
    if (is_until_exit(g))
        json_put_bool(o, "until_exit", true);
    json_put_siblings(o, g);
    asked_json(o, r, g);
    if (g->n_growth)
        put_growth(o, r, g);
    put_advice(o, g);
    out_str(o, "}\n");
}

void json_summary(struct out *o, const struct report *r)
{
    put_start(o, r, "summary");
    json_put_u64(o, "pid", r->pid);
    json_put_string(o, "reason", reason_name(r->reason));
    json_put_u64(o, "leaks", r->leaks);
    json_put_u64(o, "sites", r->sites);
    json_put_u64(o, "suppressed", r->suppressed);
    json_put_u64(o, "dropped", r->dropped);
    json_put_key(o, "by_kind");
    out_char(o, '{');
    const char *before = "";
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        if (r->by_kind[k]) {
            out_fmt(o, "%s\"%s\":%lu", before, kind_name(k), (unsigned long)r->by_kind[k]);
            before = ",";
        }
    }
    out_char(o, '}');
    json_put_u64(o, "groups_left_out", r->groups_left_out);
    json_put_u64(o, "sockets_left_out", r->sockets_left_out);
    out_str(o, "}\n");
}

static void put_note(struct out *o, const struct report *r, void (*words)(struct out *o, const struct report *r))
{
    put_start(o, r, "note");
    json_put_u64(o, "pid", r->pid);
    json_put_key(o, "text");
    out_char(o, '"');
    words(o, r);
    out_char(o, '"');
}

static void put_stretched(struct out *o, const struct report *r)
{
    put_note(o, r, text_stretched);
    json_put_seconds(o, "period_s", r->stretched_ms * 1000000ull);
    out_str(o, "}\n");
}

/* What was left out: for a report without a summary, which has it otherwise. */
static void put_left_out(struct out *o, const struct report *r)
{
    put_note(o, r, text_left_out);
    json_put_u64(o, "groups_left_out", r->groups_left_out);
    json_put_u64(o, "sockets_left_out", r->sockets_left_out);
    out_str(o, "}\n");
}

void json_report(struct out *o, const struct report *r)
{
    if (r->exhaustion)
        exhaustion_json(o, r);
    else if (r->n_groups == 0)
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
    json_put_u64(o, "pid", r->pid);
    json_put_key(o, "fd");
    out_i64(o, rel->fd);
    json_put_site(o, rel->siteid);
    json_put_string(o, "kind", kind_name(rel->kind));
    json_put_seconds(o, "stuck_s", rel->stuck_ns);
    json_put_u64(o, "count", rel->count);
    json_put_key(o, "fds");
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
    json_put_u64(o, "pid", r->pid);
    json_put_string(o, "text", words);
    json_put_site(o, g->siteid);
    json_put_u64(o, "count", g->count);
    json_put_seconds(o, "idle_s", g->youngest_ns);
    out_str(o, "}\n");
}
