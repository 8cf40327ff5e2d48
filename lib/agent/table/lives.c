/* SPDX-License-Identifier: MIT */
/*
 * lives.c: the lives of sockets by descriptor number.
 *
 * Runs in the program's threads and signal handlers. No lock: a chunk is made by whoever needs it
 * first, and published by compare-and-swap.
 */
#include "lives.h"

#include <stdatomic.h>

#include "../base/sys.h"
#include "table.h"

struct lives lives_table LARGE_TABLE;
struct arch_bits lives_kept LARGE_TABLE;
static _Atomic bool has_high; /* a number from LIVES_BITS on has a life: it shares its bit with a lower one */
static _Atomic uint32_t top;  /* the highest chunk in use + 1 */

struct state_life *life_make(int fd)
{
    uint32_t number = (uint32_t)fd / LIVES_PER_CHUNK, first;
    intptr_t none = 0;
    if (fd < 0 || number >= LIVES_CHUNKS || life_of(fd))
        return life_of(fd);
    char *made = table_take(EXTENT_LIVES, 2 * number, 2, &first);
    if (!made)
        return NULL;
    if (!__atomic_compare_exchange_n(&lives_table.chunks[number], &none, made - (char *)&lives_table, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_ACQUIRE))
        table_give_back(first, 2);
    uint32_t before = atomic_load(&top);
    while (before < number + 1 && !atomic_compare_exchange_weak(&top, &before, number + 1))
        ;
    return life_of(fd);
}

static uint64_t bit_of(int fd) { return (uint64_t)1 << fd % 64; }
static uint64_t *bits_of(int fd) { return &lives_kept.words[(uint32_t)fd % LIVES_BITS / 64]; }

void lives_keep(int fd)
{
    if (__builtin_expect((uint32_t)fd >= LIVES_BITS, 0) && !atomic_load(&has_high))
        atomic_store(&has_high, true);
    if (__builtin_expect(!(__atomic_load_n(bits_of(fd), __ATOMIC_SEQ_CST) & bit_of(fd)), 0))
        __atomic_fetch_or(bits_of(fd), bit_of(fd), __ATOMIC_SEQ_CST);
}

void lives_drop(int fd)
{
    if (atomic_load(&has_high))
        return;
    __atomic_fetch_and(bits_of(fd), ~bit_of(fd), __ATOMIC_SEQ_CST);
    if (atomic_load(&has_high)) /* since then */
        lives_keep(fd);
}

void life_begin(int fd, uint32_t gen)
{
    struct state_life *life = life_of(fd);
    if (__builtin_expect(!life, 0) && !(life = life_make(fd)))
        return;
    atomic_store_explicit(&life->gen, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&life->receive, LIFE_FRESH, memory_order_relaxed);
    atomic_store_explicit(&life->send, LIFE_FRESH, memory_order_relaxed);
    atomic_store_explicit(&life->epoll_add, 0, memory_order_relaxed);
    atomic_store_explicit(&life->epoll_del, 0, memory_order_relaxed);
    atomic_store_explicit(&life->rare, 0, memory_order_relaxed);
    atomic_store_explicit(&life->gen, gen, memory_order_release);
    lives_keep(fd);
}

void lives_forget(void)
{
    uint32_t chunks = atomic_load(&top);
    for (uint32_t i = 0; i < chunks; i++)
        __atomic_store_n(&lives_table.chunks[i], 0, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < chunks * LIVES_PER_CHUNK / 64 && i < LIVES_BITS / 64; i++)
        __atomic_store_n(&lives_kept.words[i], 0, __ATOMIC_RELAXED);
    atomic_store(&top, 0);
    atomic_store(&has_high, false);
}
