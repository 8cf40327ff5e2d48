/* SPDX-License-Identifier: MIT */
/*
 * v8.c: finds V8, as node has it, and where it keeps its functions and scripts.
 *
 * Called when the object with the engine is met for the first time. V8 exports constants for
 * debuggers of core files (v8dbg_..., made by its gen-postmortem-metadata.py): offsets and types.
 * What they leave out is known for each version that is listed here; any other is refused.
 */
#include "v8.h"

#include <string.h>

#include "../../core/textstack.h"
#include "../base/peek.h"

struct v8_layout v8;

/* ---- constants that V8 names ------------------------------------------------------------------ */

static const struct fact {
    const char *name; /* behind v8dbg_ */
    size_t field;
} facts[] = {
#define FACT(field, name)                       \
    {                                           \
        name, offsetof(struct v8_layout, field) \
    }
    FACT(fp_context, "off_fp_context_or_frame_type"),
    FACT(fp_function, "off_fp_function"),
    FACT(fp_bytecodes, "off_fp_bytecode_array"),
    FACT(fp_bytecode_offset, "off_fp_bytecode_offset"),
    FACT(map_type, "class_Map__instance_type__uint16_t"),
    FACT(function_shared, "class_JSFunction__shared__SharedFunctionInfo"),
    FACT(shared_data, "class_SharedFunctionInfo__function_data__Object"),
    FACT(shared_name, "class_SharedFunctionInfo__name_or_scope_info__Object"),
    FACT(shared_script, "class_SharedFunctionInfo__script_or_debug_info__HeapObject"),
    FACT(shared_flags, "class_SharedFunctionInfo__flags__int"),
    FACT(script_source, "class_Script__source__Object"),
    FACT(script_name, "class_Script__name__Object"),
    FACT(script_line_ends, "class_Script__line_ends__Object"),
    FACT(string_length, "class_String__length__int32_t"),
    FACT(string_characters, "class_SeqOneByteString__chars__char"),
    FACT(cons_first, "class_ConsString__first__String"),
    FACT(cons_second, "class_ConsString__second__String"),
    FACT(thin_actual, "class_ThinString__actual__String"),
    FACT(sliced_parent, "class_SlicedString__parent__String"),
    FACT(sliced_offset, "class_SlicedString__offset__SMI"),
    FACT(external_resource, "class_ExternalString__resource__Object"),
    FACT(array_length, "class_FixedArrayBase__length__SMI"),
    FACT(array_data, "class_FixedArray__data__uintptr_t"),
    FACT(bytecodes_data, "class_BytecodeArray__data__uintptr_t"),
    FACT(scope_n_locals, "scopeinfo_idx_ncontextlocals"),
    FACT(scope_locals, "scopeinfo_idx_first_vars"),
    FACT(type_map, "type_Map__MAP_TYPE"),
    FACT(type_function, "type_JSFunction__JS_FUNCTION_TYPE"),
    FACT(type_shared, "type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE"),
    FACT(type_script, "type_Script__SCRIPT_TYPE"),
    FACT(type_debug, "type_DebugInfo__DEBUG_INFO_TYPE"),
    FACT(type_scope, "type_ScopeInfo__SCOPE_INFO_TYPE"),
    FACT(type_code, "type_Code__CODE_TYPE"),
    FACT(type_bytecodes, "type_BytecodeArray__BYTECODE_ARRAY_TYPE"),
    FACT(type_bytes, "type_ByteArray__BYTE_ARRAY_TYPE"),
    FACT(type_fixed, "type_FixedArray__FIXED_ARRAY_TYPE"),
    FACT(type_weak_fixed, "type_WeakFixedArray__WEAK_FIXED_ARRAY_TYPE"),
    FACT(first_no_string, "FirstNonstringType"),
    FACT(kind_mask, "CodeKindFieldMask"),
    FACT(kind_baseline, "CodeKindBaseline"),
#undef FACT
};

/* What must be as the reader takes it to be. */
static const struct {
    const char *name;
    int32_t value;
} expected[] = {
    {"HeapObjectTag", 1},
    {"HeapObjectTagMask", 3},
    {"SmiTag", 0},
    {"SmiTagMask", 1},
    {"SmiShiftSize", 31},
    {"TaggedSize", 8},
    {"SeqStringTag", V8_STRING_SEQUENTIAL},
    {"ConsStringTag", V8_STRING_CONS},
    {"ExternalStringTag", V8_STRING_EXTERNAL},
    {"SlicedStringTag", V8_STRING_SLICED},
    {"ThinStringTag", V8_STRING_THIN},
    {"StringRepresentationMask", V8_STRING_FORM},
    {"OneByteStringTag", V8_STRING_ONE_BYTE},
};

static bool int_at(uint64_t at, int32_t *v) { return at && peek(at, v, sizeof *v); }

