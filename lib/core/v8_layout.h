/* SPDX-License-Identifier: MIT */
/*
 * v8_layout.h: where V8 keeps its functions, scripts, strings and objects.
 *
 * For the agent, which reads the heap that it lives in, and for the command, which reads another
 * process'. A reference to an object of the heap is its address plus 1 (a tagged pointer), a small
 * integer (Smi) stands in the upper half of a word whose lower half is 0. Both are so in each build
 * of node for 64 bits. Pure; async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_V8_LAYOUT_H
#define SOCKLEAK_CORE_V8_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    int32_t shared_data, shared_name, shared_script, shared_flags;
    int32_t uncompiled_name, uncompiled_start, uncompiled_end; /* of a function's data before it is first called */
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
    /* indices in a ScopeInfo */
    int32_t scope_n_locals, scope_locals;
    int32_t scope_range;     /* where the function begins and ends; 0: behind the others, and the flags are a Smi */
    int32_t scope_of_module; /* such a scope has a word more, if the range is in front */
    int32_t wrapper_shared;  /* to the SharedFunctionInfo in what wraps it */
    bool names_only;         /* functions can be named, but frames not be read */
    /* instance types */
    int32_t type_map, type_function, last_function, type_shared, type_script, type_debug, type_scope, type_uncompiled, last_uncompiled,
        type_code, type_stream, type_bytecodes;
    int32_t type_bytes, type_fixed, type_weak_fixed, first_no_string;
    /* V8_NO_TYPE: there are none such */
    int32_t type_trusted_bytes, type_trusted_fixed, type_protected_fixed, type_trusted_weak, type_protected_weak, type_shared_wrapper;
    int32_t kind_mask, kind_baseline, kind_maglev; /* 0: there is no code of that kind */
    /* how a frame of Maglev's code is taken apart */
    const struct v8_opcodes *opcodes;
    int32_t places_head, maglev_places_head;              /* bytes before what is read of a table's head, and behind it */
    int32_t deopt_bytecodes;                              /* index in the deoptimization data; 0: it has none */
    int32_t deopt_frames, deopt_first, deopt_size;        /* indices in the deoptimization data, and the size of an entry */
    int32_t type_interpreter_data, interpreter_bytecodes; /* to the bytecodes */
    /* the kinds of the functions that initialize a class' members; 0: these have their names as others do */
    int32_t members_initializer, static_initializer;
    bool copies_builtins; /* each isolate may run a copy of them, which lies in no object */
};

static inline bool v8_is_object(uint64_t w) { return (w & 3) == 1; }
static inline bool v8_is_smi(uint64_t w) { return (uint32_t)w == 0; }
static inline int32_t v8_smi(uint64_t w) { return (int32_t)(w >> 32); }

/* The constant that the object with the engine exports as SYMBOL, an int, into *V. False: it does not. */
typedef bool v8_constant(void *arg, const char *symbol, int32_t *v);
/*
 * Fills L for version MAJOR.MINOR. V8 exports constants for debuggers of core files (v8dbg_..., made
 * by its gen-postmortem-metadata.py), which GET is asked for; what they leave out is known for the
 * versions that are listed here. NULL, or why the engine is refused: then L is not to be used.
 */
const char *v8_layout_find(struct v8_layout *l, int32_t major, int32_t minor, v8_constant *get, void *arg);
/* The constant v8dbg_NAME, or the first that there is of several with | between them. */
bool v8_layout_constant(v8_constant *get, void *arg, const char *name, int32_t *v);

#endif
