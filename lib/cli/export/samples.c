/* SPDX-License-Identifier: MIT */
/*
 * samples.c: the samples of one look, put together and in order.
 *
 * Called by look.c and member.c.
 */
#include "samples.h"

#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"

struct sample *samples_add(struct samples *s, enum metric metric, const struct resource *of, double value)
{
    s->samples = cli_grow(s->samples, s->n, &s->cap, sizeof *s->samples);
    struct sample *at = &s->samples[s->n++];
    *at = (struct sample){.metric = (uint8_t)metric, .value = value, .of = {.container = ""}};
    if (of) {
        at->of.exe = arena_string(&s->arena, of->exe);
        at->of.container = arena_string(&s->arena, of->container);
        at->of.pid = of->pid;
    }
    return at;
}

void samples_label(struct samples *s, struct sample *at, const char *name, const char *value)
{
    at->labels[at->n_labels++] = (struct label){name, arena_string(&s->arena, value)};
}

static int compare(const struct sample *a, const struct sample *b)
{
    int d = 0;
    if (a->metric != b->metric)
        return a->metric < b->metric ? -1 : 1;
    if (!a->of.exe || !b->of.exe)
        return (a->of.exe != NULL) - (b->of.exe != NULL);
    if ((d = strcmp(a->of.exe, b->of.exe)) || (d = strcmp(a->of.container, b->of.container)))
        return d;
    if (a->of.pid != b->of.pid)
        return a->of.pid < b->of.pid ? -1 : 1;
    for (unsigned i = 0; i < a->n_labels && i < b->n_labels; i++)
        if ((d = strcmp(a->labels[i].value, b->labels[i].value)))
            return d;
    return (int)a->n_labels - (int)b->n_labels;
}

static int by_name(const void *a, const void *b) { return compare(a, b); }

/* Files of one program and pid are those of several processes, one after the other or in several namespaces. */
static double joined(enum metric metric, double a, double b)
{
    if (metric == METRIC_EXHAUSTION)
        return a < b ? a : b;
    if (metric == METRIC_DESCRIPTORS_LIMIT || metric == METRIC_DESCRIPTORS)
        return a > b ? a : b;
    return a + b;
}

void samples_settle(struct samples *s)
{
    size_t kept = 0;
    if (s->n)
        qsort(s->samples, s->n, sizeof *s->samples, by_name);
    for (size_t i = 0; i < s->n; i++) {
        struct sample *last = kept ? &s->samples[kept - 1] : NULL;
        if (last && compare(last, &s->samples[i]) == 0)
            last->value = joined(last->metric, last->value, s->samples[i].value);
        else
            s->samples[kept++] = s->samples[i];
    }
    s->n = kept;
}

void samples_free(struct samples *s)
{
    free(s->samples);
    arena_free(&s->arena);
    *s = (struct samples){0};
}
