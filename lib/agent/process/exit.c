/* SPDX-License-Identifier: MIT */
/*
 * exit.c: the end of the process.
 *
 * Runs on the thread that ends the program, in signal handlers too.
 */
#include "exit.h"

#include <signal.h>
#include <stdlib.h>

#include "../base/options.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../inject/follow.h"
#include "../stacks/capture.h"
#include "../table/header.h"
#include "../track/gate.h"
#include "../watch/reporter.h"

static _Atomic bool finished;

/* ITS_LAST false: the process may go on after this. */
static int finish(int status, enum state_end how, bool its_last)
{
    if (!gate_owns_table())
        return status;
    if (atomic_load(&finished) || (its_last && atomic_exchange(&finished, true)))
        return status;
    /* abort() is called by the allocator too, when it finds its heap damaged. */
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

/*
 * Registered before any other handler, so it runs after all of them and after every destructor. It can change the status only
 * by exiting anew: that call runs what is left (the flush of stdio). Where the library came late, to a program that has its
 * handlers registered, the handler runs first; there our own destructor is the end, which comes after them.
 */
static int late_status;

static void at_exit(int status, void *arg)
{
    (void)arg;
    if (follow_came_late()) {
        late_status = status;
        return;
    }
    int changed = finish(status, END_EXIT, true);
    if (changed != status)
        exit(changed);
}

__attribute__((destructor)) static void at_late_exit(void)
{
    if (follow_came_late())
        finish(late_status, END_EXIT, true);
}

void exit_register(void) { on_exit(at_exit, NULL); }
