/* SPDX-License-Identifier: MIT */
/*
 * usage_text.c: what one process uses up, for people.
 *
 * Called by print.c, behind what is stuck. What each descriptor is stands there when they are nearly
 * used up, or with --all.
 */
#include "usage_text.h"

#include <stdio.h>
#include <string.h>

#include "usage.h"

#define LINES_SHOWN 20u

static const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

static void print_kinds(const struct scan_usage *u)
{
    printf("descriptors: %llu socket%s", (unsigned long long)u->sockets, plural(u->sockets));
    const char *before = "";
    for (size_t i = 0; i < u->n_uses; i++) {
        const struct scan_use *use = &u->uses[i];
        if (use->socket || strcmp(use->kind, before) == 0)
            continue;
        printf(", %llu %s%s", (unsigned long long)use->of_kind, use->kind, plural(use->of_kind));
        before = use->kind;
    }
    putchar('\n');
}

static void print_uses(const struct scan_view *v)
{
    const struct scan_usage *u = v->usage;
    size_t shown = 0, more = 0;
    uint64_t rest = 0;
    for (size_t i = 0; i < u->n_uses; i++) {
        const struct scan_use *use = &u->uses[i];
        if (v->max_rows && shown == LINES_SHOWN) {
            more++;
            rest += use->count;
            continue;
        }
        shown++;
        printf("  %6llu  %s%s%s%s%s\n", (unsigned long long)use->count, use->kind, use->state ? " " : "", use->state ? use->state : "",
               use->target[0] ? "  " : "", use->target);
    }
    if (more)
        printf("  and %zu more sorts with %llu descriptor%s (--all lists them)\n", more, (unsigned long long)rest, plural(rest));
}

static void print_ports(const struct scan_view *v)
{
    for (size_t i = 0; i < v->usage->n_ports; i++) {
        const struct scan_ports *p = &v->usage->ports[i];
        if (i && v->max_rows && !scan_usage_nearly(p->used, p->total))
            break; /* the others have fewer */
        printf("ports: %llu of %llu are in use towards %s\n", (unsigned long long)p->used, (unsigned long long)p->total, p->peer);
    }
}

static void print_queues(const struct scan_usage *u)
{
    for (size_t i = 0; i < u->n_queues; i++) {
        const struct scan_queue *q = &u->queues[i];
        printf("never accepted: %u at port %u", q->waiting, q->port);
        if (q->backlog)
            printf(" (%u may wait%s)", q->backlog, q->waiting > q->backlog ? ", so others are turned away" : "");
        if (q->closed && q->shared)
            printf("; %u closed by their client, of all sockets that listen there", q->closed);
        else if (q->closed)
            printf("; %u closed by their client", q->closed < q->waiting ? q->closed : q->waiting);
        putchar('\n');
    }
}

static void print_helpers(const struct scan_view *v)
{
    const struct scan *s = v->scan;
    for (size_t i = 0; i < s->n_helpers; i++)
        printf("held by a child alone: %llu stuck socket%s, by %s (PID %d), which %s has started\n",
               (unsigned long long)s->helpers[i].stuck, plural(s->helpers[i].stuck), s->helpers[i].comm, (int)s->helpers[i].pid,
               s->processes[0].comm);
}

void scan_print_usage(const struct scan_view *v)
{
    const struct scan_process *p = &v->scan->processes[0];
    bool nearly = scan_usage_nearly(p->fds, p->fd_limit);
    print_kinds(v->usage);
    if (nearly || !v->max_rows)
        print_uses(v);
    print_ports(v);
    print_queues(v->usage);
    print_helpers(v);
}
