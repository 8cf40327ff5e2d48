/* SPDX-License-Identifier: MIT */
/*
 * advice.c: one line that says what to do about a group of sockets.
 *
 * Called while a report is written, by agent and command. Each rule is a function that writes its
 * sentence, or says that it does not hold; the first that holds is the advice. A sentence names
 * functions of the program alone, and says of them what their stacks show.
 */
#include "advice.h"

#include <string.h>
#include <sys/epoll.h>

#include "frame_role.h"
#include "advice_place.h"
#include "advice_siblings.h"
#include "own_frames.h"
#include "program_frame.h"
#include "textstack.h"

/* ---- places and their names ----------------------------------------------------------------- */

static bool has_event(const struct group *g, enum event event)
{
    for (unsigned i = 0; i < g->n_told; i++)
        if (g->told[i].event == event)
            return true;
    return false;
}

/* " (conn_forget, src/loop.c:120)" */
static void put_aside(struct out *o, const struct advice_place *p)
{
    out_str(o, " (");
    text_clean(o, p->f->symbol);
    if (p->f->file && *p->f->file)
        out_str(o, ", ");
    advice_put_line(o, p->f, p->line);
    out_char(o, ')');
}

/* Where a stack's call was made: " (src/db.c:42)", or the function where no file is known. */
static void put_where(struct out *o, const struct frame *frames, size_t n)
{
    const struct frame *f = n ? frames + own_frames_name(frames, n) : NULL;
    if (!f || !f->symbol || !*f->symbol)
        return;
    out_str(o, " (");
    if (!advice_put_line(o, f, true))
        text_clean(o, f->symbol);
    out_char(o, ')');
}

/* ---- what the sockets' own life says --------------------------------------------------------- */

/* F has not returned, as far as can be seen: it goes on, and serves other sockets. */
static bool goes_on(const struct group *g, const struct advice_place *p)
{
    for (size_t i = 0; i < g->n_frames; i++)
        if (program_frame_same(&g->frames[i], p->f))
            return true;
    return call_polls(p->t->call) || program_frame_is_outermost(p->t->frames, p->t->n_frames, p->f);
}

static void put_end(struct out *o, const struct group *g, const struct advice_place *p)
{
    const char *error = errno_name(p->error);
    advice_put_place(o, p);
    out_fmt(o, " saw %s and %s without closing",
            p->t->event == EVENT_EOF ? "EOF"
            : error                  ? error
                                     : "the error",
            goes_on(g, p) ? "went on" : "returned");
}

static bool advise_end(struct out *o, const char *before, const struct group *g)
{
    struct advice_place p;
    if (!advice_find_event(g, EVENT_EOF, &p) && !advice_find_event(g, EVENT_ERROR, &p))
        return false;
    out_str(o, before);
    put_end(o, g, &p);
    out_str(o, "; close there");
    return true;
}

/* Whether so many of the findings have a registration, and whether all of theirs are of that mode. */
static void count_watched(const struct group *g, uint64_t *watched, uint64_t *edge)
{
    *watched = *edge = 0;
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
        unsigned kept = f->n_watches < FINDING_WATCHES ? f->n_watches : FINDING_WATCHES;
        bool all = kept && f->n_watches == kept;
        for (unsigned k = 0; all && k < kept; k++)
            all = (f->watches[k].events & (EPOLLET | EPOLLRDHUP)) == EPOLLET;
        *watched += f->watch == WATCH_EPOLL;
        *edge += f->watch == WATCH_EPOLL && all;
    }
}

/* Its end came with an event that had other bytes too, and an edge-triggered epoll tells once. */
static bool advise_edge(struct out *o, const char *before, const struct group *g)
{
    struct advice_place p;
    uint64_t watched, edge;
    count_watched(g, &watched, &edge);
    if (!advice_nearly_all(edge, g->n_findings) || !advice_nearly_all(g->n_unread, g->count) || !advice_find_event(g, EVENT_EPOLL_ADD, &p))
        return false;
    out_str(o, before);
    out_str(o, "it is on epoll edge-triggered and without EPOLLRDHUP");
    put_aside(o, &p);
    out_str(o, ": add that, or receive until EAGAIN");
    return true;
}

static bool is_watched(const struct group *g)
{
    uint64_t watched, edge;
    count_watched(g, &watched, &edge);
    return watched;
}

/* Taken off its epoll, and nobody has read to the end. */
static bool advise_put_aside(struct out *o, const char *before, const struct group *g)
{
    struct advice_place p;
    if (is_watched(g) || !advice_find_event(g, EVENT_EPOLL_DEL, &p))
        return false;
    bool unread = advice_nearly_all(g->n_unread, g->count), read = advice_nearly_all(g->n_read, g->count);
    if (p.t->n_inferred || (!unread && !read)) /* it has been put on and taken off again, somewhere */
        return false;
    out_str(o, before);
    out_fmt(o, "nobody %s this socket any more; close it where it is %s", unread ? "reads" : "watches",
            unread ? "put aside" : "taken off epoll");
    put_aside(o, &p);
    if (unread)
        out_str(o, ", or watch it for EPOLLRDHUP");
    return true;
}

