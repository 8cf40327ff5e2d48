/* SPDX-License-Identifier: MIT */
/*
 * fork.c: what the agent does at a fork: no thread checks meanwhile, and the child forgets its
 * parent's table.
 *
 * The handlers run on the forking thread (pthread_atfork). fork_unannounced runs on the thread of
 * the child that has the first event.
 */
#include "fork.h"

#include <pthread.h>

#include "../../core/calls.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/thread.h"
#include "../inject/redirect.h"
#include "../runtimes/runtimes.h"
#include "../stacks/capture.h"
#include "../stacks/sites.h"
#include "../symbolize/line_cache.h"
#include "../table/header.h"
#include "../table/state_dir.h"
#include "../track/closes.h"
#include "../track/gate.h"
#include "../track/held.h"
#include "../track/registered.h"
#include "../track/starts.h"
#include "../watch/wake.h"
#include "../watch/watcher.h"
#include "exit.h"
#include "inherit.h"

#define LOCK_WAIT_MS 100

static void forked_child(bool prepared)
{
    thread_enter();
    this_thread.tid = 0;
    this_thread.in_vfork = 0;
    inherit_take(prepared);
    state_dir_forget();
    log_set_start(0);
    sites_reset();
    closes_reset();
    redirect_forked_child();
    watcher_forked_child();
    track_registered_forked_child();
    held_reset();
    starts_reset();
    capture_fork_child();
    runtimes_fork_child();
    exit_forked_child();
    gate_reset();
    thread_leave();
    if (prepared && inherit_is_minded())
        watcher_mind();
}

void fork_unannounced(void) { forked_child(false); }

/*
 * A thread that checks may have a file open for a moment, such as the log or a symbol table. The
 * child must not inherit that descriptor, so the watch lock is held over the fork.
 */
static void before_fork(void)
{
    this_thread.fork_start = starts_begin(CALL_FORK);
    /* also while the watcher is making the table of this process, itself a child (watcher.c) */
    if (gate_is_open() || inherit_count())
        this_thread.fork_holds = watch_lock(LOCK_WAIT_MS);
    if (gate_is_open()) {
        inherit_prepare();
        line_cache_prepare();
    }
    redirect_fork_prepare();
    capture_fork_prepare();
}

static void after_fork_parent(void)
{
    starts_end(this_thread.fork_start, 0);
    capture_fork_parent();
    redirect_fork_parent();
    inherit_discard();
    if (gate_is_open()) /* the child has them all, and may read and shut them down */
        table_set_unwatched(clock_now());
    if (this_thread.fork_holds)
        watch_unlock();
    this_thread.fork_holds = false;
}

static void after_fork_child(void)
{
    if (this_thread.fork_holds)
        watch_unlock();
    this_thread.fork_holds = false;
    if (gate_was_started() || inherit_count()) {
        forked_child(true);
    } else {
        redirect_forked_child();
        capture_fork_child();
        runtimes_fork_child();
    }
}

void fork_register(void) { pthread_atfork(before_fork, after_fork_parent, after_fork_child); }
