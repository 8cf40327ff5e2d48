/* SPDX-License-Identifier: MIT */
/*
 * text.c: a report as text for people.
 *
 * Called by the agent (any thread that reports, never under a lock) and by the command, with
 * everything already resolved. Only reads the report. Strings from files, symbol tables or socket
 * addresses pass through text_clean: they must not control the reader's terminal.
 */
#include "text.h"

#include "finding.h"
#include "textstack.h"

#define RED "\033[1;31m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static void put_color(struct out *o, const struct report *r, const char *code)
{
    if (r->color)
        out_str(o, code);
}

static const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

/* ---- the words of each kind ------------------------------------------------------------------ */

static const char *headline(const struct group *g)
{
    switch (g->kind) {
    case KIND_CLOSE_WAIT:
        return "stuck in CLOSE_WAIT: the peer has closed, this process never did";
    case KIND_FIN_WAIT_2:
        return "stuck in FIN_WAIT_2: this process shut down its side and still holds the descriptor, the peer has not finished";
    case KIND_DEAD:
        if (g->how == HOW_RESET)
            return "dead (reset): the connection was reset, this process still holds the descriptor";
        if (g->how == HOW_TIMEOUT)
            return "dead (timeout): the peer stopped answering, this process still holds the descriptor";
        return "dead (finished): both sides have finished, this process still holds the descriptor";
    case KIND_NEVER_CONNECTED:
        return "never connected: connect failed or was not called, this process still holds the descriptor";
    case KIND_HANGUP:
        return "hung up: the peer has closed, this process never did";
    default:
        return "still open: nothing is wrong with the connection, but nobody has closed it";
    }
}

static const char *condition_words(unsigned kind)
{
    switch (kind) {
    case KIND_CLOSE_WAIT:
        return "stuck in CLOSE_WAIT";
    case KIND_FIN_WAIT_2:
        return "stuck in FIN_WAIT_2";
    case KIND_DEAD:
        return "dead";
    case KIND_NEVER_CONNECTED:
        return "never connected";
    case KIND_HANGUP:
        return "hung up";
    default:
        return "still open";
    }
}

static void put_told_heading(struct out *o, const struct group *g)
{
    unsigned error = 0;
    for (size_t i = 0; i < g->n_findings; i++) {
        if (g->findings[i].told_site == g->told_site) {
            error = g->findings[i].told_errno;
            break;
        }
    }
    if (!error) {
        out_str(o, "  told of the end (recv returned 0) by\n");
        return;
    }
    const char *what = g->kind == KIND_NEVER_CONNECTED                 ? "failure"
                       : g->kind == KIND_DEAD && g->how == HOW_RESET   ? "reset"
                       : g->kind == KIND_DEAD && g->how == HOW_TIMEOUT ? "timeout"
                                                                       : "end";
    const char *name = errno_name(error);
    if (name)
        out_fmt(o, "  told of the %s (%s) by\n", what, name);
    else
        out_fmt(o, "  told of the %s (error %u) by\n", what, error);
}

/* ---- the site line --------------------------------------------------------------------------- */

/*
 * A minute, an hour or a day: the first in which the rate is at least one. The smallest rate that
 * exists makes one a day.
 */
static void put_rate(struct out *o, uint64_t rate_milli)
{
    uint64_t a_minute = (rate_milli + 500) / 1000, an_hour = (rate_milli * 60 + 500) / 1000, a_day = (rate_milli * 1440 + 500) / 1000;
    if (a_minute >= 600)
        out_fmt(o, "about %lu a second", (unsigned long)((a_minute + 30) / 60));
    else if (a_minute)
        out_fmt(o, "about %lu a minute", (unsigned long)a_minute);
    else if (an_hour)
        out_fmt(o, "about %lu an hour", (unsigned long)an_hour);
    else
        out_fmt(o, "about %lu a day", (unsigned long)a_day);
}

