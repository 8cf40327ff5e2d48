/* SPDX-License-Identifier: MIT */
/*
 * growth.h: does a count grow, how fast, and when does a limit run out.
 */
#ifndef SOCKLEAK_CORE_GROWTH_H
#define SOCKLEAK_CORE_GROWTH_H
#include <stdbool.h>
#include <stdint.h>

#define GROWTH_SAMPLES 8
#define GROWTH_STEADY_LOOKS 3 /* so many looks in a row without a rise: "steady (a pool?)" */
struct growth {
    uint32_t n;
    uint32_t count[GROWTH_SAMPLES]; /* ring of the last looks' counts */
    uint64_t at_ns[GROWTH_SAMPLES];
};
void growth_add(struct growth *g, uint32_t count, uint64_t now_ns);
/* Thousandths of a socket a minute over the samples held; 0 when it did not rise. */
uint32_t growth_rate_milli(const struct growth *g);
bool growth_is_growing(const struct growth *g); /* the last sample is above the first held */
bool growth_is_steady(const struct growth *g);  /* >= GROWTH_STEADY_LOOKS samples since the last rise, count > 0 */
/* Seconds until USED reaches LIMIT at RATE_MILLI; 0 when it never does. */
uint64_t growth_runs_out_s(uint64_t used, uint64_t limit, uint32_t rate_milli);
#endif
