/* SPDX-License-Identifier: MIT */
/*
 * step.h: a walk under way, and the rare steps: signal frames, code without tables, rules that need more than two registers.
 *
 * Any thread, signal handlers too.
 */
#ifndef SOCKLEAK_AGENT_STEP_H
#define SOCKLEAK_AGENT_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "../../arch/cpu.h"
#include "stack_memory.h"

struct stack_memo;

struct walk {
    struct stack_memo *memo; /* takes down what the walk reads; NULL: nothing does, or it has met what cannot be recognized by that */
    struct arch_frame at;    /* the frame under way */
    bool exact;              /* its pc is where it was interrupted, not a return address */
    bool in_signal;          /* a signal frame was passed */
    unsigned n, max;         /* addresses recorded, room */
    uint64_t *pcs;
    struct span hidden; /* code that is not recorded: the agent's own */
    struct span span;   /* where AT's stack is known to be readable */
};

enum walk_end {
    WALK_OUTERMOST, /* complete */
    WALK_FULL,      /* PCS is full and there are more frames */
    WALK_LOST,      /* AT, which is recorded already, cannot be left */
};

/* Leaves AT with all registers: unwinds from here, so AT must be a frame of the calling thread. *END: AT is the outermost frame. */
bool step_odd(struct walk *w, bool *end);
/* Leaves a frame that no object knows: a signal trampoline, a stub, or by the frame pointer's chain. */
bool step_unknown(struct walk *w);
bool step_signal(struct walk *w);
bool step_start(struct walk *w, bool *end);

#endif
