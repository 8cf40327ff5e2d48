/* SPDX-License-Identifier: MIT */
/*
 * growth_ring.h: counts over the life of a process in a few points, which are thinned as they age.
 *
 * No allocation, no lock; async-signal-safe. One thread writes, any may read meanwhile.
 */
#ifndef SOCKLEAK_CORE_GROWTH_RING_H
#define SOCKLEAK_CORE_GROWTH_RING_H

#include "state.h"

/* COUNT sockets from AT_NS on, until the next point. */
struct growth_point {
    uint64_t at_ns; /* CLOCK_MONOTONIC, to a millisecond */
    uint32_t count;
};

/*
 * COUNT sockets at NOW_NS, which is not before the last point. A count that stays takes two points,
 * however long. When all are taken, an inner one is left out: that whose neighbours lie closest
 * together, measured against how old it is. Newer points so lie closer than older ones, and the
 * first and the last stay.
 */
void growth_ring_add(struct state_growth *g, uint64_t now_ns, uint32_t count);
/* The points of G in the order of time; returns how many. G may be anything, and may change. */
unsigned growth_ring_read(const struct state_growth *g, struct growth_point points[STATE_GROWTH_POINTS]);

#endif
