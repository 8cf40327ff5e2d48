/* SPDX-License-Identifier: MIT */
/*
 * growth_ring.c: counts over the life of a process in a few points, which are thinned as they age.
 *
 * Called by whoever checks, with the watch lock held, on the record in the state file, and by the
 * command, which reads that while it is written, or after the writer was killed in the middle of it.
 * So each point is one word, and points move one at a time towards the beginning: a reader may meet
 * one twice, or miss the one that is left out, and nothing else.
 */
#include "growth_ring.h"

#define COUNT_BITS 24u
#define COUNT_MAX ((1u << COUNT_BITS) - 1)
#define MS_MAX (UINT64_MAX >> COUNT_BITS)
#define NS_PER_MS 1000000u
/*
 * An age counts from this part of the whole time on. Without it half of the points would lie in the
 * last few minutes of a week. With it the gaps are about a thousandth of the whole time at its end,
 * and a fifteenth at its beginning.
 */
#define RECENT 64u
#define RATIO_BITS 20u

static uint64_t load(const struct state_growth *g, unsigned i) { return atomic_load_explicit(&g->points[i], memory_order_acquire); }
static uint64_t time_ms(const struct state_growth *g, unsigned i) { return load(g, i) >> COUNT_BITS; }
static uint32_t count_of(uint64_t point) { return (uint32_t)point & COUNT_MAX; }

static void store(struct state_growth *g, unsigned i, uint64_t point) { atomic_store_explicit(&g->points[i], point, memory_order_release); }

/* The inner point that is missed least. */
static unsigned least(const struct state_growth *g, unsigned n, uint64_t now_ms)
{
    uint64_t whole = now_ms - time_ms(g, 0), best = UINT64_MAX;
    unsigned found = 1;
    for (unsigned i = 1; i + 1 < n; i++) {
        uint64_t gap = time_ms(g, i + 1) - time_ms(g, i - 1), age = now_ms - time_ms(g, i) + whole / RECENT + 1;
        uint64_t miss = (gap << RATIO_BITS) / age;
        if (miss < best) {
            best = miss;
            found = i;
        }
    }
    return found;
}

void growth_ring_add(struct state_growth *g, uint64_t now_ns, uint32_t count)
{
    unsigned n = atomic_load_explicit(&g->n, memory_order_relaxed);
    uint64_t ms = now_ns / NS_PER_MS;
    if (count > COUNT_MAX)
        count = COUNT_MAX;
    if (ms > MS_MAX || n > STATE_GROWTH_POINTS || (n && ms < time_ms(g, n - 1)))
        return;
    uint64_t point = ms << COUNT_BITS | count;
    bool again = n && time_ms(g, n - 1) == ms;
    bool stays = n > 1 && count_of(load(g, n - 1)) == count && count_of(load(g, n - 2)) == count;
    if (again || stays) {
        store(g, n - 1, point);
        return;
    }
    if (n == STATE_GROWTH_POINTS) {
        for (unsigned i = least(g, n, ms); i + 1 < n; i++)
            store(g, i, load(g, i + 1));
        store(g, n - 1, point);
        return;
    }
    store(g, n, point);
    atomic_store_explicit(&g->n, n + 1, memory_order_release);
}

unsigned growth_ring_read(const struct state_growth *g, struct growth_point points[STATE_GROWTH_POINTS])
{
    unsigned n = atomic_load_explicit(&g->n, memory_order_acquire), kept = 0;
    uint64_t before = 0;
    for (unsigned i = 0; i < n && i < STATE_GROWTH_POINTS; i++) {
        uint64_t point = load(g, i), ms = point >> COUNT_BITS;
        if (ms <= before) /* one that moves, or damage */
            continue;
        points[kept++] = (struct growth_point){ms * NS_PER_MS, count_of(point)};
        before = ms;
    }
    return kept;
}
