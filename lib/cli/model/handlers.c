/* SPDX-License-Identifier: MIT */
/*
 * handlers.c: the functions that would be called for the sockets of each group.
 *
 * Called by model.c once the groups of a process are made. All sockets of a node process that were
 * accepted have one stack, that of the event loop: these functions tell them apart.
 */
#include "handlers.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/group_told.h"
#include "../../core/hash.h"
#include "../../core/runtime_name.h"
#include "../owner/owner.h"
#include "originals.h"
#include "sources.h"

static const struct frame *frames_of(struct model *m, struct symbolizer *sym, const struct owner_handlers *h)
{
    struct frame *frames = arena_array(&m->arena, h->n, sizeof *frames);
    for (unsigned i = 0; i < h->n; i++) {
        const struct owner_handler *one = &h->handler[i];
        frames[i] = (struct frame){.symbol = one->function.function,
                                   .file = one->function.file,
                                   .line = one->function.line,
                                   .column = one->function.column,
                                   .runtime = RUNTIME_JAVASCRIPT,
                                   .on = one->on};
        const struct source_place original = originals_of(m->from, sym, &frames[i]);
        originals_put(&frames[i], &original);
    }
    sources_put(m->from, sym, frames, h->n, NULL);
    return frames;
}

/* A number for a list of handlers, the same in each run: lists of as many sockets stand in its order. */
static uint64_t number_of(const struct owner_handlers *h)
{
    uint64_t n = HASH_START;
    for (unsigned i = 0; i < h->n; i++) {
        n = hash_bytes(n, h->handler[i].on, strlen(h->handler[i].on));
        n = hash_bytes(n, h->handler[i].function.function, strlen(h->handler[i].function.function));
        n = hash_bytes(n, &h->handler[i].function.line, sizeof h->handler[i].function.line);
        n = hash_bytes(n, &h->handler[i].function.column, sizeof h->handler[i].function.column);
    }
    return n;
}

static int by_number(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    return x->siteid < y->siteid ? -1 : x->siteid > y->siteid;
}

static int by_count(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : by_number(a, b);
}

/* One of each; returns how many there are. */
static size_t unite(struct told *all, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(all, n, sizeof *all, by_number);
    for (size_t i = 0; i < n; i++) {
        size_t twin = kept;
        while (twin > 0 && all[twin - 1].siteid == all[i].siteid && !group_told_reads_the_same(&all[twin - 1], &all[i]))
            twin--;
        if (twin > 0 && all[twin - 1].siteid == all[i].siteid)
            all[twin - 1].count += all[i].count;
        else
            all[kept++] = all[i];
    }
    if (kept)
        qsort(all, kept, sizeof *all, by_count);
    return kept;
}

/* Gives G these N, in which some may be there twice; the commonest are told, in no order yet. */
static void give(struct group *g, struct told *all, size_t n)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < g->n_told; i++)
        if (g->told[i].event != EVENT_HANDLED_BY)
            g->told[kept++] = g->told[i];
    g->n_told = kept;
    g->n_handlers = unite(all, n);
    g->handlers = all;
    for (size_t i = 0; i < g->n_handlers && i < TOLD_SHOWN; i++)
        group_told_enter(g, &all[i]);
}

void handlers_join(struct arena *a, struct group *to, const struct group *from)
{
    size_t n = 0;
    if (!from->n_handlers)
        return;
    struct told *all = arena_array(a, to->n_handlers + from->n_handlers, sizeof *all);
    for (size_t i = 0; i < to->n_handlers; i++)
        all[n++] = to->handlers[i];
    for (size_t i = 0; i < from->n_handlers; i++)
        all[n++] = from->handlers[i];
    give(to, all, n);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

void handlers_tell(struct model *m, struct group *g)
{
    size_t n = 0, n_all = 0;
    for (size_t i = 0; i < g->n_findings; i++)
        n += g->findings[i].handled != 0;
    if (!n)
        return;
    uint32_t *numbers = arena_array(&m->arena, n, sizeof *numbers);
    struct told *all = arena_array(&m->arena, n, sizeof *all);
    n = 0;
    for (size_t i = 0; i < g->n_findings; i++)
        if (g->findings[i].handled)
            numbers[n++] = g->findings[i].handled;
    qsort(numbers, n, sizeof *numbers, by_value);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && numbers[end] == numbers[i];)
            end++;
        all[n_all] = m->handled[numbers[i] - 1];
        all[n_all++].count = end - i;
    }
    give(g, all, n_all);
}

/* ---- of a process that has ended ---------------------------------------------------------------- */

