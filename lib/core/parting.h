/* SPDX-License-Identifier: MIT */
/*
 * parting.h: where the life of a socket that was closed parts from that of those that are stuck.
 *
 * Pure; async-signal-safe. Of a life it is known what was done and in which stack, but hardly in
 * which order: so what both did in the same stacks is told, and what they did not. What a call has
 * done that no wrapper sees is not known.
 */
#ifndef SOCKLEAK_CORE_PARTING_H
#define SOCKLEAK_CORE_PARTING_H

#include "report.h"

/*
 * Compares CLOSED, the life of one socket that the stack of SIBLINGS has closed, with what is told
 * of G's own sockets: fills compared, same and lacks of SIBLINGS, and enters into G what it did in
 * other stacks, as EVENT_PARTED. Before the stacks have names.
 */
void parting_find(struct group *g, struct told *siblings, const struct finding *closed);

#define PARTED_SHOWN 3u
struct parting {
    uint32_t same, lacks; /* bits by event */
    unsigned n_unlike;
    const struct told *unlike[PARTED_SHOWN]; /* entries of EVENT_PARTED */
};
/*
 * What is to be told of the socket that SIBLINGS, an entry of G, has closed, when stacks have their
 * names: two that read the same are one stack. False: nothing.
 */
bool parting_of(const struct group *g, const struct told *siblings, struct parting *p);
static inline bool parting_has(uint32_t events, unsigned event) { return events >> event & 1; }

#endif
