/* SPDX-License-Identifier: MIT */
/*
 * once.c: a socket that several processes of one report hold is one finding.
 */
#include "once.h"

#include <stdlib.h>
#include <string.h>

struct told_by {
    const struct finding *f;
    const struct model *process;
    size_t place; /* among all findings */
};

static int by_text(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : ""); }

static int by_socket(const struct told_by *a, const struct told_by *b)
{
    const struct finding *x = a->f, *y = b->f;
    if (x->inode != y->inode)
        return x->inode < y->inode ? -1 : 1;
    if (x->family != y->family)
        return x->family < y->family ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int d = by_text(x->local, y->local);
    return d ? d : by_text(x->peer, y->peer);
}

static bool is_live(const struct model *m) { return m->from && load_is_live(m->from); }

/* Who tells of it comes first. */
static int by_word(const void *a, const void *b)
{
    const struct told_by *x = a, *y = b;
    int d = by_socket(x, y);
    if (d)
        return d;
    if (is_live(x->process) != is_live(y->process))
        return is_live(x->process) ? -1 : 1;
    if (x->process->looked_ns != y->process->looked_ns)
        return x->process->looked_ns > y->process->looked_ns ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

void once_mark(const struct model *from, size_t n, bool *is_again)
{
    size_t all = 0, known = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < from[i].report.n_groups; k++)
            all += from[i].report.groups[k].n_findings;
    struct told_by *told = arena_grow(NULL, all + 1, sizeof *told);
    size_t place = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < from[i].report.n_groups; k++) {
            const struct group *g = &from[i].report.groups[k];
            for (size_t f = 0; f < g->n_findings; f++, place++) {
                is_again[place] = false;
                if (g->findings[f].inode)
                    told[known++] = (struct told_by){&g->findings[f], &from[i], place};
            }
        }
    qsort(told, known, sizeof *told, by_word);
    for (size_t first = 0, i = 1; i < known; i++)
        if (by_socket(&told[first], &told[i]) != 0)
            first = i;
        else if (told[first].process != told[i].process)
            is_again[told[i].place] = true;
    free(told);
}
