/* SPDX-License-Identifier: MIT */
/*
 * meanwhile.c: which sockets the same thread opened while others were served.
 *
 * Called by explain.c. A socket that a handler opens for its connection and leaves open names the
 * handler, where the connection's own stacks end in an event loop.
 */
#include "meanwhile.h"

#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"

#define MOST 256u /* sockets that are compared with all others */

struct seen {
    struct meanwhile_site *at;
    size_t n, cap;
};

static struct meanwhile_site *site_at(struct seen *s, const struct state_view *view, state_ref ref)
{
    struct state_site_view v;
    if (!ref || !state_site_at(view, ref, &v))
        return NULL;
    for (size_t i = 0; i < s->n; i++)
        if (s->at[i].siteid == v.site->siteid)
            return &s->at[i];
    s->at = cli_grow(s->at, s->n, &s->cap, sizeof *s->at);
    s->at[s->n] = (struct meanwhile_site){.siteid = v.site->siteid, .site = ref, .call = (uint8_t)CALL_OF(v.site->call)};
    return &s->at[s->n++];
}

static bool is_during(const struct state_slot *s, const struct finding *f, uint64_t until)
{
    return s->tid == f->tid && s->opened_ns > f->opened_ns && s->opened_ns <= until;
}

static bool is_known(const struct finding *f) { return f->tid && f->siteid && !f->adopted && f->origin <= ORIGIN_SOCKETPAIR; }

/* A socket of VIEW: during which of the findings was it opened? */
static void compare(struct seen *s, const struct state_view *view, const struct state_slot *slot, const struct finding *findings,
                    const uint64_t *until, size_t n, uint8_t *served)
{
    bool during = false;
    struct meanwhile_site *site = site_at(s, view, slot->site);
    for (size_t i = 0; site && i < n; i++) {
        if (!is_known(&findings[i]) || site->siteid == findings[i].siteid || !is_during(slot, &findings[i], until[i]))
            continue;
        during = true;
        size_t bit = (size_t)(site - s->at) * MOST + i;
        site->served += !(served[bit / 8] >> bit % 8 & 1);
        served[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
    if (during)
        site->sockets++;
}

static int by_served(const void *a, const void *b)
{
    const struct meanwhile_site *x = a, *y = b;
    if (x->served != y->served)
        return x->served > y->served ? -1 : 1;
    if (x->sockets != y->sockets)
        return x->sockets > y->sockets ? -1 : 1;
    return x->siteid < y->siteid ? -1 : x->siteid > y->siteid;
}

void meanwhile_find(struct meanwhile *out, const struct state_view *view, const struct finding *findings, const uint64_t *until, size_t n)
{
    struct seen s = {0};
    struct state_slot slot;
    uint64_t pos = 0;
    uint8_t *served = NULL;
    size_t room = 0;
    *out = (struct meanwhile){0};
    n = n < MOST ? n : MOST;
    for (size_t i = 0; i < n; i++)
        out->asked += is_known(&findings[i]);
    for (int fd; out->asked && state_next_slot(view, &pos, &fd, &slot);) {
        size_t needed = (s.n + 1) * MOST / 8;
        if (needed > room) {
            uint8_t *more = realloc(served, 2 * needed);
            if (!more)
                exit(cli_fail("out of memory"));
            memset(more + room, 0, 2 * needed - room);
            served = more;
            room = 2 * needed;
        }
        if (!(slot.flags & (SLOT_ADOPTED | SLOT_INHERITED)))
            compare(&s, view, &slot, findings, until, n, served);
    }
    if (s.n)
        qsort(s.at, s.n, sizeof *s.at, by_served);
    for (size_t i = 0; i < s.n && i < MEANWHILE_SITES && s.at[i].served; i++)
        out->sites[out->n++] = s.at[i];
    free(served);
    free(s.at);
}
