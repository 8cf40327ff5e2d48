/* SPDX-License-Identifier: MIT */
/*
 * text.c: a report as text for people.
 *
 * Called by the agent (any thread that reports, never under a lock) and by the command, with
 * everything already resolved. Only reads the report. Strings from files, symbol tables or socket
 * addresses pass through text_clean: they must not control the reader's terminal.
 */
#include "text.h"

#include <netinet/in.h>
#include <string.h>

#include "frame_role.h"
#include "advice.h"
#include "asked.h"
#include "exhaustion.h"
#include "finding.h"
#include "group.h"
#include "own_frames.h"
#include "text_life.h"
#include "textstack.h"

#define RED "\033[1;31m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static void put_color(struct out *o, const struct report *r, const char *code)
{
    if (r->color)
        out_str(o, code);
}

/* ---- the words of each kind ------------------------------------------------------------------ */

static const char *never_headline(unsigned never)
{
    switch (never) {
    case NEVER_FAILED:
        return "never connected: connect failed, this process still holds the descriptor";
    case NEVER_UNTRIED:
        return "never connected: connect was never tried, this process still holds the descriptor";
    case NEVER_BOUND:
        return "never connected: bound to an address, neither connected nor listening";
    case NEVER_ADDRESS:
        return "not connected: bound, or a connect failed, this process still holds the descriptor";
    case NEVER_CONNECTING:
        return "still connecting: connect has had no answer yet, this process still holds the descriptor";
    case NEVER_BIND_FAILED:
        return "never connected: bind failed, this process still holds the descriptor";
    case NEVER_LISTEN_FAILED:
        return "never connected: listen failed, this process still holds the descriptor";
    case NEVER_DISSOLVED:
        return "not connected any more: a connect to AF_UNSPEC undid it, this process still holds the descriptor";
    case NEVER_UNSEEN:
        return "not connected: what was tried is not known, this process still holds the descriptor";
    default:
        return "never connected: this process still holds the descriptor";
    }
}

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
        if (g->how == HOW_FINISHED)
            return "dead (finished): both sides have finished, this process still holds the descriptor";
        return "dead: the connection is over, this process still holds the descriptor";
    case KIND_NEVER_CONNECTED:
        return never_headline(g->never);
    case KIND_USE_AFTER_CLOSE:
        return "used after close: a call on a descriptor that was closed before";
    case KIND_HANGUP:
        return "hung up: the peer has closed, this process never did";
    case KIND_HELD_BY_CHILD:
        return "held by a child: this process has closed it, a process that it started keeps the connection open and does not use it";
    default:
        return "still open: not known to be over, and nobody has closed it";
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
    case KIND_USE_AFTER_CLOSE:
        return "used after close";
    case KIND_HANGUP:
        return "hung up";
    case KIND_HELD_BY_CHILD:
        return "held by a child";
    default:
        return "still open";
    }
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
    if (g->fd_limit_reached)
        out_fmt(o, "; descriptor limit %lu reached", (unsigned long)g->fd_limit);
    if (g->fd_limit && g->fd_limit_in_s) {
        out_fmt(o, "; descriptor limit %lu in ", (unsigned long)g->fd_limit);
        out_duration(o, g->fd_limit_in_s);
    }
    if (g->ports && (g->ports_in_s || g->ports_reached)) {
        out_fmt(o, "; %lu local port%s towards ", (unsigned long)g->ports, text_plural(g->ports));
        text_clean(o, g->ports_peer && *g->ports_peer ? g->ports_peer : "this peer");
        out_str(o, g->ports_reached ? " used up" : " in ");
        if (!g->ports_reached)
            out_duration(o, g->ports_in_s);
    }
    out_char(o, ')');
}

/* Nobody saw them opened: what their sites have opened and closed is not known. */
static bool all_adopted(const struct group *g)
{
    for (size_t i = 0; i < g->n_findings; i++)
        if (!g->findings[i].adopted)
            return false;
    return g->n_findings > 0;
}

void text_variant(struct out *o, const struct group *g)
{
    if (g->variants <= 1)
        return;
    out_str(o, g->variant ? " variant " : " other variants");
    if (g->variant)
        out_hex(o, g->variant, 8);
}

