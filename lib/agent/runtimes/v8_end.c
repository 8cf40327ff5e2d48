/* SPDX-License-Identifier: MIT */
/*
 * v8_end.c: whether it is the end of node that closes a descriptor.
 *
 * Called in the thread that closes, any of them. When its event loop has nothing left to do, node
 * frees its environment, which closes all handles; no JavaScript can run then. What the program's
 * 'exit' handlers close is closed before. A worker thread has an environment of its own, which goes
 * when the worker ends, or when the main thread ends and has all workers end before.
 */
#include <stdatomic.h>
#include <sys/auxv.h>

#include "../base/auxv.h"
#include "../base/peek.h"
#include "../base/readable.h"
#include "../base/thread.h"
#include "v8.h"

#define MAX_PAGES 256u /* of the main thread's stack: V8 lets JavaScript have less than 1 MiB of it */

bool v8_ends_in(uintptr_t entry) { return entry - 1 - v8_builtins.free_environment < v8_builtins.free_environment_size; }

/*
 * The main thread stops the workers only at its own end. So a return address in the function that
 * does it proves that it has begun, wherever on that thread's stack it is: also one that was left
 * there. It is there before the first worker gets to know.
 */
static bool is_in_stop_workers(uintptr_t word) { return word - 1 - v8_builtins.stop_workers < v8_builtins.stop_workers_size; }

static bool main_thread_stops_workers(void)
{
    uintptr_t words[PAGE_BYTES / sizeof(uintptr_t)];
    uintptr_t page = auxv_get(AT_RANDOM) & ~(uintptr_t)(PAGE_BYTES - 1); /* where the stack began */
    for (unsigned pages = 0; pages < MAX_PAGES && peek(page, words, sizeof words); pages++, page -= PAGE_BYTES)
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (is_in_stop_workers(words[i]))
                return true;
    return false;
}

bool v8_program_ends(void)
{
    static _Atomic uint32_t ends_alone; /* the last thread that was found to: it is asked for each of its descriptors */
    uint32_t tid = thread_tid();
    if (!v8_builtins.stop_workers_size || atomic_load(&ends_alone) == tid)
        return false;
    if (main_thread_stops_workers())
        return true;
    atomic_store(&ends_alone, tid);
    return false;
}
