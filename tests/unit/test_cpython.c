/* SPDX-License-Identifier: MIT */
/*
 * test_cpython.c: the reader of CPython's frames, over memory that is made here: in the layout of
 * three versions, right and damaged; and over objects that claim to be an interpreter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <sys/mman.h>

#include "agent/elf/object.h"
#include "agent/runtimes/cpython.h"
#include "objects.h"

/* ---- made memory ----------------------------------------------------------------------------- */

#define ARENA 65536u
static uint8_t *arena; /* what lies behind it cannot be read */
static size_t used;
static uintptr_t thread;
static uintptr_t finalizing;
enum { CODE_TYPE = 0x1000, UNICODE_TYPE = 0x2000, BYTES_TYPE = 0x3000 }; /* only compared */

static uintptr_t thread_state(void) { return thread; }

static uintptr_t take(size_t size)
{
    uint8_t *p = arena + used;
    used += (size + 15) & ~(size_t)15;
    assert_true(used <= ARENA);
    return (uintptr_t)p;
}
static void put(uintptr_t at, uint32_t offset, uint64_t word) { memcpy((void *)(at + offset), &word, sizeof word); }
static void put_int(uintptr_t at, uint32_t offset, uint32_t v) { memcpy((void *)(at + offset), &v, sizeof v); }

static uintptr_t new_text(unsigned kind, const void *chars, size_t n)
{
    uint32_t at = kind == 1 ? cpython.string_ascii : cpython.string_compact;
    uintptr_t s = take(at + n * kind + 8);
    put(s, CPYTHON_OB_TYPE, UNICODE_TYPE);
    put(s, cpython.string_length, n);
    put_int(s, cpython.string_state, kind << 2 | 1u << 5 | (uint32_t)(kind == 1) << 6);
    memcpy((void *)(s + at), chars, n * kind);
    return s;
}
static uintptr_t new_string(const char *text) { return new_text(1, text, strlen(text)); }

static uintptr_t new_bytes(const uint8_t *bytes, size_t n)
{
    uintptr_t b = take(cpython.bytes_data + n + 8);
    put(b, CPYTHON_OB_TYPE, BYTES_TYPE);
    put(b, cpython.bytes_size, n);
    memcpy((void *)(b + cpython.bytes_data), bytes, n);
    return b;
}

#define UNITS 32u
static uintptr_t new_code(const char *name, const char *file, uint32_t first, const uint8_t *lines, size_t n)
{
    uintptr_t c = take(256 + 2 * UNITS);
    put(c, CPYTHON_OB_TYPE, CODE_TYPE);
    put(c, CPYTHON_OB_SIZE, UNITS);
    put(c, cpython.name, new_string(name));
    put(c, cpython.file, new_string(file));
    put(c, cpython.lines, new_bytes(lines, n));
    put_int(c, cpython.first_line, first);
    return c;
}

/* A frame at instruction UNIT (bytes or code units of an old one) of CODE, called by PREVIOUS. */
static uintptr_t new_frame(uintptr_t code, int unit, uintptr_t previous, uint8_t owner)
{
    uintptr_t f = take(128);
    put(f, cpython.owner, (uint64_t)owner << 8 * cpython.owner_byte);
    put(f, cpython.previous, previous);
    put(f, cpython.code, code | (cpython.tag_mask & 1));
    if (cpython.frame_objects)
        put_int(f, cpython.at, (uint32_t)unit);
    else
        put(f, cpython.at, code + cpython.code_start + 2 * (uint64_t)(int64_t)unit);
    return f;
}

static void run(uintptr_t frame)
{
    put(thread, cpython.thread_frame, frame);
    cpython_walk_reset();
}

