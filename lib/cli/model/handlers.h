/* SPDX-License-Identifier: MIT */
/*
 * handlers.h: the functions that would be called for the sockets of each group.
 */
#ifndef SOCKLEAK_CLI_MODEL_HANDLERS_H
#define SOCKLEAK_CLI_MODEL_HANDLERS_H

#include "../symbolize/symbolize.h"
#include "types.h"

/* What was known of processes that have ended since. A zeroed one is empty. */
struct handlers_kept {
    struct arena arena;
    struct kept_handlers *items;
    size_t n, cap;
};
/* Asks for the sockets in the table of L, whose process lives and is about to end. */
void handlers_keep(struct handlers_kept *k, const struct loaded_file *l);
void handlers_kept_free(struct handlers_kept *k);

/*
 * Adds them to the groups of M as what was told of them (EVENT_HANDLED_BY), if its process lives or
 * they were KEPT (may be NULL).
 */
void handlers_add(struct model *m, struct symbolizer *sym, const struct handlers_kept *kept);

/* Tells of G, a group of M, what its own sockets have. For the groups of several processes, whose lists M has. */
void handlers_tell(struct model *m, struct group *g);

/*
 * What is known of FROM's sockets, which are put together with TO's, is known of TO's from now on;
 * group_told_named puts it in order.
 */
void handlers_join(struct arena *a, struct group *to, const struct group *from);

#endif
