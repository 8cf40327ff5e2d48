/* SPDX-License-Identifier: MIT */
/*
 * test_perl.c: the reader of Perl's frames over a made-up interpreter, and over a damaged one.
 *
 * That Perl's own structures are read right is for the comparison with caller, e2e/83-perl.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../../lib/agent/runtimes/perl.h"

#define SIZE 16384u
#define CURRENT_OP 8u

static pthread_key_t key;
static uint32_t key_word;
static uintptr_t main_interpreter;
static uint8_t *image; /* the interpreter, and all that it leads to */
static size_t used;

static void *take(size_t size)
{
    void *p = image + used;
    used += (size + 15) / 16 * 16;
    assert_true(used <= SIZE);
    return p;
}

static void put(void *at, size_t offset, uintptr_t value) { memcpy((uint8_t *)at + offset, &value, sizeof value); }

static uintptr_t text(const char *s)
{
    char *p = take(strlen(s) + 1);
    memcpy(p, s, strlen(s) + 1);
    return (uintptr_t)p;
}

static uintptr_t shared_string(const char *s)
{
    uint32_t *p = take(8 + strlen(s) + 2);
    p[0] = 0x1234;
    p[1] = (uint32_t)strlen(s);
    memcpy(p + 2, s, strlen(s) + 1);
    return (uintptr_t)p;
}

static void *value(unsigned type, size_t body_size, uintptr_t more, void **body)
{
    uint32_t *v = take(24);
    *body = take(body_size);
    put(v, 0, (uintptr_t)*body);
    v[2] = 1;
    v[3] = type;
    put(v, 16, more);
    return v;
}

static uintptr_t stash(const char *name)
{
    void *body;
    uint32_t *v = value(12, 96, 0, &body);
    v[3] |= 0x2000000;
    put(body, 32, shared_string(name));
    return (uintptr_t)v;
}

static uintptr_t sub(const char *package, const char *name)
{
    void *body, *glob_body;
    void *glob = value(9, 64, 0, &glob_body), *code = value(13, 112, 0, &body);
    put(glob_body, 32, shared_string(name));
    put(glob_body, 40, stash(package));
    put(body, 56, (uintptr_t)glob);
    return (uintptr_t)code;
}

static uintptr_t statement(const char *file, uint32_t line)
{
    static uint32_t sequence;
    struct perl_op *o = take(sizeof *o);
    o->type = 195;
    o->line = line;
    o->file = text(file);
    o->sequence = ++sequence;
    return (uintptr_t)o;
}

static struct perl_context *context(uint8_t *contexts, unsigned i)
{
    return (struct perl_context *)(void *)(contexts + i * PERL_CONTEXT_SIZE);
}

/* main calls A::f, whose string makes a sub that C code calls: B::g. */
static void make(void)
{
    struct perl_layout l = {.version = 36,
                            .size = 3768,
                            .cop = 208,
                            .stack_info = 224,
                            .phase = 2512,
                            .main_root = 1808,
                            .in_eval = 183,
                            .aux_in_body = true,
                            .op_eval = 345,
                            .op_require = 342,
                            .op_dofile = 343,
                            .op_nextstate = 195,
                            .op_scope = 200,
                            .op_exit = 211,
                            .op_die = 192};
    image = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(image, MAP_FAILED);
    used = 0;
    uint8_t *interpreter = take(3768), *inner = take(64), *outer = take(64), *contexts = take(4 * PERL_CONTEXT_SIZE),
            *more = take(2 * PERL_CONTEXT_SIZE);
    uint32_t phase = 4;
    uintptr_t op = (uintptr_t)take(sizeof(struct perl_op));
    put(interpreter, CURRENT_OP, op);
    put(interpreter, l.cop, statement("g.pl", 7));
    put(interpreter, l.stack_info, (uintptr_t)inner);
    memcpy(interpreter + l.phase, &phase, sizeof phase);
    put(inner, 8, (uintptr_t)more);
    put(inner, 16, (uintptr_t)outer);
    put(inner, 32, 0);
    put(outer, 8, (uintptr_t)contexts);
    put(outer, 32, 2);
    *context(more, 0) = (struct perl_context){.type = PERL_CX_SUB, .old_cop = statement("(eval 3)", 2), .code = sub("B", "g")};
    *context(contexts, 0) = (struct perl_context){.type = 2};
    *context(contexts, 1) =
        (struct perl_context){.type = PERL_CX_SUB, .old_cop = statement("main.pl", 30), .return_op = op, .code = sub("A", "f")};
    *context(contexts, 2) =
        (struct perl_context){.type = PERL_CX_EVAL, .depth_and_op = 345 << 7, .old_cop = statement("f.pl", 5), .return_op = op};
    main_interpreter = (uintptr_t)interpreter;
    perl = (struct perl){
        .layout = l, .key = &key_word, .specific = pthread_getspecific, .main = &main_interpreter, .evaluator = 1, .evaluator_end = 2};
    assert_int_equal(pthread_setspecific(key, interpreter), 0);
    perl_walk_reset();
}

