/* SPDX-License-Identifier: MIT */
/*
 * v8_layout.c: where V8 keeps its functions, scripts, strings and objects, in the versions that are
 * known.
 *
 * Called once for an engine, in the process that has it or in one that reads it.
 */
#include "v8_layout.h"

#include <string.h>

/* Who knows the constants. */
struct source {
    v8_constant *get;
    void *arg;
};

/* ---- constants that V8 names ------------------------------------------------------------------ */

static const struct fact {
    const char *name; /* behind v8dbg_; | between those of several versions */
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
    FACT(shared_name, "class_SharedFunctionInfo__name_or_scope_info__Object|class_SharedFunctionInfo__name_or_scope_info__Tagged_Object_|"
                      "class_SharedFunctionInfo__name_or_scope_info__Tagged_NameOrScopeInfoT_"),
    FACT(shared_script, "class_SharedFunctionInfo__script_or_debug_info__HeapObject|class_SharedFunctionInfo__script__Tagged_HeapObject_"),
    FACT(shared_flags, "class_SharedFunctionInfo__flags__int"),
    FACT(uncompiled_name, "class_UncompiledData__inferred_name__String"),
    FACT(uncompiled_start, "class_UncompiledData__start_position__int32_t"),
    FACT(uncompiled_end, "class_UncompiledData__end_position__int32_t"),
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
    FACT(type_uncompiled, "type_UncompiledDataWithPreparseData__UNCOMPILED_DATA_WITH_PREPARSE_DATA_TYPE"),
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

bool v8_layout_constant(v8_constant *get, void *arg, const char *name, int32_t *v)
{
    static const char prefix[] = "v8dbg_";
    char symbol[128];
    for (const char *next = name; next; name = next ? next + 1 : NULL) {
        next = strchr(name, '|');
        size_t length = next ? (size_t)(next - name) : strlen(name);
        if (sizeof prefix + length > sizeof symbol)
            return false;
        memcpy(symbol, prefix, sizeof prefix);
        memcpy(symbol + sizeof prefix - 1, name, length);
        symbol[sizeof prefix - 1 + length] = 0;
        if (get(arg, symbol, v))
            return true;
    }
    return false;
}

static bool constant(const struct source *e, const char *name, int32_t *v) { return v8_layout_constant(e->get, e->arg, name, v); }

static bool read_constants(const struct source *e, struct v8_layout *l)
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
    l->last_function = l->type_function + 15; /* V8's constructors are functions of types of their own */
    l->shared_data = 8;
    l->last_uncompiled = l->type_uncompiled + 3; /* with and without what a parse has found, or a job */
    l->debug_script = 24;
    l->code_deopt = 16;
    l->code_positions = 24;
    l->deopt_literals = 2;
    l->deopt_shared = 6;
    l->deopt_inlined = 7;
}

/* src/deoptimizer/translation-opcode.h of 12.4. */
static const struct v8_opcodes opcodes_1204 = {
    .n = 40,
    .frames = 10,
    .begin = 12,
    .end = 14,
    .operands = {5, 3, 3, 3,                                           /* frames of functions */
                 2, 1, 3, 4, 3, 2,                                     /* other frames */
                 1, 0, 3, 3,                                           /* arguments, beginnings */
                 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* where values are */
                 0, 1, 1, 1, 1, 1, 2, 1},
};

/* The same of 13.6: a frame has its bytecode as well; and there are a few more. */
static const struct v8_opcodes opcodes_1306 = {
    .n = 45,
    .frames = 11,
    .begin = 14,
    .end = 16,
    .operands = {6, 4, 3, 3,                                                    /* frames of functions */
                 2, 1, 3, 4, 3, 3, 3,                                           /* other frames */
                 1, 0, 0, 3, 3,                                                 /* arguments, beginnings */
                 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* where values are */
                 0, 1, 1, 1, 1, 1, 2, 1},
};

/* 10.2, node 18: the instructions follow their Code object in code space. */
static bool set_1002(const struct source *e, struct v8_layout *l)
{
    l->code_inside = true;
    l->type_stream = V8_NO_TYPE;
    return constant(e, "class_Code__instruction_start__uintptr_t", &l->code_head) &&
           constant(e, "class_Code__instruction_size__int", &l->code_size) && constant(e, "class_Code__flags__uint32_t", &l->code_flags);
}

/* 11.3, node 20: an InstructionStream in code space leads to the Code, which lies elsewhere. */
static bool set_1103(const struct source *e, struct v8_layout *l)
{
    l->code_head = 16;
    l->code_start = 40;
    l->code_flags = 48;
    l->code_size = 56;
    return constant(e, "type_InstructionStream__INSTRUCTION_STREAM_TYPE", &l->type_stream);
}

