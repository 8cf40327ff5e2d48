/* SPDX-License-Identifier: MIT */
/*
 * sys.c: the out-of-line helpers of sys.h.
 */
#include "sys.h"

#include <linux/futex.h>
#include <signal.h>

/*
 * FUTEX_WAKE_OP adds 0 to the second word atomically: the kernel has to make the page writable for
 * that, and returns EFAULT where a store of ours would raise SIGBUS (a full tmpfs). The first word
 * only names a queue on which nobody waits.
 */
int sys_touch(void *p)
{
    static uint32_t nobody;
    long r = sys_futex(&nobody, FUTEX_WAKE_OP, 0, NULL, p, FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0));
    return r >= 0;
}

#define PAUSES 100

_Atomic bool sys_sandboxed;

uint64_t sys_block_signals(void)
{
    uint64_t all = ~0ull, before = 0;
    if (!sys_in_sandbox())
        SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
    return before;
}

void sys_unblock_signals(uint64_t before)
{
    if (!sys_in_sandbox())
        SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
}

void sys_yield(unsigned turn)
{
    if (turn < PAUSES || sys_sandboxed)
        arch_relax();
    else
        SYS0(SYS_sched_yield);
}
