/* SPDX-License-Identifier: MIT */
/*
 * cpython.c: finds CPython 3.6 to 3.14, and where it keeps its frames.
 *
 * Called when the object with the interpreter is met for the first time. The offsets come from the
 * process itself where it names them: the members of its code and frame types, and from 3.13 on the
 * table of offsets for debuggers. Where both have one, they are compared. The rest is known for each
 * version; any other version or build is refused.
 */
#include "cpython.h"

#include <string.h>

#include "../base/peek.h"

#define TP_MEMBERS 240u
#define MEMBER_SIZE 40u
#define MEMBER_OFFSET 16u
#define MAX_MEMBERS 64u

struct cpython_layout cpython;

static uintptr_t word_at(uintptr_t a)
{
    uintptr_t w = 0;
    return peek(a, &w, sizeof w) ? w : 0;
}

uint32_t cpython_member(uintptr_t type, const char *name)
{
    uintptr_t m = word_at(type + TP_MEMBERS);
    for (unsigned i = 0; m && i < MAX_MEMBERS; i++, m += MEMBER_SIZE) {
        char text[24] = "";
        uintptr_t at = word_at(m), offset;
        if (!at)
            return 0;
        peek_some(at, text, sizeof text - 1);
        if (strcmp(text, name) == 0) {
            offset = word_at(m + MEMBER_OFFSET);
            return offset < STATE_PAGE ? (uint32_t)offset : 0;
        }
    }
    return 0;
}

/* Up to 3.10. Where it says that it finalizes is told apart by the size of _PyRuntime. */
static bool find_old(struct cpython_layout *l, struct exports *e, uintptr_t frame_type, uintptr_t runtime, uint64_t runtime_size)
{
    l->frame_objects = true;
    l->version = l->lines ? 0x030a : 0x0306;
    l->previous = cpython_member(frame_type, "f_back");
    if (l->lines) { /* 3.10 computes f_code and f_lasti: they are no members any more */
        l->code = l->previous + 8;
        l->at = 96;
    } else {
        l->lines = cpython_member(l->code_type, "co_lnotab");
        l->code = cpython_member(frame_type, "f_code");
        l->at = cpython_member(frame_type, "f_lasti");
    }
    l->thread_frame = 24;
    l->owner = l->code; /* there is none: any word that can be read */
    l->string_ascii = 48;
    l->string_compact = 72;
    l->finalizing = (const uintptr_t *)exports_find(e, "_Py_Finalizing", NULL); /* 3.6 */
    if (!l->finalizing && runtime)
        l->finalizing = runtime_size == 1520                                                 ? (const uintptr_t *)(runtime + 8)
                        : runtime_size == 1464 || runtime_size == 656 || runtime_size == 672 ? (const uintptr_t *)(runtime + 16)
                                                                                             : NULL;
    return l->previous && l->code && l->at && l->finalizing;
}

/*
 * 3.13 and 3.14: the offsets for debuggers. Words: a cookie, the version, whether it is a
 * free-threaded build, three of the runtime, some of the interpreter; then those of the thread
 * state, the frame and the code object.
 */
static const char *find_by_table(struct cpython_layout *l, uintptr_t runtime)
{
    uint64_t w[64];
    const bool newer = l->version >= 0x030e;
    const uint64_t *thread = w + 6 + (newer ? 16 : 13), *frame = thread + 9, *code = frame + (newer ? 8 : 6);
    if (!runtime || !peek(runtime, w, sizeof w) || memcmp(w, "xdebugpy", 8) != 0 || w[1] >> 16 != l->version)
        return "it has no table of offsets";
    if (w[2])
        return "it is a free-threaded build";
    if (code[1] != l->file || code[3] != l->name || code[4] != l->lines || code[5] != l->first_line || code[9] != l->code_start ||
        thread[4] > STATE_PAGE || frame[1] > STATE_PAGE || frame[2] > STATE_PAGE || frame[3] > STATE_PAGE || frame[5] > STATE_PAGE ||
        w[4] > (1u << 20))
        return "its tables of offsets differ";
    l->thread_frame = (uint32_t)thread[4];
    l->previous = (uint32_t)frame[1];
    l->code = (uint32_t)frame[2];
    l->at = (uint32_t)frame[3];
    l->owner = (uint32_t)frame[5];
    l->tag_mask = newer ? 3 : 0;
    l->variables = !newer || frame[6] == CPYTHON_STACK ? (uint32_t)frame[4] : 0;
    if (newer) /* behind those of a code object, an object and a type */
        l->tuple_items = (uint32_t)code[11 + 2 + 4 + 1];
    l->finalizing = (const uintptr_t *)(runtime + w[4]);
    return NULL;
}

/* From 3.11 on. Returns what is wrong; NULL: nothing. */
static const char *find_new(struct cpython_layout *l, uintptr_t runtime)
{
    l->code_start = (uint32_t)word_at(l->code_type + CPYTHON_TP_BASICSIZE);
    l->first_traceable = l->code_start - 16;
    l->string_ascii = l->version >= 0x030c ? 40 : 48;
    l->string_compact = l->version >= 0x030c ? 56 : 72;
    l->thread_frame = 56;
    l->at = 56;
    l->variables = 72;
    l->tuple_items = 24;
    l->finalizing = (const uintptr_t *)(runtime + 24);
    if (l->version == 0x030b) {
        l->has_cframe = true;
        l->cframe_frame = 8;
        l->previous = 48;
        l->code = 32;
        l->owner = 68; /* byte 0: whether a C frame ends here; byte 1: the owner */
        return l->code_start == 184 ? NULL : "its code objects are of another size";
    }
    if (l->version == 0x030c) {
        l->has_cframe = true;
        l->previous = 8;
        l->owner = 70;
        return l->code_start == 192 ? NULL : "its code objects are of another size";
    }
    return l->version <= 0x030e ? find_by_table(l, runtime) : "its version is not known";
}

