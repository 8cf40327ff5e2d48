/* SPDX-License-Identifier: MIT */
/*
 * ending.c: sockets that only the end of the program closes.
 *
 * Called on the closing thread. The stack of a close tells whether exit(3) runs its handlers and the
 * destructors; a language runtime that closes everything before that says that it ends, or has a
 * function that ends it. The stack is walked only for a socket that a check has found in a
 * condition, and not again once the end has begun; where a runtime has such a function for any,
 * until all was checked.
 */
#include "ending.h"

#include <stdlib.h>

#include "../../core/hash.h"
#include "../base/thread.h"
#include "../runtimes/runtimes.h"
#include "../stacks/capture.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "gate.h"

#define EXIT_SIZE 64 /* exit(3) is shorter, and what follows it in libc closes nothing */

static _Atomic uint32_t began_in; /* the process whose end has begun: a child of fork is another */

static bool is_main_thread(void) { return thread_tid() == table_pid(); }

static bool is_of_exit(uint64_t entry)
{
    uint64_t start = (uint64_t)(uintptr_t)&exit;
    return entry > start && entry - start <= EXIT_SIZE;
}

/* A thread may end for itself: a program can have one for each task. */
static bool is_of_runtimes_end(uint64_t entry) { return runtimes_end_in(entry) && (is_main_thread() || runtimes_program_ends()); }

static bool has_begun(void) { return atomic_load(&began_in) == table_pid() || runtimes_are_ending(); }

bool ending_closes(const uint64_t *pcs, unsigned n)
{
    if (has_begun())
        return true;
    for (unsigned i = 0; i < n; i++)
        if (is_of_exit(pcs[i]) || is_of_runtimes_end(pcs[i])) {
            atomic_store(&began_in, table_pid());
            return true;
        }
    return false;
}

/*
 * Sites without a frame of exit(3), each with its table's generation: a program's events come from
 * the same few stacks. May forget. Of a runtime that is seen to end by its code more is asked.
 */
#define ORDINARY 64u
static _Atomic uint64_t ordinary[ORDINARY];

static bool site_ends(state_ref site)
{
    uint64_t key = (uint64_t)atomic_load_explicit(&sites_generation, memory_order_relaxed) << 32 | site;
    _Atomic uint64_t *known = &ordinary[hash_spread(site) >> 32 & (ORDINARY - 1)];
    bool in_code = runtimes_end_in_code();
    if (!in_code && atomic_load_explicit(known, memory_order_relaxed) == key)
        return false;
    const struct state_site *s = sites_at(site);
    bool ends = ending_closes((const uint64_t *)(const void *)(s + 1), s->nframes);
    if (!ends && !in_code)
        atomic_store_explicit(known, key, memory_order_relaxed);
    return ends;
}

bool ending_is_in(state_ref site) { return has_begun() || (site && site_ends(site)); }

static bool end_has_begun(void)
{
    uint64_t pcs[STATE_MAX_FRAMES];
    return has_begun() || ending_closes(pcs, capture_stack(pcs, STATE_MAX_FRAMES, NULL));
}

static _Atomic uint32_t checked_in;

/* Whether the runtime ends, and nothing was checked for that. */
static bool runtime_begins_to_end(void)
{
    if (atomic_load(&checked_in) == table_pid())
        return false;
    return runtimes_are_ending() || (runtimes_end_in_code() && end_has_begun());
}

/*
 * A runtime closes at its end what the program has kept all its life. Nothing may have been checked
 * in a short one, and the last check finds none of it; so all is checked before the first close.
 */
static void check_once(void)
{
    if (atomic_exchange(&checked_in, table_pid()) != table_pid())
        gate_hooks.check_all();
}

bool ending_keeps(const struct state_slot *slot)
{
    if (runtime_begins_to_end())
        check_once();
    uint32_t gen = SLOT_GEN(atomic_load(&slot->word));
    struct state_detail *d = atomic_load(&slot->watch_gen) == gen ? table_at(atomic_load(&slot->detail)) : NULL;
    if (!d || atomic_load(&d->gen) != gen || d->kind == KIND_OPEN || !(table_kinds() & KIND_BIT(d->kind)) || !end_has_begun())
        return false;
    atomic_fetch_or(&d->never, DETAIL_UNTIL_EXIT);
    return true;
}
