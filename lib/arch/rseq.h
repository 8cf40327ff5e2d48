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
#include <stdint.h>

/*
 * ARCH_HAS_RSEQ: 1 where there is
 *
 *     ARCH_RSEQ_LOAD(enum arch_rseq how, void *area, const uintptr_t *word, uintptr_t base,
 *                    const uint32_t *offsets, N, uint64_t *out)
 *
 * AREA is this thread's registered struct rseq. While *WORD is 0: copies the N words (a constant) at
 * BASE plus each of OFFSETS to OUT. HOW says what became of it.
 */
enum arch_rseq {
    ARCH_RSEQ_STOPPED, /* *WORD is not 0: nothing was loaded */
    ARCH_RSEQ_DONE,
    ARCH_RSEQ_AGAIN, /* interrupted: OUT is not complete */
};

#define ARCH_RSEQ_CPU_ID 4 /* offsets in struct rseq (linux/rseq.h) */
#define ARCH_RSEQ_CS 8

#if defined(__x86_64__)
#include "x86_64/rseq.h"
#else
#define ARCH_HAS_RSEQ 0
#endif

#endif
