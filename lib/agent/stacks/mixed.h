/* SPDX-License-Identifier: MIT */
/*
 * mixed.h: stacks of native frames and frames of a runtime, as one.
 *
 * The program's threads, not in signal handlers. No allocation, no lock.
 */
#ifndef SOCKLEAK_AGENT_MIXED_H
#define SOCKLEAK_AGENT_MIXED_H

#include "../runtimes/runtime.h"

/* The native frames of a stack: addresses, and where each one's part of the stack begins. */
struct mixed_native {
    unsigned n;
    bool complete;             /* to the outermost frame */
    uint64_t pcs[64], sps[65]; /* the last frame's part ends at sps[n] */
};

/*
 * Puts the frames of RUNTIME's walk S among NATIVE, where the interpreter runs them. Writes
 * addresses as a site keeps them to OUT, with at most MAX frames that are not the interpreter's own;
 * those are written too where WITH_INTERPRETER and the room allow it. 0: S is not of this stack, or
 * a name cannot be read.
 */
unsigned mixed_merge(const struct runtime *runtime, const struct runtime_stack *s, const struct mixed_native *native, unsigned max,
                     bool with_interpreter, uint64_t out[STATE_MAX_FRAMES]);
/* A key for the native stack NOTE with the frames S (NULL: none), CALL and the table's GENERATION. */
uint64_t mixed_key(uint64_t note, const struct runtime_stack *s, unsigned call, uint64_t generation);
/* The ref that was stored with KEY; 0: none. It may be forgotten at any time, and is never another's. */
state_ref mixed_recall(uint64_t key);
void mixed_remember(uint64_t key, state_ref ref);

#endif