/* All were accepted: no client keeps them for its next request. */
static bool all_accepted(const struct group *g)
{
    for (size_t i = 0; i < g->n_findings; i++)
        if (g->findings[i].origin != ORIGIN_ACCEPT)
            return false;
    return true;
}

/*
 * Of the two places, the innermost function that has made both calls, in the stack of A. NULL:
 * there is none.
 */
static const struct frame *function_of_both(const struct advice_place *a, const struct advice_place *b)
{
    size_t from_a, from_b;
    return advice_common_function(b, a, &from_b, &from_a);
}

/* No call has learned of their end, and all calls on them were seen. */
static bool nobody_was_told(const struct group *g)
{
    if (g->kind != KIND_DEAD)
        return advice_nearly_all(g->n_unread, g->count);
    for (size_t i = 0; i < g->n_findings; i++)
        if (g->findings[i].unwatched)
            return false;
    return !has_event(g, EVENT_EOF) && !has_event(g, EVENT_ERROR) && !has_event(g, EVENT_SHUTDOWN);
}

/* No epoll has had it, and nobody has called on it since its last receive and its last send. */
static bool advise_last_use(struct out *o, const char *before, const struct group *g)
{
    struct advice_place received, sent;
    if (is_watched(g) || !nobody_was_told(g) || !all_accepted(g) || has_event(g, EVENT_EPOLL_ADD) || has_event(g, EVENT_EPOLL_DEL))
        return false;
    bool r = advice_find_event(g, EVENT_LAST_RECEIVE, &received), s = advice_find_event(g, EVENT_LAST_SEND, &sent);
    if (!r && !s)
        return false;
    if ((!r && has_event(g, EVENT_LAST_RECEIVE)) || (!s && has_event(g, EVENT_LAST_SEND)))
        return false;
    const struct advice_place *p = s ? &sent : &received;
    const struct frame *f = r && s ? function_of_both(&sent, &received) : p->f;
    if (!f || program_frame_is_outermost(p->t->frames, p->t->n_frames, f))
        return false;
    bool one = advice_nearly_all(p->t->count, g->count); /* else it had several callers */
    const struct frame *caller = one ? program_frame_caller(p->t->frames, p->t->n_frames, f) : NULL;
    out_str(o, before);
    advice_put_function(o, f, f != p->f || p->line);
    if (caller) {
        out_str(o, ", called by ");
        advice_put_function(o, caller, true);
        out_char(o, ',');
    }
    out_str(o, " was the last to use this socket; close it there when nothing follows");
    return true;
}

/* A half-closed one is to be closed once the peer has finished too. */
static bool advise_shutdown(struct out *o, const char *before, const struct group *g)
{
    struct advice_place shut, end;
    if ((g->kind != KIND_FIN_WAIT_2 && g->kind != KIND_DEAD) || !advice_find_event(g, EVENT_SHUTDOWN, &shut))
        return false;
    out_str(o, before);
    out_str(o, "shutdown is no close; close it after ");
    advice_put_place(o, &shut);
    if (advice_find_event(g, EVENT_EOF, &end)) {
        out_str(o, ", once ");
        advice_put_place(o, &end);
        out_str(o, " has seen EOF");
    }
    return true;
}

/*
 * Of several descriptors one of the copies is open, whichever was the first; of a single one it is
 * not known whether it is the first.
 */
static bool advise_copies(struct out *o, const char *before, const struct group *g)
{
    struct advice_place p;
    if (!advice_find_event(g, EVENT_DUP, &p))
        return false;
    const char *call = call_name(p.t->call) ? call_name(p.t->call) : "dup";
    out_str(o, before);
    advice_put_place(o, &p);
    if (p.t->descriptors >= 2 * p.t->count)
        out_fmt(o, " made copies by %s that are still open", call);
    else
        out_fmt(o, " copied this socket by %s, and a descriptor of it is still open", call);
    return true;
}

static bool advise_connect(struct out *o, const char *before, const struct group *g)
{
    struct advice_place p;
    const char *error;
    if (g->kind != KIND_NEVER_CONNECTED || g->never != NEVER_FAILED || !advice_find_event(g, EVENT_CONNECT_FAILED, &p))
        return false;
    error = errno_name(p.error);
    out_str(o, before);
    if (p.t->call == CALL_CONNECT) {
        out_str(o, "connect failed in ");
        advice_put_place(o, &p);
    } else {
        advice_put_place(o, &p);
        out_str(o, " saw that connect had failed");
    }
    if (error)
        out_fmt(o, " with %s", error);
    out_str(o, ": close the socket on that path");
    return true;
}