static void put_site(struct out *o, const struct report *r, const struct group *g)
{
    put_color(o, r, BOLD);
    if (g->siteid) {
        out_str(o, "site ");
        out_hex(o, g->siteid, 16);
        text_variant(o, g);
        out_str(o, g->of_eof ? " (of the stack that saw EOF; no stack of an opening is known): " : ": ");
    } else {
        out_str(o, "site unknown (no stack was recorded): ");
    }
    if (!g->of_eof && (g->siteid || (g->opened && !all_adopted(g))))
        out_fmt(o, "opened %lu, closed %lu, ", (unsigned long)g->opened, (unsigned long)g->closed);
    out_fmt(o, "%s %lu",
            g->kind == KIND_OPEN              ? "open"
            : g->kind == KIND_USE_AFTER_CLOSE ? "used after close"
                                              : "stuck",
            (unsigned long)g->count);
    if (g->variants > 1)
        out_fmt(o, " of %lu", (unsigned long)g->site_count);
    if (g->descriptors > g->count)
        out_fmt(o, " (%lu descriptors)", (unsigned long)g->descriptors);
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
    case KIND_USE_AFTER_CLOSE:
        return "CLOSED";
    case KIND_HANGUP:
        return "HANGUP";
    default:
        return "OPEN";
    }
}

/*
 * What is known of a socket that never connected, in the place of its addresses. False: nothing
 * more than of others. LOCAL: its local address is known.
 */
static bool put_never(struct out *o, const struct finding *f, bool local)
{
    bool address = (f->peer && *f->peer) || (f->asked && *f->asked);
    const char *protocol = protocol_name(f->family, f->type, f->protocol);
    if (f->kind != KIND_NEVER_CONNECTED)
        return false;
    switch (f->never) {
    case NEVER_FAILED:
    case NEVER_CONNECTING:
    case NEVER_BIND_FAILED:
    case NEVER_LISTEN_FAILED:
        if (!address && !finding_error(f))
            return false;
        out_str(o, protocol ? protocol : family_name(f->family));
        out_str(o, f->never == NEVER_BIND_FAILED ? " bind" : f->never == NEVER_LISTEN_FAILED ? " listen" : "");
        finding_put_target(o, f);
        return true;
    case NEVER_BOUND:
        if (!local)
            return false;
        out_str(o, "bound to ");
        text_clean(o, f->local);
        return true;
    default:
        return false;
    }
}

/* "held by sleep (pid 812, fd 5)" */
static void put_holders(struct out *o, const struct finding *f)
{
    for (unsigned i = 0; i < f->n_holders; i++) {
        const struct state_holder *h = &f->holder[i];
        out_str(o, i ? ", " : "  held by ");
        text_clean(o, h->exe[0] ? text_base_name(h->exe) : "a process");
        out_fmt(o, " (pid %u, fd %d)", h->pid, h->fd);
    }
    if (f->n_holders && f->holders > f->n_holders)
        out_fmt(o, " and %u more", f->holders - f->n_holders);
}

