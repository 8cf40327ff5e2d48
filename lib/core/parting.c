/* SPDX-License-Identifier: MIT */
/*
 * parting.c: where the life of a socket that was closed parts from that of those that are stuck.
 *
 * Called by siblings.c for each stack that closed sockets of a group's site, and by the renderers.
 */
#include "parting.h"

#include "finding.h"
#include "group_told.h"

#define BIT(event) (1u << (event))
_Static_assert(EVENT_COUNT <= 32, "a bit for each event");
/* A report is of the stuck ones first: what the closed one did elsewhere takes no more room. */
#define ROOM (GROUP_TOLD - 2 * TOLD_KEPT)

/* What may be compared, the most telling first: where they came last. */
static const uint8_t compared_events[] = {EVENT_EPOLL_DEL, EVENT_LAST_SEND,      EVENT_LAST_RECEIVE, EVENT_SHUTDOWN,      EVENT_EOF,
                                          EVENT_ERROR,     EVENT_CONNECT_FAILED, EVENT_FIRST_SEND,   EVENT_FIRST_RECEIVE, EVENT_EPOLL_ADD};
#define COMPARED (sizeof compared_events / sizeof *compared_events)

/* What is told of G's own sockets and EVENT: by so many stacks, so often. */
struct own {
    unsigned n;
    uint64_t sum;
    bool either;             /* one socket may be in two of them, and another in none */
    const struct told *only; /* the last of them */
};

static struct own own_of(const struct group *g, unsigned event)
{
    struct own own = {0};
    for (unsigned i = 0; i < g->n_told; i++) {
        if (g->told[i].event != event)
            continue;
        own.n++;
        own.sum += g->told[i].count;
        own.either |= g->told[i].n_either > 0;
        own.only = &g->told[i];
    }
    return own;
}

/* All of G's sockets did it, and it is known where each did. */
static bool all_did(const struct group *g, const struct own *own)
{
    return own->n && own->n < TOLD_KEPT && own->sum == g->count && (own->n == 1 || !own->either);
}

/* The event of CLOSED and its stack; false: it is not known, or it may be either of two. */
static bool event_of(const struct finding *closed, unsigned event, struct told *t)
{
    unsigned n = 0;
    *t = (struct told){.event = (uint8_t)event};
    if (finding_event(closed) == event && closed->told_id) {
        t->call = closed->told_call;
        t->error = closed->failed ? closed->told_errno : 0;
        t->siteid = closed->told_id;
        t->site = closed->told_site;
        return true;
    }
    for (unsigned i = 0; i < closed->n_events; i++) {
        const struct finding_event *e = &closed->events[i];
        if (e->event != event || (event == EVENT_EPOLL_DEL && e->inferred)) /* that one's first of several */
            continue;
        n++;
        t->call = e->call;
        t->siteid = e->siteid;
        t->site = e->site;
    }
    return n == 1 && t->siteid;
}

static bool same_stack(const struct told *a, const struct told *b)
{
    return a->siteid == b->siteid && a->call == b->call && a->error == b->error;
}

static bool is_own(const struct group *g, const struct told *t)
{
    for (unsigned i = 0; i < g->n_told; i++)
        if (g->told[i].event == t->event && same_stack(&g->told[i], t))
            return true;
    return false;
}

/* The last receive or send was as its first, which is told. */
static bool is_told_by_last(const struct finding *closed, const struct told *t)
{
    struct told last;
    unsigned event = t->event == EVENT_FIRST_RECEIVE ? EVENT_LAST_RECEIVE : t->event == EVENT_FIRST_SEND ? EVENT_LAST_SEND : EVENT_NONE;
    return event && event_of(closed, event, &last) && same_stack(&last, t);
}

static void enter_parted(struct group *g, const struct told *siblings, const struct told *t)
{
    struct told parted = *t;
    parted.event = EVENT_PARTED;
    parted.was = t->event;
    parted.closer = siblings->siteid;
    parted.count = siblings->count;
    if (g->n_told < ROOM)
        group_told_enter(g, &parted);
}

static bool did(const struct finding *closed, unsigned event)
{
    if (event == EVENT_EOF)
        return closed->told_eof;
    if (event == EVENT_ERROR || event == EVENT_CONNECT_FAILED)
        return closed->told_error;
    for (unsigned i = 0; i < closed->n_events; i++)
        if (closed->events[i].event == event)
            return true;
    return closed->did & BIT(event);
}

void parting_find(struct group *g, struct told *siblings, const struct finding *closed)
{
    siblings->compared = true;
    for (unsigned i = 0; i < COMPARED; i++) {
        unsigned event = compared_events[i];
        struct own own = own_of(g, event);
        struct told t;
        if (!event_of(closed, event, &t)) {
            siblings->lacks |= all_did(g, &own) && !did(closed, event) ? BIT(event) : 0;
        } else if (own.n == 1 && all_did(g, &own) && same_stack(own.only, &t)) {
            siblings->same |= BIT(event);
        } else if (!is_own(g, &t) && (!own.n || all_did(g, &own)) && !is_told_by_last(closed, &t)) {
            enter_parted(g, siblings, &t);
        }
    }
}

/* ---- for the renderers ----------------------------------------------------------------------- */

/* One of G's own entries of T's event reads as T does. */
static const struct told *reads_as(const struct group *g, const struct told *t)
{
    struct told plain = *t;
    plain.event = t->was;
    plain.was = 0;
    plain.closer = 0;
    for (unsigned i = 0; t->n_frames && i < g->n_told; i++)
        if (group_told_reads_the_same(&g->told[i], &plain))
            return &g->told[i];
    return NULL;
}

bool parting_of(const struct group *g, const struct told *siblings, struct parting *p)
{
    *p = (struct parting){0};
    if (!siblings->compared)
        return false;
    for (unsigned i = 0; i < COMPARED; i++) {
        unsigned event = compared_events[i];
        struct own own = own_of(g, event); /* of all groups that were made one */
        if (!all_did(g, &own))
            continue;
        p->same |= own.n == 1 ? siblings->same & BIT(event) : 0;
        p->lacks |= siblings->lacks & BIT(event);
    }
    for (unsigned i = 0; i < g->n_told; i++) {
        const struct told *t = &g->told[i], *as = NULL;
        if (t->event != EVENT_PARTED || t->closer != siblings->siteid)
            continue;
        struct own own = own_of(g, t->was);
        as = reads_as(g, t);
        if (!as && (!own.n || all_did(g, &own)) && p->n_unlike < PARTED_SHOWN)
            p->unlike[p->n_unlike++] = t;
        else if (as && own.n == 1 && all_did(g, &own))
            p->same |= BIT(t->was);
    }
    return p->same || p->lacks || p->n_unlike;
}
