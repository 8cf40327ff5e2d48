/* SPDX-License-Identifier: MIT */
/*
 * v8.c: finds V8, as node has it, and where it keeps its functions and scripts.
 *
 * Called when the object with the engine is met for the first time. A version whose layout is not
 * known (core/v8_layout.h) is refused.
 */
#include "v8.h"

#include <string.h>

#include "../../core/textstack.h"
#include "../base/peek.h"

struct v8_layout v8;
struct v8_builtins v8_builtins;

static bool int_at(uint64_t at, int32_t *v) { return at && peek(at, v, sizeof *v); }

static bool constant(void *e, const char *symbol, int32_t *v) { return int_at(exports_find(e, symbol, NULL), v); }

/*
 * Where the builtins are, from a method of an isolate's that does not look at it (src/api/api.cc of V8
 * 13). It is part of V8's public interface, so each build exports it; newer ones do not export the
 * two functions that it calls.
 */
static void (*code_range)(void *isolate, const void **start, size_t *n);

static uintptr_t start_of_range(void)
{
    const void *start = NULL;
    size_t n;
    code_range(NULL, &start, &n);
    return (uintptr_t)start;
}

static uint32_t size_of_range(void)
{
    const void *start;
    size_t n = 0;
    code_range(NULL, &start, &n);
    return (uint32_t)n;
}

static void find_builtins(struct exports *e, struct v8_builtins *b, int32_t major)
{
    b->blob = (uintptr_t(*)(void))exports_find(e, "_ZN2v88internal7Isolate23CurrentEmbeddedBlobCodeEv", NULL);
    b->blob_size = (uint32_t(*)(void))exports_find(e, "_ZN2v88internal7Isolate27CurrentEmbeddedBlobCodeSizeEv", NULL);
    if ((b->blob && b->blob_size) || major != 13)
        return;
    code_range = (void (*)(void *, const void **, size_t *))exports_find(e, "_ZN2v87Isolate20GetEmbeddedCodeRangeEPPKvPm", NULL);
    b->blob = code_range ? start_of_range : NULL;
    b->blob_size = size_of_range;
}

/* The table of a build that does not export its own. */
static void find_bytecodes(struct exports *e, struct v8_builtins *b, int32_t major, int32_t minor)
{
    int32_t build;
    if (b->bytecode_lengths || major != 13 || minor != 6 || !int_at(exports_find(e, "_ZN2v88internal7Version6build_E", NULL), &build) ||
        build != 233)
        return;
    b->bytecode_lengths = (uintptr_t)v8_bytecodes_1306;
    b->n_bytecodes = V8_BYTECODES_1306;
}

static bool find_functions(struct exports *e, struct v8_builtins *b, int32_t major, int32_t minor)
{
    uint64_t size = 0;
    b->bytecode_lengths = exports_find(e, "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE", &size);
    b->n_bytecodes = (uint32_t)(size / 3);
    find_bytecodes(e, b, major, minor);
    find_builtins(e, b, major);
    size = 0;
    b->free_environment = exports_find(e, "_ZN4node15FreeEnvironmentEPNS_11EnvironmentE", &size);
    b->free_environment_size = size;
    size = 0;
    b->stop_workers = exports_find(e, "_ZN4node11Environment24stop_sub_worker_contextsEv", &size);
    b->stop_workers_size = size;
    return b->bytecode_lengths && b->n_bytecodes && b->n_bytecodes <= 256 && b->blob && b->blob_size;
}

static bool v8_find(struct exports *e)
{
    struct v8_layout l;
    struct v8_builtins b = {0};
    int32_t major, minor;
    uint64_t at = exports_find(e, "_ZN2v88internal7Version6major_E", NULL);
    if (!at)
        return exports_find(e, "_ZN2v87Isolate10GetCurrentEv", NULL) ? runtime_refuse(&runtime_v8, "it does not export its version")
                                                                     : false;
    if (!int_at(at, &major) || !int_at(exports_find(e, "_ZN2v88internal7Version6minor_E", NULL), &minor))
        return runtime_refuse(&runtime_v8, "it does not export its version");
    const char *why = v8_layout_find(&l, major, minor, constant, e);
    if (why || l.names_only)
        return runtime_refuse(&runtime_v8, why ? why : "its version is not known");
    if (!find_functions(e, &b, major, minor))
        return runtime_refuse(&runtime_v8, "it does not export the constants that are needed");
    v8_builtins = b;
    v8 = l;
    v8_walk_begin();
    return true;
}

/* The program that only calls the library, and its event loop's, which is met before V8 is. */
static bool v8_owns(const char *path, bool is_program)
{
    const char *base = text_base_name(path);
    return is_program ? strcmp(base, "node") == 0 || strcmp(base, "nodejs") == 0 : strncmp(base, "libuv.so", 8) == 0;
}

/* process.exit() closes nothing. */
static bool v8_is_ending(void) { return false; }

static void v8_forget(void) {}

const struct runtime runtime_v8 = {
    .number = RUNTIME_JAVASCRIPT,
    .find = v8_find,
    .generated = &v8_generated,
    .owns = v8_owns,
    .walk = v8_walk,
    .name = v8_name,
    .is_ending = v8_is_ending,
    .ends_in = v8_ends_in,
    .program_ends = v8_program_ends,
    .forget = v8_forget,
    .stays_behind = true, /* the heap is mapped with MADV_DONTFORK */
};
