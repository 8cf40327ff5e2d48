/* SPDX-License-Identifier: MIT */
/*
 * text_life.c: what was done with a group's sockets, as text: who opened them, the events, who closed
 * their siblings.
 *
 * Called by text.c, and for single headings by the command's own views. Only reads the group.
 */
#include "frame_role.h"
#include "text_life.h"

#include <string.h>

#include "group_told.h"
#include "own_frames.h"
#include "parting.h"
#include "program_frame.h"
#include "textstack.h"
#include "users.h"

/* A thread, and what it does now. */
static void put_thread(struct out *o, const struct opener *t)
{
    out_fmt(o, "thread %u", t->tid);
    if (t->name[0]) {
        out_str(o, " \"");
        text_clean(o, t->name);
        out_char(o, '"');
    }
    if (t->ended)
        out_str(o, ", which has ended");
    else if (t->now[0])
        out_fmt(o, ", now %s%s", strcmp(t->now, "running") == 0 ? "" : "in ", t->now);
}

/* In which thread they were opened. */
static void put_opener(struct out *o, const struct opener *t)
{
    if (!t->tid || (!t->name[0] && !t->now[0] && !t->ended))
        return;
    out_str(o, " (");
    put_thread(o, t);
    out_char(o, ')');
}

/*
 * The calls by which they were opened are one, unless a function pointer or several sites of one
 * name say otherwise.
 */
void text_opened(struct out *o, const struct group *g)
{
    unsigned call = g->n_findings ? g->findings[0].call : CALL_UNKNOWN;
    for (size_t i = 1; i < g->n_findings; i++)
        if (g->findings[i].call != call)
            call = CALL_UNKNOWN;
    if (call == CALL_UNKNOWN)
        out_str(o, "opened in");
    else
        out_fmt(o, "%s by %s", call == CALL_RECVMSG || call == CALL_RECVMMSG ? "received" : "opened", call_name(call));
    if (frame_role_is_either(g->frames, g->n_frames))
        out_str(o, " at");
    put_opener(o, &g->opener);
}

/* How the call told of it: "recv returned 0", "send: EPIPE". False: nothing is known of that. */
static bool put_how_told(struct out *o, const struct told *t)
{
    const char *call = call_name(t->call), *error = errno_name(t->error);
    bool own_call = t->event == EVENT_CONNECT_FAILED && t->call == CALL_CONNECT; /* the heading names it */
    if (call && t->event == EVENT_EOF) {
        out_fmt(o, "%s returned %s", call, call_polls(t->call) ? "RDHUP or HUP" : "0");
        return true;
    }
    if (!call && !t->error)
        return false;
    if (call && !t->error && call_polls(t->call)) {
        out_fmt(o, "%s returned ERR", call);
        return true;
    }
    if (call && !own_call)
        out_fmt(o, "%s%s", call, t->error ? ": " : "");
    if (error)
        out_str(o, error);
    else if (t->error)
        out_fmt(o, "error %u", t->error);
    return !own_call || t->error;
}

/* "first received": what the stack of T did; LAST: the last receive or send was as this first. */
static void put_event(struct out *o, const struct told *t, bool last)
{
    const char *call = call_name(t->call);
    switch (t->event) {
    case EVENT_CONNECT_FAILED:
        out_str(o, t->call == CALL_CONNECT || !t->n_frames ? "connect failed" : "connect failed; seen");
        break;
    case EVENT_EPOLL_ADD:
        out_str(o, "put on epoll");
        break;
    case EVENT_FIRST_RECEIVE:
        out_str(o, last ? "first and last received" : "first received");
        break;
    case EVENT_FIRST_SEND:
        out_str(o, last ? "first and last sent" : "first sent");
        break;
    case EVENT_DUP:
        out_fmt(o, "copied by %s", call ? call : "dup");
        break;
    case EVENT_SHUTDOWN:
        out_str(o, "shut down");
        break;
    case EVENT_EOF:
        out_str(o, "saw EOF");
        break;
    case EVENT_LAST_RECEIVE:
        out_str(o, "last received");
        break;
    case EVENT_LAST_SEND:
        out_str(o, "last sent");
        break;
    case EVENT_EPOLL_DEL:
        out_str(o, "taken off epoll");
        break;
    case EVENT_FORKED:
        out_fmt(o, "forked to a child by %s", call_name(t->call) ? call_name(t->call) : "a call that is not known");
        break;
    case EVENT_HANDLED_BY:
        out_str(o, "handled by");
        break;
    default:
        out_str(o, "saw the error");
        break;
    }
}

