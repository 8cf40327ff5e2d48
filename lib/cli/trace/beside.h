/* SPDX-License-Identifier: MIT */
/*
 * beside.h: the walker's own form of what a sample holds beside the copy of the stack.
 */
#ifndef SOCKLEAK_CLI_TRACE_BESIDE_H
#define SOCKLEAK_CLI_TRACE_BESIDE_H

#include "walk.h"

struct beside {
    uint64_t first;   /* entry of the goroutine's first function; 0: not known */
    uint64_t creator; /* return address of the go statement */
    /*
     * What the copy does not hold of the goroutine's stack: frames whose place is behind the copy's
     * end or, where C code runs for the goroutine, all of it. rest_at: bytes from the stack pointer
     * to the word where they begin; 0: C code, they follow its frames.
     */
    uint32_t rest_at;
    uint16_t n_rest, n_waiter;
    uint8_t has_rest, is_rest_whole;
    uint8_t pad[6];
    uint64_t pcs[STATE_MAX_FRAMES * 2]; /* n_rest return addresses, then the waiter's */
};
_Static_assert(sizeof(struct beside) <= SAMPLE_BESIDE, "fits into a sample");
#define BESIDE_BYTES(n) ((uint32_t)(offsetof(struct beside, pcs) + (n) * sizeof(uint64_t)))

#endif