static void put_growth(struct out *o, const struct group *g)
{
    if (!g->growing) {
        out_str(o, g->steady ? ", steady (a pool?)" : "");
        return;
    }
    out_str(o, " and growing");
    if (!g->rate_milli)
        return;
    out_str(o, " (");
    put_rate(o, g->rate_milli);
    if (g->fd_limit && g->fd_limit_in_s) {
        out_fmt(o, "; descriptor limit %lu in ", (unsigned long)g->fd_limit);
        out_duration(o, g->fd_limit_in_s);
    }
    if (g->ports && g->ports_in_s) {
        out_fmt(o, "; %lu local port%s towards ", (unsigned long)g->ports, plural(g->ports));
        text_clean(o, g->ports_peer && *g->ports_peer ? g->ports_peer : "this peer");
        out_str(o, " in ");
        out_duration(o, g->ports_in_s);
    }
    out_char(o, ')');
}

static void put_site(struct out *o, const struct report *r, const struct group *g)
{
    put_color(o, r, BOLD);
    if (g->siteid) {
        out_str(o, "site ");
        out_hex(o, g->siteid, 16);
        out_str(o, ": ");
    } else {
        out_str(o, "site unknown (no stack was recorded): ");
    }
    if (g->siteid || g->opened)
        out_fmt(o, "opened %lu, closed %lu, ", (unsigned long)g->opened, (unsigned long)g->closed);
    out_fmt(o, "%s %lu", g->kind == KIND_OPEN ? "open" : "stuck", (unsigned long)g->count);
    put_growth(o, g);
    put_color(o, r, PLAIN);
    out_char(o, '\n');
}

/* ---- one socket ------------------------------------------------------------------------------ */

static const char *state_words(const struct finding *f)
{
    const char *name = finding_state(f);
    if (*name)
        return name;
    switch (f->kind) {
    case KIND_DEAD:
        return "CLOSED";
    case KIND_NEVER_CONNECTED:
        return "UNCONNECTED";
    case KIND_HANGUP:
        return "HANGUP";
    default:
        return "OPEN";
    }
}

static void put_socket(struct out *o, const struct report *r, const struct group *g, const struct finding *f)
{
    bool local = f->local && *f->local, peer = f->peer && *f->peer;
    if (f->pid && f->pid != r->pid)
        out_fmt(o, "  pid %u", f->pid);
    out_fmt(o, "  fd %d  ", f->fd);
    if (local || peer)
        text_clean(o, local ? f->local : "?");
    else
        out_str(o, family_name(f->family));
    if (peer) {
        out_str(o, " -> ");
        text_clean(o, f->peer);
    }
    out_fmt(o, "  %s %s", state_words(f), f->adopted && f->since_ns >= f->opened_ns ? "at least " : "");
    out_duration(o, (r->now_ns > f->since_ns ? r->now_ns - f->since_ns : 0) / 1000000000u);
    if (f->kind != KIND_NEVER_CONNECTED)
        out_fmt(o, "  unread %lu", (unsigned long)f->unread);
    if (f->kind == KIND_DEAD && f->how != g->how && how_name(f->how))
        out_fmt(o, "  %s", how_name(f->how));
    if (f->told_errno && errno_name(f->told_errno))
        out_fmt(o, "  %s", errno_name(f->told_errno));
    if (f->origin >= ORIGIN_RECEIVED && origin_name(f->origin))
        out_fmt(o, "  %s", origin_name(f->origin));
    if (f->parent)
        out_fmt(o, " from parent %u, which %s", f->parent, f->parent_ended ? "ended" : "closed its copy");
    if (f->tag && *f->tag) {
        out_str(o, "  tag ");
        text_clean(o, f->tag);
    }
    out_char(o, '\n');
}

/* Those that nothing but the end of the program has closed. */
static void put_until_exit(struct out *o, const struct report *r, const struct group *g)
{
    uint64_t n = 0, oldest = 0;
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
        uint64_t age = r->now_ns > f->since_ns ? r->now_ns - f->since_ns : 0;
        n += f->until_exit;
        if (f->until_exit && age > oldest)
            oldest = age;
    }
    if (!n)
        return;
    out_fmt(o, "  %lu %s stuck for up to ", (unsigned long)n, n == 1 ? "was" : "were");
    out_duration(o, oldest / 1000000000u);
    out_str(o, " until the program ended\n");
}