/* It names a call that its words do not name. */
static bool is_use(unsigned event)
{
    return event == EVENT_FIRST_RECEIVE || event == EVENT_FIRST_SEND || event == EVENT_LAST_RECEIVE || event == EVENT_LAST_SEND;
}

static const char *between(unsigned event)
{
    return event == EVENT_EPOLL_ADD || event == EVENT_SHUTDOWN || event == EVENT_EPOLL_DEL ? " by (" : " in (";
}

static bool is_last(unsigned event) { return event == EVENT_LAST_RECEIVE || event == EVENT_LAST_SEND; }

/* Which thread has made the last uses T, which are told with the first ones, FIRST, or apart (NULL). */
static void put_user(struct out *o, const struct group *g, const struct told *t, const struct told *first)
{
    const struct opener *user = users_find(g, t->tid), unknown = {.tid = t->tid};
    const char *last = first ? "last " : "";
    if (!t->n_elsewhere && first && first->n_elsewhere && t->n_opener == t->count)
        out_str(o, "; last by the one that opened it");
    if (!t->n_elsewhere)
        return;
    if (t->n_elsewhere == t->count)
        out_fmt(o, "; %sby ", last);
    else
        out_fmt(o, "; %lu %sby ", (unsigned long)t->n_elsewhere, last);
    if (t->tid)
        put_thread(o, user ? user : &unknown);
    else
        out_str(o, t->n_elsewhere == 1 ? "another thread" : "other threads");
}

/* Another thread than opened them has received or sent first: that is said there. */
static bool was_handed_over(const struct group *g)
{
    for (unsigned i = 0; i < g->n_told; i++)
        if ((g->told[i].event == EVENT_FIRST_RECEIVE || g->told[i].event == EVENT_FIRST_SEND) && g->told[i].n_elsewhere)
            return true;
    return false;
}

/* What else is known of T, or of it and LAST: how its stack is known, and where else its sockets are. */
static void put_remarks(struct out *o, const struct group *g, const struct told *t, const struct told *last, bool is_told_here)
{
    if (is_told_here && t->n_inferred && t->n_inferred == t->count)
        out_str(o, "; as known from an earlier call");
    if (is_last(t->event))
        put_user(o, g, t, NULL);
    else if (event_is_end(t->event) && was_handed_over(g))
        ;
    else if (t->n_elsewhere && t->n_elsewhere == t->count)
        out_str(o, "; handed to another thread");
    else if (t->n_elsewhere)
        out_fmt(o, "; %lu handed to another thread", (unsigned long)t->n_elsewhere);
    if (last)
        put_user(o, g, last, t);
    if (t->event == EVENT_DUP && t->descriptors)
        out_fmt(o, "; %lu descriptor%s left", (unsigned long)t->descriptors, t->descriptors == 1 ? " is" : "s are");
}

/*
 * LAST, LIKE: see group_told.h. FIRST: of its event; it says what became of the other sockets, too.
 */
static void put_told(struct out *o, const struct group *g, const struct told *t, const struct told *last, const struct told *like,
                     bool first)
{
    put_event(o, t, last != NULL);
    out_str(o, t->n_frames && t->event != EVENT_FORKED && t->event != EVENT_HANDLED_BY ? between(t->event) : " (");
    if (is_use(t->event) && call_name(t->call))
        out_fmt(o, "%s; ", call_name(t->call));
    else if ((t->event == EVENT_CONNECT_FAILED || t->event == EVENT_EOF || t->event == EVENT_ERROR) && put_how_told(o, t))
        out_str(o, "; ");
    out_fmt(o, "%lu of %lu", (unsigned long)t->count, (unsigned long)g->count);
    if (first && t->event == EVENT_EOF && g->n_unread)
        out_fmt(o, ", %lu never did", (unsigned long)g->n_unread);
    if (first && t->event == EVENT_EOF && g->n_unknown)
        out_fmt(o, ", %lu not known", (unsigned long)g->n_unknown);
    put_remarks(o, g, t, last, !like);
    out_char(o, ')');
}

