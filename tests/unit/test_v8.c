/* SPDX-License-Identifier: MIT */
/*
 * test_v8.c: what the reader of V8's frames makes of objects that the test has laid out itself: where
 * a call stands in the source, what it is called, and that damaged memory does no harm.
 *
 * The heap is one mapping between pages that cannot be read. The offsets are those of V8 11.3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/runtimes/v8.h"
#include "v8_image.h"

#define HEAP_BYTES (1u << 19)
#define PAGE 4096u
#define CHUNK (256u << 10)

static uint8_t *heap;

enum type { FUNCTION = 2066, SHARED = 262, SCRIPT = 167, DEBUG = 153, SCOPE = 261, CODE = 245, STREAM = 252, BYTECODES = 191 };
enum { BYTES = 190, FIXED = 175, WEAK_FIXED = 240, SEQ_ONE = 40, SEQ_TWO = 32, CONS = 41, SLICED = 43, THIN = 45, EXTERNAL = 42 };
enum {
    TRUSTED_WEAK = 199,
    PROTECTED_WEAK = 194,
    WRAPPER = 195,
    INTERPRETER_DATA = 193,
    INTERPRETED = 10,
    BASELINE = 11,
    MAGLEV = 12,
    OPTIMIZED = 13
};

static uintptr_t string(const char *s) { return string_of(SEQ_ONE, s, (uint32_t)strlen(s), 1); }

static uintptr_t pair(unsigned type, uint32_t length, uintptr_t first, uintptr_t second)
{
    uintptr_t o = object(type, 32);
    ((uint32_t *)(o - 1))[3] = length;
    words_of(o)[2] = first;
    words_of(o)[3] = second;
    return o;
}

/* ---- tables of positions ---- */

struct table {
    uint8_t bytes[256];
    int32_t n;
    int64_t code, position;
};

static void put(struct table *t, uint64_t v)
{
    for (; v > 127; v >>= 7)
        t->bytes[t->n++] = (uint8_t)(v | 128);
    t->bytes[t->n++] = (uint8_t)v;
}
static uint64_t zigzag(int64_t v) { return (uint64_t)v << 1 ^ (uint64_t)(v >> 63); }

static void entry(struct table *t, int64_t code, int32_t place, unsigned inlined, bool statement)
{
    int64_t position = (int64_t)inlined << 31 | (int64_t)(place + 1) << 1, step = code - t->code;
    put(t, zigzag(statement ? step : -step - 1));
    put(t, zigzag(position - t->position));
    t->code = code;
    t->position = position;
}

/* ---- a function ---- */

static uintptr_t script, shared, other, bytecodes;
static uint64_t stack[16];
#define FP ((uintptr_t)&stack[10])

static uintptr_t new_scope(const char *name, const char *guessed, int32_t start)
{
    uintptr_t s = object(SCOPE, 128);
    unsigned at = 4, flags = 2 | 1u << 12 | (guessed ? 1u << 14 : 0);
    words_of(s)[1] = v8.scope_range ? flags : smi((int32_t)flags);
    if (v8.scope_range) {
        words_of(s)[at++] = smi(start);
        words_of(s)[at++] = smi(start + 50);
    }
    words_of(s)[3] = smi(1); /* a variable: its name and a word on it */
    words_of(s)[at++] = string("v");
    words_of(s)[at++] = smi(7);
    words_of(s)[at++] = name ? string(name) : 0;
    words_of(s)[at++] = smi(4);
    if (guessed)
        words_of(s)[at++] = string(guessed);
    words_of(s)[at++] = smi(v8.scope_range ? -1 : start);
    words_of(s)[at] = smi(v8.scope_range ? -1 : start + 50);
    return s;
}

static uintptr_t new_shared(const char *name, const char *guessed, int32_t start)
{
    uintptr_t s = object(SHARED, 64);
    words_of(s)[2] = new_scope(name, guessed, start);
    words_of(s)[4] = script;
    return s;
}

