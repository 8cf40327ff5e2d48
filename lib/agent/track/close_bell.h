/* SPDX-License-Identifier: MIT */
/*
 * close_bell.h: wakes the checks that wait until a socket is closed: every close rings the bell.
 */
#ifndef SOCKLEAK_AGENT_CLOSE_BELL_H
#define SOCKLEAK_AGENT_CLOSE_BELL_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>

#include "../base/sys.h"

extern _Atomic uint32_t close_bell;
extern _Atomic uint32_t close_bell_waiters __attribute__((visibility("hidden")));

/* Called at every close. One load when no check waits. Async-signal-safe. */
static inline void close_bell_ring(void)
{
    if (__builtin_expect(atomic_load_explicit(&close_bell_waiters, memory_order_relaxed) != 0, 0)) {
        atomic_fetch_add(&close_bell, 1);
        sys_futex((volatile void *)&close_bell, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1 << 30, NULL, NULL, 0);
    }
}

#endif
