/* SPDX-License-Identifier: MIT */
/*
 * handlers.c: the functions that would be called for the sockets of each group.
 *
 * Called by model.c once the groups of a process are made. All sockets of a node process that were
 * accepted have one stack, that of the event loop: these functions tell them apart.
 */
#include "handlers.h"

#include <stdlib.h>

#include "../../core/group.h"
#include "../../core/runtime_name.h"
#include "../owner/owner.h"

static const struct frame *frames_of(struct arena *a, const struct owner_handlers *h)
{
    struct frame *frames = arena_array(a, h->n, sizeof *frames);
    for (unsigned i = 0; i < h->n; i++) {
        const struct owner_handler *one = &h->handler[i];
        frames[i] = (struct frame){.symbol = one->function.function,
                                   .file = one->function.file,
                                   .line = one->function.line,
                                   .column = one->function.column,
                                   .runtime = RUNTIME_JAVASCRIPT,
                                   .on = one->on};
    }
    return frames;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const struct owner_handlers *const *)a, y = (uintptr_t) * (const struct owner_handlers *const *)b;
    return x < y ? -1 : x > y;
}

/* HANDLERS: what is known of each of G's findings, in any order. */
static void add_to_group(struct arena *a, struct group *g, const struct owner_handlers **handlers)
{
    qsort(handlers, g->n_findings, sizeof *handlers, by_address);
    for (size_t i = 0, end; i < g->n_findings; i = end) {
        for (end = i + 1; end < g->n_findings && handlers[end] == handlers[i];)
            end++;
        if (!handlers[i])
            continue;
        struct told t = {.event = EVENT_HANDLED_BY, .count = end - i, .n_frames = handlers[i]->n, .frames = frames_of(a, handlers[i])};
        group_told_enter(g, &t);
    }
    group_told_named(g);
}

void handlers_add(struct model *m)
{
    struct report *r = &m->report;
    size_t n = 0, at = 0;
    if (!load_is_live(m->from))
        return;
    for (size_t i = 0; i < r->n_groups; i++)
        n += r->groups[i].n_findings;
    int *fds = arena_array(&m->arena, n + 1, sizeof *fds);
    for (size_t i = 0; i < r->n_groups; i++)
        for (size_t k = 0; k < r->groups[i].n_findings; k++)
            fds[at++] = r->groups[i].findings[k].fd;
    const struct owner_handlers **handlers = owner_find(&m->arena, m->from->pid, fds, n);
    for (size_t i = 0; i < r->n_groups; handlers += r->groups[i++].n_findings)
        add_to_group(&m->arena, &r->groups[i], handlers);
}
