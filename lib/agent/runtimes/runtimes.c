/* SPDX-License-Identifier: MIT */
/*
 * runtimes.c: the list of readers, and the runtime that was found.
 *
 * runtimes_meet is called by the thread that records an object, once for each object and table. A
 * forked child has what its parent found. The active runtime is published last, so a thread that
 * sees it sees all that find has written.
 */
#include "runtimes.h"

#include "../base/options.h"

static const struct runtime *const readers[] = {&runtime_cpython, &runtime_mono};
#define N_READERS (sizeof readers / sizeof *readers)

_Atomic uint32_t runtimes_found;
static _Atomic(const struct runtime *) active;
static _Atomic uint64_t active_start, active_end;
static atomic_flag finding = ATOMIC_FLAG_INIT;

const struct runtime *runtimes_active(void) { return atomic_load_explicit(&active, memory_order_acquire); }

bool runtimes_hold(uint64_t addr)
{
    uint64_t start = atomic_load_explicit(&active_start, memory_order_relaxed);
    return runtimes_active() && addr - start < atomic_load_explicit(&active_end, memory_order_relaxed) - start;
}

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

unsigned runtimes_meet(const struct object *o, const char *path)
{
    const struct runtime *r = runtimes_active();
    if (!agent_options.runtimes)
        return RUNTIME_NATIVE;
    /* one thread at a time: the readers have one set of offsets; another one's object is met again */
    if (!r && !atomic_flag_test_and_set_explicit(&finding, memory_order_acquire)) {
        r = find(o);
        if (r) {
            atomic_store(&active_start, o->start);
            atomic_store(&active_end, o->end);
            atomic_store_explicit(&active, r, memory_order_release);
            atomic_store(&runtimes_found, 1);
        }
        atomic_flag_clear_explicit(&finding, memory_order_release);
    }
    if (r && runtimes_hold(o->start))
        return r->number;
    for (unsigned i = 0; i < N_READERS; i++)
        if (is_wanted(readers[i]) && readers[i]->owns(path, object_is_program(o->start, o->end)))
            return readers[i]->number;
    return RUNTIME_NATIVE;
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

const char *runtimes_refusal(const char **name)
{
    for (unsigned i = 0; i < N_READERS; i++) {
        const char *reason = readers[i]->refusal();
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