static void set_layout(void)
{
    static const uint8_t lengths[3 * 8] = {1, 1, 1, 1, 1, 2, 3, 1, 1, 1, 1, 1, 1, 3, 5, 1, 1, 1, 1, 1, 1, 5, 9, 1};
    v8 = (struct v8_layout){
        V8_IMAGE_LAYOUT,
        .fp_context = -8,
        .fp_function = -16,
        .fp_bytecodes = -32,
        .fp_bytecode_offset = -40,
        .shared_flags = 48,
        .bytecodes_positions = 32,
        .bytecodes_data = 54,
        .code_deopt = 16,
        .code_positions = 24,
        .code_flags = 48,
        .code_size = 56,
        .code_head = 16,
        .code_start = 40,
        .deopt_literals = 2,
        .deopt_shared = 6,
        .deopt_inlined = 7,
        .type_function = FUNCTION,
        .last_function = FUNCTION + 15,
        .type_shared = SHARED,
        .type_script = SCRIPT,
        .type_debug = DEBUG,
        .type_scope = SCOPE,
        .type_code = CODE,
        .type_stream = STREAM,
        .type_bytecodes = BYTECODES,
        .type_bytes = BYTES,
        .type_fixed = FIXED,
        .type_weak_fixed = WEAK_FIXED,
        .type_trusted_bytes = V8_NO_TYPE,
        .type_trusted_fixed = V8_NO_TYPE,
        .type_protected_fixed = V8_NO_TYPE,
        .type_trusted_weak = V8_NO_TYPE,
        .type_protected_weak = V8_NO_TYPE,
        .type_shared_wrapper = V8_NO_TYPE,
        .kind_mask = 15,
        .kind_baseline = BASELINE,
    };
    v8_builtins = (struct v8_builtins){.bytecode_lengths = (uintptr_t)lengths, .n_bytecodes = 8};
}

/* ---- how a frame of Maglev's code would be without it ---- */

enum { FRAME_WITH_RETURN, FRAME, BUILTIN, STUB = 4, BEGIN, BEGIN_WITH_FEEDBACK, VALUE, NO_VALUE, SAME, OPCODES };

static void set_opcodes(void)
{
    static const struct v8_opcodes opcodes = {
        .n = OPCODES, .frames = BEGIN, .begin = BEGIN, .end = BEGIN_WITH_FEEDBACK + 1, .operands = {5, 3, 3, 3, 2, 3, 3, 1, 0, 1}};
    v8.opcodes = &opcodes;
    v8.kind_maglev = MAGLEV;
    v8.deopt_frames = 0;
    v8.deopt_first = 10;
    v8.deopt_size = 3;
    v8.maglev_places_head = 8;
    v8.shared_data = 8;
    v8.interpreter_bytecodes = 8;
    v8.type_interpreter_data = INTERPRETER_DATA;
}

/* As 13.6 has it: a frame has its bytecode too, tables of places a word more in front. */
static void set_newer(void)
{
    static const struct v8_opcodes opcodes = {
        .n = OPCODES, .frames = BEGIN, .begin = BEGIN, .end = BEGIN_WITH_FEEDBACK + 1, .operands = {6, 4, 3, 3, 2, 3, 3, 1, 0, 1}};
    v8.opcodes = &opcodes;
    v8.places_head = 4;
    v8.maglev_places_head = 4;
    v8.deopt_bytecodes = 3;
    v8.wrapper_shared = 8;
    v8.type_trusted_weak = TRUSTED_WEAK;
    v8.type_protected_weak = PROTECTED_WEAK;
    v8.type_shared_wrapper = WRAPPER;
    v8.scope_range = 3;
    v8.scope_locals = 5;
    v8.scope_of_module = 5;
}

#define SOURCE "one\ntwo\r\nthree\rfour\n"

