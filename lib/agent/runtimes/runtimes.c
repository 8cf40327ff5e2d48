/* SPDX-License-Identifier: MIT */
/*
 * runtimes.c: the list of readers, and the runtime that was found.
 *
 * runtimes_meet is called by the thread that records an object, once for each object and table. A
 * forked child has what its parent found. The active runtime is published last, so a thread that
 * sees it sees all that find has written.
 */
#include "runtimes.h"

#include <string.h>

#include "../../core/textstack.h"
#include "../base/options.h"
#include "../elf/link_maps.h"

static const struct runtime *const readers[] = {&runtime_cpython, &runtime_hotspot, &runtime_mono, &runtime_coreclr,
                                                &runtime_perl,    &runtime_php,     &runtime_ruby, &runtime_v8};
#define N_READERS (sizeof readers / sizeof *readers)

_Atomic uint32_t runtimes_found;
static _Atomic(const struct runtime *) active;
static _Atomic uint64_t active_start, active_end;
static atomic_flag finding = ATOMIC_FLAG_INIT;
static bool stayed_behind; /* the runtime, when this process was forked: none is looked for here */

const struct runtime *runtimes_active(void) { return atomic_load_explicit(&active, memory_order_acquire); }

bool runtimes_hold(uint64_t addr)
{
    uint64_t start = atomic_load_explicit(&active_start, memory_order_relaxed);
    return runtimes_active() && addr - start < atomic_load_explicit(&active_end, memory_order_relaxed) - start;
}

static _Atomic(const char *) refusals[RUNTIME_COUNT];

bool runtime_refuse(const struct runtime *r, const char *reason)
{
    atomic_store(&refusals[r->number], reason);
    return false;
}

const char *runtime_refusal(const struct runtime *r) { return atomic_load(&refusals[r->number]); }

static bool is_wanted(const struct runtime *r) { return agent_options.runtimes & RUNTIME_BIT(r->number); }

static const struct runtime *find(const struct object *o)
{
    struct exports e;
    if (!exports_of(&e, o))
        return NULL;
    for (unsigned i = 0; i < N_READERS; i++)
        if (is_wanted(readers[i]) && readers[i]->find(&e))
            return readers[i];
    return NULL;
}

/* One thread at a time: the readers have one set of offsets; another one's object is met again. */
static void try_to_find(const struct object *o)
{
    if (atomic_flag_test_and_set_explicit(&finding, memory_order_acquire))
        return;
    const struct runtime *r = runtimes_active() || stayed_behind ? NULL : find(o);
    if (r) {
        runtime_refuse(r, NULL); /* what another object was refused for */
        atomic_store(&active_start, o->start);
        atomic_store(&active_end, o->end);
        atomic_store_explicit(&active, r, memory_order_release);
        atomic_store(&runtimes_found, 1);
    }
    atomic_flag_clear_explicit(&finding, memory_order_release);
}

unsigned runtimes_meet(const struct object *o, const char *path)
{
    if (!agent_options.runtimes)
        return RUNTIME_NATIVE;
    if (!runtimes_active())
        try_to_find(o);
    const struct runtime *r = runtimes_active();
    if (r && runtimes_hold(o->start))
        return r->number;
    for (unsigned i = 0; i < N_READERS; i++)
        if (is_wanted(readers[i]) && readers[i]->owns(path, object_is_program(o->start, o->end)))
            return readers[i]->number;
    return RUNTIME_NATIVE;
}

/* ---- where generated code is met first ------------------------------------------------------- */

#define MAX_SEARCHES 64u

static bool is_library(const char *path)
{
    for (unsigned i = 0; i < N_READERS; i++)
        if (is_wanted(readers[i]) && readers[i]->library && strcmp(text_base_name(path), readers[i]->library) == 0)
            return true;
    return false;
}

static bool meet_library(void *arg, const void *at, const struct link_map *map, const char *path)
{
    struct object o;
    (void)arg;
    if (is_library(path) && object_at((uintptr_t)map->l_ld, &o) && o.key[0] == at)
        try_to_find(&o);
    return !runtimes_active();
}

void runtimes_meet_generated(void)
{
    static _Atomic unsigned searches;
    if (agent_options.runtimes && !runtimes_active() && atomic_fetch_add(&searches, 1) < MAX_SEARCHES)
        link_maps_each(meet_library, NULL);
}

void runtimes_forget(uint64_t start)
{
    const struct runtime *r = runtimes_active();
    if (!r || atomic_load(&active_start) != start)
        return;
    atomic_store(&runtimes_found, 0);
    atomic_store(&active, NULL);
    r->forget();
}

void runtimes_fork_child(void)
{
    const struct runtime *r = runtimes_active();
    if (!r || !r->stays_behind)
        return;
    stayed_behind = true;
    atomic_store(&runtimes_found, 0);
    atomic_store(&active, NULL);
}

const char *runtimes_refusal(const char **name)
{
    for (unsigned i = 0; i < N_READERS; i++) {
        const char *reason = runtime_refusal(readers[i]);
        *name = runtime_name(readers[i]->number);
        if (reason)
            return reason;
    }
    return NULL;
}

bool runtimes_are_ending(void)
{
    const struct runtime *r = runtimes_active();
    return r && r->is_ending();
}

bool runtimes_end_in_code(void)
{
    const struct runtime *r = runtimes_active();
    return r && r->ends_in;
}

bool runtimes_end_in(uint64_t entry)
{
    const struct runtime *r = runtimes_active();
    return r && r->ends_in && r->ends_in((uintptr_t)entry);
}

bool runtimes_program_ends(void)
{
    const struct runtime *r = runtimes_active();
    return r && r->program_ends && r->program_ends();
}
