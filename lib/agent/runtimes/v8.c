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

static const char *refusal;

static bool refuse(const char *reason)
{
    refusal = reason;
    return false;
}

static bool find_functions(struct exports *e, struct v8_builtins *l)
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
    struct v8_layout l;
    struct v8_builtins b = {0};
    int32_t major, minor;
    uint64_t at = exports_find(e, "_ZN2v88internal7Version6major_E", NULL);
    if (!at)
        return exports_find(e, "_ZN2v87Isolate10GetCurrentEv", NULL) ? refuse("it does not export its version") : false;
    if (!int_at(at, &major) || !int_at(exports_find(e, "_ZN2v88internal7Version6minor_E", NULL), &minor))
        return refuse("it does not export its version");
    const char *why = v8_layout_find(&l, major, minor, constant, e);
    if (why || l.names_only)
        return refuse(why ? why : "its version is not known");
    if (!find_functions(e, &b))
        return refuse("it does not export the constants that are needed");
    v8_builtins = b;
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