/* ---- those that are not open here ------------------------------------------------------------ */

/* What to do where other processes keep them: all must have executed a program, or none. */
static bool advise_held(struct out *o, const char *before, const struct group *g)
{
    const struct finding *f = g->n_findings ? &g->findings[0] : NULL;
    if (!f || !f->n_holders)
        return false;
    bool same = true, other = true;
    for (size_t i = 0; i < g->n_findings; i++)
        for (unsigned k = 0; k < g->findings[i].n_holders; k++)
            *(g->findings[i].holder[k].flags & HOLDER_SAME_PROGRAM ? &other : &same) = false;
    if (!other && !same)
        return false;
    out_str(o, before);
    if (other) {
        bool accepted = f->call == CALL_ACCEPT || f->call == CALL_ACCEPT4;
        out_str(o, accepted ? "take it by accept4 with SOCK_CLOEXEC" : "open it with SOCK_CLOEXEC");
        put_where(o, g->frames, g->n_frames);
        if (f->holder[0].exe[0]) {
            out_str(o, ": ");
            text_clean(o, f->holder[0].exe);
            out_str(o, " inherited it");
        }
        return true;
    }
    out_str(o, "close it in the child, after the fork");
    const struct told *t = g->n_told ? &g->told[0] : NULL;
    if (t && t->event == EVENT_FORKED)
        put_where(o, t->frames, t->n_frames);
    return true;
}

/* USED is a receive that had not returned when CLOSED closed the socket under it. */
static void put_blocked(struct out *o, const struct advice_place *used, const struct advice_place *closed)
{
    const char *call = call_name(used->t->call) ? call_name(used->t->call) : "its call";
    advice_put_place(o, closed);
    out_str(o, " closes the socket while ");
    advice_put_place(o, used);
    out_fmt(o, " waits in %s: shut it down there, and close it when %s has returned", call, call);
}

static bool advise_use(struct out *o, const char *before, const struct group *g)
{
    struct advice_place used, closed;
    if (!advice_find_event(g, EVENT_USED, &used) || !advice_find_event(g, EVENT_CLOSED, &closed))
        return false;
    bool closes = call_closes(used.t->call);
    const char *call = call_name(used.t->call);
    out_str(o, before);
    if (!closes && !used.t->error) {
        put_blocked(o, &used, &closed);
        return true;
    }
    advice_put_place(o, &used);
    if (closes)
        out_str(o, " closes a number that ");
    else
        out_fmt(o, " calls %s on a number that ", call ? call : "a function");
    if (program_frame_same(used.f, closed.f)) {
        out_str(o, "it had closed");
        if (closed.f->file && *closed.f->file)
            out_str(o, " at ");
        advice_put_line(o, closed.f, closed.line);
        out_str(o, ": set it to -1 there");
        return true;
    }
    advice_put_place(o, &closed);
    out_str(o, " had closed: set it to -1 at ");
    text_clean(o, closed.f->symbol);
    return true;
}

/* ---------------------------------------------------------------------------------------------- */

/* This program has opened them all, where it was seen, and they are no pool. */
static bool is_sure(const struct group *g)
{
    if (g->steady || g->of_eof || !g->count || !g->n_findings)
        return false;
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
        if (f->adopted || f->parent || (f->origin > ORIGIN_RECEIVED))
            return false;
    }
    return true;
}

bool advice_of(struct out *o, const char *before, const struct group *g)
{
    typedef bool rule(struct out * o, const char *before, const struct group *g);
    static rule *const of_sockets[] = {advise_shutdown,  advise_edge,     advice_parting, advise_end,
                                       advise_put_aside, advice_siblings, advise_last_use};
    if (frame_role_is_either(g->frames, g->n_frames)) /* what is true of one of its stacks need not be of the other */
        return false;
    switch (g->kind) {
    case KIND_HELD_BY_CHILD:
        return advise_held(o, before, g);
    case KIND_USE_AFTER_CLOSE:
        return advise_use(o, before, g);
    case KIND_NEVER_CONNECTED:
        return is_sure(g) && advise_connect(o, before, g);
    case KIND_OPEN:
        return false;
    default:
        break;
    }
    if (!is_sure(g))
        return false;
    if (has_event(g, EVENT_DUP)) /* what has closed one descriptor has closed the socket, as far as it knows */
        return advise_copies(o, before, g);
    for (size_t i = 0; i < sizeof of_sockets / sizeof *of_sockets; i++)
        if (of_sockets[i](o, before, g))
            return true;
    return false;
}
