/* SPDX-License-Identifier: MIT */
/*
 * v8.h: where V8 keeps what its reader needs: shared by the files of that reader.
 *
 * The layout is filled once by v8.c, before any other thread reads it. A reference to an object of
 * the heap is its address plus 1 (a tagged pointer), a small integer (Smi) stands in the upper half
 * of a word whose lower half is 0. Both are so in each build of node for 64 bits.
 */
#ifndef SOCKLEAK_AGENT_V8_H
#define SOCKLEAK_AGENT_V8_H

#include "runtime.h"

/* How the characters of a string are kept: bits of its instance type. */
#define V8_STRING_FORM 7
#define V8_STRING_SEQUENTIAL 0
#define V8_STRING_CONS 1
#define V8_STRING_EXTERNAL 2
#define V8_STRING_SLICED 3
#define V8_STRING_THIN 5
#define V8_STRING_ONE_BYTE 8  /* Latin-1; else UTF-16 */
#define V8_STRING_UNCACHED 16 /* external: the object does not say where its characters are */

#define V8_NO_TYPE (-2)

/*
 * The instructions of which the description of a frame consists: how many operands each one has. The
 * first ones are frames: two of functions that run as bytecode, two of builtins.
 */
struct v8_opcodes {
    uint8_t n, frames, begin, end; /* the first FRAMES are frames; two begin a description: BEGIN .. END-1 */
    uint8_t operands[64];
};
#define V8_FRAMES_OF_BYTECODE 2u
#define V8_FRAMES_OF_FUNCTIONS 4u

struct v8_layout {
    /* offsets from a frame's frame pointer */
    int32_t fp_context, fp_function, fp_bytecodes, fp_bytecode_offset;
    /* offsets in objects, from the address without the tag */
    int32_t map_type, function_shared;
    int32_t shared_name, shared_script, shared_flags;
    int32_t script_source, script_name, script_line_offset, script_column_offset, script_line_ends, script_id, script_eval_from;
    int32_t debug_script; /* of DebugInfo */
    int32_t string_length, string_characters, cons_first, cons_second, thin_actual, sliced_parent, sliced_offset, external_resource;
    int32_t array_length, array_data;
    int32_t bytecodes_positions, bytecodes_data;
    /* of the object that describes generated code */
    int32_t code_deopt, code_positions, code_flags, code_size;
    int32_t code_head;                                   /* how long the head is before the instructions, which begins with a map */
    bool code_inside;                                    /* the head is that object; else its second word leads to it, and */
    int32_t code_start;                                  /* this field of it to the instructions */
    int32_t deopt_literals, deopt_shared, deopt_inlined; /* indices in the deoptimization data */
    int32_t scope_n_locals, scope_locals;                /* indices in a ScopeInfo */
    int32_t scope_range;                                 /* 0: where a function is stands behind its names */
    int32_t scope_of_module;                             /* such a scope has a word more, if the range is in front */
    int32_t wrapper_shared;                              /* to the SharedFunctionInfo in what wraps it */
    /* instance types */
    int32_t type_map, type_function, last_function, type_shared, type_script, type_debug, type_scope, type_code, type_stream,
        type_bytecodes;
    int32_t type_bytes, type_fixed, type_weak_fixed, first_no_string;
    /* V8_NO_TYPE: there are none such */
    int32_t type_trusted_bytes, type_trusted_fixed, type_protected_fixed, type_trusted_weak, type_protected_weak, type_shared_wrapper;
    int32_t kind_mask, kind_baseline, kind_maglev; /* 0: there is no code of that kind */
    /* how a frame of Maglev's code is taken apart */
    const struct v8_opcodes *opcodes;
    int32_t places_head, maglev_places_head;                           /* bytes before what is read of a table's head, and behind it */
    int32_t deopt_bytecodes;                                           /* index in the deoptimization data; 0: it has none */
    int32_t deopt_frames, deopt_first, deopt_size;                     /* indices in the deoptimization data, and the size of an entry */
    int32_t shared_data, type_interpreter_data, interpreter_bytecodes; /* to the bytecodes */
    /* how long each bytecode is: bytes in single, double and quadruple operand scale */
    uintptr_t bytecode_lengths;
    uint32_t n_bytecodes;
    /* the builtins that are part of the object: code without unwind tables */
    uintptr_t (*blob)(void);
    uint32_t (*blob_size)(void);
    /* two functions of node's end; size 0: there is none such */
    uintptr_t free_environment, free_environment_size, stop_workers, stop_workers_size;
    /* the kinds of the functions that initialize a class' members; 0: these have their names as others do */
    int32_t members_initializer, static_initializer;
    bool copies_builtins; /* each isolate may run a copy of them, which lies in no object */
};
extern struct v8_layout v8;

/* ---- v8_memory.c: reading ---- */

#define V8_FIRST_ADDRESS 4096u

/* Begin with zeros, for the time of one call. */
struct v8_memory {
    bool trusting;       /* the kernel is not asked: what is read hangs on an object that is alive */
    uintptr_t pages[64]; /* found to be readable */
};

static inline bool v8_is_object(uintptr_t w) { return (w & 3) == 1; }
static inline bool v8_is_smi(uintptr_t w) { return (uint32_t)w == 0; }
static inline int32_t v8_smi(uintptr_t w) { return (int32_t)(w >> 32); }

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
void v8_walk_end(void);
enum runtime_answer v8_walk(struct runtime_stack *s);
bool v8_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden);

#endif
