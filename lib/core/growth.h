/* SPDX-License-Identifier: MIT */
/*
 * growth.h: does a count grow, how fast, and when does a limit run out.
 */
#ifndef SOCKLEAK_CORE_GROWTH_H
#define SOCKLEAK_CORE_GROWTH_H
#include <stdbool.h>
#include <stdint.h>

#define GROWTH_SAMPLES 8
#define GROWTH_STEADY_LOOKS 3                     /* so many looks in a row without a rise, and ... (growth_is_steady) */
#define GROWTH_RATE_SPAN_NS (10ull * 1000000000u) /* over less than this a rate would be a guess */
#define GROWTH_BASE_SPAN_NS (30ull * 1000000000u)
struct growth {
    uint32_t n;
    uint32_t count[GROWTH_SAMPLES]; /* ring of the last looks' counts */
    uint64_t at_ns[GROWTH_SAMPLES];
    uint64_t lower_ns; /* the last look that saw less than any after it: since then no new high. May be set before the first sample */
    /* Two looks further back, a base span apart: with short periods the ring alone spans too little for a rate. */
    uint32_t base_count[2];
    uint64_t base_ns[2];
};
void growth_add(struct growth *g, uint32_t count, uint64_t now_ns);
/* Thousandths of a socket a minute, over the ring or up to two base spans; 0 when it did not rise, or when that is not yet GROWTH_RATE_SPAN_NS long. */
uint32_t growth_rate_milli(const struct growth *g);
bool growth_is_growing(const struct growth *g); /* the last sample is above the first held */
/* >= GROWTH_STEADY_LOOKS samples since the last rise, no new high for QUIET_NS, count > 0. A pool that renews its sockets falls and rises below its high. */
bool growth_is_steady(const struct growth *g, uint64_t quiet_ns);
/* Seconds until USED reaches LIMIT at RATE_MILLI; 0 when it never does. */
uint64_t growth_runs_out_s(uint64_t used, uint64_t limit, uint32_t rate_milli);
#endif