static void begin(const struct cpython_layout *l)
{
    if (!arena) {
        arena = mmap(NULL, ARENA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(arena, MAP_FAILED);
        assert_int_equal(mprotect(arena + ARENA, 4096, PROT_NONE), 0);
    }
    memset(arena, 0, ARENA);
    used = 16;
    finalizing = 0;
    cpython = *l;
    cpython.thread_state = thread_state;
    cpython.finalizing = &finalizing;
    cpython.code_type = CODE_TYPE;
    cpython.unicode_type = UNICODE_TYPE;
    cpython.bytes_type = BYTES_TYPE;
    cpython.bytes_size = cpython.string_length = 16;
    cpython.bytes_data = cpython.string_state = 32;
    thread = take(128);
    cpython_walk_reset();
}

static const struct cpython_layout of_38 = {.version = 0x0306,
                                            .frame_objects = true,
                                            .thread_frame = 24,
                                            .previous = 24,
                                            .code = 32,
                                            .at = 104,
                                            .owner = 32,
                                            .first_line = 40,
                                            .file = 104,
                                            .name = 112,
                                            .lines = 120,
                                            .string_ascii = 48,
                                            .string_compact = 72};
static const struct cpython_layout of_311 = {.version = 0x030b,
                                             .has_cframe = true,
                                             .thread_frame = 56,
                                             .cframe_frame = 8,
                                             .previous = 48,
                                             .code = 32,
                                             .at = 56,
                                             .owner = 68,
                                             .first_line = 72,
                                             .file = 112,
                                             .name = 128,
                                             .lines = 136,
                                             .code_start = 184,
                                             .first_traceable = 168,
                                             .string_ascii = 48,
                                             .string_compact = 72};
static const struct cpython_layout of_312 = {.version = 0x030c,
                                             .has_cframe = true,
                                             .thread_frame = 56,
                                             .previous = 8,
                                             .code = 0,
                                             .at = 56,
                                             .owner = 68,
                                             .owner_byte = 2,
                                             .first_line = 68,
                                             .file = 112,
                                             .name = 128,
                                             .lines = 136,
                                             .code_start = 192,
                                             .first_traceable = 176,
                                             .string_ascii = 40,
                                             .string_compact = 56};
static const struct cpython_layout of_313 = {.version = 0x030d,
                                             .thread_frame = 72,
                                             .previous = 8,
                                             .code = 0,
                                             .at = 56,
                                             .owner = 68,
                                             .owner_byte = 2,
                                             .first_line = 68,
                                             .file = 112,
                                             .name = 128,
                                             .lines = 136,
                                             .code_start = 200,
                                             .first_traceable = 184,
                                             .string_ascii = 40,
                                             .string_compact = 56};
static const struct cpython_layout of_314 = {.version = 0x030e,
                                             .thread_frame = 72,
                                             .previous = 8,
                                             .code = 0,
                                             .at = 56,
                                             .owner = 72,
                                             .owner_byte = 2,
                                             .tag_mask = 3,
                                             .first_line = 68,
                                             .file = 112,
                                             .name = 128,
                                             .lines = 136,
                                             .code_start = 208,
                                             .first_traceable = 192,
                                             .string_ascii = 40,
                                             .string_compact = 56};

/* 3.11 and later: units 0 and 1 in the first line, 2 to 5 two lines on, 6 without a line, 7 and on three lines back. */
static const uint8_t table_new[] = {0x80 | 10 << 3 | 1, 0, 0, 0x80 | 12 << 3 | 3, 0, 0, 0x80 | 15 << 3, 0x80 | 13 << 3 | 7, 7, 0x80 | 7};
/* Up to 3.9: from byte 4 on two lines further, from 12 on 128 lines, from 20 on one back. */
static const uint8_t table_old[] = {4, 2, 8, 127, 0, 1, 8, 255};

static const char *frame_text(struct runtime_stack *s, unsigned i)
{
    static char text[1024];
    struct runtime_name name;
    bool hidden;
    if (i >= s->n || !cpython_name(&s->frames[i], &name, &hidden))
        return "none";
    if (hidden)
        return "hidden";
    snprintf(text, sizeof text, "%s %s:%u", name.function, name.file, name.line);
    return text;
}

static enum runtime_answer walk(struct runtime_stack *s, unsigned max)
{
    s->max = max;
    return cpython_walk(s);
}

/* inner in app.py calls from unit 3, outer from unit 8; each in an evaluator of its own. */
static uintptr_t two_frames_new(uintptr_t codes[2])
{
    codes[0] = new_code("C.inner", "/srv/app.py", 10, table_new, sizeof table_new);
    codes[1] = new_code("outer", "/srv/web.py", 20, table_new, sizeof table_new);
    if (cpython.version == 0x030b) {
        uintptr_t outer = new_frame(codes[1], 8, 0, 1), inner = new_frame(codes[0], 3, outer, 1), c1 = take(32), c2 = take(32);
        put(c1, 8, inner);
        put(c1, 16, c2);
        put(c2, 8, outer);
        return c1;
    }
    uintptr_t last = new_frame(0, 0, 0, 3), outer = new_frame(codes[1], 8, last, 0), own = new_frame(0, 0, outer, 3);
    return new_frame(codes[0], 3, own, 0);
}

static void frames_have_function_file_and_line_in_each_layout(void **state)
{
    (void)state;
    const struct cpython_layout *rows[] = {&of_311, &of_314};
    struct runtime_stack s;
    uintptr_t codes[2];
    for (unsigned i = 0; i < 2; i++) {
        begin(rows[i]);
        run(two_frames_new(codes));
        for (unsigned again = 0; again < 2; again++) { /* by the kernel; then by plain loads */
            assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
            assert_int_equal(s.n, 2);
            assert_string_equal(frame_text(&s, 0), "C.inner /srv/app.py:12");
            assert_string_equal(frame_text(&s, 1), "outer /srv/web.py:19");
            assert_int_equal(s.n_marks, 2);
            assert_int_equal(s.marks[0].count, 1);
            assert_int_equal(s.marks[1].count, 2);
            assert_false(s.cut);
        }
    }
    begin(&of_38);
    uintptr_t old = new_code("old", "/srv/old.py", 10, table_old, sizeof table_old);
    run(new_frame(old, 13, new_frame(old, 3, new_frame(old, 30, new_frame(old, -1, 0, 0), 0), 0), 0));
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    assert_int_equal(s.n, 4);
    assert_int_equal(s.n_marks, 0);
    assert_string_equal(frame_text(&s, 0), "old /srv/old.py:140");
    assert_string_equal(frame_text(&s, 1), "old /srv/old.py:10");
    assert_string_equal(frame_text(&s, 2), "old /srv/old.py:139");
    assert_string_equal(frame_text(&s, 3), "old /srv/old.py:10");
    cpython.version = 0x030a; /* pairs of a length and a step: 4 bytes two lines on, 8 without a line, the rest one on */
    old = new_code("old", "/srv/old.py", 10, (const uint8_t[]){4, 2, 8, 128, 200, 1}, 6);
    run(new_frame(old, 1, new_frame(old, 2, new_frame(old, 6, 0, 0), 0), 0));
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    assert_string_equal(frame_text(&s, 0), "old /srv/old.py:12");
    assert_string_equal(frame_text(&s, 1), "old /srv/old.py:0");
    assert_string_equal(frame_text(&s, 2), "old /srv/old.py:13");
}

static void an_instruction_without_a_line_has_none_and_one_outside_of_the_code_no_name(void **state)
{
    (void)state;
    struct runtime_stack s;
    uintptr_t codes[2];
    begin(&of_311);
    uintptr_t c = two_frames_new(codes), frame = new_frame(codes[0], 6, 0, 1);
    put(c, 8, frame);
    put(c, 16, 0);
    run(c);
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    assert_string_equal(frame_text(&s, 0), "C.inner /srv/app.py:0");
    static const int outside[] = {-2, UNITS, 1000000};
    for (unsigned i = 0; i < 3; i++) {
        put(frame, cpython.at, codes[0] + cpython.code_start + 2 * (uint64_t)(int64_t)outside[i]);
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES); /* a layout that was right before */
        assert_string_equal(frame_text(&s, 0), "none");
        cpython_walk_reset();
        assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
        put(frame, cpython.at, codes[0] + cpython.code_start);
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    }
}

static void a_frame_that_has_not_begun_is_hidden(void **state)
{
    (void)state;
    struct runtime_stack s;
    uintptr_t codes[2];
    begin(&of_314);
    run(two_frames_new(codes));
    put_int(codes[0], cpython.first_traceable, 4);
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    assert_string_equal(frame_text(&s, 0), "hidden");
    assert_string_equal(frame_text(&s, 1), "outer /srv/web.py:19");
}

static void a_function_that_took_a_freed_ones_place_has_another_word(void **state)
{
    (void)state;
    const struct cpython_layout *rows[] = {&of_38, &of_311, &of_314};
    for (unsigned i = 0; i < 3; i++) {
        struct runtime_stack s;
        begin(rows[i]);
        uintptr_t code = new_code("f", "a.py", 1, table_new, sizeof table_new), frame = new_frame(code, 2, 0, 1), c = take(32);
        put(c, 8, frame);
        put_int(code, cpython.first_line + 4, 7); /* another member */
        run(cpython.has_cframe ? c : frame);
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES); /* by the kernel; the later ones as sequences */
        uint64_t hash = s.frames[0].hash, name, file;
        memcpy(&name, (void *)(code + cpython.name), 8);
        memcpy(&file, (void *)(code + cpython.file), 8);
        put(code, cpython.name, new_string("g"));
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
        assert_int_not_equal(s.frames[0].hash, hash);
        put(code, cpython.name, name);
        put(code, cpython.file, new_string("b.py"));
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
        assert_int_not_equal(s.frames[0].hash, hash);
        put(code, cpython.file, file);
        put_int(code, cpython.first_line, 2);
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
        assert_int_not_equal(s.frames[0].hash, hash);
        put_int(code, cpython.first_line, 1);
        uint64_t lines;
        memcpy(&lines, (void *)(code + cpython.lines), 8);
        put(lines, cpython.bytes_data, 0x8080);
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
        assert_int_not_equal(s.frames[0].hash, hash);
        memcpy((void *)(lines + cpython.bytes_data), table_new, sizeof table_new);
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
        assert_int_equal(s.frames[0].hash, hash);
    }
}

