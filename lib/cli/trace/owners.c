/* SPDX-License-Identifier: MIT */
/*
 * owners.c: a hash from a socket's cookie to the process in whose table it is.
 *
 * Called by look.c.
 */
#include "owners.h"

#include <stdlib.h>

#include "../../core/hash.h"
#include "../base/cli.h"

static struct owner *place(struct owner *all, size_t cap, uint64_t cookie)
{
    size_t at = (size_t)(hash_spread(cookie) >> 32) & (cap - 1);
    while (all[at].cookie && all[at].cookie != cookie)
        at = (at + 1) & (cap - 1);
    return &all[at];
}

struct owner *owners_find(const struct owners *o, uint64_t cookie)
{
    struct owner *at = o->cap ? place(o->all, o->cap, cookie) : NULL;
    return at && at->cookie ? at : NULL;
}

static bool is_over(const struct owner *at, uint64_t not_after_ns, pid_t pid)
{
    return at->pid == pid || (at->closed && at->closed_ns < not_after_ns);
}

/* Into CAP places, without what is over. */
static void rebuild(struct owners *o, size_t cap, uint64_t not_after_ns, pid_t pid)
{
    struct owner *more = calloc(cap, sizeof *more);
    if (!more)
        exit(cli_fail("out of memory"));
    o->n = 0;
    for (size_t i = 0; i < o->cap; i++) {
        if (!o->all[i].cookie || is_over(&o->all[i], not_after_ns, pid))
            continue;
        *place(more, cap, o->all[i].cookie) = o->all[i];
        o->n++;
    }
    free(o->all);
    o->all = more;
    o->cap = cap;
}

void owners_add(struct owners *o, const struct owner *owner)
{
    if (2 * (o->n + 1) > o->cap)
        rebuild(o, o->cap ? o->cap * 2 : 256, 0, -1);
    struct owner *at = place(o->all, o->cap, owner->cookie);
    o->n += !at->cookie;
    *at = *owner;
}

void owners_sweep(struct owners *o, uint64_t not_after_ns, pid_t pid)
{
    bool any = false;
    for (size_t i = 0; i < o->cap && !any; i++)
        any = o->all[i].cookie && is_over(&o->all[i], not_after_ns, pid);
    if (any)
        rebuild(o, o->cap, not_after_ns, pid);
}

void owners_free(struct owners *o)
{
    free(o->all);
    *o = (struct owners){0};
}