static int begin(void **state)
{
    struct table t = {.code = -1};
    (void)state;
    uint8_t *all = mmap(NULL, HEAP_BYTES + 2 * CHUNK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return -1;
    heap = all + CHUNK - (uintptr_t)all % CHUNK;
    if (mprotect(heap, HEAP_BYTES, PROT_READ | PROT_WRITE) != 0)
        return -1;
    v8_image_begin(heap, (uintptr_t)heap, HEAP_BYTES, 64);
    set_layout();
    set_opcodes();
    v8_code_reset();
    script = object(SCRIPT, 128);
    words_of(script)[1] = string(SOURCE);
    words_of(script)[2] = string("file:///srv/a%20b.mjs?x");
    words_of(script)[8] = smi(17);
    shared = new_shared("outer", NULL, 4);
    other = new_shared(NULL, "guess.ed", 9);
    entry(&t, 0, 4, 0, true);
    entry(&t, 3, 9, 0, false);
    entry(&t, 9, 15, 0, true);
    bytecodes = object(BYTECODES, 128);
    words_of(bytecodes)[1] = smi(13);
    words_of(bytecodes)[4] = array(BYTES, t.bytes, t.n, 1);
    memset(stack, 0, sizeof stack);
    stack[10 - 4] = bytecodes;
    return 0;
}

static int begin_newer(void **state)
{
    if (begin(state) != 0)
        return -1;
    set_newer();
    shared = new_shared("outer", NULL, 4);
    other = new_shared(NULL, "guess.ed", 9);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return munmap(heap, HEAP_BYTES);
}

static int32_t interpreted_at(int32_t offset)
{
    struct v8_memory m = {.trusting = false};
    struct v8_calls calls;
    stack[10 - 5] = smi(offset + 53);
    assert_true(v8_calls_of(&m, NULL, FP, shared, &calls));
    assert_int_equal(calls.n, 1);
    assert_ptr_equal((void *)calls.call[0].shared, (void *)shared);
    return calls.call[0].position;
}

static void an_interpreted_frame_stands_at_the_last_place_that_is_not_beyond_its_bytecode(void **state)
{
    (void)state;
    struct v8_memory m = {.trusting = false};
    struct v8_calls calls;
    assert_int_equal(interpreted_at(0), 4);
    assert_int_equal(interpreted_at(2), 4);
    assert_int_equal(interpreted_at(3), 9);
    assert_int_equal(interpreted_at(8), 9);
    assert_int_equal(interpreted_at(12), 15);
    /* V8 has not made the table yet */
    words_of(bytecodes)[4] = script;
    assert_int_equal(interpreted_at(12), V8_NO_POSITION);
    stack[10 - 5] = 77;
    assert_false(v8_calls_of(&m, NULL, FP, shared, &calls));
    stack[10 - 4] = script;
    stack[10 - 5] = smi(53);
    assert_false(v8_calls_of(&m, NULL, FP, shared, &calls));
}

/* ---- generated code ---- */

/* SIZE bytes of instructions, and behind them N bytes of PLACES; returns where they begin. */
static uintptr_t new_code(unsigned kind, uint32_t size, uintptr_t positions, uintptr_t deopt, const uint8_t *places, size_t n)
{
    uintptr_t code = object(CODE, 80), map = map_of(STREAM);
    v8_image.used += 64 - 16; /* so that the instructions lie on a boundary of 64 bytes */
    uintptr_t stream = allocate(16 + size + n + 64), table = stream + 15 + size + (uintptr_t)v8.places_head;
    words_of(stream)[0] = map;
    words_of(stream)[1] = code;
    memset((void *)(stream + 15), 0xcc, size);
    memcpy((void *)table, places, n);
    v8_image.used = (v8_image.used + 63) & ~(size_t)63;
    words_of(code)[2] = deopt;
    words_of(code)[3] = positions;
    words_of(code)[5] = stream + 15;
    words_of(code)[6] = kind;
    words_of(code)[7] = size;
    return stream + 15;
}

static bool calls_at(uintptr_t pc, struct v8_calls *calls)
{
    struct v8_memory m = {.trusting = false};
    struct v8_code code;
    return v8_find_code(&m, pc, &code) && v8_calls_of(&m, &code, FP, shared, calls);
}

static void baseline_code_stands_at_the_bytecode_whose_code_it_is_in(void **state)
{
    (void)state;
    /* the prologue, then bytecodes at 0, 1 and, behind a prefix, 4: of 1, 3 and 1 + 5 bytes */
    static const uint8_t codes[13] = {4, 6, 0, 0, 1, 5, 0, 0, 0, 0, 7, 7, 7}, lengths[] = {10, 5, 20, 0x81, 1, 4};
    struct v8_calls calls;
    memcpy((void *)(bytecodes - 1 + 54), codes, sizeof codes);
    uintptr_t start = new_code(BASELINE, 300, array(BYTES, lengths, sizeof lengths, 1), 0, NULL, 0);
    static const struct {
        unsigned pc;
        int32_t place;
    } rows[] = {{11, 4}, {15, 4}, {16, 4}, {35, 4}, {36, 9}, {164, 9}, {165, 15}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(calls_at(start + rows[i].pc, &calls));
        assert_int_equal(calls.n, 1);
        assert_int_equal(calls.call[0].position, rows[i].place);
    }
    /* behind the last of them the table says nothing */
    assert_true(calls_at(start + 290, &calls));
    assert_int_equal(calls.call[0].position, V8_NO_POSITION);
}

/* Of code: as it is, or wrapped. */
static uintptr_t function_of_code(void)
{
    if (!v8.wrapper_shared)
        return shared;
    uintptr_t w = object(WRAPPER, 16);
    words_of(w)[1] = shared;
    return w;
}

static uintptr_t new_optimized(void)
{
    struct table t = {.code = -1};
    uintptr_t deopt[8] = {0}, literals[2] = {0, other | 2}; /* held weakly */
    struct {
        uint64_t position;
        int32_t function, pad;
    } inlined[] = {{(uint64_t)(15 + 1) << 1, 1, 0}, {(uint64_t)1 << 31 | (uint64_t)(9 + 1) << 1, -1, 0}};
    entry(&t, 20, 4, 0, true);
    entry(&t, 40, 5, 1, true);
    entry(&t, 60, 6, 2, true);
    entry(&t, 80, 7, 3, true); /* there is no third */
    entry(&t, 100, 8, 0, true);
    /* two places: calls that return to 41 and 61, trampolines at 110 and 114 */
    static const uint8_t places[] = {2, 0, 0, 0, 0, 0, 0, 0, 41, 1, 111, 61, 2, 115};
    uint8_t table[sizeof places];
    uint32_t sizes = 1 | 1 << 4 | 1 << 7;
    memcpy(table, places, sizeof places);
    memcpy(table + 4, &sizes, sizeof sizes);
    deopt[2] = array(WEAK_FIXED, literals, 2, 8);
    deopt[6] = function_of_code();
    deopt[7] = array(BYTES, inlined, sizeof inlined, 1);
    return new_code(OPTIMIZED, 128, array(BYTES, t.bytes, t.n, 1), array(FIXED, deopt, 8, 8), table, sizeof table);
}

static void optimized_code_stands_in_each_call_that_was_inlined(void **state)
{
    (void)state;
    struct v8_calls calls;
    uintptr_t start = new_optimized();
    assert_true(calls_at(start + 21, &calls));
    assert_int_equal(calls.n, 1);
    assert_int_equal(calls.call[0].position, 4);
    assert_true(calls_at(start + 41, &calls));
    assert_int_equal(calls.n, 2);
    assert_ptr_equal((void *)calls.call[0].shared, (void *)other);
    assert_int_equal(calls.call[0].position, 5);
    assert_ptr_equal((void *)calls.call[1].shared, (void *)shared);
    assert_int_equal(calls.call[1].position, 15);
    assert_true(calls_at(start + 61, &calls));
    assert_int_equal(calls.n, 3);
    assert_ptr_equal((void *)calls.call[0].shared, (void *)shared);
    assert_int_equal(calls.call[1].position, 9);
    assert_false(calls_at(start + 81, &calls));
    /* of another function, or before the first place */
    assert_false(calls_at(start + 20, &calls));
    uintptr_t mine = shared;
    shared = other;
    assert_false(calls_at(start + 41, &calls));
    shared = mine;
}

static void a_frame_whose_code_was_given_up_stands_where_its_call_was(void **state)
{
    (void)state;
    struct v8_calls calls;
    uintptr_t start = new_optimized();
    assert_true(calls_at(start + 110, &calls));
    assert_int_equal(calls.n, 2);
    assert_int_equal(calls.call[0].position, 5);
    assert_true(calls_at(start + 114, &calls));
    assert_int_equal(calls.n, 3);
    assert_int_equal(calls.call[0].position, 6);
    assert_true(calls_at(start + 112, &calls));
    assert_int_equal(calls.n, 1);
    assert_int_equal(calls.call[0].position, 8);
}

static void op(struct table *t, unsigned opcode, unsigned n, const int *operands)
{
    t->bytes[t->n++] = (uint8_t)opcode;
    for (unsigned i = 0; i < n; i++)
        put(t, operands[i] < 0 ? (uint64_t)-operands[i] << 1 | 1 : (uint64_t)operands[i] << 1);
}
#define OP(t, opcode, ...) op(t, opcode, sizeof((int[]){0, ##__VA_ARGS__}) / sizeof(int) - 1, (int[]){0, ##__VA_ARGS__} + 1)

static void frame(struct table *t, unsigned opcode, int offset, int function)
{
    int operands[] = {offset, function, function, 7, 1, 1};
    op(t, opcode, v8.opcodes->operands[opcode], operands);
}

/* The distance to the description that is referred to has no sign. */
static int32_t begin_frames(struct table *t, unsigned opcode, int32_t before, int n)
{
    int32_t at = t->n;
    t->bytes[t->n++] = (uint8_t)opcode;
    put(t, (uint64_t)(before < 0 ? 0 : at - before));
    put(t, (uint64_t)(n + 1) << 1); /* with that of a stub */
    put(t, (uint64_t)n << 1);
    return at;
}

/*
 * Calls that return to 21 (outer), 41 (a builtin in "other" in outer), 61, 81 and 91 (the same but for
 * some instructions), 101 (no description) and 105 (one that has less
 * frames than it says); trampolines at 110 and on.
 */
static uintptr_t new_maglev(void)
{
    struct table t = {.n = 0};
    int32_t at[6];
    at[0] = begin_frames(&t, BEGIN, -1, 1);
    OP(&t, STUB, 1, 1);
    frame(&t, FRAME, -1, 0);
    at[1] = begin_frames(&t, BEGIN_WITH_FEEDBACK, -1, 3);
    frame(&t, FRAME, 0, 0);
    OP(&t, VALUE, 300);
    OP(&t, STUB, 1, 1);
    frame(&t, FRAME_WITH_RETURN, 3, 1);
    OP(&t, NO_VALUE);
    OP(&t, BUILTIN, 5, 5, 5);
    at[2] = begin_frames(&t, BEGIN, at[1], 2);
    OP(&t, OPCODES + 3);
    frame(&t, FRAME, 9, 1);
    at[3] = begin_frames(&t, BEGIN, at[1], 3);
    frame(&t, FRAME, 9, 0);
    OP(&t, VALUE, 1);
    t.bytes[t.n++] = SAME;
    put(&t, 2);
    frame(&t, FRAME, 3, 0);
    at[4] = begin_frames(&t, BEGIN, at[1], 2);
    OP(&t, OPCODES + 1);
    OP(&t, NO_VALUE);
    OP(&t, OPCODES + 2);
    at[5] = begin_frames(&t, BEGIN, -1, 2);
    frame(&t, FRAME, 0, 0);
    begin_frames(&t, BEGIN, -1, 1);
    frame(&t, FRAME, 0, 0);
    uintptr_t literals[2] = {shared, other | 2}, deopt[10 + 3 * 6] = {array(BYTES, t.bytes, t.n, 1)};
    deopt[2] = array(WEAK_FIXED, literals, 2, 8);
    deopt[7] = smi(at[1]); /* a count, in front of the first entry */
    for (unsigned i = 0; i < 6; i++)
        deopt[10 + 3 * i] = smi(at[i]);
    const uintptr_t all[2] = {bytecodes | 2, bytecodes | 2};
    size_t head = 8 + (size_t)v8.maglev_places_head;
    uint8_t places[16 + 7 * 5] = {7};
    if (v8.deopt_bytecodes) {
        deopt[2] = array(TRUSTED_WEAK, literals, 2, 8);
        deopt[3] = array(PROTECTED_WEAK, all, 2, 8);
    }
    uint32_t sizes = 1 | 1 << 1 | 1 << 4 | 1 << 7;
    memcpy(places + 4, &sizes, sizeof sizes);
    static const uint8_t entries[7][5] = {{21, 1, 0}, {41, 2, 111}, {61, 3, 115}, {81, 4, 119}, {91, 5, 123}, {101, 0, 0}, {105, 6, 0}};
    memcpy(places + head, entries, sizeof entries);
    /* outer has baseline code with data of the interpreter, the other one its bytecode */
    uintptr_t data = object(INTERPRETER_DATA, 32), code = object(CODE, 80);
    words_of(data)[1] = bytecodes;
    words_of(code)[2] = data;
    words_of(shared)[1] = code;
    words_of(other)[1] = bytecodes;
    return new_code(MAGLEV, 128, 0, array(FIXED, deopt, 10 + 3 * 6, 8), places, head + sizeof entries);
}

static void are_calls(uintptr_t pc, unsigned n, const int32_t *positions, const uintptr_t *functions)
{
    struct v8_calls calls;
    assert_true(calls_at(pc, &calls));
    assert_int_equal(calls.n, n);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(calls.call[i].position, positions[i]);
        assert_ptr_equal((void *)calls.call[i].shared, (void *)functions[i]);
    }
}