/*
 * 12.4, node 22: what code refers to lies in a trusted space, in arrays of types of its own, and the
 * builtins are copied beside the generated code.
 */
static bool set_1204(const struct source *e, struct v8_layout *l)
{
    l->bytecodes_positions = l->array_length + 16;
    l->code_deopt = 8;
    l->code_positions = 16;
    l->code_head = 32;
    l->copies_builtins = true;
    l->members_initializer = 24;
    l->static_initializer = 25;
    l->kind_maglev = l->kind_baseline + 1;
    l->opcodes = &opcodes_1204;
    l->deopt_frames = 0;
    l->deopt_first = 12; /* of an entry: the second word */
    l->deopt_size = 3;
    l->maglev_places_head = 8;
    l->interpreter_bytecodes = 8;
    return constant(e, "type_InterpreterData__INTERPRETER_DATA_TYPE", &l->type_interpreter_data) &&
           constant(e, "LastJSFunctionType", &l->last_function) && constant(e, "class_Code__instruction_start__Address", &l->code_start) &&
           constant(e, "class_Code__instruction_size__int", &l->code_size) && constant(e, "class_Code__flags__uint32_t", &l->code_flags) &&
           constant(e, "type_InstructionStream__INSTRUCTION_STREAM_TYPE", &l->type_stream) &&
           constant(e, "type_TrustedByteArray__TRUSTED_BYTE_ARRAY_TYPE", &l->type_trusted_bytes) &&
           constant(e, "type_TrustedFixedArray__TRUSTED_FIXED_ARRAY_TYPE", &l->type_trusted_fixed) &&
           constant(e, "type_ProtectedFixedArray__PROTECTED_FIXED_ARRAY_TYPE", &l->type_protected_fixed);
}

/* Since 13: the flags are a plain number, and where the function begins stands in front of the names. */
static void set_scope_with_range(struct v8_layout *l)
{
    l->scope_range = 3;
    l->scope_of_module = 5;
}

/*
 * 13.6, node 24: arrays of more types, a wrapper around what code in a trusted space refers to, the
 * bytecode beside the function where frames are described, and a ScopeInfo in another order.
 */
static bool set_1306(const struct source *e, struct v8_layout *l)
{
    if (!set_1204(e, l))
        return false;
    l->opcodes = &opcodes_1306;
    l->places_head = 4;
    l->maglev_places_head = 4;
    l->deopt_bytecodes = 2;
    l->deopt_literals = 3;
    l->deopt_shared = 7;
    l->deopt_inlined = 8;
    l->deopt_first = 13;
    set_scope_with_range(l);
    l->wrapper_shared = 8;
    return constant(e, "type_TrustedWeakFixedArray__TRUSTED_WEAK_FIXED_ARRAY_TYPE", &l->type_trusted_weak) &&
           constant(e, "type_ProtectedWeakFixedArray__PROTECTED_WEAK_FIXED_ARRAY_TYPE", &l->type_protected_weak) &&
           constant(e, "type_SharedFunctionInfoWrapper__SHARED_FUNCTION_INFO_WRAPPER_TYPE", &l->type_shared_wrapper);
}

/* 14.6, node 26: functions have names as in 13.6; what frames need is not known here. */
static bool set_1406(const struct source *e, struct v8_layout *l)
{
    set_scope_with_range(l);
    l->names_only = true;
    return constant(e, "LastJSFunctionType", &l->last_function);
}

static const struct {
    int32_t major, minor;
    bool (*set)(const struct source *e, struct v8_layout *l);
} versions[] = {{10, 2, set_1002}, {11, 3, set_1103}, {12, 4, set_1204}, {13, 6, set_1306}, {14, 6, set_1406}};

const char *v8_layout_find(struct v8_layout *l, int32_t major, int32_t minor, v8_constant *get, void *arg)
{
    const struct source e = {get, arg};
    size_t i = 0;
    *l = (struct v8_layout){.type_trusted_bytes = V8_NO_TYPE,
                            .type_trusted_fixed = V8_NO_TYPE,
                            .type_protected_fixed = V8_NO_TYPE,
                            .type_trusted_weak = V8_NO_TYPE,
                            .type_protected_weak = V8_NO_TYPE,
                            .type_shared_wrapper = V8_NO_TYPE};
    while (i < sizeof versions / sizeof *versions && !(versions[i].major == major && versions[i].minor == minor))
        i++;
    if (i == sizeof versions / sizeof *versions)
        return "its version is not known";
    if (!read_constants(&e, l))
        return "it does not export the constants that are needed";
    set_common(l);
    return versions[i].set(&e, l) ? NULL : "it does not export the constants that are needed";
}