static void put_socket(struct out *o, const struct report *r, const struct group *g, const struct finding *f)
{
    bool local = f->local && *f->local, peer = f->peer && *f->peer;
    const char *protocol = protocol_name(f->family, f->type, f->protocol);
    if (f->pid && f->pid != r->pid)
        out_fmt(o, "  pid %u", f->pid);
    out_fmt(o, "  fd %d  ", f->fd);
    bool target = put_never(o, f, local);
    if (!target && protocol && strcmp(protocol, "tcp") != 0 && (local || peer))
        out_fmt(o, "%s ", protocol);
    if (target)
        peer = false;
    else if (local || peer)
        text_clean(o, local ? f->local : "?");
    else
        out_str(o, protocol ? protocol : family_name(f->family));
    if (peer) {
        out_str(o, " -> ");
        text_clean(o, f->peer);
    }
    out_fmt(o, "  %s %s", state_words(f), f->adopted && f->since_ns >= f->opened_ns ? "at least " : "");
    out_duration(o, (r->now_ns > f->since_ns ? r->now_ns - f->since_ns : 0) / 1000000000u);
    /* of an open one without state and addresses nobody has asked the kernel */
    if (f->kind == KIND_OPEN ? f->unread || f->tcp_state || local || peer
                             : f->kind != KIND_NEVER_CONNECTED && f->kind != KIND_USE_AFTER_CLOSE)
        out_fmt(o, "  unread %lu", (unsigned long)f->unread);
    asked_text_socket(o, r, f);
    if (f->kind == KIND_DEAD && f->how != g->how && how_name(f->how))
        out_fmt(o, "  %s", how_name(f->how));
    if (g->eof == EOF_MIXED && (f->eof == EOF_READ || f->eof == EOF_UNREAD))
        out_str(o, f->eof == EOF_READ ? "  saw EOF" : "  EOF not seen");
    if (!target && f->told_errno && errno_name(f->told_errno))
        out_fmt(o, "  %s", errno_name(f->told_errno));
    if (f->origin >= ORIGIN_RECEIVED && origin_name(f->origin))
        out_fmt(o, "  %s", origin_name(f->origin));
    if (f->parent)
        out_fmt(o, " from parent %u, which %s", f->parent, f->parent_ended ? "ended" : "closed its copy");
    put_holders(o, f);
    if (f->used_tid)
        out_fmt(o, "  closed by thread %u, then called by thread %u", f->closed_tid, f->used_tid);
    if (f->victim_tid)
        out_fmt(o, " on thread %u's", f->victim_tid);
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

/* All of G, or at least SITE_ASSERTED_MAX. */
static bool is_asserted(const struct group *g)
{
    return g->asserted && g->asserted >= (g->count < SITE_ASSERTED_MAX ? g->count : SITE_ASSERTED_MAX);
}

void text_group(struct out *o, const struct report *r, const struct group *g)
{
    put_color(o, r, RED);
    out_fmt(o, "==%u==WARNING: sockleak: %lu socket%s %s", r->pid, (unsigned long)g->count, text_plural(g->count), headline(g));
    put_color(o, r, PLAIN);
    out_char(o, '\n');
    put_site(o, r, g);
    if (r->brief && is_asserted(g)) {
        out_str(o, "  with its stacks in the report of an assertion\n");
        return;
    }
    put_until_exit(o, r, g);
    if (r->exhaustion)
        exhaustion_text_group(o, r, g);
    text_life(o, g, r->color);
    asked_text(o, r, g);
    size_t shown = g->n_findings < r->max_sockets ? g->n_findings : r->max_sockets;
    for (size_t i = 0; i < shown; i++)
        put_socket(o, r, g, &g->findings[i]);
    if (g->count > shown)
        out_fmt(o, "  %sand %lu more\n", shown ? "" : "none listed (max_sockets), ", (unsigned long)(g->count - shown));
    if (advice_of(o, "  fix: ", g))
        out_char(o, '\n');
}

/* " or listen_on (src/db.c:60)": the other stacks, where it is not known which of them is the sockets'. */
static void put_others(struct out *o, const struct group *g)
{
    size_t at = 0;
    for (size_t n; (n = frame_role_part(g->frames, g->n_frames, FRAME_ROLE_OR, &at)) != 0; at += n) {
        const struct frame *f = g->frames + at + own_frames_name(g->frames + at, n);
        out_str(o, " or ");
        text_clean(o, f->symbol && *f->symbol ? f->symbol : "??");
        text_source(o, f);
    }
}

/* "; most: 37 at db_connect (src/db.c:42)", where that has a name. */
static void put_most(struct out *o, const struct report *r)
{
    const struct group *most = NULL;
    for (size_t i = 0; i < r->n_groups; i++)
        if (!most || group_site_count(&r->groups[i]) > group_site_count(most))
            most = &r->groups[i];
    const struct frame *f = most && most->n_frames ? most->frames + own_frames_name(most->frames, most->n_frames) : NULL;
    if (!f || !f->symbol || !*f->symbol)
        return;
    out_fmt(o, "; most: %lu at ", (unsigned long)group_site_count(most));
    text_clean(o, f->symbol);
    text_source(o, f);
    put_others(o, most);
}

void text_summary(struct out *o, const struct report *r)
{
    put_color(o, r, RED);
    out_fmt(o, "==%u==SUMMARY: sockleak: %lu socket%s leaked at %lu site%s", r->pid, (unsigned long)r->leaks, text_plural(r->leaks),
            (unsigned long)r->sites, text_plural(r->sites));
    const char *before = " (";
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        if (r->by_kind[k]) {
            out_fmt(o, "%s%lu %s", before, (unsigned long)r->by_kind[k], kind_name(k));
            before = ", ";
        }
    }
    if (*before == ',')
        out_char(o, ')');
    put_most(o, r);
    put_color(o, r, PLAIN);
    out_char(o, '\n');
}