static void maglev_code_stands_in_the_calls_that_are_kept_for_giving_it_up(void **state)
{
    (void)state;
    struct v8_calls calls;
    uintptr_t start = new_maglev();
    for (unsigned given_up = 0; given_up < 2; given_up++) {
        are_calls(start + (given_up ? 110 : 41), 2, (int32_t[]){9, 4}, (uintptr_t[]){other, shared});
        are_calls(start + (given_up ? 114 : 61), 2, (int32_t[]){15, 4}, (uintptr_t[]){other, shared});
        are_calls(start + (given_up ? 118 : 81), 3, (int32_t[]){9, 9, 15}, (uintptr_t[]){shared, other, shared});
    }
    are_calls(start + 91, 2, (int32_t[]){9, 4}, (uintptr_t[]){other, shared});
    /* at its beginning it stands in front of the first bytecode: the table does not say where that is */
    are_calls(start + 21, 1, (int32_t[]){V8_NO_POSITION}, (uintptr_t[]){shared});
    assert_false(calls_at(start + 101, &calls));
    assert_false(calls_at(start + 105, &calls));
    /* between two calls, and of another function */
    assert_false(calls_at(start + 42, &calls));
    uintptr_t mine = shared;
    shared = other;
    assert_false(calls_at(start + 41, &calls));
    shared = mine;
    /* its bytecode was dropped: no matter where the code itself has it */
    words_of(other)[1] = script;
    assert_int_equal(calls_at(start + 41, &calls), v8.deopt_bytecodes != 0);
}

