/* SPDX-License-Identifier: MIT */
/*
 * starts.c: the processes that this one has started: when, by which call, in which stack.
 *
 * Written by the threads that start processes, in a vfork child too, which shares this memory; read
 * by whoever checks. A ring of the last starts: an older one's stack is not known any more, and
 * nothing is said of it.
 */
#include "starts.h"

#include <errno.h>

#include "../../core/calls.h"
#include "../base/clock.h"
#include "../base/sys.h"
#include "../stacks/sites.h"
#include "gate.h"

#define STARTS 64u

struct start {
    _Atomic uint32_t number; /* 1 + its place in the sequence, once it is complete */
    _Atomic uint32_t pid;
    _Atomic uint64_t begin_ns, end_ns; /* end 0: the call has not returned */
    _Atomic state_ref site;
    _Atomic unsigned call;
};
static struct start starts[STARTS] LARGE_TABLE;
static _Atomic uint32_t n_starts;

_Atomic uint64_t starts_forked_ns, starts_spawned_ns;

static bool executes(unsigned call) { return call != CALL_FORK && call != CALL_CLONE; }

static void mark(unsigned call, uint64_t now) { atomic_store(executes(call) ? &starts_spawned_ns : &starts_forked_ns, now); }

uint32_t starts_begin(unsigned call)
{
    if (!gate_is_open() || !gate_has_table()) /* makes none, and tells the same in a vfork child */
        return 0;
    int saved = errno;
    uint64_t now = clock_now();
    state_ref site = sites_here_of(call, NULL);
    uint32_t number = atomic_fetch_add(&n_starts, 1);
    struct start *s = &starts[number % STARTS];
    atomic_store(&s->number, 0);
    atomic_store(&s->pid, 0);
    atomic_store(&s->begin_ns, now);
    atomic_store(&s->end_ns, 0);
    atomic_store(&s->site, site);
    atomic_store(&s->call, call);
    atomic_store(&s->number, number + 1);
    mark(call, now);
    errno = saved;
    return number + 1;
}

state_ref starts_site(uint32_t token)
{
    const struct start *s = token ? &starts[(token - 1) % STARTS] : NULL;
    return s && atomic_load(&s->number) == token ? atomic_load(&s->site) : 0;
}

void starts_end(uint32_t token, uint32_t pid)
{
    struct start *s = token ? &starts[(token - 1) % STARTS] : NULL;
    if (!s || atomic_load(&s->number) != token)
        return;
    uint64_t now = clock_now();
    atomic_store(&s->pid, pid);
    atomic_store(&s->end_ns, now);
    mark(atomic_load(&s->call), now);
}

state_ref starts_find(uint32_t pid, uint64_t start_ns, uint64_t tick_ns)
{
    uint32_t n = atomic_load(&n_starts);
    state_ref found = 0;
    bool several = false;
    for (uint32_t i = n > STARTS ? n - STARTS : 0; i != n; i++) {
        const struct start *s = &starts[i % STARTS];
        if (atomic_load(&s->number) != i + 1)
            continue;
        uint64_t begin = atomic_load(&s->begin_ns), end = atomic_load(&s->end_ns);
        state_ref site = atomic_load(&s->site);
        uint32_t whose = atomic_load(&s->pid);
        if (end && start_ns > end + tick_ns)
            continue;
        if (whose && whose == pid) /* a vfork's child began before its exec, which is what was noted */
            return site;
        if (whose) /* another's, though a child of it may have begun in the same moment */
            continue;
        if (start_ns + tick_ns < begin)
            continue;
        several |= found && found != site;
        found = site;
    }
    return several ? 0 : found;
}

void starts_reset(void)
{
    atomic_store(&n_starts, 0);
    atomic_store(&starts_forked_ns, 0);
    atomic_store(&starts_spawned_ns, 0);
}
