/* SPDX-License-Identifier: MIT */
/*
 * waiter.h: who waits for the work of a goroutine.
 *
 * net/http dials in a goroutine of its own, so that the program's line is neither in its stack nor
 * in its creator's. Both know an object (there a wantConn) with a channel: the goroutine that is
 * parked in a receive from it, and has the object on its own stack, is the one that waits.
 */
#ifndef SOCKLEAK_CLI_TRACE_WAITER_H
#define SOCKLEAK_CLI_TRACE_WAITER_H

#include "go_stack.h"
#include "goroutine.h"

#define WAITER_KINDS 64u

/* Where it was found for goroutines with this first function, or how often it was not. */
struct waiter_hint {
    uint64_t first;
    uint16_t word, field, queue; /* from the top of the stack; in the object; in the channel */
    bool is_found;
    uint16_t failures, left_out;
};
struct waiter_hints {
    struct waiter_hint of[WAITER_KINDS];
};

/*
 * The stack of the goroutine that waits for G, whose thread stands at sample S and whose first
 * function is FIRST. False: none is found. At most a few reads of memory where its kind is known,
 * and some hundred now and then where it is not.
 */
bool waiter_find(struct waiter_hints *h, const struct go_tables *t, const struct sample *s, const struct goroutine *g, uint64_t first,
                 struct go_stack *out);

#endif