static void code_that_took_the_place_of_other_code_is_not_taken_for_it(void **state)
{
    (void)state;
    struct v8_memory m = {.trusting = false};
    struct v8_code code;
    uintptr_t first = new_optimized(), second = new_optimized(), pc = first + 41;
    assert_true(v8_find_code(&m, pc, &code));
    assert_int_equal(code.pc, 41);
    assert_true(v8_find_code(&m, pc, &code));
    /* it begins 32 bytes earlier now, and its old head is an instruction */
    uintptr_t object_of_second = words_of(second - 15)[1];
    memcpy((void *)(first - 48), (void *)(second - 16), 16);
    words_of(object_of_second)[5] = first - 32;
    memset((void *)(first - 16), 0xcc, 16);
    assert_true(v8_find_code(&m, pc, &code));
    assert_int_equal(code.pc, 73);
    assert_ptr_equal((void *)code.object, (void *)object_of_second);
    /* a head that leads elsewhere, where nothing is */
    uintptr_t third = new_optimized();
    assert_true(v8_find_code(&m, third + 41, &code));
    words_of(third - 15)[1] = ((uintptr_t)heap - PAGE) | 1;
    assert_false(v8_find_code(&m, third + 41, &code));
    /* neither the head nor anything before it can be read */
    assert_false(v8_find_code(&m, (uintptr_t)heap + 8, &code));
    assert_false(v8_find_code(&m, (uintptr_t)heap + HEAP_BYTES + 8, &code));
    assert_false(v8_find_code(&m, first + 4000, &code));
}

