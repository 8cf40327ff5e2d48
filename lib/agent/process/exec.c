/* SPDX-License-Identifier: MIT */
/*
 * exec.c: what happens to the state file when the program's image is replaced.
 *
 * Runs in the program's threads and signal handlers, before and after the real call. In a vfork
 * child the table is the parent's: it notes there that the parent has started a program.
 */
#include "exec.h"

#include <fcntl.h>

#include "../../core/calls.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../table/header.h"
#include "../table/state_dir.h"
#include "../track/gate.h"
#include "../track/starts.h"
#include "inherit.h"

/*
 * Does a socket stay open over exec? The kernel is asked for FD_CLOEXEC: it may have been set or
 * cleared by calls that no wrapper saw.
 */
static bool takes_sockets_along(void)
{
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1)) {
        const struct state_slot *slot = slot_of(fd);
        if (SLOT_PHASE(atomic_load(&slot->word)) != SLOT_LIVE)
            continue;
        long flags = SYS3(SYS_fcntl, fd, F_GETFD, 0);
        if (flags >= 0 && !(flags & FD_CLOEXEC))
            return true;
    }
    return false;
}

void exec_begins(void)
{
    if (this_thread.in_vfork) /* the table is the parent's, and so is what it has started */
        starts_end(starts_begin(CALL_VFORK), (uint32_t)sys_getpid());
    /* a child that hands on what it inherited: the next program finds the stacks in its file */
    if (!gate_is_open() && !this_thread.in_vfork && !thread_inside() && inherit_goes_along())
        gate_start();
    if (!gate_owns_table())
        return;
    table_set_end(END_EXEC);
    if (!takes_sockets_along())
        state_dir_step_aside();
}

void exec_failed(void)
{
    if (!gate_owns_table())
        return;
    state_dir_step_back();
    table_set_end(END_RUNNING);
}
