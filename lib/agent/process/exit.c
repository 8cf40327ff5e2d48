/* SPDX-License-Identifier: MIT */
/*
 * exit.c: the end of the process: the last check and report, and what becomes of the state file.
 *
 * Runs on the thread that ends the process, which may be inside a signal handler. Takes the watch
 * lock through watch/reporter.c.
 */
#include "exit.h"

#include <signal.h>

#include "../base/log.h"
#include "../base/notes.h"
#include "../base/options.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../inject/follow.h"
#include "../stacks/capture.h"
#include "../table/header.h"
#include "../track/family.h"
#include "../track/gate.h"
#include "../track/probe.h"
#include "../track/start_set.h"
#include "../watch/reporter.h"
#include "exit_call.h"
#include "inherit.h"

static _Atomic bool finished;

/* Where there was no memory for a table, the end of the process is the moment to say so. */
static void log_failure(void)
{
    if (!gate_has_failed() || thread_inside() || this_thread.in_vfork || atomic_exchange(&finished, true))
        return;
    thread_enter();
    log_write_later();
    log_warn("no memory for a table: no socket of this process was recorded");
    thread_leave();
}

static bool note_socket(void *arg, unsigned fd)
{
    uint64_t cookie = probe_cookie((int)fd);
    if (cookie && !start_set_has((int)fd, cookie))
        *(bool *)arg = true;
    return true;
}

/*
 * A process without a table has sockets all the same when no wrapper saw its calls (io_uring, raw
 * system calls), or when it is the last that holds what it inherited.
 */
static void look_without_table(void)
{
    if (gate_is_open() || gate_has_failed() || thread_inside() || this_thread.in_vfork || sys_in_sandbox() || !agent_options.enabled)
        return;
    gate_has_table(); /* a child that no fork handler announced learns here that it is one */
    bool any = inherit_may_be_last() || (start_set_is_worth_watching() && !inherit_count());
    if (!any && !inherit_count())
        proc_each_descriptor(0, note_socket, &any);
    if (any)
        gate_start();
}

/*
 * Returns the status to end with. ITS_LAST false: the process may go on after this, with another
 * report at its real end.
 */
static int finish(int status, enum state_end how, bool its_last)
{
    if (its_last) {
        log_failure();
        look_without_table();
    }
    if (!gate_owns_table())
        return status;
    if (its_last)
        family_leaves();
    if (atomic_load(&finished) || (its_last && atomic_exchange(&finished, true)))
        return status;
    /*
     * No malloc: the allocator calls abort() when it finds its heap damaged, and a handler may have
     * interrupted it.
     */
    this_thread.no_malloc = how == END_ABORT || capture_in_handler();
    thread_enter();
    uint64_t leaks = sys_in_sandbox() ? 0 : reporter_final(its_last);
    this_thread.no_malloc = false;
    if (!its_last) {
        thread_leave();
        return status;
    }
    table_set_exit_status(status);
    table_set_end(how);
    thread_leave();
    if (agent_options.leak_check_at_exit && leaks > agent_options.max_allowed && status == 0 && agent_options.exitcode && how == END_EXIT)
        return (int)agent_options.exitcode;
    return status;
}

int exit_begins(int status, enum state_end how) { return finish(status, how, true); }

void exit_aborting(void)
{
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } caught = {0};
    SYS4(SYS_rt_sigaction, SIGABRT, NULL, &caught, sizeof caught.mask);
    finish(128 + SIGABRT, END_ABORT, caught.handler == (void *)SIG_DFL);
}

void exit_forked_child(void) { atomic_store(&finished, false); }

static void at_exit(int status)
{
    int changed = finish(status, END_EXIT, true);
    if (changed != status && !follow_came_late())
        exit_again(changed);
}

void exit_register(void) { exit_call(at_exit, follow_came_late); }
