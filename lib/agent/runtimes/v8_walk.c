/* SPDX-License-Identifier: MIT */
/*
 * v8_walk.c: the JavaScript frames of the calling thread, as words.
 *
 * Called by the native walk (generated.h) in any thread that V8's code made a C call in. All of V8's
 * code, its builtins and what it generates, keeps a frame pointer, and says below it of which kind
 * the frame is: a number, or the context that its function runs in.
 *
 * A frame's words are its function and the place in the source. The hash is of content alone: of
 * the script's name and number, the function's number in it, and the place. Addresses are in it
 * nowhere: the collector moves objects, and puts others in their place.
 */
#include <string.h>

#include "../../core/hash.h"
#include "../../arch/cpu.h"
#include "../elf/object.h"
#include "../unwind/generated.h"
#include "v8.h"

#define MAX_MARKER 64u       /* more kinds of frames there are not */
#define MAX_FRAME (1u << 20) /* no frame is larger */
#define MAX_RUN 65536u       /* frames without a native one between them */
#define IS_LOST 0            /* in a stack's scratch: a frame is not as expected */
#define COPIES 16u           /* of the builtins */
#define SAME 64u             /* bytes of code before a return address that tell it apart */
#define SEARCHES 64u         /* for a copy */
#define PROVEN 64u
#define KNOWN_SCRIPTS 8u
#define MAX_SCRIPT_NAME 512u

struct collector {
    struct runtime_stack *s;
    struct v8_memory memory;
    bool lost;     /* a frame is not as expected */
    uintptr_t end; /* of the frame before */
    unsigned n_known;
    struct {
        uintptr_t script;
        uint64_t print;
    } known[KNOWN_SCRIPTS];
};

/* ---- words ----------------------------------------------------------------------------------- */

/* Of the characters of STRING, where these lie at one place; else of its length. */
static uint64_t print_of_string(struct v8_memory *m, uintptr_t string)
{
    uint32_t length = 0;
    uint64_t h = 0, word = 0;
    int type = v8_type(m, string);
    if (type < 0 || type >= v8.first_no_string || !v8_load_half(m, string - 1 + (uintptr_t)v8.string_length, &length))
        return 0;
    size_t size = (size_t)length << !(type & V8_STRING_ONE_BYTE);
    size = size < MAX_SCRIPT_NAME ? size : MAX_SCRIPT_NAME;
    const char *at =
        (type & V8_STRING_FORM) == V8_STRING_SEQUENTIAL ? v8_bytes(m, string - 1 + (uintptr_t)v8.string_characters, size) : NULL;
    for (size_t i = 0; at && i < size; i += sizeof word) {
        word = 0;
        memcpy(&word, at + i, size - i < sizeof word ? size - i : sizeof word);
        h = hash_mix(h, word);
    }
    return hash_mix(h, length);
}

/* Each isolate counts its scripts anew, and a thread may have the place of one that has ended. */
static uint64_t print_of_script(struct v8_memory *m, uintptr_t script)
{
    uint32_t source = 0;
    uintptr_t text = v8_field(m, script, v8.script_source);
    if (v8_is_object(text))
        v8_load_half(m, text - 1 + (uintptr_t)v8.string_length, &source);
    return hash_mix(hash_mix(print_of_string(m, v8_field(m, script, v8.script_name)), v8_field(m, script, v8.script_id)), source);
}

static uint64_t known_script(struct collector *c, uintptr_t script)
{
    for (unsigned i = 0; i < c->n_known && i < KNOWN_SCRIPTS; i++)
        if (c->known[i].script == script)
            return c->known[i].print;
    unsigned at = c->n_known++ % KNOWN_SCRIPTS;
    c->known[at].script = script;
    c->known[at].print = print_of_script(&c->memory, script);
    return c->known[at].print;
}