/* ---- names ---- */

static struct runtime_name name;

static bool named(uintptr_t function, int32_t position)
{
    bool hidden;
    struct runtime_frame f = {.word = {function, (uintptr_t)(intptr_t)position}};
    memset(&name, 0x5a, sizeof name);
    return v8_name(&f, &name, &hidden);
}

static void is_at(int32_t position, unsigned line, unsigned column)
{
    assert_true(named(shared, position));
    assert_int_equal(name.line, line);
    assert_int_equal(name.column, column);
}

static void a_place_has_the_line_and_column_that_v8_counts(void **state)
{
    (void)state;
    is_at(0, 1, 1);
    is_at(3, 1, 4);
    is_at(4, 2, 1);
    is_at(9, 3, 1);
    is_at(14, 3, 6);
    is_at(15, 4, 1);
    assert_false(named(shared, 4000));
    /* the source in parts, one of them the middle of another string; a \r and a \n in two of them */
    uintptr_t sliced = pair(SLICED, 6, string("xxone\ntwo"), smi(2)), thin = pair(THIN, 4, string("wo\r"), 0);
    ((uint32_t *)(sliced - 1))[3] = 5;
    ((uint32_t *)(thin - 1))[3] = 3;
    uintptr_t rest = pair(CONS, 12, string("\nthree\rfour\n"), string(""));
    words_of(script)[1] = pair(CONS, 20, pair(CONS, 8, sliced, thin), rest);
    is_at(3, 1, 4);
    is_at(4, 2, 1);
    is_at(9, 3, 1);
    is_at(15, 4, 1);
    /* two bytes a character, with a line separator of Unicode */
    static const uint16_t wide[] = {'a', 0x2028, 'b', 0xe9, '\n', 'c'};
    words_of(script)[1] = string_of(SEQ_TWO, wide, 6, 2);
    is_at(3, 2, 2);
    is_at(5, 3, 1);
    /* V8's own table of the ends of lines; and where the script stands in its file */
    uintptr_t ends[] = {smi(3), smi(8), smi(20)};
    words_of(script)[7] = array(FIXED, ends, 3, 8);
    words_of(script)[3] = smi(10);
    words_of(script)[4] = smi(5);
    is_at(2, 11, 8);
    is_at(3, 11, 9);
    is_at(4, 12, 1);
    is_at(20, 13, 12);
    assert_false(named(shared, 21));
    /* a bundle in one line */
    words_of(script)[4] = smi(100000);
    is_at(2, 11, 100003);
}

