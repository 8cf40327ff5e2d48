/* SPDX-License-Identifier: MIT */
/*
 * lives.h: the lives of sockets (struct state_life) by descriptor number.
 *
 * The wrappers of calls that receive and send read them at each call, so finding one costs a load
 * from one table. A chunk is two extents of the state file that lie in a row: its 256 descriptors
 * are the upper bytes of the number. Lock-free; async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_LIVES_H
#define SOCKLEAK_AGENT_LIVES_H

#include <stdbool.h>
#include <string.h>

#include "../../arch/cpu.h"
#include "../../core/state.h"

#define LIVES_PER_CHUNK (2 * STATE_LIVES_PER_EXTENT)
#define LIVES_CHUNKS 65536u /* descriptors from 2^24 on have no life */
_Static_assert(LIVES_PER_CHUNK == 256, "a byte of a descriptor's number is its place in the chunk");

struct lives {
    struct state_life none[LIVES_PER_CHUNK]; /* zeros: of those whose chunk was never made */
    intptr_t chunks[LIVES_CHUNKS];           /* how many bytes each lies behind `none` */
};
extern struct lives lives_table __attribute__((visibility("hidden")));

/*
 * The chunk of the descriptor at FD, and the place there. Both are read from memory as bytes of the
 * number: this is shorter than to shift it. Of numbers from 2^24 on the chunk is some other
 * descriptor's. A plain load: what is read through its result depends on it.
 */
static inline const struct state_life *lives_near(const int *fd, uint8_t *place)
{
    uint16_t chunk;
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the bytes of a number begin with the lowest");
    memcpy(&chunk, (const char *)fd + 1, sizeof chunk);
    memcpy(place, fd, sizeof *place);
    return (const struct state_life *)(const void *)((const char *)&lives_table + lives_table.chunks[chunk]);
}

/*
 * A bit for the lower 16 bits of each number that is or was a socket's, with a life. Most calls that
 * read or write have a file: they ask here first. Sockets and their copies are entered; a number is
 * taken out when a file is met under it.
 */
#define LIVES_BITS (8u * (uint32_t)sizeof(struct arch_bits))
extern struct arch_bits lives_kept __attribute__((visibility("hidden")));
/* False: the descriptor at FD, not negative, has no life. A plain load, as in lives_near. */
static inline __attribute__((always_inline)) bool lives_may_have(const int *fd)
{
    uint16_t low;
    memcpy(&low, fd, sizeof low);
    return arch_bit_of(&lives_kept, low);
}
/* FD has a life. */
void lives_keep(int fd);
/*
 * FD is of no live socket. If its slot has changed since that was seen, the caller says lives_keep:
 * whoever enters a socket changes the slot's word before.
 */
void lives_drop(int fd);

/* NULL: its chunk was never made, or it has none (FD < 0, or too large). */
static inline struct state_life *life_of(int fd)
{
    uint32_t number = (uint32_t)fd / LIVES_PER_CHUNK;
    intptr_t distance = number < LIVES_CHUNKS ? __atomic_load_n(&lives_table.chunks[number], __ATOMIC_ACQUIRE) : 0;
    struct state_life *chunk = (struct state_life *)(void *)((char *)&lives_table + distance);
    return distance ? &chunk[(uint32_t)fd % LIVES_PER_CHUNK] : NULL;
}
/* The same, made now; NULL: there is no memory (not counted: a report then tells less). */
struct state_life *life_make(int fd);
/* FD has just become the socket GEN: nothing was done with it. Before its slot is live. */
void life_begin(int fd, uint32_t gen);
/* The table was replaced: no descriptor has a life any more. */
void lives_forget(void);

#endif
