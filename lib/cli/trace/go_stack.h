/* SPDX-License-Identifier: MIT */
/*
 * go_stack.h: the stack of a goroutine from its stack pointer and program counter alone.
 *
 * Go's functions have frames of a size that the table tells for each address, so every return
 * address has one place. Pure: words of the stack come from the caller.
 */
#ifndef SOCKLEAK_CLI_TRACE_GO_STACK_H
#define SOCKLEAK_CLI_TRACE_GO_STACK_H

#include "go_tables.h"
#include "walk.h"

/* The word at AT; false: the caller does not have it. */
typedef bool go_word(void *arg, uint64_t at, uint64_t *word);

enum go_end {
    GO_PREFIX,
    GO_WHOLE, /* the goroutine's first function */
    GO_CUT    /* the word at next_at is missing: sp is that frame's */
};

struct go_stack {
    unsigned n;
    uint64_t pcs[STATE_MAX_FRAMES]; /* without runtime.goexit */
    enum go_end end;
    uint64_t first;           /* entry of the outermost function that was written */
    uint64_t outer_sp;        /* stack pointer of the last but one frame, or of the only one */
    uint64_t pc, sp, next_at; /* GO_CUT: where to go on, and the address of the missing word */
};

/* Appends to S, which is empty or was cut, the frames from PC and SP on. */
void go_stack_walk(const struct go_tables *t, go_word *word, void *arg, uint64_t pc, uint64_t sp, struct go_stack *s);

/*
 * Appends the functions of the N return addresses PCS to OUT, with inlined ones, in the role that
 * is given. As in Go's own tracebacks, functions of the runtime that are not exported, and what the
 * compiler or cgo generated, are left out.
 */
void go_stack_frames(const struct go_tables *t, const uint64_t *pcs, unsigned n, enum walk_role role, struct walk *out);

#endif
