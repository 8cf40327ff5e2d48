/* SPDX-License-Identifier: MIT */
/*
 * growth.c: does a count grow, how fast, and when does a limit run out.
 *
 * Called by the watcher after each check, and by the command over a series of its own; one owner at
 * a time.
 */
#include "growth.h"

static uint32_t held(const struct growth *g) { return g->n < GROWTH_SAMPLES ? g->n : GROWTH_SAMPLES; }

/* Ring index of the sample that is AGO checks old; 0 is the last one. */
static uint32_t index_of(const struct growth *g, uint32_t ago) { return (g->n - 1 - ago) % GROWTH_SAMPLES; }

static uint32_t highest(const struct growth *g)
{
    uint32_t most = 0;
    for (uint32_t ago = 0; ago < held(g); ago++)
        if (g->count[index_of(g, ago)] > most)
            most = g->count[index_of(g, ago)];
    return most;
}

void growth_add(struct growth *g, uint32_t count, uint64_t now_ns)
{
    if (!g->n) {
        g->lower_ns = g->lower_ns ? g->lower_ns : now_ns;
        g->base_ns[0] = g->base_ns[1] = now_ns;
        g->base_count[0] = g->base_count[1] = count;
    } else if (count > highest(g)) {
        g->lower_ns = g->at_ns[index_of(g, 0)];
    }
    if (now_ns - g->base_ns[1] >= GROWTH_BASE_SPAN_NS) {
        g->base_ns[0] = g->base_ns[1];
        g->base_count[0] = g->base_count[1];
        g->base_ns[1] = now_ns;
        g->base_count[1] = count;
    }
    /* n stays below twice the ring, so it never wraps in a process that runs for years */
    if (g->n >= 2 * GROWTH_SAMPLES)
        g->n -= GROWTH_SAMPLES;
    g->count[g->n % GROWTH_SAMPLES] = count;
    g->at_ns[g->n % GROWTH_SAMPLES] = now_ns;
    g->n++;
}

bool growth_is_growing(const struct growth *g)
{
    uint32_t n = held(g);
    return n >= 2 && g->count[index_of(g, 0)] > g->count[index_of(g, n - 1)];
}

uint32_t growth_rate_milli(const struct growth *g)
{
    if (!growth_is_growing(g))
        return 0;
    uint32_t first = index_of(g, held(g) - 1), last = index_of(g, 0);
    uint32_t from = g->count[first];
    uint64_t since = g->at_ns[first];
    if (g->base_ns[0] < since && g->base_count[0] < g->count[last]) {
        from = g->base_count[0];
        since = g->base_ns[0];
    }
    uint64_t span = g->at_ns[last] > since ? g->at_ns[last] - since : 0;
    if (span < GROWTH_RATE_SPAN_NS)
        return 0;
    uint64_t rate = (uint64_t)(g->count[last] - from) * 60000u * 1000u / (span / 1000000u);
    /* It did rise: a rate below one thousandth is still not "never". */
    return rate > UINT32_MAX ? UINT32_MAX : rate ? (uint32_t)rate : 1;
}

bool growth_is_steady(const struct growth *g, uint64_t quiet_ns)
{
    uint32_t n = held(g);
    if (n <= GROWTH_STEADY_CHECKS || g->count[index_of(g, 0)] == 0 || g->at_ns[index_of(g, 0)] - g->lower_ns < quiet_ns)
        return false;
    for (uint32_t ago = 0; ago < GROWTH_STEADY_CHECKS; ago++)
        if (g->count[index_of(g, ago)] > g->count[index_of(g, ago + 1)])
            return false;
    return true;
}

bool growth_is_reached(uint64_t used, uint64_t limit) { return limit && used >= limit; }

uint64_t growth_runs_out_s(uint64_t used, uint64_t limit, uint32_t rate_milli)
{
    if (rate_milli == 0 || limit == 0 || used >= limit)
        return 0;
    uint64_t left = limit - used;
    if (left > UINT64_MAX / 60000u - 1)
        return 0; /* no limit in any practical sense (RLIM_INFINITY) */
    return (left * 60000u + rate_milli - 1) / rate_milli;
}
