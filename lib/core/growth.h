/* SPDX-License-Identifier: MIT */
/*
 * growth.h: does a count grow, how fast, and when does a limit run out.
 */
#ifndef SOCKLEAK_CORE_GROWTH_H
#define SOCKLEAK_CORE_GROWTH_H
#include <stdbool.h>
#include <stdint.h>

#define GROWTH_SAMPLES 8
/* so many checks in a row without a rise, and ... (growth_is_steady) */
#define GROWTH_STEADY_CHECKS 3
#define GROWTH_RATE_SPAN_NS (10ull * 1000000000u) /* over less than this a rate would be a guess */
#define GROWTH_BASE_SPAN_NS (30ull * 1000000000u)
struct growth {
    uint32_t n;
    uint32_t count[GROWTH_SAMPLES]; /* ring of the last checks' counts */
    uint64_t at_ns[GROWTH_SAMPLES];
    /*
     * the last check that counted less than any after it: no new high since then. May be set before
     * the first sample
     */
    uint64_t lower_ns;
    /*
     * Two checks further back, a base span apart: with short periods the ring alone spans too
     * little time for a rate.
     */
    uint32_t base_count[2];
    uint64_t base_ns[2];
};
void growth_add(struct growth *g, uint32_t count, uint64_t now_ns);
/*
 * Thousandths of a socket a minute, over the ring or up to two base spans; 0 when it did not rise,
 * or when that is not yet GROWTH_RATE_SPAN_NS long.
 */
uint32_t growth_rate_milli(const struct growth *g);
bool growth_is_growing(const struct growth *g); /* the last sample is above the first held */
/*
 * >= GROWTH_STEADY_CHECKS samples since the last rise, no new high for QUIET_NS, count > 0. A pool
 * that renews its sockets falls and rises below its high.
 */
bool growth_is_steady(const struct growth *g, uint64_t quiet_ns);
/*
 * Seconds until USED reaches LIMIT at RATE_MILLI; 0 when it never does, and when it has been
 * reached already (growth_is_reached).
 */
uint64_t growth_runs_out_s(uint64_t used, uint64_t limit, uint32_t rate_milli);
/* USED has reached LIMIT; false when no limit is known. */
bool growth_is_reached(uint64_t used, uint64_t limit);
#endif