/* The constant v8dbg_NAME. */
static bool constant(struct exports *e, const char *name, int32_t *v)
{
    char symbol[80] = "v8dbg_";
    size_t n = strlen(symbol), length = strlen(name);
    if (n + length >= sizeof symbol)
        return false;
    memcpy(symbol + n, name, length + 1);
    return int_at(exports_find(e, symbol, NULL), v);
}

static bool read_constants(struct exports *e, struct v8_layout *l)
{
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (!constant(e, facts[i].name, (int32_t *)(void *)((char *)l + facts[i].field)))
            return false;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        int32_t v;
        if (!constant(e, expected[i].name, &v) || v != expected[i].value)
            return false;
    }
    return true;
}

/* ---- what is known for each version ------------------------------------------------------------ */

/*
 * From V8's sources: src/objects, of the version. Since 10.2: a BytecodeArray has its
 * length, its constants, its handlers, its positions; a Script two Smis for where it begins behind
 * its name, and its number behind the ends of its lines.
 */
static void set_common(struct v8_layout *l)
{
    l->bytecodes_positions = l->array_length + 24;
    l->script_line_offset = l->script_name + 8;
    l->script_column_offset = l->script_name + 16;
    l->script_id = l->script_line_ends + 8;
    l->script_eval_from = l->script_line_ends + 16;
    l->debug_script = 24;
    l->code_deopt = 16;
    l->code_positions = 24;
    l->deopt_literals = 2;
    l->deopt_shared = 6;
    l->deopt_inlined = 7;
}

/* 10.2, node 18: the instructions follow their Code object in code space. */
static bool set_1002(struct exports *e, struct v8_layout *l)
{
    l->code_inside = true;
    l->type_stream = -1;
    return constant(e, "class_Code__instruction_start__uintptr_t", &l->code_head) &&
           constant(e, "class_Code__instruction_size__int", &l->code_size) && constant(e, "class_Code__flags__uint32_t", &l->code_flags);
}

/* 11.3, node 20: an InstructionStream in code space leads to the Code, which lies elsewhere. */
static bool set_1103(struct exports *e, struct v8_layout *l)
{
    l->code_head = 16;
    l->code_start = 40;
    l->code_flags = 48;
    l->code_size = 56;
    return constant(e, "type_InstructionStream__INSTRUCTION_STREAM_TYPE", &l->type_stream);
}

static const char *refusal;

static bool refuse(const char *reason)
{
    refusal = reason;
    return false;
}

static bool find_functions(struct exports *e, struct v8_layout *l)
{
    uint64_t size = 0;
    l->bytecode_lengths = exports_find(e, "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE", &size);
    l->n_bytecodes = (uint32_t)(size / 3);
    l->blob = (uintptr_t(*)(void))exports_find(e, "_ZN2v88internal7Isolate23CurrentEmbeddedBlobCodeEv", NULL);
    l->blob_size = (uint32_t(*)(void))exports_find(e, "_ZN2v88internal7Isolate27CurrentEmbeddedBlobCodeSizeEv", NULL);
    return l->bytecode_lengths && l->n_bytecodes && l->n_bytecodes <= 256 && l->blob && l->blob_size;
}

static bool v8_find(struct exports *e)
{
    struct v8_layout l = {.type_stream = -1};
    int32_t major, minor;
    uint64_t at = exports_find(e, "_ZN2v88internal7Version6major_E", NULL);
    if (!at)
        return exports_find(e, "_ZN2v87Isolate10GetCurrentEv", NULL) ? refuse("it does not export its version") : false;
    if (!int_at(at, &major) || !int_at(exports_find(e, "_ZN2v88internal7Version6minor_E", NULL), &minor))
        return refuse("it does not export its version");
    if (!(major == 10 && minor == 2) && !(major == 11 && minor == 3))
        return refuse("its version is not known");
    if (!read_constants(e, &l) || !find_functions(e, &l))
        return refuse("it does not export the constants that are needed");
    set_common(&l);
    if (major == 10 ? !set_1002(e, &l) : !set_1103(e, &l))
        return refuse("it does not export the constants that are needed");
    v8 = l;
    v8_walk_begin();
    return true;
}

static const char *v8_refusal(void) { return refusal; }

/* The program that only calls the library, and its event loop's, which is met before V8 is. */
static bool v8_owns(const char *path, bool is_program)
{
    const char *base = text_base_name(path);
    return is_program ? strcmp(base, "node") == 0 || strcmp(base, "nodejs") == 0 : strncmp(base, "libuv.so", 8) == 0;
}

/* Its end closes nothing that the program left open: node's own close handlers run before it. */
static bool v8_is_ending(void) { return false; }

static void v8_forget(void) { v8_walk_end(); }

const struct runtime runtime_v8 = {
    .number = RUNTIME_JAVASCRIPT,
    .find = v8_find,
    .refusal = v8_refusal,
    .owns = v8_owns,
    .walk = v8_walk,
    .name = v8_name,
    .is_ending = v8_is_ending,
    .forget = v8_forget,
};
