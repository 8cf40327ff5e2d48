/* SPDX-License-Identifier: MIT */
/*
 * test_ruby.c: the reader of Ruby's frames over a made-up thread, and over a damaged one.
 *
 * That Ruby's own structures are read right is for the comparison with caller_locations,
 * e2e/84-ruby.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../../lib/agent/runtimes/ruby.h"

#define SIZE 16384u

static uint8_t *image; /* the virtual machine, and all that it leads to */
static size_t used;
static uintptr_t machine, self;
static int is_known;

static uintptr_t thread_of_test(void) { return self; }
static int is_ruby_thread(void) { return is_known; }

static uintptr_t take(size_t size)
{
    uintptr_t p = (uintptr_t)image + used;
    used += (size + 15) / 16 * 16;
    assert_true(used <= SIZE);
    return p;
}

static void put(uintptr_t at, uintptr_t value) { memcpy((void *)at, &value, sizeof value); }
static void put_half(uintptr_t at, uint32_t value) { memcpy((void *)at, &value, sizeof value); }

static uintptr_t object(uintptr_t flags, uintptr_t first, uintptr_t second, uintptr_t third)
{
    uintptr_t o = take(sizeof(struct ruby_object));
    *(struct ruby_object *)o = (struct ruby_object){.flags = flags, .word = {first, second, third}};
    return o;
}

/* A short string is in its object, a longer one elsewhere. */
static uintptr_t string(const char *s)
{
    size_t n = strlen(s);
    uintptr_t o = object(RUBY_STRING | (n < 24 ? n << 14 : RUBY_ON_HEAP), 0, 0, 0);
    if (n < 24) {
        memcpy((void *)(o + 16), s, n);
        return o;
    }
    put(o + 16, n);
    put(o + 24, take(n + 1));
    memcpy((void *)*(uintptr_t *)(o + 24), s, n);
    return o;
}

/* Code of 80 words, whose first 60 are of line LINE, the others of the next one. */
static uintptr_t code(const char *label, uintptr_t path, uint32_t line, uintptr_t *words)
{
    const struct ruby_layout *l = &ruby.layout;
    uintptr_t body = take(312), lines = take(2 * l->line_size), positions = take(48 + 80);
    *words = take(80 * 8);
    put_half(body + 4, 80);
    put(body + 8, *words);
    put(body + l->path, path);
    put(body + l->label, string(label));
    put(body + l->first_line, line);
    put(body + l->lines, lines);
    put_half(body + l->n_lines, 2);
    put(body + l->positions, positions);
    put_half(lines, line);
    put_half(lines + l->line_size, line + 1);
    for (unsigned i = 0; i < 6; i++)
        put(positions + i * 8, 0x40810204081u | (uintptr_t)0x81 << 49); /* the first entry, nine times */
    put_half(positions + 48, 1);
    put(positions + 48 + 16, (uintptr_t)1 << 6); /* word 60: 54 + 6 */
    return object(RUBY_IMEMO | RUBY_ISEQ << 12, body, 0, 0);
}

static void frame(uintptr_t at, uintptr_t iseq, uintptr_t pc, uintptr_t flags)
{
    uintptr_t environment = take(8);
    put(environment, flags);
    put(at, pc);
    put(at + 16, iseq);
    put(at + 32, environment);
}

/* <main> calls a method that C implements, whose block calls login. */
static void make(void)
{
    image = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(image, MAP_FAILED);
    used = 0;
    ruby = (struct ruby){.layout = {.version = "3.1.",
                                    .main_thread = 40,
                                    .self = 16,
                                    .vm = 32,
                                    .execution = 40,
                                    .blocking = 168,
                                    .status = 92,
                                    .frame = 16,
                                    .thread = 48,
                                    .frame_size = 64,
                                    .path = 64,
                                    .label = 80,
                                    .first_line = 88,
                                    .lines = 120,
                                    .n_lines = 136,
                                    .positions = 144,
                                    .line_size = 12,
                                    .finish = 0x20},
                         .vm = &machine,
                         .thread = thread_of_test,
                         .is_ruby_thread = is_ruby_thread,
                         .evaluator = 1,
                         .evaluator_end = 2};
    uintptr_t thread, ec, stack, words, iseq, path = string("/srv/app/a_long_path/main.rb");
    machine = take(64);
    thread = take(256);
    ec = take(64);
    stack = take(1024);
    self = object(12, 0, 0, thread);
    is_known = 1;
    put(self + 32, thread);
    put(machine + 40, thread);
    put(thread + 16, self);
    put(thread + 32, machine);
    put(thread + 40, ec);
    put(ec, stack);
    put(ec + 8, 1024 / 8);
    put(ec + 16, stack + 1024 - 5 * 64);
    put(ec + 48, thread);
    uintptr_t list = object(RUBY_ARRAY | RUBY_EMBEDDED, path, path, 0);
    iseq = code("login", path, 10, &words);
    frame(stack + 1024 - 5 * 64, iseq, words + 3 * 8, 0);
    iseq = code("block in <main> of a longer label", list, 20, &words);
    frame(stack + 1024 - 4 * 64, iseq, words + 70 * 8, 0x20);
    frame(stack + 1024 - 3 * 64, 0, 0, 0x80); /* each */
    iseq = code("<main>", list, 30, &words);
    frame(stack + 1024 - 2 * 64, iseq, words + 61 * 8, 0x20);
    frame(stack + 1024 - 64, iseq, words, 0x20);
    ruby_walk_reset();
}

