/* SPDX-License-Identifier: MIT */
/*
 * call_scan.h: finds the caller of a function whose frame the unwind tables do not lead out of.
 *
 * Its return address is a word on the stack that follows a call of this very function in the code,
 * or a call by pointer. Old return addresses lie on the stack too: where the code of the function
 * says how large its frame is, only the word there counts. Elsewhere one is believed if the walk
 * from it reaches the bottom of the stack, and no other word leads there that is not on this way
 * and says as much: a call by pointer, or of a function that may have jumped, says less than one of
 * this very function. Else the walk ends.
 */
#ifndef SOCKLEAK_CLI_TRACE_CALL_SCAN_H
#define SOCKLEAK_CLI_TRACE_CALL_SCAN_H

#include "frame.h"
#include "stack_view.h"

enum native_end {
    NATIVE_PREFIX,
    NATIVE_BOTTOM, /* the thread's or the process' first function */
    NATIVE_GO      /* the next frame is of Go: go_pc, go_sp */
};

struct native_walk;
/* Goes on from frame F, of which nothing is written yet. */
typedef enum native_end native_from(struct native_walk *w, const struct frame *f);

struct native_walk {
    native_from *go_on;
    struct stack_view view;
    unsigned n;
    uint64_t pcs[STATE_MAX_FRAMES];
    uint64_t places[STATE_MAX_FRAMES]; /* where each return address stands on the stack; 0: the first frame's */
    uint64_t go_pc, go_sp;
    unsigned budget; /* steps that are left, over all that is tried */
};

/*
 * Goes on with the walk W behind frame F, the last one written, whose code is O's. NEEDS_BP: its
 * rules need rbp, so that it has saved its caller's below the return address.
 */
enum native_end call_scan(struct native_walk *w, struct object *o, const struct frame *f, bool needs_bp);

#endif
