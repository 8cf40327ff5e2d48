/* SPDX-License-Identifier: MIT */
/*
 * sites.c: what is known of the process that is watched: its state file, its model, its counters.
 *
 * The table is read from the shared state file, so nothing is needed from the target, and the view
 * goes on when the target hangs, is stopped or has died.
 */
#include "sites.h"

#include <stdlib.h>

#include "../base/now.h"
#include "../kernel/procfs.h"
#include "../model/model.h"
#include "changes.h"

const char *top_find(struct top_watch *s)
{
    bool nothing = false;
    struct load_set fresh = {0};
    const char *why = load_set_process(&fresh, s->top.pid, &nothing);
    if (why)
        return why;
    if (fresh.n) {
        load_set_free(&s->set);
        s->set = fresh;
    }
    return NULL;
}

static void no_socket(void *arg, int fd, uint32_t inode)
{
    (void)arg;
    (void)fd;
    (void)inode;
}

static enum model_sort sort_key;

static int by_choice(const void *x, const void *y)
{
    const struct group *a = x, *b = y;
    const uint64_t keys[][2] = {{a->rate_milli, b->rate_milli}, {a->oldest_ns, b->oldest_ns}, {a->count, b->count}, {a->siteid, b->siteid}};
    if ((a->n_frames == 0) != (b->n_frames == 0))
        return a->n_frames == 0 ? 1 : -1;
    for (size_t i = sort_key == SORT_RATE ? 0 : sort_key == SORT_AGE ? 1 : 2; i < sizeof keys / sizeof *keys; i++)
        if (keys[i][0] != keys[i][1])
            return keys[i][0] > keys[i][1] ? -1 : 1;
    return 0;
}

void top_sort(struct top *t)
{
    sort_key = t->sort;
    if (t->from && t->model.report.n_groups)
        qsort(t->model.report.groups, t->model.report.n_groups, sizeof *t->model.report.groups, by_choice);
    t->n_with_stack = t->from ? t->model.report.n_groups : 0;
    while (t->n_with_stack && t->model.report.groups[t->n_with_stack - 1].n_frames == 0)
        t->n_with_stack--;
}

/*
 * A look at very many sites takes its time, on the processor that the process needs too: it is at
 * most a fifth of the time, however short the delay.
 */
static void set_next(struct top_watch *s, uint64_t began_ns)
{
    uint64_t now = now_mono_ns(), took = now - began_ns, least = took > TOP_LONG_LOOK_NS ? 4 * took : 0;
    s->top.took_ns = took;
    s->next_ns = now + (s->delay_ns > least ? s->delay_ns : least);
}

/*
 * How many sockets were closed so far. The header counts those without a stack, each site its own.
 * (The sites that saw an end have opened no socket and count none as closed.)
 */
static uint64_t closed_so_far(const struct loaded_file *l)
{
    uint64_t closed = atomic_load_explicit(&state_head(&l->view)->sockets_closed, memory_order_relaxed), pos = 0;
    struct state_site_view site;
    for (state_ref ref; state_next_site(&l->view, &pos, &ref, &site);)
        closed += atomic_load_explicit(&site.site->closed, memory_order_relaxed);
    return closed;
}

void top_forget(struct top_watch *s)
{
    if (s->top.from)
        model_free(&s->top.model);
    s->top.from = NULL;
}

static bool is_ending(pid_t pid)
{
    struct procfs_stat st;
    return procfs_stat(procfs_alive(pid), &st) != 0 || st.ending || st.state == 'Z';
}

void top_look(struct top_watch *s)
{
    struct top *t = &s->top;
    uint64_t began = now_mono_ns();
    s->next_ns = began + s->delay_ns;
    if (s->set.n)
        load_recheck(&s->set.items[0]);
    if (s->set.n == 0 || s->set.items[0].life == LIFE_EXECED) {
        top_forget(s);
        top_find(s); /* if there is nothing newer, what the process has left stays */
    }
    if (s->set.n == 0)
        return;
    if (t->from && !load_is_live(t->from))
        return; /* what was seen last says more than what is left in the file */
    const struct model_options options = {.min_age_set = true, .reason = -1, .no_watched = true};
    struct model fresh;
    model_build(&fresh, &s->set.items[0], s->symbols, &options);
    /* what it still holds is only what the kernel has not closed yet */
    if (t->from && load_is_live(t->from) && is_ending(t->from->pid)) {
        model_free(&fresh);
        return;
    }
    if (t->from)
        changes_keep(t);
    top_forget(s);
    t->from = &s->set.items[0];
    t->model = fresh;
    changes_find(t);
    /* the agent's answer to the key r holds for this look alone */
    s->set.items[0].answered = false;
    top_sort(t);
    const struct state_header *h = state_head(&t->from->view);
    t->before_ns = t->now_ns;
    t->opened_before = t->opened;
    t->now_ns = now_mono_ns();
    t->closed = closed_so_far(t->from);
    t->opened = t->closed + t->model.tracked;
    t->fd_limit = atomic_load_explicit(&h->nofile_limit, memory_order_relaxed);
    t->fds = 0;
    if (load_is_live(t->from))
        procfs_each_socket(t->from->pid, no_socket, NULL, &t->fds);
    set_next(s, began);
}

size_t top_chosen(const struct top *t)
{
    for (size_t i = 0; t->chosen && i < t->model.report.n_groups; i++)
        if (t->model.report.groups[i].kind == t->kind && t->model.report.groups[i].siteid == t->siteid &&
            t->model.report.groups[i].variant == t->variant)
            return i;
    return 0;
}