void text_left_out(struct out *o, const struct report *r)
{
    if (r->groups_left_out)
        out_fmt(o, "%lu more group%s with ", (unsigned long)r->groups_left_out, text_plural(r->groups_left_out));
    if (r->sockets_left_out)
        out_fmt(o, "%lu socket%s left out%s", (unsigned long)r->sockets_left_out, text_plural(r->sockets_left_out),
                r->groups_left_out ? " (max_leaks)" : "");
}

void text_stretched(struct out *o, const struct report *r)
{
    if (!r->stretched_ms)
        return;
    out_str(o, "looks take long: the watcher looks every ");
    out_fmt(o, "%u.%03u s now, less often than its interval, to stay within its budget", r->stretched_ms / 1000, r->stretched_ms % 1000);
}

void text_young(struct out *o, const struct report *r)
{
    out_fmt(o, "%lu socket%s that ended within the last second: leak_check_at_exit=all lists %s", (unsigned long)r->young,
            text_plural(r->young), r->young == 1 ? "it" : "them");
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
    if (r->young) {
        out_fmt(o, "==%u==sockleak: and ", r->pid);
        text_young(o, r);
        out_char(o, '\n');
    }
    if (r->suppressed)
        out_fmt(o, "==%u==sockleak: %lu socket%s suppressed\n", r->pid, (unsigned long)r->suppressed, text_plural(r->suppressed));
    uint64_t missed = r->dropped > r->unwritten ? r->dropped - r->unwritten : 0;
    if (missed)
        out_fmt(o, "==%u==sockleak: %lu event%s could not be recorded: the counts may be too low\n", r->pid, (unsigned long)missed,
                text_plural(missed));
    if (r->unwritten)
        out_fmt(o, "==%u==sockleak: %lu piece%s of the log could not be written\n", r->pid, (unsigned long)r->unwritten,
                text_plural(r->unwritten));
}

void text_report(struct out *o, const struct report *r)
{
    if (r->exhaustion)
        exhaustion_text(o, r);
    else if (r->n_groups == 0)
        return;
    for (size_t i = 0; i < r->n_groups; i++)
        text_group(o, r, &r->groups[i]);
    put_notes(o, r);
    if (r->print_summary)
        text_summary(o, r);
}

void text_release(struct out *o, const struct report *r, const struct release *rel)
{
    out_fmt(o, "==%u==sockleak: released: %lu of ", r->pid, (unsigned long)rel->count);
    if (rel->siteid) {
        out_str(o, "site ");
        out_hex(o, rel->siteid, 16);
    } else {
        out_str(o, "an unknown site");
    }
    out_str(o, rel->count == 1 ? " after " : " after up to ");
    out_duration(o, rel->stuck_ns / 1000000000u);
    out_fmt(o, ": %s %s (fd", rel->count == 1 ? "it was" : "they were", condition_words(rel->kind));
    size_t shown = rel->n_fds < r->max_sockets ? rel->n_fds : r->max_sockets;
    for (size_t i = 0; i < shown; i++)
        out_fmt(o, "%s %d", i ? "," : "", rel->fds[i]);
    if (!shown)
        out_fmt(o, " %d", rel->fd);
    out_str(o, rel->count > (shown ? shown : 1) ? " ...)\n" : ")\n");
}

void text_idle_words(struct out *o, const struct group *g)
{
    out_fmt(o, "%lu open sockets of site ", (unsigned long)g->count);
    out_hex(o, g->siteid, 16);
    const struct frame *f = g->n_frames ? g->frames + own_frames_name(g->frames, g->n_frames) : NULL;
    if (f && f->symbol) {
        out_str(o, " (");
        text_clean(o, f->symbol);
        out_char(o, ')');
    }
    out_str(o, ", which has closed none, have all been idle for ");
    out_duration(o, g->youngest_ns / 1000000000u);
    out_str(o, ": kinds=all lists them");
}

void text_idle_note(struct out *o, const struct report *r, const struct group *g)
{
    out_fmt(o, "==%u==sockleak: note: ", r->pid);
    text_idle_words(o, g);
    out_char(o, '\n');
}
