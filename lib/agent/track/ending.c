/* SPDX-License-Identifier: MIT */
/*
 * ending.c: sockets that only the end of the program closes.
 *
 * Called on the closing thread. The stack of a close tells whether exit(3) runs its handlers and the
 * destructors; a language runtime that closes everything before that says that it ends. The stack is
 * walked only for a socket that a check has found in a condition, and not again once the end has
 * begun.
 */
#include "ending.h"

#include <stdlib.h>

#include "../runtimes/runtimes.h"
#include "../stacks/capture.h"
#include "../table/header.h"
#include "gate.h"

#define EXIT_SIZE 64 /* exit(3) is shorter, and what follows it in libc closes nothing */

static _Atomic uint32_t began_in; /* the process whose end has begun: a child of fork is another */

static bool has_begun(void) { return atomic_load(&began_in) == table_pid() || runtimes_are_ending(); }

bool ending_closes(const uint64_t *pcs, unsigned n)
{
    uint64_t start = (uint64_t)(uintptr_t)&exit;
    if (has_begun())
        return true;
    for (unsigned i = 0; i < n; i++)
        if (pcs[i] > start && pcs[i] - start <= EXIT_SIZE) {
            atomic_store(&began_in, table_pid());
            return true;
        }
    return false;
}

static bool exit_has_begun(void)
{
    uint64_t pcs[STATE_MAX_FRAMES];
    return has_begun() || ending_closes(pcs, capture_stack(pcs, STATE_MAX_FRAMES, NULL));
}

/*
 * A runtime closes at its end what the program has kept all its life. Nothing may have been checked
 * in a short one, and the last check finds none of it; so all is checked before the first close.
 */
static void check_once(void)
{
    static _Atomic uint32_t checked_in;
    if (atomic_exchange(&checked_in, table_pid()) != table_pid())
        gate_hooks.check_all();
}

bool ending_keeps(const struct state_slot *slot)
{
    if (runtimes_are_ending())
        check_once();
    uint32_t gen = SLOT_GEN(atomic_load(&slot->word));
    struct state_detail *d = atomic_load(&slot->watch_gen) == gen ? table_at(atomic_load(&slot->detail)) : NULL;
    if (!d || atomic_load(&d->gen) != gen || d->kind == KIND_OPEN || !(table_kinds() & KIND_BIT(d->kind)) || !exit_has_begun())
        return false;
    atomic_fetch_or(&d->never, DETAIL_UNTIL_EXIT);
    return true;
}