static uintptr_t ends_meanwhile(void)
{
    finalizing = 1;
    return thread;
}

static void an_interpreter_that_ends_is_left_alone(void **state)
{
    (void)state;
    struct runtime_stack s;
    uintptr_t codes[2];
    begin(&of_311);
    run(two_frames_new(codes));
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    struct runtime_frame f = s.frames[0];
    struct runtime_name name;
    bool hidden;
    assert_true(cpython_name(&f, &name, &hidden));
    finalizing = 1;
    assert_true(runtime_cpython.is_ending());
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    assert_false(cpython_name(&f, &name, &hidden));
    for (unsigned i = 0; i < 40; i++) {
        cpython_walk_reset();
        assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    }
    finalizing = 0;
    assert_false(runtime_cpython.is_ending());
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    cpython.thread_state = ends_meanwhile; /* between the first look and the first load */
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    assert_int_equal(s.n, 0);
}

static void a_thread_that_python_does_not_know_or_that_runs_none_of_it_has_no_frames(void **state)
{
    (void)state;
    struct runtime_stack s;
    uintptr_t codes[2];
    begin(&of_314);
    run(0);
    for (unsigned i = 0; i < 40; i++) /* this says nothing of the layout */
        assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    uintptr_t known = thread;
    thread = 0;
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    thread = known;
    put(thread, cpython.thread_frame, two_frames_new(codes));
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
}

static void a_walk_that_is_cut_still_says_where_its_last_frame_runs(void **state)
{
    (void)state;
    struct runtime_stack s;
    begin(&of_314);
    uintptr_t code = new_code("f", "a.py", 1, table_new, sizeof table_new), last = new_frame(0, 0, 0, 3), frame = last;
    for (unsigned i = 0; i < 10; i++)
        frame = new_frame(code, 2, frame, 0);
    run(frame);
    assert_int_equal(walk(&s, 4), RUNTIME_FRAMES);
    assert_int_equal(s.n, 4);
    assert_true(s.cut);
    assert_int_equal(s.n_marks, 1);
    assert_int_equal(s.marks[0].on_stack, last);
    assert_int_equal(s.marks[0].count, 4);
    assert_int_equal(walk(&s, 10), RUNTIME_FRAMES);
    assert_false(s.cut);
}