static void a_function_has_its_name_or_the_one_that_was_guessed(void **state)
{
    (void)state;
    assert_true(named(shared, 4));
    assert_string_equal(name.function, "outer");
    assert_string_equal(name.file, "/srv/a b.mjs");
    assert_int_equal(name.flags, 0);
    assert_true(named(other, 4));
    assert_string_equal(name.function, "guess.ed");
    assert_true(named(new_shared(NULL, NULL, 4), 4));
    assert_string_equal(name.function, "<anonymous>");
    words_of(script)[9] = shared; /* the function that has called eval */
    words_of(script)[2] = 0;
    assert_true(named(new_shared(NULL, NULL, 4), 4));
    assert_string_equal(name.function, "eval");
    assert_string_equal(name.file, "<anonymous>");
    /* where the place is not known it is the function's, and said to be so */
    assert_true(named(other, V8_NO_POSITION));
    assert_int_equal(name.line, 3);
    assert_int_equal(name.flags, FRAME_LINE_OF_FUNCTION);
    /* é and a pair of surrogates */
    static const uint16_t wide[] = {0xe9, 0xd83d, 0xde00, 0xd800};
    words_of(words_of(shared)[2])[6] = string_of(SEQ_TWO, wide, 4, 2);
    assert_true(named(shared, 4));
    assert_string_equal(name.function, "\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd");
    /* one that is too long is cut */
    char *text = test_malloc(3000);
    memset(text, 'x', 2999);
    text[2999] = 0;
    words_of(words_of(shared)[2])[6] = string(text);
    test_free(text);
    assert_true(named(shared, 4));
    assert_int_equal(strlen(name.function), sizeof name.function - 1);
}

static void a_scope_of_a_newer_v8_has_its_range_in_front(void **state)
{
    (void)state;
    assert_true(named(shared, V8_NO_POSITION));
    assert_string_equal(name.function, "outer");
    assert_int_equal(name.line, 2);
    assert_true(named(other, 3));
    assert_string_equal(name.function, "guess.ed");
    /* a module has the number of its variables behind it */
    uintptr_t scope = words_of(shared)[2];
    memmove(&words_of(scope)[7], &words_of(scope)[6], 5 * 8);
    words_of(scope)[1] = 5 | 1 << 12;
    words_of(scope)[6] = smi(3);
    assert_true(named(shared, V8_NO_POSITION));
    assert_string_equal(name.function, "outer");
}

