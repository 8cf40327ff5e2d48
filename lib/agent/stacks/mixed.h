/* SPDX-License-Identifier: MIT */
/*
 * mixed.h: stacks of native frames and frames of a runtime, as one.
 *
 * The program's threads, not in signal handlers. No allocation, no lock.
 */
#ifndef SOCKLEAK_AGENT_MIXED_H
#define SOCKLEAK_AGENT_MIXED_H

#include "../../core/hash.h"
#include "../runtimes/runtime.h"

/* The native frames of a stack: addresses, and where each one's part of the stack begins. */
struct mixed_native {
    unsigned n;
    bool complete;             /* to the outermost frame */
    uint64_t pcs[64], sps[65]; /* the last frame's part ends at sps[n] */
};

/*
 * The frames of the runtimes of one stack, among its native ones. Each stands before a native frame,
 * in the order of these.
 */
struct mixed {
    const struct mixed_native *native;
    unsigned max;         /* frames to be shown; the interpreters' own do not count */
    bool several;         /* more than one runtime has frames in this stack */
    bool hides_generated; /* one of them does (runtime.h) */
    unsigned end;         /* the native frames that are shown are those before */
    unsigned n;
    uint64_t pcs[STATE_MAX_FRAMES];
    uint8_t before[STATE_MAX_FRAMES];
};

void mixed_begin(struct mixed *x, const struct mixed_native *native, unsigned max, bool several);
/*
 * Adds the frames of RUNTIME's walk S where its interpreter runs them, and writes over S. Where SEVERAL
 * runtimes have frames, only those are added whose place among the others' is known for sure.
 * False: S is not of this stack, or a name cannot be read; nothing is added.
 */
bool mixed_place(struct mixed *x, const struct runtime *runtime, struct runtime_stack *s);
/*
 * Writes addresses as a site keeps them to OUT, at most X->max frames that are not the interpreters' own;
 * those are written too where WITH_INTERPRETER and the room allow it.
 */
unsigned mixed_merge(const struct mixed *x, bool with_interpreter, uint64_t out[STATE_MAX_FRAMES]);
/* A key for the native stack NOTE with CALL and the table's GENERATION; and one with the frames S, too. */
static inline uint64_t mixed_key(uint64_t note, unsigned call, uint64_t generation)
{
    uint64_t key = hash_mix(note, generation << 8 | call);
    return key ? key : 1;
}
static inline uint64_t mixed_key_with(uint64_t key, const struct runtime_stack *s)
{
    for (unsigned i = 0; i < s->n; i++)
        key = hash_mix(key, s->frames[i].hash);
    return key ? key : 1;
}
/* The ref that was stored with KEY; 0: none. It may be forgotten at any time, and is never another's. */
state_ref mixed_recall(uint64_t key);
void mixed_remember(uint64_t key, state_ref ref);

#endif