void text_group(struct out *o, const struct report *r, const struct group *g)
{
    put_color(o, r, RED);
    out_fmt(o, "==%u==WARNING: sockleak: %lu socket%s %s", r->pid, (unsigned long)g->count, plural(g->count), headline(g));
    put_color(o, r, PLAIN);
    out_char(o, '\n');
    put_site(o, r, g);
    put_until_exit(o, r, g);
    struct text_columns c = {0, 0};
    text_measure(&c, g->frames, g->n_frames);
    text_measure(&c, g->told, g->n_told);
    if (g->n_frames > 0) {
        out_str(o, "  allocated by\n");
        text_stack(o, &c, g->frames, g->n_frames);
    }
    if (g->n_told > 0) {
        put_told_heading(o, g);
        text_stack(o, &c, g->told, g->n_told);
    } else if (g->eof == EOF_READ) {
        out_str(o, "  told of the end (recv returned 0)\n");
    } else if (g->eof == EOF_UNREAD) {
        out_str(o, "  not told of the end: no receive call has read as far\n");
    }
    size_t shown = g->n_findings < r->max_sockets ? g->n_findings : r->max_sockets;
    for (size_t i = 0; i < shown; i++)
        put_socket(o, r, g, &g->findings[i]);
    if (g->count > shown)
        out_fmt(o, "  %sand %lu more\n", shown ? "" : "none listed (max_sockets), ", (unsigned long)(g->count - shown));
}

void text_summary(struct out *o, const struct report *r)
{
    put_color(o, r, RED);
    out_fmt(o, "==%u==SUMMARY: sockleak: %lu socket%s leaked at %lu site%s", r->pid, (unsigned long)r->leaks, plural(r->leaks),
            (unsigned long)r->sites, plural(r->sites));
    const char *before = " (";
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        if (r->by_kind[k]) {
            out_fmt(o, "%s%lu %s", before, (unsigned long)r->by_kind[k], kind_name(k));
            before = ", ";
        }
    }
    if (*before == ',')
        out_char(o, ')');
    put_color(o, r, PLAIN);
    out_char(o, '\n');
}

void text_left_out(struct out *o, const struct report *r)
{
    if (r->groups_left_out)
        out_fmt(o, "%lu more group%s with ", (unsigned long)r->groups_left_out, plural(r->groups_left_out));
    if (r->sockets_left_out)
        out_fmt(o, "%lu socket%s left out%s", (unsigned long)r->sockets_left_out, plural(r->sockets_left_out),
                r->groups_left_out ? " (max_leaks)" : "");
}

void text_stretched(struct out *o, const struct report *r)
{
    if (!r->stretched_ms)
        return;
    out_str(o, "looks take long: the watcher looks every ");
    out_fmt(o, "%u.%03u s now, less often than its interval, to stay within its budget", r->stretched_ms / 1000, r->stretched_ms % 1000);
}

static void put_notes(struct out *o, const struct report *r)
{
    if (r->sockets_left_out) {
        out_fmt(o, "==%u==sockleak: ", r->pid);
        text_left_out(o, r);
        out_char(o, '\n');
    }
    if (r->stretched_ms) {
        out_fmt(o, "==%u==sockleak: ", r->pid);
        text_stretched(o, r);
        out_char(o, '\n');
    }
    if (r->suppressed)
        out_fmt(o, "==%u==sockleak: %lu socket%s suppressed\n", r->pid, (unsigned long)r->suppressed, plural(r->suppressed));
    if (r->dropped)
        out_fmt(o, "==%u==sockleak: %lu event%s could not be recorded: the counts may be too low\n", r->pid, (unsigned long)r->dropped,
                plural(r->dropped));
}

void text_report(struct out *o, const struct report *r)
{
    if (r->n_groups == 0)
        return;
    for (size_t i = 0; i < r->n_groups; i++)
        text_group(o, r, &r->groups[i]);
    put_notes(o, r);
    if (r->print_summary)
        text_summary(o, r);
}

void text_release(struct out *o, const struct report *r, const struct release *rel)
{
    out_fmt(o, "==%u==sockleak: fd %d released after ", r->pid, rel->fd);
    out_duration(o, rel->stuck_ns / 1000000000u);
    out_fmt(o, ": it was %s", condition_words(rel->kind));
    if (rel->siteid) {
        out_str(o, " (site ");
        out_hex(o, rel->siteid, 16);
        out_char(o, ')');
    }
    out_char(o, '\n');
}
