/* SPDX-License-Identifier: MIT */
/*
 * close_bell.h: a bell that every close rings, for checks that wait until a socket is gone.
 */
#ifndef SOCKLEAK_AGENT_WAIT_H
#define SOCKLEAK_AGENT_WAIT_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>

#include "../base/sys.h"

extern _Atomic uint32_t wait_bell;
extern _Atomic uint32_t wait_waiters;

/* One load when nobody waits. Async-signal-safe. */
static inline void wait_notify(void)
{
    if (__builtin_expect(atomic_load_explicit(&wait_waiters, memory_order_relaxed) != 0, 0)) {
        atomic_fetch_add(&wait_bell, 1);
        sys_futex((volatile void *)&wait_bell, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1 << 30, NULL, NULL, 0);
    }
}

#endif