static void a_chain_without_an_end_ends(void **state)
{
    (void)state;
    const struct cpython_layout *rows[] = {&of_38, &of_311, &of_314};
    for (unsigned i = 0; i < 3; i++) {
        struct runtime_stack s;
        begin(rows[i]);
        uintptr_t code = new_code("f", "a.py", 1, table_old, sizeof table_old), frame = new_frame(code, 2, 0, 0), c = take(32);
        put(frame, cpython.previous, frame);
        put(c, 8, frame);
        put(c, 16, c);
        run(cpython.has_cframe ? c : frame);
        enum runtime_answer a = walk(&s, 64);
        assert_true(a == RUNTIME_NO_FRAMES || (s.cut && s.n == 64));
        frame = new_frame(0, 0, 0, 3); /* the evaluator's own, again and again */
        put(frame, cpython.previous, frame);
        put(c, 8, frame);
        run(cpython.has_cframe ? c : frame);
        assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *name_of(uintptr_t name, uintptr_t file)
{
    static struct runtime_name out;
    bool hidden;
    uintptr_t code = new_code("f", "a.py", 1, table_new, sizeof table_new);
    put(code, cpython.name, name);
    put(code, cpython.file, file);
    struct runtime_frame f = {.word = {code, code + cpython.code_start}};
    if (!cpython_name(&f, &out, &hidden))
        return "none";
    return out.function;
}

static void names_of_every_width_are_utf8(void **state)
{
    (void)state;
    begin(&of_311);
    uintptr_t file = new_string("a.py");
    uint8_t latin[] = {'f', 0xfc};
    uintptr_t s = new_text(2, latin, 1);
    assert_string_equal(name_of(new_text(2, (uint16_t[]){'f', 0xfc, 0x4e2d}, 3), file), "f\u00fc\u4e2d");
    assert_string_equal(name_of(new_text(4, (uint32_t[]){'f', 0x1f600}, 2), file), "f\U0001f600");
    put(s, cpython.string_length, 2);
    put_int(s, cpython.string_state, 1u << 2 | 1u << 5); /* latin-1, not ASCII */
    memcpy((void *)(s + cpython.string_compact), latin, 2);
    assert_string_equal(name_of(s, file), "f\u00fc");
}

static void of_a_name_that_is_too_long_the_beginning_is_kept_of_a_file_the_end(void **state)
{
    (void)state;
    char text[2000], *end = text + sizeof text - 1;
    begin(&of_311);
    memset(text, 'x', sizeof text - 1);
    *end = 0;
    memcpy(text, "begin", 5);
    memcpy(end - 6, "end.py", 6);
    uintptr_t s = new_string(text), file = new_string("a.py");
    const char *name = name_of(s, file);
    assert_int_equal(strlen(name), STATE_FUNCTION_MAX - 1);
    assert_memory_equal(name, "begin", 5);
    struct runtime_name out;
    bool hidden;
    uintptr_t code = new_code("f", "a.py", 1, table_new, sizeof table_new);
    put(code, cpython.file, s);
    struct runtime_frame f = {.word = {code, code + cpython.code_start}};
    assert_true(cpython_name(&f, &out, &hidden));
    assert_int_equal(strlen(out.file), STATE_FILE_MAX - 1);
    assert_string_equal(out.file + strlen(out.file) - 6, "end.py");
}

static void what_is_no_string_of_the_usual_form_gives_no_name(void **state)
{
    (void)state;
    begin(&of_311);
    uintptr_t file = new_string("a.py"), s = new_string("name");
    assert_string_equal(name_of(s, file), "name");
    uint32_t good = 1u << 2 | 1u << 5 | 1u << 6;
    static const uint32_t bad[] = {1u << 2 | 1u << 6 /* not compact */, 0u << 2 | 1u << 5, 3u << 2 | 1u << 5, 2u << 2 | 1u << 5 | 1u << 6};
    for (unsigned i = 0; i < 4; i++) {
        put_int(s, cpython.string_state, bad[i]);
        assert_string_equal(name_of(s, file), "none");
    }
    put_int(s, cpython.string_state, good);
    put(s, CPYTHON_OB_TYPE, BYTES_TYPE);
    assert_string_equal(name_of(s, file), "none");
    put(s, CPYTHON_OB_TYPE, UNICODE_TYPE);
    put(s, cpython.string_length, 1ull << 40);
    assert_string_equal(name_of(s, file), "none");
    put(s, cpython.string_length, 0);
    assert_string_equal(name_of(s, file), "none");
    put(s, cpython.string_length, 4);
    assert_string_equal(name_of(s + 1, file), "none");
    assert_string_equal(name_of(8, file), "none");
    assert_string_equal(name_of((uintptr_t)arena + ARENA, file), "none");
    assert_string_equal(name_of(s, file), "name");
}

/* ---- who awaits a task ----------------------------------------------------------------------- */

static uintptr_t new_object(uintptr_t type, uint32_t offset, uint64_t word)
{
    uintptr_t o = take(160);
    put(o, CPYTHON_OB_TYPE, type);
    put(o, offset, word);
    return o;
}

static uintptr_t text(const char *chars)
{
    uintptr_t t = take(strlen(chars) + 1);
    memcpy((void *)t, chars, strlen(chars) + 1);
    return t;
}

static uintptr_t new_type(const char *name)
{
    uintptr_t t = take(256);
    put(t, 24, text(name));
    return t;
}

static uintptr_t new_tuple(uintptr_t item)
{
    uintptr_t t = new_object(cpython.tuple_type, CPYTHON_OB_SIZE, 1);
    put(t, 24, ~0ull); /* 3.14 has a hash there */
    put(t, cpython.tuple_items, item);
    return t;
}

/* A list of two callbacks with their contexts; the first was removed, or does nothing. */
static uintptr_t new_callbacks(uintptr_t callback)
{
    uintptr_t items = take(16), list = new_object(cpython.list_type, CPYTHON_OB_SIZE, 2);
    put(items, 0, new_tuple(new_object(new_type("another"), 16, 0)));
    put(items, 8, new_tuple(callback));
    put(list, 24, items);
    return list;
}

/* One that awaits AWAITS; 0: that runs, called by PREVIOUS. */
static uintptr_t new_coroutine(uintptr_t code, uintptr_t awaits, uintptr_t previous)
{
    uintptr_t c = take(256), frame = c + cpython.coroutine_frame;
    put(c, CPYTHON_OB_TYPE, cpython.coroutine_type);
    ((uint8_t *)frame)[-5] = awaits ? 0xff : 0;
    put(frame, cpython.code, code | (cpython.tag_mask & 1));
    put(frame, cpython.at, code + cpython.code_start + 2 * 3);
    put(frame, cpython.previous, previous);
    put(frame, CPYTHON_STACK, cpython.version < 0x030e ? (uint64_t)0xabcd << 32 | 2 : frame + cpython.variables + 16);
    put(frame, cpython.owner, (uint64_t)1 << 8 * cpython.owner_byte);
    if (cpython.version == 0x030b) /* byte 0: whether a C frame ends here; byte 1: the owner */
        put_int(frame, cpython.owner, 1 << 8 | !awaits);
    put(frame, cpython.variables + 8, awaits | (cpython.tag_mask & 1));
    return c;
}

#define PLACE_OF_COROUTINE 128u

/* inner runs in a task that outer's task awaits by way of middle; the loop's run has called it. */
static struct {
    uintptr_t run_code, inner_task, outer_task, iterator, outer, middle, middle_code, wakes;
} tasks;

static void find_types_of_tasks(void)
{
    cpython.coroutine_frame = cpython.version == 0x030b ? 80 : 72;
    cpython.variables = cpython.version == 0x030e ? 80 : 72;
    cpython.tuple_items = cpython.version == 0x030e ? 32 : 24;
    cpython.closure = 72;
    cpython.arguments = 24;
    cpython.coroutine_type = new_type("coroutine");
    cpython.generator_type = new_type("generator");
    cpython.async_generator_type = new_type("async_generator");
    cpython.c_function_type = new_type("builtin_function_or_method");
    cpython.function_type = new_type("function");
    cpython.method_type = new_type("method");
    cpython.cell_type = new_type("cell");
    cpython.tuple_type = new_type("tuple");
    cpython.list_type = new_type("list");
}

static void make_tasks_of(const struct cpython_layout *layout)
{
    begin(layout);
    find_types_of_tasks();
    uintptr_t codes[3], member = take(96), handle = new_type("Handle"), task = new_type("_asyncio.Task");
    for (unsigned i = 0; i < 3; i++)
        codes[i] = new_code((const char *[]){"inner", "middle", "outer"}[i], "/srv/app.py", 10 * i, table_new, sizeof table_new);
    put(member, 0, text("_callback"));
    put(member, 16, 48);
    put(handle, 240, member);
    tasks.run_code = new_code("Handle._run", "/usr/events.py", 80, table_new, sizeof table_new);
    put_int(tasks.run_code, cpython.arguments, 1);
    bool old = cpython.version == 0x030b;
    uintptr_t last = old ? 0 : new_frame(0, 0, 0, 3), run_frame = new_frame(tasks.run_code, 3, last, old),
              own = old ? run_frame : new_frame(0, 0, run_frame, 3), inner = new_coroutine(codes[0], 0, own);
    tasks.inner_task = new_object(task, PLACE_OF_COROUTINE, inner);
    tasks.middle_code = codes[1];
    tasks.iterator = new_object(new_type("FutureIter"), 16, tasks.inner_task);
    tasks.middle = new_coroutine(codes[1], tasks.iterator, 0);
    tasks.outer = new_coroutine(codes[2], tasks.middle, 0);
    tasks.outer_task = new_object(task, PLACE_OF_COROUTINE, tasks.outer);
    tasks.wakes = new_object(cpython.c_function_type, 24, tasks.outer_task);
    put(tasks.inner_task, 24, tasks.wakes);
    uintptr_t step = new_object(new_type("TaskStepMethWrapper"), 16, tasks.inner_task);
    put(run_frame, cpython.variables, new_object(handle, 48, step) | (cpython.tag_mask & 1));
    uintptr_t c1 = take(32), c2 = take(32);
    put(c1, cpython.cframe_frame, inner + cpython.coroutine_frame);
    put(c1, cpython.cframe_frame + 8, c2);
    run(cpython.has_cframe ? c1 : inner + cpython.coroutine_frame);
}

static void make_tasks(void) { make_tasks_of(&of_311); }

/* The functions of all frames, in both ways to load. */
static const char *functions(void)
{
    static char all[512];
    struct runtime_stack s;
    for (unsigned again = 0; again < 2; again++) {
        assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
        assert_int_equal(s.n_marks, 2);
        assert_int_equal(s.marks[0].count, s.n - 1);
        assert_int_equal(s.marks[1].count, s.n);
        all[0] = 0;
        for (unsigned i = 0; i < s.n; i++) {
            strcat(all, i ? " " : "");
            strncat(all, frame_text(&s, i), strcspn(frame_text(&s, i), " "));
        }
    }
    return all;
}

/* A function NAME that closes over something, and over FUTURE. */
static uintptr_t new_function(const char *name, uintptr_t future)
{
    uintptr_t f = new_object(cpython.function_type, cpython.closure, new_tuple(new_object(cpython.cell_type, 16, tasks.outer)));
    uintptr_t cells = *(uintptr_t *)(f + cpython.closure);
    put(cells, CPYTHON_OB_SIZE, 2);
    put(cells, cpython.tuple_items + 8, new_object(cpython.cell_type, 16, future));
    put(f, 40, new_string(name));
    return f;
}

static uintptr_t new_partial(const char *name, uintptr_t future)
{
    uintptr_t p = new_object(new_type("functools.partial"), 16, new_function(name, 0));
    put(p, 24, new_tuple(future));
    return p;
}

/* A future that outer's task waits for now. Its first callback is FIRST, the one that wakes up stands behind it. */
static uintptr_t awaited_future(const char *type, uintptr_t first)
{
    uintptr_t future = new_object(new_type(type), 24, first);
    put(future, 40, new_callbacks(tasks.wakes));
    put(tasks.iterator, 16, future);
    return future;
}

static const struct cpython_layout *const layouts_of_tasks[] = {&of_311, &of_312, &of_313, &of_314};
#define N_LAYOUTS (sizeof layouts_of_tasks / sizeof *layouts_of_tasks)
#define AWAITED "inner middle outer Handle._run"
#define ALONE "inner Handle._run"

static void behind_a_task_stand_the_coroutines_that_await_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_LAYOUTS; i++) {
        make_tasks_of(layouts_of_tasks[i]);
        assert_string_equal(functions(), AWAITED);
        make_tasks_of(layouts_of_tasks[i]); /* other callbacks before the one that wakes up */
        put(tasks.inner_task, 24, new_function("callback", 0));
        put(tasks.inner_task, 40, new_callbacks(tasks.wakes));
        assert_string_equal(functions(), AWAITED);
        put(tasks.inner_task, 24, 0); /* the first one was removed */
        assert_string_equal(functions(), AWAITED);
        make_tasks_of(layouts_of_tasks[i]); /* by way of a future that asyncio's own callback closes over, or has as its argument */
        static const char *const names[] = {"gather.<locals>._done_callback", "_wait.<locals>._on_completion",
                                            "shield.<locals>._inner_done_callback"};
        for (unsigned n = 0; n < 3; n++) {
            uintptr_t future =
                awaited_future(n ? "_asyncio.Future" : "_GatheringFuture", new_function("shield.<locals>._outer_done_callback", 0));
            put(tasks.inner_task, 24, new_function(names[n], future));
            assert_string_equal(functions(), AWAITED);
        }
        put(tasks.inner_task, 24, new_partial("_release_waiter", awaited_future("_asyncio.Future", 0)));
        assert_string_equal(functions(), AWAITED);
        uintptr_t future = awaited_future("_GatheringFuture", 0); /* of another one, which a callback of the task closes over */
        future = new_object(new_type("_asyncio.Future"), 24, new_function(names[0], future));
        put(tasks.inner_task, 24, new_function(names[2], future));
        assert_string_equal(functions(), AWAITED);
    }
}

