/* SPDX-License-Identifier: MIT */
/*
 * step.h: a walk under way, and the rare steps: signal frames, code without tables, rules that need
 * more than two registers.
 *
 * Any thread, signal handlers too. Each step replaces W->at by its caller's frame; false: it
 * cannot.
 */
#ifndef SOCKLEAK_AGENT_STEP_H
#define SOCKLEAK_AGENT_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "../../arch/cpu.h"
#include "stack_memory.h"

struct stack_memo;

enum generated_step {
    GENERATED_NONE,   /* no frame of generated code: another way must be found */
    GENERATED_PASSED, /* AT is the first frame that is none. Its reader records the others */
    GENERATED_END,    /* the walk ends here */
};

struct walk {
    /*
     * records what the walk reads; NULL: the walk is not recorded, or it has met a frame that
     * cannot be recognized by the words that were read
     */
    struct stack_memo *memo;
    struct arch_frame at; /* the frame that the walk is at */
    bool exact;           /* its pc is where a signal interrupted it, not a return address */
    bool in_signal;       /* a signal frame was passed */
    unsigned n, max;      /* addresses recorded, and how many PCS has room for */
    uint64_t *pcs;
    struct span hidden;          /* code whose frames are not recorded: the agent's own */
    struct span span;            /* the part of AT's stack that is known to be readable */
    bool guessed;                /* a frame without rules was left: its registers may not be what they were */
    enum generated_step stepped; /* from the frame before AT */
    void *collect;               /* where the frames of generated code are put; NULL: the walk ends there */
};

enum walk_end {
    WALK_OUTERMOST, /* complete */
    WALK_FULL,      /* PCS is full and there are more frames */
    WALK_LOST,      /* the walk cannot step from AT, which is recorded already, to its caller */
    WALK_GENERATED, /* there are more frames, behind code that a runtime has generated */
};

/*
 * Steps from AT with all registers. It unwinds from here, so AT must be a frame of the calling
 * thread. *END: AT is the outermost frame.
 */
bool step_odd(struct walk *w, bool *end);
/*
 * Steps from a frame that no object has rules for: a signal trampoline, a stub, or by the chain of
 * frame pointers.
 */
bool step_unknown(struct walk *w);
/* Steps from a signal frame: sp points to a ucontext. Sets W->exact and W->in_signal. */
bool step_signal(struct walk *w);
/*
 * Steps from a function's first instruction that was put on the stack by hand. *END: no caller's
 * address lies above it, so AT is the outermost frame.
 */
bool step_start(struct walk *w, bool *end);

#endif