/* A call in function SHARED. Those that have no script are V8's own, and are not shown. */
static void add_call(struct collector *c, uintptr_t shared, int32_t position)
{
    struct runtime_stack *s = c->s;
    uint32_t literal = 0;
    uintptr_t script = v8_script(&c->memory, shared);
    if (!script)
        return;
    if (s->n == s->max) {
        s->cut = true;
        return;
    }
    v8_load_half(&c->memory, shared - 1 + (uintptr_t)v8.shared_flags + 4, &literal);
    uint64_t hash = hash_mix(hash_mix(known_script(c, script), literal), (uint64_t)(uint32_t)position);
    s->frames[s->n++] = (struct runtime_frame){.hash = hash, .word = {shared, (uintptr_t)(intptr_t)position}};
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Where copies of the builtins begin. A copy is the same to the last byte. */
static _Atomic uintptr_t copies[COPIES];
static _Atomic unsigned n_copies, searches;

static bool is_copy(uintptr_t pc, uintptr_t original)
{
    return memcmp((const void *)(pc - SAME), (const void *)(original - SAME), SAME) == 0;
}

/* Which place of the builtins has the return address PC, from 1; 0: it is in none. */
static uintptr_t place_in_builtins(uintptr_t pc)
{
    uintptr_t blob = v8_builtins.blob(), size = v8_builtins.blob_size();
    if (blob && pc - 1 - blob < size)
        return pc - blob;
    for (unsigned i = 0; v8.copies_builtins && i < COPIES; i++) {
        uintptr_t copy = atomic_load_explicit(&copies[i], memory_order_relaxed);
        if (copy && pc - copy - SAME < size - SAME && is_copy(pc, blob + (pc - copy)))
            return pc - copy;
    }
    return 0;
}

/*
 * Looks which place of the builtins PC, which V8 did not generate, is a copy of: the only one with the
 * same code before it. Once for each copy that is met.
 */
static uintptr_t find_copy(uintptr_t pc)
{
    const char *blob = (const char *)v8_builtins.blob(), *at = blob;
    size_t size = v8_builtins.blob_size();
    if (!v8.copies_builtins || !blob || pc < SAME || atomic_fetch_add_explicit(&searches, 1, memory_order_relaxed) >= SEARCHES)
        return 0;
    const char *found = memmem(at, size, (const void *)(pc - SAME), SAME);
    if (!found || memmem(found + 1, (size_t)(blob + size - found - 1), (const void *)(pc - SAME), SAME))
        return 0;
    uintptr_t place = (uintptr_t)(found + SAME - blob);
    atomic_store_explicit(&copies[atomic_fetch_add(&n_copies, 1) % COPIES], pc - place, memory_order_relaxed);
    return place;
}

/*
 * Places in the builtins in whose frames a function was found. Where each frame keeps what is fixed
 * when V8 is built, so that the next one's need not be asked about.
 */
static _Atomic uintptr_t proven[PROVEN];

static bool is_proven(uintptr_t place) { return atomic_load_explicit(&proven[place / 4 % PROVEN], memory_order_relaxed) == place; }

static void set_proven(uintptr_t place) { atomic_store_explicit(&proven[place / 4 % PROVEN], place, memory_order_relaxed); }

/* The function's SharedFunctionInfo; 0: FUNCTION, which may be anything, is none. */
static uintptr_t shared_of(struct v8_memory *m, uintptr_t function)
{
    int type = v8_certain_type(m, function);
    uintptr_t shared = type >= v8.type_function && type <= v8.last_function ? v8_field(m, function, v8.function_shared) : 0;
    return v8_certain_type(m, shared) == v8.type_shared ? shared : 0;
}

/* The frame at FP of FUNCTION. False: it is not as expected. */
static bool add_frame(struct collector *c, uintptr_t pc, uintptr_t fp, uintptr_t function)
{
    struct v8_memory *m = &c->memory;
    struct v8_calls calls;
    struct v8_code code;
    uintptr_t place = place_in_builtins(pc);
    bool generated = !place && v8_find_code(m, pc, &code);
    if (!place && !generated)
        place = find_copy(pc);
    m->trusting = generated || (place && is_proven(place));
    uintptr_t shared = shared_of(m, function);
    if (!shared)
        return false;
    if (place && !m->trusting)
        set_proven(place);
    /* what hangs on a function that is alive can be read */
    m->trusting = true;
    if (!v8_script(m, shared))
        return true;
    if (!v8_calls_of(m, generated ? &code : NULL, fp, shared, &calls))
        return false;
    for (unsigned i = 0; i < calls.n; i++)
        add_call(c, calls.call[i].shared, calls.call[i].position);
    return true;
}

static bool v8_holds(uintptr_t entry)
{
    struct object o;
    uintptr_t blob = v8_builtins.blob();
    return (blob && entry - 1 - blob < v8_builtins.blob_size()) || !object_at(entry - 1, &o);
}

static bool step_one(struct walk *w, struct collector *c)
{
    uintptr_t fp = w->at.fp, caller, entry, context, function;
    if (fp < w->at.sp || fp - w->at.sp > MAX_FRAME || fp % 8 || !stack_load(&w->span, fp + (uintptr_t)(intptr_t)v8.fp_context, &context) ||
        !stack_load(&w->span, fp + (uintptr_t)(intptr_t)v8.fp_function, &function) || !stack_load(&w->span, fp, &caller) ||
        !stack_load(&w->span, fp + 8, &entry))
        return false;
    if (!v8_is_object(context) ? context % 2 || context / 2 >= MAX_MARKER : !c->s->cut && !add_frame(c, w->at.pc, fp, function))
        return false;
    w->at = (struct arch_frame){.pc = entry, .sp = fp + 16, .fp = caller};
    return true;
}

static enum generated_step v8_step(struct walk *w)
{
    struct runtime_stack *s = w->collect;
    struct collector c = {.s = s};
    bool ok = s->n_marks < RUNTIME_MAX_FRAMES;
    for (unsigned i = 0; ok && i < MAX_RUN && v8_holds(w->at.pc); i++)
        ok = step_one(w, &c);
    w->exact = false;
    s->scratch[IS_LOST] |= !ok;
    if (!ok)
        return GENERATED_END;
    /* they stand before the native frame that has called the first of them */
    s->marks[s->n_marks++] = (struct runtime_mark){w->at.sp, s->n};
    return GENERATED_PASSED;
}

const struct generated_code v8_generated = {.holds = v8_holds, .step = v8_step};

void v8_walk_begin(void)
{
    for (unsigned i = 0; i < PROVEN; i++)
        atomic_store_explicit(&proven[i], 0, memory_order_relaxed);
    for (unsigned i = 0; i < COPIES; i++)
        atomic_store_explicit(&copies[i], 0, memory_order_relaxed);
    v8_code_reset();
}

enum runtime_answer v8_walk(struct runtime_stack *s) { return s->scratch[IS_LOST] || !s->n ? RUNTIME_NO_FRAMES : RUNTIME_FRAMES; }