struct kept_handlers {
    pid_t pid;
    int fd;
    uint64_t opened_ns;
    const struct owner_handlers *handlers;
};

void handlers_keep(struct handlers_kept *k, const struct loaded_file *l)
{
    struct arena arena = {0};
    struct state_slot s;
    size_t n = 0, at = 0;
    uint64_t pos = 0;
    for (int fd; state_next_slot(&l->view, &pos, &fd, &s);)
        n++;
    int *fds = arena_array(&arena, n + 1, sizeof *fds);
    uint64_t *opened = arena_array(&arena, n + 1, sizeof *opened);
    pos = 0;
    for (int fd; at < n && state_next_slot(&l->view, &pos, &fd, &s);) {
        fds[at] = fd;
        opened[at++] = s.opened_ns;
    }
    const struct owner_handlers **handlers = owner_find(&k->arena, l->pid, fds, at);
    for (size_t i = 0; i < at; i++) {
        if (!handlers[i])
            continue;
        if (k->n == k->cap)
            k->items = arena_grow(k->items, k->cap = k->cap ? k->cap * 2 : 64, sizeof *k->items);
        k->items[k->n++] = (struct kept_handlers){l->pid, fds[i], opened[i], handlers[i]};
    }
    arena_free(&arena);
}

void handlers_kept_free(struct handlers_kept *k)
{
    arena_free(&k->arena);
    free(k->items);
    *k = (struct handlers_kept){0};
}

/* The newest that was kept of F, a socket of PID. */
static const struct owner_handlers *kept_of(const struct handlers_kept *k, pid_t pid, const struct finding *f)
{
    for (size_t i = k->n; i-- > 0;)
        if (k->items[i].fd == f->fd && k->items[i].pid == pid && k->items[i].opened_ns == f->opened_ns)
            return k->items[i].handlers;
    return NULL;
}

/* ---- of all groups ------------------------------------------------------------------------------- */

/* What handles each of the N findings, in an array. */
static const struct owner_handlers **ask(struct model *m, const struct handlers_kept *kept, struct finding *const *findings, size_t n)
{
    int *fds = arena_array(&m->arena, n + 1, sizeof *fds);
    for (size_t i = 0; i < n; i++)
        fds[i] = findings[i]->fd;
    if (load_is_live(m->from))
        return owner_find(&m->arena, m->from->pid, fds, n);
    const struct owner_handlers **handlers = arena_array(&m->arena, n + 1, sizeof(const struct owner_handlers *));
    for (size_t i = 0; i < n; i++)
        handlers[i] = kept_of(kept, m->from->pid, findings[i]);
    return handlers;
}

struct answer {
    const struct owner_handlers *handlers;
    struct finding *finding;
};

static int by_handlers(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct answer *)a)->handlers, y = (uintptr_t)((const struct answer *)b)->handlers;
    return x < y ? -1 : x > y;
}

/* Makes a list of each of the answers, with its number in their findings. */
static void make_lists(struct model *m, struct symbolizer *sym, struct answer *answers, size_t n)
{
    struct told *lists = arena_array(&m->arena, n + 1, sizeof *lists);
    qsort(answers, n, sizeof *answers, by_handlers);
    for (size_t i = 0; i < n; i++) {
        const struct owner_handlers *h = answers[i].handlers;
        if (i == 0 || h != answers[i - 1].handlers)
            lists[m->n_handled++] =
                (struct told){.event = EVENT_HANDLED_BY, .siteid = number_of(h), .n_frames = h->n, .frames = frames_of(m, sym, h)};
        answers[i].finding->handled = (uint32_t)m->n_handled;
    }
    m->handled = lists;
}

void handlers_add(struct model *m, struct symbolizer *sym, const struct handlers_kept *kept)
{
    struct report *r = &m->report;
    size_t n = 0, known = 0;
    if (!load_is_live(m->from) && !(kept && kept->n))
        return;
    struct finding **findings = arena_array(&m->arena, m->n_findings + 1, sizeof(struct finding *));
    for (size_t i = 0; i < m->n_findings; i++)
        findings[n++] = &m->findings[i];
    const struct owner_handlers **handlers = ask(m, kept, findings, n);
    struct answer *answers = arena_array(&m->arena, n + 1, sizeof *answers);
    for (size_t i = 0; i < n; i++)
        if (handlers[i])
            answers[known++] = (struct answer){handlers[i], findings[i]};
    if (!known)
        return;
    make_lists(m, sym, answers, known);
    for (size_t i = 0; i < r->n_groups; i++) {
        handlers_tell(m, &r->groups[i]);
        group_told_named(&r->groups[i]);
    }
}
