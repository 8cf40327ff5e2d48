/* SPDX-License-Identifier: MIT */
/*
 * wake.c: the watch lock, under which sockets are checked, and the futex words that wake the
 * watcher.
 *
 * The lock is a futex of our own and not a pthread mutex: it is taken with a time limit, by threads
 * that may be cancelled, and a forked child frees it without having taken it. The words are in the
 * state file, so that the command can wake the watcher too.
 */
#include "wake.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/sys.h"
#include "../table/header.h"

static _Atomic uint32_t lock; /* 0: free, 1: taken, 2: taken, and others wait */

bool watch_lock(unsigned limit_ms)
{
    uint32_t is = 0;
    if (atomic_compare_exchange_strong(&lock, &is, 1))
        return true;
    uint64_t until = clock_now() + (uint64_t)limit_ms * NS_PER_MS;
    while (atomic_exchange(&lock, 2) != 0) {
        uint64_t now = clock_now();
        if (now >= until)
            return false;
        struct timespec left = {(time_t)((until - now) / NS_PER_S), (long)((until - now) % NS_PER_S)};
        sys_futex((volatile void *)&lock, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, &left, NULL, 0);
    }
    return true;
}

void watch_unlock(void)
{
    if (atomic_exchange(&lock, 0) == 2)
        sys_futex((volatile void *)&lock, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

void watch_lock_reset(void) { atomic_store(&lock, 0); }

static void wake_all(_Atomic uint32_t *word) { sys_futex((volatile void *)word, FUTEX_WAKE, 1 << 30, NULL, NULL, 0); }

void watch_poke(void)
{
    if (!table_exists())
        return;
    atomic_fetch_add(table_request_word(), 1);
    wake_all(table_request_word());
}

uint32_t watch_requested(void) { return atomic_load(table_request_word()); }

uint32_t watch_answered(void) { return atomic_load(table_answered_word()); }

void watch_answer(uint32_t request)
{
    atomic_store(table_answered_word(), request);
    wake_all(table_answered_word());
}

void watch_sleep(uint64_t until_ns, uint32_t request)
{
    uint64_t now = clock_now();
    if (now >= until_ns)
        return;
    struct timespec left = {(time_t)((until_ns - now) / NS_PER_S), (long)((until_ns - now) % NS_PER_S)};
    sys_futex((volatile void *)table_request_word(), FUTEX_WAIT, request, &left, NULL, 0);
}

void watch_sleep_dormant(uint64_t limit_ns)
{
    struct timespec limit = {(time_t)(limit_ns / NS_PER_S), (long)(limit_ns % NS_PER_S)};
    sys_futex((volatile void *)table_enabled_word(), FUTEX_WAIT, 0, limit_ns ? &limit : NULL, NULL, 0);
}

void watch_wake_dormant(void) { wake_all(table_enabled_word()); }
