/* SPDX-License-Identifier: MIT */
/*
 * follow.c: redirects or restores entries to match the agent's state: recording or asleep,
 * preloaded or late.
 *
 * Runs on the watcher, and on the thread that attach borrows. Uses no descriptor of the program.
 */
#include "follow.h"

#include "../base/thread.h"
#include "../elf/link_maps.h"
#include "../table/header.h"
#include "dlsym.h"
#include "redirect.h"
#include "targets.h"

void follow_use(const struct wrapped *table, unsigned n) { targets_use(table, n, dlsym_wrapped); }

bool follow_is_late(void)
{
    redirect_find_targets();
    return targets_are_found() && !targets_are_preloaded();
}

static bool came_late;

bool follow_attached(void) { return came_late = follow_is_late(); }

bool follow_came_late(void) { return came_late; }

bool follow_is_needed(void) { return came_late || redirect_is_required(); }

bool follow_will_be_needed(void) { return follow_is_needed() || !link_maps_are_before_libc(); }

/* On a thread that libc knows. Kept by itself for scripts/check-watcher. */
static __attribute__((noinline)) bool redirect_or_restore(bool enabled)
{
    bool late = follow_is_late();
    if (!enabled && late && redirect_active())
        redirect_undo();
    else if (enabled && late && !redirect_active())
        redirect_all();
    else if (enabled)
        redirect_new();
    return late;
}

void follow(bool enabled)
{
    bool late = !this_thread.is_raw && redirect_or_restore(enabled);
    if (table_exists() && (late || !enabled) && table_is_attached() != enabled)
        table_set_attached(enabled); /* detach waits for this */
}
