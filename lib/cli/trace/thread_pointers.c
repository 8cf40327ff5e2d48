/* SPDX-License-Identifier: MIT */
/*
 * thread_pointers.c: finds a thread's control block among those that were handed out.
 *
 * Called by the supervisor when a thread is stopped for the first time.
 */
#include "thread_pointers.h"

#include <stdbool.h>
#include <string.h>

#include "sampling.h"

#define BLOCK_WORDS 256u /* of 32 bits: how far into the C library's block its number may stand */
#define M_WORDS 16u      /* of 64 bits, of Go's m */
#define G_M 48u          /* where g has its m, in all versions of Go */

void thread_pointers_add(struct thread_pointers *p, uint64_t at)
{
    uint32_t kept = p->n < THREAD_POINTERS ? p->n : THREAD_POINTERS;
    for (uint32_t i = 0; i < kept; i++)
        if (p->at[i] == at)
            return;
    if (at)
        p->at[p->n++ % THREAD_POINTERS] = at;
}

/* g lies below the thread pointer; g.m.procid is the thread's number. */
static bool is_of_go(pid_t pid, pid_t tid, uint64_t at)
{
    uint64_t g, m, words[M_WORDS];
    if (!sampling_read(pid, at - sizeof g, &g, sizeof g) || !g || !sampling_read(pid, g + G_M, &m, sizeof m) || !m ||
        !sampling_read(pid, m, words, sizeof words))
        return false;
    for (unsigned i = 0; i < M_WORDS; i++)
        if (words[i] == (uint64_t)tid)
            return true;
    return false;
}

static bool is_of_libc(pid_t pid, pid_t tid, uint64_t at)
{
    uint32_t words[BLOCK_WORDS];
    if (!sampling_read(pid, at, words, sizeof words))
        return false;
    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        if (words[i] == (uint32_t)tid)
            return true;
    return false;
}

uint64_t thread_pointers_of(const struct thread_pointers *p, pid_t pid, pid_t tid)
{
    uint32_t kept = p->n < THREAD_POINTERS ? p->n : THREAD_POINTERS;
    for (uint32_t i = 0; i < kept; i++) {
        uint64_t at = p->at[(p->n - 1 - i) % THREAD_POINTERS];
        if (is_of_go(pid, tid, at) || is_of_libc(pid, tid, at))
            return at;
    }
    return 0;
}
