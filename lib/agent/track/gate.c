/* SPDX-License-Identifier: MIT */
/*
 * gate.c: whether an event may be recorded; makes the table when the first event needs one.
 *
 * Runs in the program's threads, in signal handlers and in vfork children, at the start of every
 * event.
 */
#include "gate.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "../base/pages.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../table/header.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

enum phase { FRESH = 0, STARTING, READY, FAILED };
static _Atomic int phase;

/*
 * One byte that the kernel clears in a child made by fork, _Fork or a raw clone: 1 while the table
 * is this process'.
 */
static unsigned char never;
unsigned char *gate_alive = &never;

_Atomic bool gate_memory_is_shared;

void gate_shares_memory(void) { atomic_store(&gate_memory_is_shared, true); }

bool gate_is_vfork_child(void)
{
    if (this_thread.in_vfork)
        return true;
    return __builtin_expect(atomic_load_explicit(&gate_memory_is_shared, memory_order_relaxed), 0) && table_exists() &&
           (uint32_t)sys_getpid() != table_pid();
}

bool gate_open(void)
{
    if (gate_alive == &never) {
        void *p = sys_mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (sys_failed(p))
            return false;
        SYS3(SYS_madvise, p, PAGE_BYTES, MADV_WIPEONFORK);
        gate_alive = p;
    }
    *gate_alive = 1;
    return true;
}

bool gate_is_open(void) { return *gate_alive; }

void gate_reset(void)
{
    *gate_alive = 0; /* a kernel without MADV_WIPEONFORK has not cleared it */
    atomic_store(&phase, FRESH);
}

bool gate_was_started(void)
{
    int p = atomic_load(&phase);
    /* STARTING: by another thread, which does not exist in a forked child */
    return p == READY || p == STARTING;
}

static bool start_once(void)
{
    if (sys_in_sandbox())
        return false;
    uint64_t signals = sys_block_signals();
    thread_enter();
    int expected = FRESH;
    bool ok = false;
    if (atomic_compare_exchange_strong(&phase, &expected, STARTING)) {
        ok = gate_hooks.start();
        atomic_store(&phase, ok ? READY : FAILED);
    } else {
        /*
         * Another thread does the work with its signals blocked. It cannot be interrupted, so
         * waiting for it is safe.
         */
        for (unsigned turn = 0; atomic_load(&phase) == STARTING; turn++)
            sys_yield(turn);
        ok = atomic_load(&phase) == READY;
    }
    thread_leave();
    sys_unblock_signals(signals);
    return ok;
}

static bool may_have_table(void)
{
    if (thread_inside())
        return false;
    int p = atomic_load(&phase);
    if (p == READY && !*gate_alive)
        gate_hooks.forked_child();
    return p != FAILED;
}

/*
 * In a new child an event on an inherited connection makes the table: slot_live() asks
 * inherited_set_has() and then gate_ready().
 */
bool gate_look_for_fork(void)
{
    may_have_table();
    return false;
}

bool gate_has_table(void) { return gate_is_recording(); }

bool gate_has_failed(void) { return atomic_load(&phase) == FAILED; }

bool gate_owns_table(void) { return *gate_alive && !thread_inside() && !gate_is_vfork_child(); }

bool gate_start(void) { return *gate_alive || (may_have_table() && (atomic_load(&phase) == READY || start_once())); }

bool gate_ready(void)
{
    if (__builtin_expect(!*gate_alive, 0) && (this_thread.in_vfork || !gate_start()))
        return false;
    if (thread_inside() || gate_in_vfork_child())
        return false;
    if (__builtin_expect(table_is_enabled(), 1))
        return true;
    gate_hooks.want_watcher(); /* dormant: the watcher must be there, since attach wakes it */
    return false;
}
