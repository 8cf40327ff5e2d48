/* SPDX-License-Identifier: MIT */
/*
 * closed_number.c: what is remembered of each descriptor number that was closed.
 *
 * Called by after_close.c, in the program's threads and signal handlers. The records are in private
 * pages, which are made when a number is first needed.
 */
#include "closed_number.h"

#include "../../core/hash.h"
#include "../base/pages.h"
#include "../base/sys.h"

#define CHUNK 64u
#define CHUNKS 16384u /* numbers from 2^20 on are not kept */
#define TURNS 50u     /* of waiting for a lock */
#define HANDED_BITS 4096u

static _Atomic(struct closed_number *) chunks[CHUNKS] LARGE_TABLE;
static _Atomic uint32_t top; /* the highest chunk in use + 1 */
static _Atomic uint64_t handed[HANDED_BITS / 64] LARGE_TABLE;

void closed_number_forget_all(void)
{
    for (unsigned i = 0; i < atomic_load(&top); i++) {
        struct closed_number *c = atomic_exchange(&chunks[i], NULL);
        if (c)
            pages_free(c, CHUNK * sizeof *c);
    }
    atomic_store(&top, 0);
    for (unsigned i = 0; i < HANDED_BITS / 64; i++)
        atomic_store_explicit(&handed[i], 0, memory_order_relaxed);
}

static struct closed_number *find(int fd, bool make)
{
    if (fd < 0 || (unsigned)fd >= CHUNK * CHUNKS)
        return NULL;
    _Atomic(struct closed_number *) *at = &chunks[(unsigned)fd / CHUNK];
    struct closed_number *c = atomic_load(at), *none = NULL;
    if (!c && make) {
        c = pages_alloc(CHUNK * sizeof *c);
        if (c && !atomic_compare_exchange_strong(at, &none, c)) {
            pages_free(c, CHUNK * sizeof *c);
            c = none;
        }
        uint32_t is = atomic_load(&top), least = (unsigned)fd / CHUNK + 1;
        while (is < least && !atomic_compare_exchange_weak(&top, &is, least))
            ;
    }
    return c ? &c[(unsigned)fd % CHUNK] : NULL;
}

struct closed_number *closed_number_take(int fd, bool make)
{
    struct closed_number *n = find(fd, make);
    for (unsigned turn = 0; n && turn < TURNS; turn++) {
        uint32_t is_free = 0;
        if (atomic_compare_exchange_weak_explicit(&n->lock, &is_free, 1, memory_order_acquire, memory_order_relaxed))
            return n;
        sys_yield(turn);
    }
    return NULL;
}

void closed_number_leave(struct closed_number *n) { atomic_store_explicit(&n->lock, 0, memory_order_release); }

bool closed_number_is_handed(state_ref site)
{
    uint32_t bit = (uint32_t)(hash_spread(site) >> 40) % HANDED_BITS;
    return !site || atomic_load_explicit(&handed[bit / 64], memory_order_relaxed) >> bit % 64 & 1;
}

void closed_number_hand_over(state_ref site)
{
    uint32_t bit = (uint32_t)(hash_spread(site) >> 40) % HANDED_BITS;
    if (!closed_number_is_handed(site))
        atomic_fetch_or_explicit(&handed[bit / 64], 1ull << bit % 64, memory_order_relaxed);
}

bool closed_number_has_touched(const struct closed_number *n, uint32_t gen, uint32_t tid, bool unknown)
{
    if (n->now_gen != gen)
        return unknown;
    for (unsigned i = 0; i < n->n_touching && i < CLOSED_NUMBER_TOUCHING; i++)
        if (n->touching[i] == tid)
            return true;
    return n->n_touching > CLOSED_NUMBER_TOUCHING && unknown;
}

void closed_number_touch(struct closed_number *n, uint32_t gen, uint32_t tid)
{
    if (closed_number_has_touched(n, gen, tid, true))
        return;
    if (n->n_touching < CLOSED_NUMBER_TOUCHING)
        n->touching[n->n_touching] = tid;
    n->n_touching++;
}
