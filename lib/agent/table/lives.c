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

struct state_life *life_chunks[LIVES_CHUNKS] LARGE_TABLE;
static _Atomic uint32_t top; /* the highest chunk in use + 1 */

static struct state_life **chunk_of(int fd)
{
    return fd >= 0 && (uint32_t)fd / LIVES_PER_CHUNK < LIVES_CHUNKS ? &life_chunks[(uint32_t)fd / LIVES_PER_CHUNK] : NULL;
}

struct state_life *life_of(int fd)
{
    struct state_life **chunk = chunk_of(fd), *c = chunk ? __atomic_load_n(chunk, __ATOMIC_ACQUIRE) : NULL;
    return c ? &c[(uint32_t)fd % LIVES_PER_CHUNK] : NULL;
}

struct state_life *life_make(int fd)
{
    struct state_life **chunk = chunk_of(fd), *made, *none = NULL;
    uint32_t number = (uint32_t)fd / LIVES_PER_CHUNK, first;
    if (!chunk || life_of(fd))
        return life_of(fd);
    made = table_take(EXTENT_LIVES, 2 * number, 2, &first);
    if (!made)
        return NULL;
    if (!__atomic_compare_exchange_n(chunk, &none, made, false, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
        table_give_back(first, 2);
    uint32_t before = atomic_load(&top);
    while (before < number + 1 && !atomic_compare_exchange_weak(&top, &before, number + 1))
        ;
    return life_of(fd);
}

void life_begin(int fd, uint32_t gen)
{
    struct state_life *life = life_make(fd);
    if (!life)
        return;
    atomic_store_explicit(&life->gen, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&life->first_receive, LIFE_FRESH, memory_order_relaxed);
    atomic_store_explicit(&life->last_receive, LIFE_FRESH, memory_order_relaxed);
    atomic_store_explicit(&life->first_send, LIFE_FRESH, memory_order_relaxed);
    atomic_store_explicit(&life->last_send, LIFE_FRESH, memory_order_relaxed);
    atomic_store_explicit(&life->epoll_add, 0, memory_order_relaxed);
    atomic_store_explicit(&life->epoll_del, 0, memory_order_relaxed);
    atomic_store_explicit(&life->rare, 0, memory_order_relaxed);
    atomic_store_explicit(&life->gen, gen, memory_order_release);
}

void lives_forget(void)
{
    for (uint32_t i = 0; i < atomic_load(&top); i++)
        __atomic_store_n(&life_chunks[i], NULL, __ATOMIC_RELAXED);
    atomic_store(&top, 0);
}