/*
 * What is needed for the coroutines that await a task; without it only those that run are shown.
 * A coroutine ends with its frame, whose variables are not in its size.
 */
static void find_tasks(struct cpython_layout *l, struct exports *e)
{
    uint32_t at = l->version == 0x030b ? 80 : 72;
    l->coroutine_type = exports_find(e, "PyCoro_Type", NULL);
    l->generator_type = exports_find(e, "PyGen_Type", NULL);
    l->async_generator_type = exports_find(e, "PyAsyncGen_Type", NULL);
    l->c_function_type = exports_find(e, "PyCFunction_Type", NULL);
    l->function_type = exports_find(e, "PyFunction_Type", NULL);
    l->method_type = exports_find(e, "PyMethod_Type", NULL);
    l->cell_type = exports_find(e, "PyCell_Type", NULL);
    l->tuple_type = exports_find(e, "PyTuple_Type", NULL);
    l->list_type = exports_find(e, "PyList_Type", NULL);
    if (!l->coroutine_type || !l->generator_type || !l->async_generator_type || !l->c_function_type || !l->function_type ||
        !l->method_type || !l->cell_type || !l->tuple_type || !l->list_type || l->tuple_items > STATE_PAGE || l->version < 0x030b ||
        word_at(l->coroutine_type + CPYTHON_TP_BASICSIZE) != at + l->variables)
        return;
    l->closure = cpython_member(l->function_type, "__closure__");
    l->arguments = cpython_member(l->code_type, "co_argcount");
    l->coroutine_frame = l->closure && l->arguments ? at : 0;
}

static bool find_types(struct cpython_layout *l, struct exports *e)
{
    uint64_t size = 0;
    l->evaluator = exports_find(e, "_PyEval_EvalFrameDefault", &size);
    l->evaluator_end = l->evaluator + size;
    if (!l->evaluator)
        return false;
    l->code_type = exports_find(e, "PyCode_Type", NULL);
    l->unicode_type = exports_find(e, "PyUnicode_Type", NULL);
    l->bytes_type = exports_find(e, "PyBytes_Type", NULL);
    l->thread_state = (uintptr_t(*)(void))exports_find(e, "PyGILState_GetThisThreadState", NULL);
    uintptr_t type = exports_find(e, "PyType_Type", NULL);
    if (!l->code_type || !l->unicode_type || !l->bytes_type || !l->thread_state || !type)
        return runtime_refuse(&runtime_cpython, "it does not export what is needed");
    /* a build that keeps more in the head of an object (Py_TRACE_REFS, free-threaded) has it elsewhere */
    if (word_at(l->code_type + CPYTHON_OB_TYPE) != type)
        return runtime_refuse(&runtime_cpython, "it is a special build");
    l->file = cpython_member(l->code_type, "co_filename");
    l->first_line = cpython_member(l->code_type, "co_firstlineno");
    l->lines = cpython_member(l->code_type, "co_linetable");
    l->name = cpython_member(l->code_type, "co_qualname");
    if (!l->name)
        l->name = cpython_member(l->code_type, "co_name");
    return l->file && l->first_line && l->name ? true : runtime_refuse(&runtime_cpython, "its code objects are not as expected");
}

static bool cpython_find(struct exports *e)
{
    struct cpython_layout l = {.bytes_size = 16, .bytes_data = 32, .string_length = 16, .string_state = 32};
    uint64_t runtime_size = 0, version_at = 0;
    const char *wrong = NULL;
    if (!find_types(&l, e))
        return false;
    uintptr_t runtime = exports_find(e, "_PyRuntime", &runtime_size), frame_type = exports_find(e, "PyFrame_Type", NULL);
    version_at = exports_find(e, "Py_Version", NULL);
    if (version_at) {
        l.version = (uint32_t)word_at(version_at) >> 16;
        wrong = !runtime || !l.lines ? "it does not export what is needed" : find_new(&l, runtime);
    } else if (!frame_type || !find_old(&l, e, frame_type, runtime, runtime_size)) {
        wrong = "its frames are not as expected";
    }
    uintptr_t word;
    if (!wrong && !peek((uintptr_t)l.finalizing, &word, sizeof word))
        wrong = "it does not say whether it ends";
    if (wrong)
        return runtime_refuse(&runtime_cpython, wrong);
    find_tasks(&l, e);
    l.owner_byte = l.owner % 4;
    l.owner &= ~3u;
    cpython = l;
    cpython_walk_reset();
    return true;
}

static bool is_program_name(const char *base)
{
    if (strncmp(base, "python", 6) != 0)
        return false;
    for (base += 6; *base; base++)
        if (!strchr("0123456789.dm", *base))
            return false;
    return true;
}

/* The modules that come with it as shared objects, and the program that only calls its library. */
static bool cpython_owns(const char *path, bool is_program)
{
    const char *slash = strrchr(path, '/');
    return strstr(path, "/lib-dynload/") || (is_program && is_program_name(slash ? slash + 1 : path));
}

static bool cpython_is_ending(void) { return cpython_finalizes(); }

static void cpython_forget(void) { cpython_walk_reset(); }

const struct runtime runtime_cpython = {
    .number = RUNTIME_PYTHON,
    .find = cpython_find,
    .owns = cpython_owns,
    .walk = cpython_walk,
    .name = cpython_name,
    .is_ending = cpython_is_ending,
    .forget = cpython_forget,
};
