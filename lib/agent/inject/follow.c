/* SPDX-License-Identifier: MIT */
/*
 * follow.c: the life of an agent that was loaded into a running process: its beginning, its sleep, its waking.
 *
 * The entries are called by the command on a thread that it has stopped outside of the allocator and the loader, on a stack of its own,
 * with signals blocked; inject_follow by the watcher. No descriptor of the program is touched.
 */
#include <stddef.h>

#include "../agent.h"
#include "redirect.h"
#include "targets.h"
#include "../libc/real.h"
#include "../table/table.h"

#define SHOWN __attribute__((visibility("default")))

bool inject_is_late(void)
{
    inject_find_targets();
    return !targets_are_preloaded();
}

/* The search for originals that the preload uses starts behind us in the symbol order, where a late agent has no place. */
static void find_originals(void)
{
    real_resolve_default();
    targets_set_real();
}

static bool came_late;

bool inject_came_late(void) { return came_late; }

SHOWN int sockleak_attach_entry(const char *options, struct inject_stats *seen)
{
    bool late = inject_is_late();
    came_late = late;
    if (late && !inject_active())
        find_originals();
    if (agent_wake(options) < 0)
        return -1;
    if (!late)
        return 1;
    agent_enter();
    inject_redirect();
    inject_settle(); /* the watcher, woken by agent_wake, may have been first */
    agent_leave();
    struct inject_stats s;
    inject_get_stats(&s);
    if (seen)
        *seen = s;
    return s.redirected ? (int)s.redirected : -2;
}

SHOWN int sockleak_detach_entry(void)
{
    agent_sleep();
    agent_enter();
    int n = inject_is_late() ? inject_undo() : 0;
    inject_settle();
    agent_leave();
    if (table_head)
        atomic_store(&table_head->attached, 0);
    return n;
}

void inject_follow(bool enabled)
{
    bool late = inject_is_late();
    if (!enabled && late && inject_active())
        inject_undo();
    else if (enabled && late && !inject_active())
        inject_redirect();
    else if (enabled)
        inject_redirect_new();
    if (table_head && (late || !enabled) && atomic_load(&table_head->attached) != (uint32_t)enabled)
        atomic_store(&table_head->attached, enabled); /* what detach waits for */
}