/* "closed by close (1000 of 1203)"; the first says whose closes these are. */
static void put_siblings(struct out *o, const struct group *g, const struct told *t, bool first)
{
    unsigned long all = (unsigned long)g->n_siblings, closed = (unsigned long)g->closed;
    if (first && g->cousins)
        out_fmt(o, "%lu socket%s of other sites, opened under the same calls, %s closed: ", all, text_plural(all),
                all == 1 ? "was" : "were");
    else if (first && all < closed)
        out_fmt(o, "%lu of the %lu that were closed: ", all, closed);
    else if (first)
        out_fmt(o, "the %lu that %s closed: ", all, all == 1 ? "was" : "were");
    out_fmt(o, "closed by %s", call_name(t->call) ? call_name(t->call) : "close");
    if (t->count != all)
        out_fmt(o, " (%s%lu of %lu)", g->about ? "about " : "", (unsigned long)t->count, all);
}

/* The events of the bits EVENTS, separated by ", "; a last receive or send with the first, if both are there. */
static void put_names(struct out *o, uint32_t events)
{
    const char *before = "";
    for (unsigned event = 0; event < EVENT_COUNT; event++) {
        unsigned first = event == EVENT_LAST_RECEIVE ? EVENT_FIRST_RECEIVE : event == EVENT_LAST_SEND ? EVENT_FIRST_SEND : EVENT_NONE;
        unsigned last = event == EVENT_FIRST_RECEIVE ? EVENT_LAST_RECEIVE : event == EVENT_FIRST_SEND ? EVENT_LAST_SEND : EVENT_NONE;
        if (!parting_has(events, event) || (first && parting_has(events, first)))
            continue;
        out_str(o, before);
        put_event(o, &(struct told){.event = (uint8_t)event}, last && parting_has(events, last));
        before = ", ";
    }
}

/* " in answers (src/a.c:7)": the frame that names the stack of T. */
static void put_where(struct out *o, const struct told *t)
{
    const struct frame *f = t->n_frames ? t->frames + own_frames_name(t->frames, t->n_frames) : NULL;
    bool named = f && f->symbol && *f->symbol;
    if (!f || (!named && !f->module))
        return;
    out_str(o, t->was == EVENT_EPOLL_ADD || t->was == EVENT_SHUTDOWN || t->was == EVENT_EPOLL_DEL ? " by " : " in ");
    text_clean(o, named ? f->symbol : text_base_name(f->module));
    if (!named) {
        out_str(o, "+0x");
        out_hex(o, f->offset, 1);
    }
    text_source(o, f);
}

/* Where the life of a socket that was closed in the stack of SIBLINGS parts from that of G's. */
static void put_parting(struct out *o, const struct group *g, const struct told *siblings)
{
    struct parting p;
    const char *who = siblings->count == 1 ? "it" : "one of them", *those = g->kind == KIND_OPEN ? "the open" : "the stuck";
    if (!parting_of(g, siblings, &p))
        return;
    if (p.same) {
        out_fmt(o, "    %s, in the same stacks as %s: ", who, those);
        put_names(o, p.same);
        out_char(o, '\n');
        who = "and";
    }
    if (p.n_unlike)
        out_fmt(o, "    %s, unlike what is known of %s: ", who, those);
    for (unsigned i = 0; i < p.n_unlike; i++) {
        out_str(o, i ? ", " : "");
        put_event(o, &(struct told){.event = p.unlike[i]->was, .call = p.unlike[i]->call}, false);
        put_where(o, p.unlike[i]);
    }
    if (p.n_unlike)
        out_char(o, '\n');
    if (p.lacks) {
        out_fmt(o, "    known of %s, and not of it: ", those);
        put_names(o, p.lacks);
        out_char(o, '\n');
    }
}

/* What was done after the close: by another close, a receive or a send. */
static void put_used(struct out *o, const struct told *t)
{
    const char *call = call_name(t->call) ? call_name(t->call) : "a call";
    if (t->error)
        out_fmt(o, call_closes(t->call) ? "closed again by %s" : "used after that in %s", call);
    else if (call_closes(t->call))
        out_fmt(o, "closed again by %s, which has closed that other socket", call);
    else
        out_fmt(o, "inside %s while it was closed, so that its end is not sent until that returns", call);
}

