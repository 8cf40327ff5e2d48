/* SPDX-License-Identifier: MIT */
/*
 * call_code.h: what x86-64 code says of calls and frames: which function the call before a return
 * address calls, and how large a function makes its frame.
 */
#ifndef SOCKLEAK_CLI_TRACE_CALL_CODE_H
#define SOCKLEAK_CLI_TRACE_CALL_CODE_H

#include "image.h"

enum call_kind {
    CALL_NONE,
    CALL_DIRECT,   /* of the function asked for, or of one that begins with a jump to it */
    CALL_INDIRECT, /* by a pointer, or through a linkage table */
    CALL_OTHER     /* of another function, which may have jumped to the one asked for */
};
/* The call behind which PC is the return address; FUNCTION: where the called function begins. */
enum call_kind call_before(struct image *i, uint64_t pc, uint64_t function);

/*
 * Bytes between the stack pointer at a call and what the function found on the stack, or saved
 * first.
 */
struct call_frame {
    uint64_t least, most; /* UINT64_MAX: any number */
    bool is_exact;        /* least, if the function keeps rbp: to the word that it saved it in */
};
/* The frame at PC of the function from START to END. */
void call_frame_of(const struct image *i, uint64_t start, uint64_t end, uint64_t pc, struct call_frame *out);

#endif
