/* SPDX-License-Identifier: MIT */
/*
 * v8.h: where V8 keeps what its reader needs: shared by the files of that reader.
 *
 * The layout is filled once by v8.c, before any other thread reads it.
 */
#ifndef SOCKLEAK_AGENT_V8_H
#define SOCKLEAK_AGENT_V8_H

#include "../../core/v8_layout.h"
#include "runtime.h"

extern struct v8_layout v8;

/* What the reader of code needs of the engine's object. */
struct v8_builtins {
    /* how long each bytecode is: bytes in single, double and quadruple operand scale */
    uintptr_t bytecode_lengths;
    uint32_t n_bytecodes;
    /* the builtins that are part of the object: code without unwind tables */
    uintptr_t (*blob)(void);
    uint32_t (*blob_size)(void);
    /* two functions of node's end; size 0: there is none such */
    uintptr_t free_environment, free_environment_size, stop_workers, stop_workers_size;
};
extern struct v8_builtins v8_builtins;

/* ---- v8_memory.c: reading ---- */

#define V8_FIRST_ADDRESS 4096u

/* Begin with zeros, for the time of one call. */
struct v8_memory {
    bool trusting;       /* the kernel is not asked: what is read hangs on an object that is alive */
    uintptr_t pages[64]; /* found to be readable */
};

bool v8_is_readable(struct v8_memory *m, uintptr_t a);
static inline bool v8_can_read(struct v8_memory *m, uintptr_t a)
{
    return m->trusting ? a >= V8_FIRST_ADDRESS && a >> 47 == 0 : v8_is_readable(m, a);
}
/* The word, and the half of one, at A. False: it cannot be read. */
static inline bool v8_load(struct v8_memory *m, uintptr_t a, uintptr_t *w)
{
    if (a % 8 || !v8_can_read(m, a))
        return false;
    *w = *(const uintptr_t *)a;
    return true;
}
static inline bool v8_load_half(struct v8_memory *m, uintptr_t a, uint32_t *w)
{
    if (a % 4 || !v8_can_read(m, a))
        return false;
    *w = *(const uint32_t *)a;
    return true;
}
/* The N bytes at A, which the caller reads itself; NULL: they cannot be read. */
const void *v8_bytes(struct v8_memory *m, uintptr_t a, size_t n);
/* The field at OFFSET of OBJECT, which may be anything; 0: it has none. */
static inline uintptr_t v8_field(struct v8_memory *m, uintptr_t object, int32_t offset)
{
    uintptr_t w;
    return v8_is_object(object) && v8_load(m, object - 1 + (uintptr_t)(intptr_t)offset, &w) ? w : 0;
}
/* The instance type of OBJECT, which may be anything; -1: it is no object. */
static inline int v8_type(struct v8_memory *m, uintptr_t object)
{
    uintptr_t map = v8_field(m, object, 0);
    uint32_t w;
    return v8_is_object(map) && v8_load_half(m, map - 1 + (uintptr_t)v8.map_type, &w) ? (int)(w & 0xffff) : -1;
}
/* The same, and the object's map must be one. */
int v8_certain_type(struct v8_memory *m, uintptr_t object);
/* Element I of a FixedArray; 0: it has no such. */
uintptr_t v8_element(struct v8_memory *m, uintptr_t array, int32_t i);
/* The content of a ByteArray, its length in *N; NULL: it is none. */
const uint8_t *v8_byte_array(struct v8_memory *m, uintptr_t array, size_t *n);
/* The Script of a SharedFunctionInfo; 0: it has none, as V8's own functions. */
uintptr_t v8_script(struct v8_memory *m, uintptr_t shared);

/* ---- v8_code.c: from a place in code to one in the source ---- */

#define V8_NO_POSITION (-1)
#define V8_MAX_INLINED 32u

/* Calls that stand in one frame of the stack, innermost first. */
struct v8_calls {
    unsigned n;
    struct v8_call {
        uintptr_t shared;
        int32_t position; /* in the source; V8_NO_POSITION: not known */
    } call[V8_MAX_INLINED];
};

/* Code that V8 has generated. */
struct v8_code {
    uintptr_t object, start;
    uint32_t size, kind;
    uintptr_t pc; /* as an offset from START */
};

/* The code with the return address PC, which may be anything; what it describes is alive. */
bool v8_find_code(struct v8_memory *m, uintptr_t pc, struct v8_code *out);
/* Where optimized code can be left: the offset that a call returns to, and a number; -1: it has none. */
struct v8_place {
    uintptr_t pc;
    int32_t number;
};

/*
 * The place that CODE's return address stands for. MORE_HEAD and MORE: what the table's head and its
 * entries have beside the parts that the head describes, in bytes.
 */
bool v8_find_place(struct v8_memory *m, const struct v8_code *code, size_t more_head, size_t more, struct v8_place *out);

/* A table of bytes that is read from AT on. */
struct v8_table {
    const uint8_t *p;
    size_t n, at;
};

/* False: it ends there. */
bool v8_next_varint(struct v8_table *t, uint64_t *v);
/* The position of the bytecode at OFFSET of a BytecodeArray; -1: of the function's beginning. */
int32_t v8_position_of_bytecode(struct v8_memory *m, uintptr_t bytecodes, int64_t offset);
/* False: there are too many. */
bool v8_add_call(struct v8_calls *out, uintptr_t shared, int32_t position);
/* The calls of a frame of function SHARED in code of the Maglev compiler. */
bool v8_maglev_calls(struct v8_memory *m, const struct v8_code *code, uintptr_t shared, struct v8_calls *out);
/* The calls of the frame at FP of function SHARED. CODE NULL: it runs in a builtin. False: it is not as expected. */
bool v8_calls_of(struct v8_memory *m, const struct v8_code *code, uintptr_t fp, uintptr_t shared, struct v8_calls *out);
/* What is known of addresses of code does not hold any more. */
void v8_code_reset(void);

/* ---- v8_bytecodes.c ---- */

#define V8_BYTECODES_1306 208u
extern const uint8_t v8_bytecodes_1306[3][V8_BYTECODES_1306];

/* ---- v8_end.c ---- */

bool v8_ends_in(uintptr_t entry);
bool v8_program_ends(void);

/* ---- v8_walk.c, v8_name.c ---- */

void v8_walk_begin(void);
extern const struct generated_code v8_generated;
enum runtime_answer v8_walk(struct runtime_stack *s);
bool v8_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden);

#endif