/* An object with three attributes, and one more word that is none of its. */
static uintptr_t new_having(const char *name, uintptr_t first, uintptr_t second, uintptr_t third)
{
    uintptr_t type = new_type(name), at, group;
    take(64);
    group = take(160);
    put(group, CPYTHON_OB_TYPE, type);
    if (cpython.version >= 0x030d) {
        put(type, 32, 24);
        put(type, 168, 1 << 2);
        at = group + 32;
        put(group, 24, 30 | 3 << 8 | 1 << 16 | 1 << 24);
    } else {
        at = take(80) + 16;
        put(type, 168, 1 << 4);
        put(at - 8, 0, (uint64_t)40 << 56 | (uint64_t)3 << 48);
        put(group - 32, cpython.version == 0x030b ? 0 : 8, cpython.version == 0x030b ? at : at - 1);
    }
    put(at, 0, first);
    put(at, 8, second);
    put(at, 16, third);
    put(at, 24, 8);
    return group;
}

/* A group whose future is FUTURE. */
static uintptr_t new_group(uintptr_t future) { return new_having("TaskGroup", tasks.outer_task, 0, future); }

/* The task that runs is one of GROUP. */
static void be_in_group(uintptr_t group, const char *method, const char *callback)
{
    uintptr_t bound = new_object(cpython.method_type, 16, new_function(callback, 0));
    put(bound, 24, group);
    put(tasks.inner_task, 24, bound);
    put(tasks.middle_code, cpython.name, new_string(method));
    put(tasks.middle + cpython.coroutine_frame, cpython.variables, group | (cpython.tag_mask & 1));
}

static void behind_a_task_of_a_group_stands_the_task_that_waits_for_the_group(void **state)
{
    (void)state;
    static const char done[] = "TaskGroup._on_task_done", waits[] = "TaskGroup._aexit";
    for (unsigned i = 0; i < N_LAYOUTS; i++) {
        make_tasks_of(layouts_of_tasks[i]);
        uintptr_t group = new_group(awaited_future("_asyncio.Future", 0));
        be_in_group(group, waits, done);
        assert_string_equal(functions(), "inner TaskGroup._aexit outer Handle._run");
        be_in_group(group, "TaskGroup.__aexit__", done);
        assert_string_equal(functions(), "inner TaskGroup.__aexit__ outer Handle._run");
        be_in_group(group, "TaskGroup.__aexit_", done); /* another function that waits for the same future */
        assert_string_equal(functions(), ALONE);
        be_in_group(group, waits, "TaskGroup._on_task_dona");
        assert_string_equal(functions(), ALONE);
        be_in_group(group, waits, done);
        put(tasks.middle + cpython.coroutine_frame, cpython.variables, new_group(0)); /* another group */
        assert_string_equal(functions(), ALONE);
        be_in_group(new_group(0), waits, done);
        assert_string_equal(functions(), ALONE);
        be_in_group(group, waits, done); /* its attributes are in a dict */
        put(*(uintptr_t *)(group + CPYTHON_OB_TYPE), 168, 0);
        assert_string_equal(functions(), ALONE);
        be_in_group(group, waits, done);
        put(*(uintptr_t *)(group + CPYTHON_OB_TYPE), 168, 1 << 2 | 1 << 4);
        put(group - 32, 0, 0);
        put(group - 32, 8, group);
        put(group, 24, 30 | 3 << 8 | 1 << 16);
        assert_string_equal(functions(), ALONE);
    }
}

/* What sends to OBJECT, for `async for` and its like. */
static uintptr_t new_driver(const char *type, uintptr_t object) { return new_object(new_type(type), 16, object); }

static void outer_awaits(uintptr_t object)
{
    put(tasks.outer + cpython.coroutine_frame, cpython.variables + 8, object | (cpython.tag_mask & 1));
}

