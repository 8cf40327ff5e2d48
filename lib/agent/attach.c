/* SPDX-License-Identifier: MIT */
/*
 * attach.c: the functions that `sockleak attach` and `sockleak detach` call in a running process.
 *
 * They run on a thread of the program that the command has stopped outside of the allocator and the
 * loader, on a stack of their own, with signals blocked. The other threads run on.
 */
#include "attach.h"

#include <stddef.h>

#include "base/thread.h"
#include "inject/follow.h"
#include "inject/targets.h"
#include "libc/real.h"
#include "process/start.h"
#include "table/header.h"

#define SHOWN __attribute__((visibility("default")))

/*
 * A preloaded agent looks up the originals behind itself in the symbol order (RTLD_NEXT). An agent
 * that was loaded late is not in that order, and looks them up as the program does.
 */
static void find_originals(void)
{
    real_resolve_default();
    targets_set_real();
}

SHOWN int sockleak_attach_entry(const char *options, struct redirect_stats *seen)
{
    follow_use(wrapped_table, wrapped_count);
    bool late = follow_attached();
    if (late && !redirect_active())
        find_originals();
    if (start_wake(options) < 0)
        return -1;
    if (!late)
        return 1;
    thread_enter();
    redirect_all();
    /* waits for the watcher: woken by start_wake, it may be redirecting already */
    redirect_settle();
    thread_leave();
    struct redirect_stats s;
    redirect_get_stats(&s);
    if (seen)
        *seen = s;
    return s.redirected ? (int)s.redirected : -2;
}

SHOWN int sockleak_detach_entry(void)
{
    start_sleep();
    thread_enter();
    int n = follow_is_late() ? redirect_undo() : 0;
    redirect_settle();
    thread_leave();
    if (table_exists())
        table_set_attached(false);
    return n;
}