static void a_stack_of_methods_and_blocks_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *function;
        uint32_t line;
    } expected[] = {{"login", 10}, {"block in <main> of a longer label", 21}, {"<main>", 31}};
    struct runtime_stack s = {.max = 64};
    uint64_t hash[3] = {0};
    make();
    for (unsigned turn = 0; turn < 3; turn++) { /* by the kernel, by plain loads, without the lock */
        if (turn == 2)
            put(*(uintptr_t *)(self + 32) + ruby.layout.blocking, 1);
        assert_int_equal(runtime_ruby.walk(&s), RUNTIME_FRAMES);
        assert_int_equal(s.n, 3);
        assert_int_equal(s.n_marks, 2);
        assert_int_equal(s.marks[0].count, 2);
        assert_int_equal(s.marks[1].count, 3);
        for (unsigned i = 0; i < s.n; i++) {
            struct runtime_name name;
            bool hidden;
            assert_true(runtime_ruby.name(&s.frames[i], &name, &hidden));
            assert_string_equal(name.function, expected[i].function);
            assert_string_equal(name.file, "/srv/app/a_long_path/main.rb");
            assert_int_equal(name.line, expected[i].line);
            assert_true(!turn || hash[i] == s.frames[i].hash);
            hash[i] = s.frames[i].hash;
        }
    }
    munmap(image, SIZE);
}

/* While a collection sweeps in steps, the memory of what it has freed is used again. */
static void code_that_took_the_place_of_freed_code_is_another_frame(void **state)
{
    (void)state;
    struct runtime_stack s = {.max = 64};
    struct runtime_name name;
    bool hidden;
    make();
    for (unsigned turn = 0; turn < 2; turn++)
        assert_int_equal(runtime_ruby.walk(&s), RUNTIME_FRAMES);
    uint64_t hash = s.frames[0].hash, next = s.frames[1].hash;
    put(s.frames[0].word[0] + ruby.layout.label, string("other"));
    assert_int_equal(runtime_ruby.walk(&s), RUNTIME_FRAMES);
    assert_true(s.frames[0].hash != hash && s.frames[1].hash == next);
    assert_true(runtime_ruby.name(&s.frames[0], &name, &hidden));
    assert_string_equal(name.function, "other");
    hash = s.frames[0].hash;
    put(s.frames[0].word[0] + ruby.layout.path, string("/srv/app/other.rb"));
    assert_int_equal(runtime_ruby.walk(&s), RUNTIME_FRAMES);
    assert_true(s.frames[0].hash != hash && s.frames[1].hash == next);
    munmap(image, SIZE);
}

static void the_end_is_told_and_a_thread_that_is_not_rubys_has_no_frames(void **state)
{
    (void)state;
    struct runtime_stack s = {.max = 64};
    make();
    assert_false(runtime_ruby.is_ending());
    *(uint8_t *)(*(uintptr_t *)(machine + 40) + ruby.layout.status) = RUBY_THREAD_KILLED;
    assert_true(runtime_ruby.is_ending());
    is_known = 0;
    assert_int_equal(runtime_ruby.walk(&s), RUNTIME_NO_FRAMES);
    machine = 0;
    assert_false(runtime_ruby.is_ending());
    munmap(image, SIZE);
}

static uintptr_t any_word(void)
{
    switch (rand() % 6) {
    case 0:
        return 0;
    case 1:
        return (uintptr_t)(rand() & 0x7fff) << 32 | ((uintptr_t)rand() & ~(uintptr_t)7);
    case 2:
        return (uintptr_t)image + SIZE - (uintptr_t)rand() % 64;
    case 3:
        return (uintptr_t)rand() % 4096;
    case 4:
        return ~(uintptr_t)0;
    }
    return (uintptr_t)image + (uintptr_t)rand() % SIZE / 8 * 8;
}

static void damaged_memory_is_no_fault_and_no_loop(void **state)
{
    (void)state;
    static uint8_t good[SIZE];
    struct runtime_stack s = {.max = 64};
    make();
    memcpy(good, image, SIZE);
    srand(1);
    for (unsigned i = 0; i < 5000; i++) {
        memcpy(image, good, SIZE);
        for (int n = 1 + rand() % 3; n; n--)
            put((uintptr_t)image + (uintptr_t)rand() % (used / 8) * 8, any_word());
        ruby_walk_reset();
        runtime_ruby.is_ending();
        if (runtime_ruby.walk(&s) != RUNTIME_FRAMES)
            continue;
        for (unsigned k = 0; k < s.n; k++) {
            struct runtime_name name;
            bool hidden;
            if (runtime_ruby.name(&s.frames[k], &name, &hidden))
                assert_true(memchr(name.function, 0, sizeof name.function) && memchr(name.file, 0, sizeof name.file));
        }
    }
    munmap(image, SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_of_methods_and_blocks_is_read),
        cmocka_unit_test(code_that_took_the_place_of_freed_code_is_another_frame),
        cmocka_unit_test(the_end_is_told_and_a_thread_that_is_not_rubys_has_no_frames),
        cmocka_unit_test(damaged_memory_is_no_fault_and_no_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