/* The events of KIND_USE_AFTER_CLOSE. */
static void put_use(struct out *o, const struct group *g, const struct told *t)
{
    const char *call = call_name(t->call) ? call_name(t->call) : "a call";
    if (t->event == EVENT_CLOSED)
        out_fmt(o, "closed first by %s", call);
    else if (t->event == EVENT_REOPENED)
        out_fmt(o, "its number was opened again by %s", call);
    else if (t->event == EVENT_REOPENED_EPOLL_ADD)
        out_str(o, "that was put on epoll by");
    else
        put_used(o, t);
    out_str(o, " (");
    if (t->error && errno_name(t->error))
        out_fmt(o, "%s; ", errno_name(t->error));
    out_fmt(o, "%lu of %lu)", (unsigned long)t->count, (unsigned long)g->count);
}

void text_told(struct out *o, const struct group *g, unsigned nth)
{
    const struct told *t = &g->told[nth], *like = group_told_like(g, nth);
    bool first = nth == 0 || g->told[nth - 1].event != t->event;
    if (t->event >= EVENT_CLOSED && t->event <= EVENT_USED) {
        put_use(o, g, t);
        return;
    }
    if (t->event == EVENT_SIBLINGS) {
        put_siblings(o, g, t, first);
        return;
    }
    put_told(o, g, t, group_told_last(g, nth), like, first);
    if (!like)
        return;
    out_str(o, ": the stack that ");
    put_event(o, like, false);
}

/* Whether the entry NTH is followed by its stack. */
static bool has_stack(const struct group *g, unsigned nth) { return !group_told_is_within(g, nth) && !group_told_like(g, nth); }

/* Behind the entry NTH, if it is the last that is handled: how many lists of functions are not told. */
static void put_more_handlers(struct out *o, const struct group *g, unsigned nth)
{
    size_t n = 0;
    uint64_t count = 0;
    if (g->told[nth].event != EVENT_HANDLED_BY || (nth + 1 < g->n_told && g->told[nth + 1].event == EVENT_HANDLED_BY))
        return;
    for (unsigned i = 0; i <= nth; i++)
        n += g->told[i].event == EVENT_HANDLED_BY;
    if (n >= g->n_handlers)
        return;
    for (size_t i = n; i < g->n_handlers; i++)
        count += g->handlers[i].count;
    out_fmt(o, "  and %lu more kind%s (%lu of %lu)\n", (unsigned long)(g->n_handlers - n), text_plural(g->n_handlers - n),
            (unsigned long)count, (unsigned long)g->count);
}

static void put_stack(struct out *o, const struct text_columns *c, const struct frame *frames, size_t n, bool color)
{
    text_stack(o, c, frames, n, color ? program_frame_first(frames, n) : NULL);
}

/* What was told of the group's own sockets, or how its siblings were closed. */
static void put_events(struct out *o, const struct group *g, const struct text_columns *c, bool siblings, bool color)
{
    for (unsigned i = 0; i < g->n_told; i++) {
        if ((g->told[i].event == EVENT_SIBLINGS) != siblings || group_told_is_within(g, i))
            continue;
        out_str(o, "  ");
        text_told(o, g, i);
        out_char(o, '\n');
        if (has_stack(g, i))
            put_stack(o, c, g->told[i].frames, g->told[i].n_frames, color);
        put_more_handlers(o, g, i);
        if (siblings)
            put_parting(o, g, &g->told[i]);
    }
}

void text_life(struct out *o, const struct group *g, bool color)
{
    struct text_columns c = {0};
    bool eof = false;
    text_measure(&c, g->frames, g->n_frames);
    for (unsigned i = 0; i < g->n_told; i++) {
        if (has_stack(g, i))
            text_measure(&c, g->told[i].frames, g->told[i].n_frames);
        eof |= g->told[i].event == EVENT_EOF;
    }
    if (g->n_frames > 0) {
        out_str(o, "  ");
        text_opened(o, g);
        out_char(o, '\n');
        put_stack(o, &c, g->frames, g->n_frames, color);
    }
    put_events(o, g, &c, false, color);
    if (!eof && g->n_unread)
        out_fmt(o, "  never saw EOF (%lu of %lu): no call has read that far\n", (unsigned long)g->n_unread, (unsigned long)g->count);
    if (!eof && g->n_unknown)
        out_fmt(o, "  not known whether EOF was seen (%lu of %lu)\n", (unsigned long)g->n_unknown, (unsigned long)g->count);
    put_events(o, g, &c, true, color);
}
