/* SPDX-License-Identifier: MIT */
/*
 * load.c: the constructor, which the dynamic loader calls when the library is loaded.
 *
 * Runs before main, or inside dlopen in an attached process. It only reads options and registers
 * handlers, so a program without sockets pays no more than that. The table is made at the first
 * event that needs one (track/gate.h).
 */
#include <signal.h>
#include <string.h>

#include "base/descriptors.h"
#include "base/environ.h"
#include "base/log.h"
#include "base/options.h"
#include "base/thread.h"
#include "elf/go.h"
#include "inject/follow.h"
#include "libc/real.h"
#include "process/configure.h"
#include "process/exit.h"
#include "process/fork.h"
#include "report/suppressions.h"
#include "symbolize/lines.h"
#include "symbolize/unchanged.h"
#include "table/state_dir.h"
#include "track/family.h"
#include "track/start_set.h"
#include "watch/watcher.h"

static void on_signal(int number)
{
    (void)number;
    /* The signal may interrupt malloc, and this thread may have to make the report itself. */
    bool before = this_thread.no_malloc; /* may be set already: in the report at the end */
    this_thread.no_malloc = true;
    watcher_request_signal();
    this_thread.no_malloc = before;
}

static void install_signal(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_signal;
    sa.sa_flags = SA_RESTART;
    sigfillset(&sa.sa_mask);
    if (sigaction((int)agent_options.signal, &sa, NULL) < 0)
        log_warn("signal=%u: this signal cannot be caught; no report on a signal", agent_options.signal);
}

__attribute__((constructor)) static void load(void)
{
    follow_use(wrapped_table, wrapped_count);
    unchanged_begin();
    descriptors_init();
    real_resolve(); /* so that no first call does it later, in a signal handler or a vfork child */
    lines_begin();  /* behind it: it has found the loader's function for objects */
    configure();
    thread_enter();
    if (agent_options.help)
        log_help();
    start_set_take();
    family_started_by(start_set_parent());
    const char *preloads = environ_get("LD_PRELOAD");
    bool preloaded = preloads && strstr(preloads, "libsockleak");
    configure_first();
    if (!agent_options.follow_children)
        configure_children();
    if (agent_options.signal)
        install_signal();
    suppressions_load_early();
    if (suppressions_warned())
        configure_hush();
    state_dir_clear_aside();
    fork_register();
    exit_register();
    thread_leave();
    /* Go's calls do not come by, nor does its end: it is looked at from the start */
    if (preloaded && (start_set_is_worth_watching() || go_made_program()))
        watcher_mind();
}
