/* SPDX-License-Identifier: MIT */
/*
 * perl.h: where Perl keeps what its reader needs: shared by the files of that reader.
 *
 * Filled once by perl.c, before any other thread reads it. The structures are those of Perl's
 * headers perl.h, cop.h, op.h, cv.h, gv.h and hv.h, which are alike in the versions that are read,
 * but for what struct perl_layout has.
 */
#ifndef SOCKLEAK_AGENT_PERL_H
#define SOCKLEAK_AGENT_PERL_H

#include <pthread.h>
#include <string.h>

#include "../base/peek.h"
#include "runtime.h"

struct perl_layout {
    uint8_t version; /* 36 is 5.36 */
    uint16_t size;   /* of struct interpreter */
    /* offsets in it */
    uint16_t cop, stack_info, phase, main_root, in_eval;
    /* whether a stash's name is kept beside its counts; in older versions behind its buckets */
    bool aux_in_body;
    /* numbers of operations (opnames.h) */
    uint16_t op_eval, op_require, op_dofile, op_nextstate, op_scope, op_exit, op_die;
};

struct perl {
    struct perl_layout layout;
    const uint32_t *key;              /* of the calling thread's interpreter */
    void *(*specific)(pthread_key_t); /* pthread_getspecific */
    const uintptr_t *main;            /* the first interpreter */
    uint64_t evaluator, evaluator_end;
};
extern struct perl perl;

/* An operation, and what the kind that begins a statement has behind it (struct op, struct cop). */
struct perl_op {
    uintptr_t next, sibling, function, target;
    uint16_t type; /* and bits */
    uint8_t flags, private;
    uint32_t line;
    uintptr_t first; /* an operation with others below it; a statement: its package */
    uintptr_t file;
    uint32_t hints, sequence;
};
#define PERL_OP_TYPE 0x1ffu
#define PERL_OP_HAS_SIBLING 0x4000u
#define PERL_OP_HAS_KIDS 4u
/* All operations have at least this much. */
#define PERL_OP_SIZE (offsetof(struct perl_op, first))

/* The beginning of a context (struct context): what runs inside of what. */
struct perl_context {
    uint8_t type; /* and flags */
    uint8_t want;
    uint16_t depth_and_op;
    uint32_t pad[3];
    uintptr_t old_cop; /* the statement that was left for it */
    uintptr_t pad2[3];
    uintptr_t return_op; /* 0: it was called from C */
    uintptr_t pad3[2];
    uintptr_t code; /* of a sub or format */
};
#define PERL_CONTEXT_SIZE 104u
enum perl_context_type { PERL_CX_NULL = 0, PERL_CX_SUB = 9, PERL_CX_FORMAT = 10, PERL_CX_EVAL = 11 };
#define PERL_CX_TYPE 15u
#define PERL_CX_MULTICALL 0x10u
#define PERL_CX_BLOCK 0x40u   /* of an eval: eval BLOCK or try, which is no frame of its own */
#define PERL_CX_RE_FAKE 0x80u /* of a sub: code within a pattern, in a sub that has a frame already */

enum perl_phase { PERL_STARTS = 1, PERL_DESTRUCTS = 6 };

/* Two shared strings (struct hek) that name a sub; 0: it has none. */
struct perl_names {
    uintptr_t package, name;
    bool lexical; /* my sub: a name without a package */
};

static inline bool perl_load(bool by_kernel, uintptr_t a, void *to, size_t n)
{
    if (a < 4096 || a >> 47)
        return false;
    if (by_kernel)
        return peek(a, to, n);
    memcpy(to, (const void *)a, n);
    return true;
}

/* The calling thread's interpreter; 0: it has none. */
uintptr_t perl_interpreter(void);
enum runtime_answer perl_walk(struct runtime_stack *s);
/* The next walk asks the kernel for each word, and believes nothing until a stack was right. */
void perl_walk_reset(void);
bool perl_names_of(bool by_kernel, uintptr_t code, struct perl_names *n);
bool perl_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden);

#endif
