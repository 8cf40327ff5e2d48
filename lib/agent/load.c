/* SPDX-License-Identifier: MIT */
/*
 * load.c: the door of the loader: the constructor.
 *
 * It only reads options and registers handlers: a program without sockets pays no more. The table comes with the first event
 * that needs one (track/gate.h).
 */
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/thread.h"
#include "inject/follow.h"
#include "libc/real.h"
#include "process/configure.h"
#include "process/exit.h"
#include "process/fork.h"
#include "report/suppressions.h"
#include "table/state_dir.h"
#include "watch/watcher.h"

static void on_signal(int number)
{
    (void)number;
    bool before = this_thread.no_malloc; /* the handler may come into a report at the end */
    this_thread.no_malloc = true;        /* should this thread have to make the report itself */
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
    if (agent_options.signal && sigaction((int)agent_options.signal, &sa, NULL) < 0)
        log_warn("signal=%u: this signal cannot be caught; no report on a signal", agent_options.signal);
}

__attribute__((constructor)) static void load(void)
{
    follow_use(wrapped_table, wrapped_count);
    real_resolve(); /* here, so that no later first call has to do it inside a signal handler or a vfork child */
    configure();
    thread_enter();
    if (agent_options.help)
        log_help();
    if (!agent_options.follow_children)
        configure_children();
    if (agent_options.signal)
        install_signal();
    suppressions_load_early();
    state_dir_clear_aside();
    fork_register();
    exit_register();
    thread_leave();
}
