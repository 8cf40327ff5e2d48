/* SPDX-License-Identifier: MIT */
/*
 * runtimes.c: the list of readers, and the runtimes that were found.
 *
 * runtimes_meet is called by the thread that records an object, once for each object and table. A
 * forked child has what its parent found. A runtime is published last, so a thread that sees its bit
 * sees all that find has written.
 */
#include "runtimes.h"

#include <string.h>

#include "../../core/textstack.h"
#include "../base/options.h"
#include "../elf/link_maps.h"
#include "../unwind/generated.h"

const struct runtime *const runtimes_readers[RUNTIMES_MAX] = {&runtime_cpython, &runtime_hotspot, &runtime_mono, &runtime_coreclr,
                                                              &runtime_perl,    &runtime_php,     &runtime_ruby, &runtime_v8};
#define N_READERS RUNTIMES_MAX

_Atomic uint32_t runtimes_found, runtimes_changed;
/* The objects of those that were found. */
static struct {
    _Atomic uint64_t start, end;
} objects[N_READERS];
static _Atomic uint32_t end_in_code; /* those of them whose end is a function (ends_in) */
static atomic_flag finding = ATOMIC_FLAG_INIT;
static uint32_t stayed_behind; /* the runtimes, when this process was forked, that are not looked for here */

static uint32_t all_found(void) { return atomic_load_explicit(&runtimes_found, memory_order_acquire); }

static bool holds(unsigned i, uint64_t addr)
{
    uint64_t start = atomic_load_explicit(&objects[i].start, memory_order_relaxed);
    return addr - start < atomic_load_explicit(&objects[i].end, memory_order_relaxed) - start;
}

uint32_t runtimes_holding(uint64_t addr)
{
    uint32_t found = all_found(), holding = 0;
    for (; found; found &= found - 1)
        if (holds((unsigned)__builtin_ctz(found), addr))
            holding |= found & -found;
    return holding;
}

bool runtimes_holds(const struct runtime *r, uint64_t addr)
{
    for (uint32_t holding = runtimes_holding(addr); holding; holding &= holding - 1)
        if (runtimes_readers[__builtin_ctz(holding)] == r)
            return true;
    return false;
}

uint32_t runtimes_generating(void)
{
    const struct generated_code *code = atomic_load_explicit(&generated_code, memory_order_acquire);
    for (uint32_t found = code ? all_found() : 0; found; found &= found - 1)
        if (runtimes_readers[__builtin_ctz(found)]->generated == code)
            return found & -found;
    return 0;
}

static _Atomic(const char *) refusals[RUNTIME_COUNT];

bool runtime_refuse(const struct runtime *r, const char *reason)
{
    atomic_store(&refusals[r->number], reason);
    return false;
}

const char *runtime_refusal(const struct runtime *r) { return atomic_load(&refusals[r->number]); }

static bool is_wanted(const struct runtime *r) { return agent_options.runtimes & RUNTIME_BIT(r->number); }

/* Whose such code is, only its runtime knows: there is one. */
static bool may_generate(const struct runtime *r)
{
    return !r->generated || !atomic_load(&generated_code) || runtime_refuse(r, "another runtime of the process generates code, too");
}

static void publish(unsigned i, const struct object *o)
{
    runtime_refuse(runtimes_readers[i], NULL); /* what another object was refused for */
    atomic_store(&objects[i].start, o->start);
    atomic_store(&objects[i].end, o->end);
    if (runtimes_readers[i]->generated)
        atomic_store_explicit(&generated_code, runtimes_readers[i]->generated, memory_order_release);
    if (runtimes_readers[i]->ends_in)
        atomic_fetch_or(&end_in_code, 1u << i);
    atomic_fetch_or_explicit(&runtimes_found, 1u << i, memory_order_release);
    atomic_fetch_add_explicit(&runtimes_changed, 1, memory_order_release);
}

