/* SPDX-License-Identifier: MIT */
/*
 * growth.h: how many sockets of a site were stuck over the life of its process.
 */
#ifndef SOCKLEAK_CLI_MODEL_GROWTH_H
#define SOCKLEAK_CLI_MODEL_GROWTH_H

#include "../../core/report.h"
#include "../base/arena.h"

/* The records of one state file, sorted by site and kind. */
struct growth_index {
    struct growth_record *records;
    size_t n;
};
/* Those in the file of VIEW, in memory of A. */
void growth_index(struct growth_index *i, const struct state_view *view, struct arena *a);
/* What the file has of G's site, in memory of A. */
void growth_find(struct group *g, const struct growth_index *i, struct arena *a);
/* Adds that of B to that of A, another site of the same process. */
void growth_join(struct group *a, const struct group *b, struct arena *arena);

#endif