static void an_asynchronous_generator_stands_between_its_task_and_what_it_awaits(void **state)
{
    (void)state;
    static const char *const drivers[] = {"async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper"};
    for (unsigned i = 0; i < N_LAYOUTS; i++) {
        make_tasks_of(layouts_of_tasks[i]);
        put(tasks.middle, CPYTHON_OB_TYPE, cpython.async_generator_type);
        for (unsigned n = 0; n < 4; n++) {
            outer_awaits(new_driver(drivers[n], tasks.middle));
            assert_string_equal(functions(), AWAITED);
        }
        outer_awaits(new_driver(drivers[2], new_driver(drivers[0], tasks.middle)));
        assert_string_equal(functions(), AWAITED);
        outer_awaits(new_driver(drivers[2], new_driver(drivers[2], new_driver(drivers[0], tasks.middle))));
        assert_string_equal(functions(), ALONE);
        outer_awaits(new_driver("another", tasks.middle));
        assert_string_equal(functions(), ALONE);
        outer_awaits(tasks.middle);
        put(tasks.middle, CPYTHON_OB_TYPE, cpython.generator_type);
        assert_string_equal(functions(), AWAITED);
        put(tasks.middle, CPYTHON_OB_TYPE, new_type("generator"));
        assert_string_equal(functions(), ALONE);
    }
}

static uintptr_t new_deque(uint64_t n, uintptr_t item)
{
    uintptr_t block = take(64), deque = new_object(new_type("collections.deque"), CPYTHON_OB_SIZE, n);
    put(block, 8 + 8 * 5, item);
    put(deque, 24, block);
    put(deque, 40, 5);
    return deque;
}

/* The task that runs is one of as_completed, which puts it into QUEUE; outer waits for what comes there. */
static void be_completed(uintptr_t queue, bool old)
{
    uintptr_t bound = new_object(cpython.method_type, 16, new_function("_AsCompletedIterator._handle_completion", 0));
    put(bound, 24, new_having("_AsCompletedIterator", 0, queue, 0));
    put(tasks.inner_task, 24, old ? new_function("as_completed.<locals>._on_completion", queue) : bound);
    put(tasks.middle_code, cpython.name, new_string("Queue.get"));
    put(tasks.middle + cpython.coroutine_frame, cpython.variables, queue | (cpython.tag_mask & 1));
}

static void behind_a_task_of_as_completed_stands_the_only_one_that_waits_for_the_next(void **state)
{
    (void)state;
    static const char told[] = "inner Queue.get outer Handle._run";
    for (unsigned i = 0; i < 2 * N_LAYOUTS; i++) {
        make_tasks_of(layouts_of_tasks[i / 2]);
        uintptr_t future = awaited_future("_asyncio.Future", 0), getter = new_deque(1, future), none = new_deque(0, 0);
        be_completed(new_having("Queue", getter, none, new_deque(1, tasks.inner_task)), i % 2);
        assert_string_equal(functions(), told);
        be_completed(new_having("Queue", new_deque(2, future), none, 0), i % 2); /* which of two comes first? */
        assert_string_equal(functions(), ALONE);
        be_completed(new_having("Queue", getter, new_deque(1, new_object(new_type("_asyncio.Future"), 24, 0)), 0), i % 2);
        assert_string_equal(functions(), ALONE);
        put(getter, 40, 64); /* no block has so many */
        be_completed(new_having("Queue", getter, none, 0), i % 2);
        assert_string_equal(functions(), ALONE);
        be_completed(new_having("Queue", new_deque(1, future), none, 0), i % 2);
        put(tasks.middle_code, cpython.name, new_string("Queue.put"));
        assert_string_equal(functions(), ALONE);
        be_completed(new_having("Another", new_deque(1, future), none, 0), i % 2);
        assert_string_equal(functions(), ALONE);
    }
}

static void a_callback_that_is_not_asyncios_own_leads_nowhere(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_LAYOUTS; i++) {
        make_tasks_of(layouts_of_tasks[i]);
        static const char *const names[] = {"shield.<locals>._outer_done_callback", "gather.<locals>._done_callbacks",
                                            "gather.<locals>._done_callbacj", "shield.<locals>._inner_done_callbac", ""};
        for (unsigned n = 0; n < 5; n++) {
            uintptr_t f = new_function(names[n], awaited_future("_asyncio.Future", 0));
            put(tasks.inner_task, 24, f);
            assert_string_equal(functions(), ALONE);
        }
        uintptr_t f = new_function("gather.<locals>._done_callback", awaited_future("_GatheringFuture", 0));
        put(tasks.inner_task, 24, f);
        assert_string_equal(functions(), AWAITED);
        put(*(uintptr_t *)(f + 40), CPYTHON_OB_TYPE, BYTES_TYPE);
        assert_string_equal(functions(), ALONE);
        put(tasks.inner_task, 24, new_partial("another", awaited_future("_asyncio.Future", 0)));
        assert_string_equal(functions(), ALONE);
        put(tasks.inner_task, 24, new_function("gather.<locals>._done_callback", awaited_future("another", 0)));
        assert_string_equal(functions(), ALONE);
    }
}

static void futures_that_end_one_another_have_an_end(void **state)
{
    (void)state;
    static const char name[] = "gather.<locals>._done_callback";
    for (unsigned n = 1; n < 6; n++) { /* up to three between the tasks */
        make_tasks();
        uintptr_t future = awaited_future("_GatheringFuture", 0), type = *(uintptr_t *)(future + CPYTHON_OB_TYPE);
        for (unsigned i = 1; i < n; i++)
            future = new_object(type, 24, new_function(name, future));
        put(tasks.inner_task, 24, new_function(name, future));
        assert_string_equal(functions(), n <= 3 ? AWAITED : ALONE);
    }
    make_tasks();
    uintptr_t future = new_object(new_type("_asyncio.Future"), 24, 0);
    put(future, 24, new_function(name, future));
    put(tasks.inner_task, 24, *(uintptr_t *)(future + 24));
    assert_string_equal(functions(), ALONE);
    for (unsigned n = 10; n <= 100; n += 90) { /* callbacks that do nothing here */
        make_tasks();
        uintptr_t items = take(8 * n), list = new_object(cpython.list_type, CPYTHON_OB_SIZE, n),
                  nothing = new_tuple(new_function("nothing", 0));
        for (unsigned i = 0; i < n; i++)
            put(items, 8 * i, i < n - 1 ? nothing : new_tuple(tasks.wakes));
        put(list, 24, items);
        put(tasks.inner_task, 24, 0);
        put(tasks.inner_task, 40, list);
        assert_string_equal(functions(), n == 10 ? AWAITED : ALONE);
    }
}

