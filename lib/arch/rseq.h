/* SPDX-License-Identifier: MIT */
/*
 * rseq.h: loads that are all done, or none: a restartable sequence (rseq(2)).
 *
 * A thread that loses its processor between the first and the last of them begins anew, so between
 * its look at a word and the loads that this word allows no other thread of this processor ran.
 * Async-signal-safe; no system call.
 */
#ifndef SOCKLEAK_ARCH_RSEQ_H
#define SOCKLEAK_ARCH_RSEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * ARCH_HAS_RSEQ: 1 where there is
 *
 *     ARCH_RSEQ_LOAD(enum arch_rseq how, void *area, const uintptr_t *word, uintptr_t base,
 *                    const uint32_t *offsets, N, uint64_t *out)
 *
 * AREA is this thread's registered struct rseq. While *WORD is 0: copies the N words (a constant) at
 * BASE plus each of OFFSETS to OUT. HOW says what became of it.
 *
 *     ARCH_RSEQ_LOAD_PATH(enum arch_rseq how, void *area, const uintptr_t *word, uintptr_t base,
 *                         const struct arch_rseq_path *path, uint64_t out[ARCH_RSEQ_PATH_WORDS],
 *                         uint64_t sum)
 *
 * The same for the objects of PATH, of which the first is at BASE. OUT gets the four words of the
 * first and the two of the third, SUM the products of the second.
 */
enum arch_rseq {
    ARCH_RSEQ_STOPPED, /* *WORD is not 0: nothing was loaded */
    ARCH_RSEQ_DONE,
    ARCH_RSEQ_AGAIN, /* interrupted: OUT is not complete */
    /* of ARCH_RSEQ_LOAD_PATH alone */
    ARCH_RSEQ_ENDS, /* at the first object */
    ARCH_RSEQ_LOST, /* an object would lie where none can */
};

/*
 * Three objects, each of which has the next one's address. The struct's layout is known to
 * assembler code.
 */
#define ARCH_RSEQ_PATH_WORDS 6
struct arch_rseq_path {
    /* The first: four words, of which the second is the second object's address with MASK. */
    uint32_t first[4];
    uint32_t end_at, end_from; /* a byte of it: with END_FROM and more in it there is no second one */
    uint64_t mask;
    /*
     * The second: what its word at TYPE_AT must be, else it is none; a number of 32 bits and three
     * words, of which the last is the third object's address; and the factors of these.
     */
    uint64_t type;
    uint32_t type_at, second[4];
    uint32_t third[2];
    uint32_t unused;
    uint64_t factor[4], own_factor; /* OWN: of its own address */
};

#define ARCH_RSEQ_CPU_ID 4 /* offsets in struct rseq (linux/rseq.h) */
#define ARCH_RSEQ_CS 8

#if defined(__x86_64__)
#include "x86_64/rseq.h"
#else
#define ARCH_HAS_RSEQ 0
#endif

#endif
