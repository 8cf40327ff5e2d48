/* SPDX-License-Identifier: MIT */
/*
 * peer.c: by which peer sockets are counted.
 *
 * Called by the formats that count by it.
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/kinds.h"

void peer_of(const struct finding *f, char name[PEER_MAX])
{
    snprintf(name, PEER_MAX, "%s", f->peer ? f->peer : "");
    char *port = strrchr(name, ':');
    if (f->origin == ORIGIN_ACCEPT && port && name[0] != '/' && name[0] != '@')
        *port = 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct peer_share *)a)->name, ((const struct peer_share *)b)->name);
}

size_t peer_join(struct peer_share *shares, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(shares, n, sizeof *shares, by_name);
    for (size_t i = 0; i < n; i++)
        if (kept && by_name(&shares[kept - 1], &shares[i]) == 0) {
            shares[kept - 1].count += shares[i].count;
            shares[kept - 1].age_ns += shares[i].age_ns;
        } else {
            shares[kept++] = shares[i];
        }
    return kept;
}
