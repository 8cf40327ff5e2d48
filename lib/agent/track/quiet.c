/* SPDX-License-Identifier: MIT */
/*
 * quiet.c: which receive and send calls are no event.
 *
 * Runs in the program's threads and signal handlers. Two that change track_quiet at the same moment
 * may leave it at SSIZE_MAX for longer than needed, which costs time and nothing else.
 */
#include "quiet.h"

#include <limits.h>
#include <stdatomic.h>

ssize_t track_quiet;
static _Atomic int unused;    /* inherited connections that this process has not used yet */
static _Atomic bool expected; /* the first receive call with data */

static bool always; /* every call is an event, as long as the process lives */

static void settle(void) { track_quiet = always || atomic_load(&unused) || atomic_load(&expected) ? SSIZE_MAX : 0; }

void quiet_never(void)
{
    always = true;
    track_quiet = SSIZE_MAX;
}

void track_expect_use(bool use)
{
    atomic_store(&unused, 0);
    atomic_store(&expected, false); /* until this process makes a table */
    track_quiet = use || always ? SSIZE_MAX : 0;
}

void quiet_await(void)
{
    atomic_fetch_add(&unused, 1);
    track_quiet = SSIZE_MAX;
}

void quiet_settle(void)
{
    atomic_fetch_sub(&unused, 1);
    settle();
}

void track_expect_data(void)
{
    atomic_store(&expected, true);
    track_quiet = SSIZE_MAX;
}

void track_data_came(void)
{
    if (atomic_load_explicit(&expected, memory_order_relaxed) && atomic_exchange(&expected, false))
        settle();
}

static _Atomic bool had_empty_call;

void track_empty_call(void) { atomic_store_explicit(&had_empty_call, true, memory_order_relaxed); }

bool track_had_empty_call(void) { return atomic_load(&had_empty_call); }

bool track_no_data_came(void) { return atomic_load(&expected); }