/* One thread at a time: a reader has one set of offsets; another one's object is met again. */
static void try_to_find(const struct object *o)
{
    struct exports e;
    if (atomic_flag_test_and_set_explicit(&finding, memory_order_acquire))
        return;
    uint32_t left = ((1u << N_READERS) - 1) & ~(all_found() | stayed_behind);
    if (runtimes_holding(o->start) || !exports_of(&e, o))
        left = 0;
    for (; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        if (is_wanted(runtimes_readers[i]) && runtimes_readers[i]->find(&e) && may_generate(runtimes_readers[i]))
            publish(i, o);
    }
    atomic_flag_clear_explicit(&finding, memory_order_release);
}

unsigned runtimes_meet(const struct object *o, const char *path)
{
    if (!agent_options.runtimes)
        return RUNTIME_NATIVE;
    try_to_find(o);
    uint32_t holding = runtimes_holding(o->start);
    if (holding)
        return runtimes_readers[__builtin_ctz(holding)]->number;
    for (unsigned i = 0; i < N_READERS; i++)
        if (is_wanted(runtimes_readers[i]) && runtimes_readers[i]->owns(path, object_is_program(o->start, o->end)))
            return runtimes_readers[i]->number;
    return RUNTIME_NATIVE;
}

/* ---- where generated code is met first ------------------------------------------------------- */

#define MAX_SEARCHES 64u

static bool is_library(const char *path)
{
    for (unsigned i = 0; i < N_READERS; i++)
        if (is_wanted(runtimes_readers[i]) && runtimes_readers[i]->library &&
            strcmp(text_base_name(path), runtimes_readers[i]->library) == 0)
            return true;
    return false;
}

static bool meet_library(void *arg, const void *at, const struct link_map *map, const char *path)
{
    struct object o;
    (void)arg;
    if (is_library(path) && object_at((uintptr_t)map->l_ld, &o) && o.key[0] == at)
        try_to_find(&o);
    return !runtimes_generating();
}

void runtimes_meet_generated(void)
{
    static _Atomic unsigned searches;
    if (agent_options.runtimes && !runtimes_generating() && atomic_fetch_add(&searches, 1) < MAX_SEARCHES)
        link_maps_each(meet_library, NULL);
}

/* CODE: its part in the native walk is left too. */
static void leave(unsigned i, bool code)
{
    atomic_fetch_and(&runtimes_found, ~(1u << i));
    if (code && runtimes_readers[i]->generated)
        atomic_store(&generated_code, NULL);
    atomic_fetch_add(&runtimes_changed, 1);
}

void runtimes_forget(uint64_t start)
{
    for (uint32_t found = all_found(); found; found &= found - 1) {
        unsigned i = (unsigned)__builtin_ctz(found);
        if (atomic_load(&objects[i].start) != start)
            continue;
        leave(i, true);
        runtimes_readers[i]->forget();
    }
}

void runtimes_fork_child(void)
{
    for (uint32_t found = all_found(); found; found &= found - 1)
        if (runtimes_readers[__builtin_ctz(found)]->stays_behind) {
            stayed_behind |= found & -found;
            leave((unsigned)__builtin_ctz(found), false);
        }
}

const char *runtimes_refusal(unsigned number) { return atomic_load(&refusals[number]); }

static __attribute__((noinline)) bool one_is_ending(uint32_t found)
{
    for (; found; found &= found - 1)
        if (runtimes_readers[__builtin_ctz(found)]->is_ending())
            return true;
    return false;
}

/* Asked at each close: a single one, as most have, is asked at once. */
bool runtimes_are_ending(void)
{
    uint32_t found = all_found();
    if (found & (found - 1))
        return one_is_ending(found);
    return found && runtimes_readers[__builtin_ctz(found)]->is_ending();
}

bool runtimes_end_in_code(void) { return all_found() & atomic_load_explicit(&end_in_code, memory_order_relaxed); }

bool runtimes_end_in(uint64_t entry)
{
    for (uint32_t found = all_found(); found; found &= found - 1) {
        const struct runtime *r = runtimes_readers[__builtin_ctz(found)];
        if (r->ends_in && r->ends_in((uintptr_t)entry))
            return true;
    }
    return false;
}

bool runtimes_program_ends(void)
{
    for (uint32_t found = all_found(); found; found &= found - 1) {
        const struct runtime *r = runtimes_readers[__builtin_ctz(found)];
        if (r->program_ends && r->program_ends())
            return true;
    }
    return false;
}
