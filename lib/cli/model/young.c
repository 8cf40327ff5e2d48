/* SPDX-License-Identifier: MIT */
/*
 * young.c: sockets that are in a state that is asked for, but not for min_age yet.
 *
 * Called by collect.c, for the line that stands in the place of a report.
 */
#include "young.h"

#include <stdlib.h>

#include "../../core/finding.h"
#include "../base/arena.h"

static void count(struct young *y, const struct young_socket *s)
{
    if (!y->n++ || s->since_ns > y->youngest.since_ns)
        y->youngest = *s;
}

void young_add(struct young *y, const struct finding *f)
{
    struct young_socket s = {.site = f->site, .since_ns = f->since_ns, .fd = f->fd, .kind = f->kind};
    if (!finding_may_be_reserve(f->never)) {
        count(y, &s);
        return;
    }
    if (y->n_reserves == y->cap_reserves)
        y->reserves = arena_grow(y->reserves, y->cap_reserves = y->cap_reserves ? y->cap_reserves * 2 : 64, sizeof *y->reserves);
    y->reserves[y->n_reserves++] = s;
}

static int by_site(const void *a, const void *b)
{
    const struct young_socket *x = a, *y = b;
    return x->site < y->site ? -1 : x->site > y->site;
}

void young_end(struct young *y)
{
    if (y->n_reserves)
        qsort(y->reserves, y->n_reserves, sizeof *y->reserves, by_site);
    for (size_t i = 0, end; i < y->n_reserves; i = end) {
        for (end = i + 1; end < y->n_reserves && y->reserves[end].site == y->reserves[i].site;)
            end++;
        for (size_t k = i; end - i > 1 && k < end; k++)
            count(y, &y->reserves[k]);
    }
    free(y->reserves);
    y->reserves = NULL;
    y->n_reserves = y->cap_reserves = 0;
}
