/* SPDX-License-Identifier: MIT */
/*
 * start.c: starts recording at the first event that needs a table; stops and restarts it for detach
 * and attach.
 *
 * The table is made on the thread that has the first event, with signals blocked (track/gate.c).
 * start_wake and start_sleep run on the thread that attach or detach has stopped and borrowed
 * (agent/attach.c).
 */
#include "start.h"

#include "../base/clock.h"
#include "../base/options.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../elf/vdso.h"
#include "../report/suppressions.h"
#include "../stacks/capture.h"
#include "../stacks/pairs.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "../table/program_defaults.h"
#include "../table/state_file.h"
#include "../track/after_close.h"
#include "../track/closes.h"
#include "../track/family.h"
#include "../track/gate.h"
#include "../track/inherited_set.h"
#include "../track/quiet.h"
#include "../watch/check.h"
#include "../watch/log_place.h"
#include "../watch/wake.h"
#include "../watch/watcher.h"
#include "configure.h"
#include "fork.h"
#include "inherit.h"
#include "predecessor.h"

static bool make_table(void)
{
    configure();
    clock_use((int (*)(clockid_t, struct timespec *))(uintptr_t)vdso_lookup(ARCH_VDSO_CLOCK));
    suppressions_load_early();
    sites_reset();
    pairs_reset();
    closes_reset();
    capture_init();
    if (!state_file_make(inherit_parent_header()))
        return false;
    defaults_write();
    family_describe();
    if (inherit_count()) {
        table_set_inherited(inherit_parent_header()->pid);
        inherit_import();
    }
    predecessor_import();
    track_expect_data();
    after_close_start(agent_options.closes);
    /* last: from here on the program's other threads find what was imported */
    bool ok = gate_open();
    inherited_set_clear();
    return ok;
}

#define CHECK_WAIT_MS 1000

static void check_now(void)
{
    if (sys_in_sandbox() || !table_is_enabled())
        return;
    thread_enter();
    if (watch_lock(CHECK_WAIT_MS)) {
        check_all(0);
        watch_unlock();
    }
    thread_leave();
}

const struct gate_hooks gate_hooks = {
    .start = make_table, .forked_child = fork_unannounced, .want_watcher = watcher_start, .check_all = check_now};

int start_wake(const char *options_text)
{
    configure();
    if (options_text) {
        char log_path[sizeof agent_options.log_path];
        memcpy(log_path, agent_options.log_path, sizeof log_path);
        configure_take(options_text);
        log_place_attached(log_path);
    }
    agent_options.enabled = true;
    options_finish(&agent_options);
    if (!gate_start())
        return -1;
    state_file_take_options();
    table_set_unwatched(clock_now()); /* nobody saw what was called until now */
    table_set_attached(true);
    table_set_enabled(true);
    watcher_start();
    watch_wake_dormant();
    watch_poke();
    return 0;
}

void start_sleep(void)
{
    if (!gate_is_open())
        return;
    table_set_enabled(false);
    watch_poke();
}