static void a_task_that_does_not_lead_to_the_one_that_runs_gives_no_frames(void **state)
{
    (void)state;
    make_tasks();
    put(tasks.iterator, 16, tasks.outer_task); /* it waits for something else */
    assert_string_equal(functions(), ALONE);
    make_tasks();
    ((uint8_t *)tasks.outer)[75] = 0; /* it runs */
    assert_string_equal(functions(), ALONE);
    make_tasks();
    put(tasks.iterator, CPYTHON_OB_TYPE, new_type("another")); /* an asynchronous generator */
    assert_string_equal(functions(), ALONE);
    make_tasks();
    put_int(tasks.run_code, cpython.arguments, 0); /* its first variable may be what was there before */
    assert_string_equal(functions(), ALONE);
    make_tasks();
    put(tasks.inner_task, PLACE_OF_COROUTINE, tasks.outer); /* another coroutine's handle */
    assert_string_equal(functions(), ALONE);
    make_tasks();
    assert_string_equal(functions(), AWAITED);
    put(tasks.inner_task, PLACE_OF_COROUTINE, tasks.outer); /* once its place is known */
    assert_string_equal(functions(), ALONE);
    make_tasks();
    uintptr_t awaits = tasks.iterator;
    for (unsigned i = 0; i < 40; i++) /* more than are followed */
        awaits = new_coroutine(tasks.middle_code, awaits, 0);
    put(tasks.outer_task, PLACE_OF_COROUTINE, awaits);
    assert_string_equal(functions(), ALONE);
    make_tasks();
    cpython.coroutine_frame = 0; /* a version whose tasks are not known */
    assert_string_equal(functions(), ALONE);
}

static void tasks_that_await_one_another_have_an_end(void **state)
{
    (void)state;
    make_tasks();
    uintptr_t itself = new_object(cpython.c_function_type, 24, tasks.outer_task);
    put(tasks.outer_task, 24, itself);
    put(tasks.iterator, 16, tasks.outer_task);
    put(tasks.inner_task, 24, 0);
    assert_string_equal(functions(), ALONE);
    struct runtime_stack s;
    make_tasks();
    uintptr_t iterator = new_type("FutureIter"), c, task = tasks.inner_task;
    for (unsigned i = 0; i < 30; i++) { /* each awaits the one before */
        uintptr_t before = task;
        c = new_coroutine(tasks.middle_code, new_object(iterator, 16, before), 0);
        task = new_object(*(uintptr_t *)(tasks.inner_task + CPYTHON_OB_TYPE), PLACE_OF_COROUTINE, c);
        put(before, 24, new_object(cpython.c_function_type, 24, task));
    }
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
    assert_int_equal(s.n, 18);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static uint64_t random_state = 88172645463325252u;
static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t damage(void)
{
    uint64_t r = next_random();
    switch (r % 6) {
    case 0:
        return (uint64_t)(uintptr_t)arena + (r >> 8) % (ARENA + 4096);
    case 1:
        return (uint64_t)(uintptr_t)arena + ((r >> 8) % ARENA & ~15ull);
    case 2:
        return r >> 8 & 0xff;
    case 3:
        return ~(r >> 8 & 0xff);
    case 4:
        return r >> 16;
    default:
        return r;
    }
}

static void damaged_memory_is_no_fault_and_no_loop(void **state)
{
    (void)state;
    const struct cpython_layout *rows[] = {&of_38, &of_311, &of_314};
    static uint8_t good[ARENA];
    unsigned right = 0, wrong = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct runtime_stack s;
        uintptr_t codes[2], frame;
        begin(rows[i]);
        if (cpython.frame_objects) {
            codes[0] = new_code("old", "/srv/old.py", 10, table_old, sizeof table_old);
            frame = new_frame(codes[0], 5, new_frame(codes[0], 1, 0, 0), 0);
        } else {
            frame = two_frames_new(codes);
        }
        run(frame);
        memcpy(good, arena, ARENA);
        for (unsigned round = 0; round < 4000; round++) {
            for (unsigned n = (unsigned)(next_random() % 4) + 1; n--;) {
                uint64_t w = damage();
                size_t size = next_random() % 2 ? 8 : 1;
                memcpy(arena + next_random() % (used - 8), &w, size);
            }
            cpython_walk_reset();
            if (walk(&s, (unsigned)(next_random() % 64) + 1) == RUNTIME_FRAMES) {
                right++;
                for (unsigned f = 0; f < s.n; f++)
                    assert_string_not_equal(frame_text(&s, f), "none");
            } else {
                wrong++;
            }
            memcpy(arena, good, ARENA);
        }
    }
    assert_true(right > 100);
    assert_true(wrong > 100);
}

static void damaged_tasks_are_no_fault_and_no_loop(void **state)
{
    (void)state;
    static uint8_t good[ARENA];
    for (unsigned i = 0; i < 2 * N_LAYOUTS; i++) {
        unsigned longer = 0;
        make_tasks_of(layouts_of_tasks[i / 2]);
        if (i % 2)
            be_in_group(new_group(awaited_future("_asyncio.Future", 0)), "TaskGroup._aexit", "TaskGroup._on_task_done");
        memcpy(good, arena, ARENA);
        for (unsigned round = 0; round < 1500; round++) {
            struct runtime_stack s;
            for (unsigned n = (unsigned)(next_random() % 3) + 1; n--;) {
                uint64_t w = damage();
                memcpy(arena + next_random() % (used - 8), &w, next_random() % 2 ? 8 : 1);
            }
            cpython_walk_reset();
            if (walk(&s, 64) == RUNTIME_FRAMES)
                for (unsigned f = 0; f < s.n; f++) {
                    assert_string_not_equal(frame_text(&s, f), "none");
                    longer += s.n > 2;
                }
            memcpy(arena, good, ARENA);
        }
        assert_true(longer > 100);
    }
}

static void a_layout_that_is_never_right_is_refused(void **state)
{
    (void)state;
    struct runtime_stack s;
    uintptr_t codes[2];
    begin(&of_311);
    run(two_frames_new(codes));
    runtime_refuse(&runtime_cpython, NULL);
    cpython.name = 120; /* of another version */
    for (unsigned i = 0; i < 15; i++)
        assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    assert_null(runtime_refusal(&runtime_cpython));
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    assert_non_null(runtime_refusal(&runtime_cpython));
    cpython.name = 128;
    assert_int_equal(walk(&s, 64), RUNTIME_NO_FRAMES);
    cpython_walk_reset();
    assert_int_equal(walk(&s, 64), RUNTIME_FRAMES);
}

/* ---- find ------------------------------------------------------------------------------------ */

static const char claims[] = "#include <stdint.h>\n"
                             "struct member { const char *name; long type, offset, more[2]; };\n"
                             "struct member of_code[] = {{\"co_name\", 0, 120}, {\"co_filename\", 0, 112}, {QUALNAME, 0, 128},\n"
                             "    {\"co_firstlineno\", 0, FIRST}, {LINES, 0, 136}, {0}};\n"
                             "struct member of_frame[] = {{\"f_back\", 0, 24}, {\"f_code\", 0, 32}, {\"f_lasti\", 0, 104}, {0}};\n"
                             "uintptr_t PyType_Type[64], PyUnicode_Type[64], PyBytes_Type[64];\n"
                             "uintptr_t PyCode_Type[64] = {[HEAD] = (uintptr_t)PyType_Type, [4] = SIZE, [30] = (uintptr_t)of_code};\n"
                             "uintptr_t PyFrame_Type[64] = {[30] = (uintptr_t)of_frame};\n"
                             "uintptr_t PyGILState_GetThisThreadState(void) { return 0; }\n"
                             "int _PyEval_EvalFrameDefault(void) { return 0; }\n"
                             "#ifdef VERSION\n"
                             "const unsigned long Py_Version = VERSION;\n"
                             "#endif\n"
                             "#ifdef TABLE\n"
                             "uint64_t _PyRuntime[RUNTIME / 8] = {TABLE};\n"
                             "#else\n"
                             "char _PyRuntime[RUNTIME];\n"
                             "#endif\n";

