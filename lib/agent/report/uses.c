/* SPDX-License-Identifier: MIT */
/*
 * uses.c: which uses after a close are to be reported now.
 *
 * Called by whoever checks, with the watch lock held. The records are few: the table is read for
 * them at each check.
 */
#include "uses.h"

#include "../table/table.h"

size_t uses_count(void)
{
    struct state_view view = table_view();
    uint64_t pos = 0;
    size_t n = 0;
    while (state_next_use(&view, &pos))
        n++;
    return n;
}

/* The next that no report has named. */
static struct state_use *next_unnamed(const struct state_view *view, uint64_t *pos)
{
    struct state_use *u;
    do
        u = (struct state_use *)(uintptr_t)state_next_use(view, pos);
    while (u && atomic_load(&u->reported));
    return u;
}

bool uses_any_due(uint64_t until_ns)
{
    struct state_view view = table_view();
    uint64_t pos = 0;
    for (const struct state_use *u; (u = next_unnamed(&view, &pos)) != NULL;)
        if (u->used_ns <= until_ns)
            return true;
    return false;
}

void uses_all_reported(uint64_t until_ns)
{
    struct state_view view = table_view();
    uint64_t pos = 0;
    for (struct state_use *u; (u = next_unnamed(&view, &pos)) != NULL;)
        if (u->used_ns <= until_ns)
            atomic_store(&u->reported, 1);
}

uint64_t uses_next_due(uint64_t until_ns)
{
    struct state_view view = table_view();
    uint64_t pos = 0, next = UINT64_MAX;
    for (const struct state_use *u; (u = next_unnamed(&view, &pos)) != NULL;)
        if (u->used_ns > until_ns && u->used_ns + USES_SETTLE_NS < next)
            next = u->used_ns + USES_SETTLE_NS;
    return next;
}