static void what_is_not_as_expected_has_no_name(void **state)
{
    (void)state;
    uintptr_t scope = words_of(shared)[2];
    assert_false(named(script, 4));
    assert_false(named(0, 4));
    assert_false(named(shared + 8, 4));
    words_of(scope)[8] = smi(60); /* it would end before it begins */
    words_of(scope)[9] = smi(50);
    assert_false(named(shared, 4));
    assert_true(named(other, 4));
    words_of(script)[1] = pair(EXTERNAL, 20, 0, (uintptr_t)heap - 4096); /* its characters cannot be read */
    assert_false(named(other, 15));
    words_of(other)[4] = scope;
    assert_false(named(other, 4));
}

/* ---- damage ---- */

static uint32_t random_state = 1;
static uint32_t any(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

static uint64_t any_word(void)
{
    switch (any(6)) {
    case 0:
        return (uintptr_t)heap + any(HEAP_BYTES);
    case 1:
        return ((uintptr_t)heap + any((uint32_t)v8_image.used) / 8 * 8) | 1;
    case 2:
        return smi((int32_t)any(1u << 20) - 512);
    case 3:
        return (uint64_t)any(1u << 24) << 40 | any(1u << 24);
    case 4:
        return ((uintptr_t)heap + HEAP_BYTES - any(64)) | 1;
    default:
        return any(300);
    }
}

static void damaged_memory_is_never_read_beyond_its_end(void **state)
{
    (void)state;
    static uint8_t whole[HEAP_BYTES];
    uintptr_t starts[] = {new_optimized(), new_maglev()}, baseline = new_code(BASELINE, 100, words_of(bytecodes)[4], 0, NULL, 0);
    size_t n = v8_image.used;
    unsigned sound = 0;
    memcpy(whole, heap, n);
    for (unsigned i = 0; i < 60000; i++) {
        struct v8_calls calls;
        for (unsigned k = any(4); k > 0; k--)
            ((uint64_t *)(void *)heap)[any((uint32_t)n / 8)] = any_word();
        v8_code_reset();
        stack[10 - 5] = any(2) ? smi(53 + (int32_t)any(20)) : any_word();
        sound += calls_at((any(3) ? starts[any(2)] : baseline) + 1 + any(120), &calls);
        struct v8_memory m = {.trusting = false};
        sound += v8_calls_of(&m, NULL, FP, any(8) ? shared : any_word(), &calls);
        sound += named(any(8) ? shared : any_word(), (int32_t)any(40) - 1);
        if (i % 4 == 0)
            memcpy(heap, whole, n);
    }
    assert_true(sound > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_interpreted_frame_stands_at_the_last_place_that_is_not_beyond_its_bytecode, begin, end),
        cmocka_unit_test_setup_teardown(baseline_code_stands_at_the_bytecode_whose_code_it_is_in, begin, end),
        cmocka_unit_test_setup_teardown(optimized_code_stands_in_each_call_that_was_inlined, begin, end),
        cmocka_unit_test_setup_teardown(a_frame_whose_code_was_given_up_stands_where_its_call_was, begin, end),
        cmocka_unit_test_setup_teardown(maglev_code_stands_in_the_calls_that_are_kept_for_giving_it_up, begin, end),
        cmocka_unit_test_setup_teardown(code_that_took_the_place_of_other_code_is_not_taken_for_it, begin, end),
        cmocka_unit_test_setup_teardown(a_place_has_the_line_and_column_that_v8_counts, begin, end),
        cmocka_unit_test_setup_teardown(a_function_has_its_name_or_the_one_that_was_guessed, begin, end),
        cmocka_unit_test_setup_teardown(a_scope_of_a_newer_v8_has_its_range_in_front, begin_newer, end),
        cmocka_unit_test_setup_teardown(what_is_not_as_expected_has_no_name, begin, end),
        cmocka_unit_test_setup_teardown(damaged_memory_is_never_read_beyond_its_end, begin, end),
        {"code_of_a_newer_v8_is_read_from_what_is_wrapped_there", optimized_code_stands_in_each_call_that_was_inlined, begin_newer, end,
         NULL},
        {"a_newer_v8_has_more_in_front_of_its_places", a_frame_whose_code_was_given_up_stands_where_its_call_was, begin_newer, end, NULL},
        {"maglev_code_of_a_newer_v8_has_its_bytecode_in_the_description", maglev_code_stands_in_the_calls_that_are_kept_for_giving_it_up,
         begin_newer, end, NULL},
        {"damaged_memory_of_a_newer_v8_does_no_harm", damaged_memory_is_never_read_beyond_its_end, begin_newer, end, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