/* What find says of an object with these -D: NULL when it is taken. */
static const char *found(const char *flags)
{
    static unsigned n;
    struct object o;
    struct exports e;
    const char *reason = "not found";
    objects_write("claims.c", claims);
    assert_int_equal(
        objects_run("${CC:-gcc} -shared -fPIC -DHEAD=1 -DQUALNAME='\"co_qualname\"' -DLINES='\"co_linetable\"' -DFIRST=72 -DSIZE=184 "
                    "-DRUNTIME=2000 %s -o claims%u.so claims.c 2>claims.err || { cat claims.err >&2; false; }",
                    flags, ++n),
        0);
    char name[32];
    snprintf(name, sizeof name, "claims%u.so", n);
    void *so = dlopen(objects_path(name), RTLD_NOW | RTLD_LOCAL);
    assert_non_null(so);
    assert_true(object_at((uintptr_t)dlsym(so, "_PyEval_EvalFrameDefault"), &o));
    assert_true(exports_of(&e, &o));
    runtime_refuse(&runtime_cpython, NULL);
    if (runtime_cpython.find(&e))
        reason = NULL;
    else if (runtime_refusal(&runtime_cpython))
        reason = runtime_refusal(&runtime_cpython);
    dlclose(so);
    return reason;
}

/* The table of offsets of 3.13, with the words that the reader compares. */
#define TABLE_313(version, free_threaded, name_at)                                                                          \
    "-UFIRST -DFIRST=68 -USIZE -DSIZE=200 -DVERSION=0x030d00f0 -DTABLE='0x7970677562656478ull, " version ", " free_threaded \
    ", [4] = 608, [6 + 13 + 4] = 72, [6 + 13 + 9 + 1] = 8, 0, 56, [6 + 13 + 9 + 5] = 70, "                                  \
    "[6 + 13 + 9 + 6 + 1] = 112, [6 + 13 + 9 + 6 + 3] = " name_at ", 136, 68, [6 + 13 + 9 + 6 + 9] = 200'"

static void known_versions_are_found_and_all_others_refused(void **state)
{
    (void)state;
    static const struct {
        const char *flags, *reason;
        unsigned version;
    } rows[] = {
        {"-DVERSION=0x030b02f0", NULL, 0x030b},
        {"-DVERSION=0x030c01f0 -USIZE -DSIZE=192", NULL, 0x030c},
        {TABLE_313("0x030d00f0", "0", "128"), NULL, 0x030d},
        {"-UQUALNAME -DQUALNAME='\"co_other\"' -URUNTIME -DRUNTIME=672 -ULINES -DLINES='\"co_lnotab\"'", NULL, 0x0306},
        {"-UQUALNAME -DQUALNAME='\"co_other\"' -URUNTIME -DRUNTIME=672", NULL, 0x030a},
        {"-UQUALNAME -DQUALNAME='\"co_other\"' -URUNTIME -DRUNTIME=680", "its frames are not as expected", 0},
        {"-DVERSION=0x030b02f0 -USIZE -DSIZE=192", "its code objects are of another size", 0},
        {"-DVERSION=0x030c01f0", "its code objects are of another size", 0},
        {"-DVERSION=0x030f00f0", "its version is not known", 0},
        {"-DVERSION=0x040000f0", "its version is not known", 0},
        {"-DVERSION=0x030d00f0", "it has no table of offsets", 0},
        {TABLE_313("0x030e00f0", "0", "128"), "it has no table of offsets", 0},
        {TABLE_313("0x030d00f0", "1", "128"), "it is a free-threaded build", 0},
        {TABLE_313("0x030d00f0", "0", "120"), "its tables of offsets differ", 0},
        {"-DVERSION=0x030b02f0 -UHEAD -DHEAD=3", "it is a special build", 0},
        {"-DVERSION=0x030b02f0 -DPyBytes_Type=other", "it does not export what is needed", 0},
        {"-DVERSION=0x030b02f0 -ULINES -DLINES='\"co_other\"'", "it does not export what is needed", 0},
        {"-DVERSION=0x030b02f0 -UFIRST -DFIRST=99999", "its code objects are not as expected", 0},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *reason = found(rows[i].flags);
        if (rows[i].reason ? !reason || strcmp(reason, rows[i].reason) : reason != NULL || cpython.version != rows[i].version)
            fail_msg("%s: %s, version %x", rows[i].flags, reason ? reason : "found", cpython.version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_have_function_file_and_line_in_each_layout),
        cmocka_unit_test(an_instruction_without_a_line_has_none_and_one_outside_of_the_code_no_name),
        cmocka_unit_test(a_frame_that_has_not_begun_is_hidden),
        cmocka_unit_test(a_function_that_took_a_freed_ones_place_has_another_word),
        cmocka_unit_test(an_interpreter_that_ends_is_left_alone),
        cmocka_unit_test(a_thread_that_python_does_not_know_or_that_runs_none_of_it_has_no_frames),
        cmocka_unit_test(a_walk_that_is_cut_still_says_where_its_last_frame_runs),
        cmocka_unit_test(a_chain_without_an_end_ends),
        cmocka_unit_test(names_of_every_width_are_utf8),
        cmocka_unit_test(of_a_name_that_is_too_long_the_beginning_is_kept_of_a_file_the_end),
        cmocka_unit_test(what_is_no_string_of_the_usual_form_gives_no_name),
        cmocka_unit_test(behind_a_task_stand_the_coroutines_that_await_it),
        cmocka_unit_test(behind_a_task_of_a_group_stands_the_task_that_waits_for_the_group),
        cmocka_unit_test(an_asynchronous_generator_stands_between_its_task_and_what_it_awaits),
        cmocka_unit_test(behind_a_task_of_as_completed_stands_the_only_one_that_waits_for_the_next),
        cmocka_unit_test(a_callback_that_is_not_asyncios_own_leads_nowhere),
        cmocka_unit_test(futures_that_end_one_another_have_an_end),
        cmocka_unit_test(a_task_that_does_not_lead_to_the_one_that_runs_gives_no_frames),
        cmocka_unit_test(tasks_that_await_one_another_have_an_end),
        cmocka_unit_test(damaged_memory_is_no_fault_and_no_loop),
        cmocka_unit_test(damaged_tasks_are_no_fault_and_no_loop),
        cmocka_unit_test(a_layout_that_is_never_right_is_refused),
        cmocka_unit_test(known_versions_are_found_and_all_others_refused),
    };
    return cmocka_run_group_tests(tests, objects_setup, objects_teardown);
}
