/* SPDX-License-Identifier: MIT */
/*
 * advice_siblings.c: the advice that follows from where the other sockets of a site were closed.
 *
 * Called by advice.c. Nothing of these sockets' own life says as much as a function that does close
 * others.
 */
#include "advice_siblings.h"

#include "advice_place.h"
#include "program_frame.h"
#include "textstack.h"

/* A stack that ends otherwise is of the same business, if so many frames from its end it is the same. */
#define NEAR_EVENT 2u
#define NEAR_CLOSE 3u
#define FEW_SIBLINGS 2u /* one may be a chance */

/*
 * Where the closes of the others were near to what happened last to these, in the same function:
 * that function is where they part. NULL: they have nothing to do with it.
 */
static const struct frame *parting(const struct advice_place *at, const struct advice_place *closed)
{
    size_t from_event, from_close;
    const struct frame *f = advice_common_function(at, closed, &from_event, &from_close);
    if (!f || from_event > NEAR_EVENT || from_close > NEAR_CLOSE)
        return NULL;
    return from_close && program_frame_is_outermost(closed->t->frames, closed->t->n_frames, f) ? NULL : f;
}

static bool find_closes(const struct group *g, struct advice_place *p)
{
    return advice_find_place(g, EVENT_SIBLINGS, g->n_siblings, p) && p->count >= FEW_SIBLINGS;
}

static void put_others(struct out *o, const struct group *g, const struct advice_place *closed)
{
    uint64_t all = !g->cousins && g->closed > g->n_siblings ? g->closed : g->n_siblings;
    const char *whose = g->cousins ? "sockets of other sites, opened under the same calls," : "others";
    if (closed->count == all)
        out_fmt(o, "the %lu %s were closed in ", (unsigned long)all, whose);
    else
        out_fmt(o, "%s%lu of the %lu %s were closed in ", g->about ? "about " : "", (unsigned long)closed->count, (unsigned long)all,
                whose);
    advice_put_place(o, closed);
}

/* Who has called the function that closes; what begins a thread or the program says nothing. */
static void put_caller(struct out *o, const struct advice_place *closed, const struct frame *under)
{
    const struct told *t = closed->t;
    const struct frame *caller = program_frame_caller(t->frames, t->n_frames, closed->f);
    bool said = under && program_frame_same(under, closed->f);
    if (caller && !said && (caller == under || !program_frame_is_outermost(t->frames, t->n_frames, caller))) {
        out_str(o, ", called by ");
        advice_put_function(o, caller, true);
        said = caller == under;
    }
    if (under && !said) {
        out_str(o, ", under ");
        advice_put_function(o, under, true);
    }
}

/* UNDER: the function where these and the others part, in the stack of the closes; NULL: not known. */
static bool put_siblings(struct out *o, const char *before, const struct group *g, const struct advice_place *closed,
                         const struct frame *under)
{
    out_str(o, before);
    put_others(o, g, closed);
    if (advice_nearly_all(closed->t->count, g->n_siblings)) /* else by several ways */
        put_caller(o, closed, under);
    out_fmt(o, "; %s never got there", g->count == 1 ? "this one" : "these");
    return true;
}

bool advice_parting(struct out *o, const char *before, const struct group *g)
{
    /* the last two only where nothing is known of an end */
    static const enum event ends[] = {EVENT_EPOLL_DEL, EVENT_EOF, EVENT_ERROR, EVENT_LAST_SEND, EVENT_LAST_RECEIVE};
    struct advice_place closed, at;
    bool ended = false;
    if (!find_closes(g, &closed))
        return false;
    for (unsigned i = 0; i < sizeof ends / sizeof *ends && !(ended && i >= 3); i++) {
        bool known = advice_find_event(g, ends[i], &at);
        const struct frame *under = known ? parting(&at, &closed) : NULL;
        if (under)
            return put_siblings(o, before, g, &closed, under);
        ended |= known;
    }
    return false;
}

bool advice_siblings(struct out *o, const char *before, const struct group *g)
{
    struct advice_place closed;
    return find_closes(g, &closed) && put_siblings(o, before, g, &closed, NULL);
}