static void a_stack_of_subs_strings_and_the_main_program_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *function, *file;
        uint32_t line;
    } expected[] = {{"B::g", "g.pl", 7}, {"(eval)", "(eval)", 2}, {"A::f", "f.pl", 5}, {"(main)", "main.pl", 30}};
    struct runtime_stack s = {.max = 64};
    make();
    for (unsigned turn = 0; turn < 2; turn++) { /* by the kernel, then by plain loads */
        assert_int_equal(runtime_perl.walk(&s), RUNTIME_FRAMES);
        assert_int_equal(s.n, 4);
        assert_int_equal(s.n_marks, 2);
        assert_int_equal(s.marks[0].count, 1);
        assert_int_equal(s.marks[1].count, 4);
        for (unsigned i = 0; i < s.n; i++) {
            struct runtime_name name;
            bool hidden;
            assert_true(runtime_perl.name(&s.frames[i], &name, &hidden));
            assert_string_equal(name.function, expected[i].function);
            assert_string_equal(name.file, expected[i].file);
            assert_int_equal(name.line, expected[i].line);
        }
    }
    s.max = 2;
    assert_int_equal(runtime_perl.walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 2);
    assert_true(s.cut);
    assert_int_equal(s.marks[s.n_marks - 1].count, 2);
    munmap(image, SIZE);
}

static void an_interpreter_that_destructs_has_no_frames_and_ends(void **state)
{
    (void)state;
    struct runtime_stack s = {.max = 64};
    uint32_t phase = PERL_DESTRUCTS;
    make();
    assert_false(runtime_perl.is_ending());
    memcpy(image + perl.layout.phase, &phase, sizeof phase);
    assert_int_equal(runtime_perl.walk(&s), RUNTIME_NO_FRAMES);
    assert_true(runtime_perl.is_ending());
    main_interpreter = 0;
    assert_false(runtime_perl.is_ending());
    pthread_setspecific(key, NULL);
    assert_int_equal(runtime_perl.walk(&s), RUNTIME_NO_FRAMES);
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
            put(image, (size_t)rand() % (used / 8) * 8, any_word());
        perl_walk_reset();
        if (runtime_perl.walk(&s) != RUNTIME_FRAMES)
            continue;
        for (unsigned k = 0; k < s.n; k++) {
            struct runtime_name name;
            bool hidden;
            if (runtime_perl.name(&s.frames[k], &name, &hidden))
                assert_true(memchr(name.function, 0, sizeof name.function) && memchr(name.file, 0, sizeof name.file));
        }
        runtime_perl.is_ending();
    }
    munmap(image, SIZE);
}

static int make_key(void **state)
{
    (void)state;
    int wrong = pthread_key_create(&key, NULL);
    key_word = (uint32_t)key;
    return wrong;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_of_subs_strings_and_the_main_program_is_read),
        cmocka_unit_test(an_interpreter_that_destructs_has_no_frames_and_ends),
        cmocka_unit_test(damaged_memory_is_no_fault_and_no_loop),
    };
    return cmocka_run_group_tests(tests, make_key, NULL);
}
