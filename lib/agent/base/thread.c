/* SPDX-License-Identifier: MIT */
/*
 * thread.c: what the agent keeps for each thread.
 *
 * Called in any thread, in signal handlers and vfork children too.
 */
#include "thread.h"

#include "sys.h"

__thread struct this_thread this_thread __attribute__((tls_model(LIBC_TLS_MODEL)));

uint32_t thread_tid(void)
{
    if (!this_thread.tid && !sys_in_sandbox())
        this_thread.tid = (uint32_t)sys_gettid();
    return this_thread.tid;
}
