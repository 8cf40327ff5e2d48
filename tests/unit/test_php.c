/* SPDX-License-Identifier: MIT */
/*
 * test_php.c: the reader of PHP's frames over memory that is made as PHP has it, and damaged.
 *
 * The layout is that of PHP 8.2. All that the reader may follow lies in one arena, so a damaged
 * pointer can be set to any other part of it, or out of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/runtimes/php.h"

#define ARENA 16384u
#define EXECUTOR 0u /* of 1800 bytes */
#define HEAP 2048u

static uint8_t *arena;
static uint32_t used;
static const struct php_layout layout = {.current = 488,
                                         .exception = 864,
                                         .before_exception = 880,
                                         .exception_op = 888,
                                         .flags = 993,
                                         .n_ops = 80,
                                         .ops = 88,
                                         .file = 152,
                                         .first_line = 160,
                                         .generator_frame = 56,
                                         .generator_parent = 152,
                                         .generator_fake = 184};

/* ---- what PHP would have made ---------------------------------------------------------------- */

static uintptr_t take(uint32_t size)
{
    uintptr_t at = (uintptr_t)arena + used;
    used += (size + 7) & ~7u;
    assert_true(used <= ARENA);
    return at;
}

static void put(uintptr_t at, uint32_t offset, uint64_t v) { memcpy((void *)(at + offset), &v, sizeof v); }
static void put_half(uintptr_t at, uint32_t offset, uint32_t v) { memcpy((void *)(at + offset), &v, sizeof v); }

static uintptr_t string(const char *text, uint64_t hash)
{
    uintptr_t s = take(PHP_STRING_TEXT + (uint32_t)strlen(text) + 1);
    put_half(s, PHP_STRING_TYPE, PHP_TYPE_STRING);
    put(s, PHP_STRING_HASH, hash);
    put(s, PHP_STRING_LENGTH, strlen(text));
    memcpy((void *)(s + PHP_STRING_TEXT), text, strlen(text) + 1);
    return s;
}

static uintptr_t class_of(const char *name)
{
    uintptr_t c = take(16);
    put(c, PHP_CLASS_NAME, string(name, 7));
    return c;
}

/* A function of 4 operations; number I has line LINE + I, the function begins one before. */
static uintptr_t function(const char *name, uintptr_t class, const char *file, uint32_t line)
{
    uintptr_t f = take(184), ops = take(4 * PHP_OP_SIZE);
    *(uint8_t *)f = PHP_USER_FUNCTION;
    put(f, PHP_FUNCTION_NAME, name ? string(name, 1 + strlen(name)) : 0);
    put(f, PHP_FUNCTION_CLASS, class);
    put_half(f, layout.n_ops, 4);
    put(f, layout.ops, ops);
    put(f, layout.file, string(file, 0));
    put_half(f, layout.first_line, line - 1);
    for (uint32_t i = 0; i < 4; i++)
        put_half(ops + i * PHP_OP_SIZE, PHP_OP_LINE, line + i);
    return f;
}

static uintptr_t op_of(uintptr_t f, unsigned i) { return *(uintptr_t *)(f + layout.ops) + i * PHP_OP_SIZE; }

static uintptr_t call(uintptr_t f, uintptr_t op, uintptr_t previous, uint32_t info)
{
    uintptr_t frame = take(80);
    put(frame, PHP_FRAME_OP, op);
    put(frame, PHP_FRAME_FUNCTION, f);
    put_half(frame, PHP_FRAME_CALL_INFO, info);
    put(frame, PHP_FRAME_PREVIOUS, previous);
    return frame;
}

static uintptr_t internal_call(uintptr_t previous)
{
    uintptr_t f = take(PHP_FUNCTION_SIZE);
    *(uint8_t *)f = PHP_INTERNAL_FUNCTION;
    return call(f, 0, previous, PHP_CALL_TOP);
}

static void run(uintptr_t frame) { put((uintptr_t)arena + EXECUTOR, layout.current, frame); }

static uintptr_t f_login, f_page, f_main;

/* An internal function in Db::login, called from page through another internal one. */
static void begin(void)
{
    memset(arena, 0, ARENA);
    used = HEAP;
    php = layout;
    php.executor = (uintptr_t)arena + EXECUTOR;
    php.generator_class = take(8);
    put(php.generator_class, 0, take(16));
    php.evaluator = 4096;
    php.evaluator_end = 8192;
    f_main = function(NULL, 0, "/srv/app/index.php", 10);
    f_page = function("page", 0, "/srv/app/page.php", 20);
    f_login = function("login", class_of("Db"), "/srv/app/db.php", 30);
    uintptr_t main_code = call(f_main, op_of(f_main, 1), 0, PHP_CALL_TOP), page = call(f_page, op_of(f_page, 2), main_code, 0),
              map = internal_call(page), login = call(f_login, op_of(f_login, 3), map, PHP_CALL_TOP);
    run(internal_call(login));
    php_walk_reset();
}

static struct runtime_stack walk(void)
{
    struct runtime_stack s = {.max = 64};
    assert_int_equal(php_walk(&s), RUNTIME_FRAMES);
    return s;
}

static struct runtime_name name(const struct runtime_frame *f)
{
    struct runtime_name n;
    bool hidden;
    assert_true(php_name(f, &n, &hidden));
    assert_false(hidden);
    return n;
}

static void is_named(const struct runtime_frame *f, const char *function_name, const char *file, uint32_t line)
{
    struct runtime_name n = name(f);
    assert_string_equal(n.function, function_name);
    assert_string_equal(n.file, file);
    assert_int_equal(n.line, line);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void the_users_functions_are_the_frames_and_each_evaluator_has_its_run_of_them(void **state)
{
    (void)state;
    begin();
    struct runtime_stack s = walk();
    assert_int_equal(s.n, 3);
    is_named(&s.frames[0], "Db::login", "/srv/app/db.php", 33);
    is_named(&s.frames[1], "page", "/srv/app/page.php", 22);
    is_named(&s.frames[2], "{main}", "/srv/app/index.php", 11);
    assert_int_equal(s.n_marks, 2);
    assert_int_equal(s.marks[0].count, 1);
    assert_int_equal(s.marks[1].count, 3);
    assert_false(s.cut);
}

static void no_more_frames_are_read_than_are_wanted(void **state)
{
    (void)state;
    begin();
    struct runtime_stack s = {.max = 2};
    assert_int_equal(php_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n, 2);
    assert_true(s.cut);
    /* the last one has its mark, though the frame that its evaluator was entered with is not read */
    assert_int_equal(s.n_marks, 2);
    assert_int_equal(s.marks[1].count, 2);
    s.max = 1;
    assert_int_equal(php_walk(&s), RUNTIME_FRAMES);
    assert_int_equal(s.n_marks, 1);
}

static void code_in_the_place_of_freed_code_is_another_frame(void **state)
{
    (void)state;
    begin();
    struct runtime_stack before = walk();
    uintptr_t file = *(uintptr_t *)(f_login + layout.file), own = *(uintptr_t *)(f_login + PHP_FUNCTION_NAME);
    /* PHP has hashed one of the strings, and not the other */
    ((char *)file)[PHP_STRING_TEXT + 5] = 'x';
    assert_int_not_equal(walk().frames[0].hash, before.frames[0].hash);
    ((char *)file)[PHP_STRING_TEXT + 5] = 'a';
    assert_int_equal(walk().frames[0].hash, before.frames[0].hash);
    put(own, PHP_STRING_HASH, 77);
    assert_int_not_equal(walk().frames[0].hash, before.frames[0].hash);
    put(own, PHP_STRING_HASH, 6);
    put_half(op_of(f_login, 3), PHP_OP_LINE, 34);
    assert_int_not_equal(walk().frames[0].hash, before.frames[0].hash);
    put_half(op_of(f_login, 3), PHP_OP_LINE, 33);
    assert_int_equal(walk().frames[0].hash, before.frames[0].hash);
    put(f_login, PHP_FUNCTION_CLASS, class_of("Other"));
    assert_int_not_equal(walk().frames[0].hash, before.frames[0].hash);
}

static void a_frame_that_handles_an_exception_has_the_line_before_it_or_that_of_its_function(void **state)
{
    (void)state;
    begin();
    uintptr_t handler = php.executor + layout.exception_op, outer = call(f_page, handler, 0, PHP_CALL_TOP);
    run(call(f_login, handler, outer, 0));
    put(php.executor, layout.before_exception, op_of(f_login, 2));
    struct runtime_stack s = walk();
    is_named(&s.frames[0], "Db::login", "/srv/app/db.php", 32);
    assert_int_equal(name(&s.frames[0]).flags, 0);
    is_named(&s.frames[1], "page", "/srv/app/page.php", 19);
    assert_int_equal(name(&s.frames[1]).flags, FRAME_LINE_OF_FUNCTION);
    /* of an exception in the outer one that has passed: not of the inner one */
    put(php.executor, layout.before_exception, op_of(f_page, 2));
    s = walk();
    is_named(&s.frames[0], "Db::login", "/srv/app/db.php", 29);
    is_named(&s.frames[1], "page", "/srv/app/page.php", 19);
}

static void generators_that_delegate_stand_between_the_one_that_runs_and_the_caller(void **state)
{
    (void)state;
    begin();
    uintptr_t caller = call(f_main, op_of(f_main, 0), 0, PHP_CALL_TOP), class = *(uintptr_t *)php.generator_class, generator[3];
    for (unsigned i = 0; i < 3; i++) {
        generator[i] = take(272);
        put(generator[i], PHP_OBJECT_CLASS, class);
    }
    put(generator[0], layout.generator_frame, call(f_login, op_of(f_login, 0), 0, PHP_CALL_TOP));
    put(generator[0], layout.generator_parent, generator[1]);
    put(generator[1], layout.generator_frame, call(f_page, op_of(f_page, 0), 0, PHP_CALL_TOP));
    put(generator[1], layout.generator_parent, generator[2]);
    uintptr_t fake = generator[0] + layout.generator_fake;
    put(fake, PHP_FRAME_THIS, generator[0]);
    put(fake, PHP_FRAME_PREVIOUS, caller);
    uintptr_t f_innermost = function("innermost", 0, "/srv/app/steps.php", 40);
    run(call(f_innermost, op_of(f_innermost, 0), fake, PHP_CALL_TOP));
    struct runtime_stack s = walk();
    assert_int_equal(s.n, 4);
    is_named(&s.frames[0], "innermost", "/srv/app/steps.php", 40);
    is_named(&s.frames[1], "page", "/srv/app/page.php", 20);
    is_named(&s.frames[2], "Db::login", "/srv/app/db.php", 30);
    is_named(&s.frames[3], "{main}", "/srv/app/index.php", 10);
    /* no evaluator runs those that wait */
    assert_int_equal(s.n_marks, 2);
    assert_int_equal(s.marks[0].count, 1);
    assert_int_equal(s.marks[1].count, 4);
    /* one that waits for itself */
    put(generator[1], layout.generator_parent, generator[0]);
    assert_int_equal(php_walk(&s), RUNTIME_NO_FRAMES);
}

static void a_frame_without_a_function_that_is_no_generators_is_passed_over(void **state)
{
    (void)state;
    begin();
    uintptr_t caller = call(f_main, op_of(f_main, 0), 0, PHP_CALL_TOP), object = take(272), fake = call(0, 0, caller, PHP_CALL_TOP);
    /* as PHP puts one in front of a magic method */
    put(fake, PHP_FRAME_THIS, object);
    run(call(f_page, op_of(f_page, 0), fake, PHP_CALL_TOP));
    struct runtime_stack s = walk();
    assert_int_equal(s.n, 2);
    assert_int_equal(s.n_marks, 2);
    is_named(&s.frames[1], "{main}", "/srv/app/index.php", 10);
    /* inside of an object that is none */
    fake = object + layout.generator_fake;
    put(fake, PHP_FRAME_THIS, object);
    put(fake, PHP_FRAME_PREVIOUS, caller);
    run(call(f_page, op_of(f_page, 0), fake, PHP_CALL_TOP));
    assert_int_equal(php_walk(&s), RUNTIME_NO_FRAMES);
}

static void a_chain_without_an_end_has_no_frames(void **state)
{
    (void)state;
    begin();
    uintptr_t first = internal_call(0);
    put(first, PHP_FRAME_PREVIOUS, internal_call(first));
    run(first);
    struct runtime_stack s = {.max = 64};
    alarm(20);
    assert_int_equal(php_walk(&s), RUNTIME_NO_FRAMES);
    alarm(0);
}

static void names_lose_what_differs_between_hosts(void **state)
{
    static const char *const names[][2] = {
        {"{closure}", "{closure}"},
        {"{closure:/srv/a.b/app/db.php:12}", "{closure:db.php:12}"},
        {"{closure:{closure:/srv/app/db.php:12}:13}", "{closure:{closure:db.php:12}:13}"},
        {"{closure:App\\Db::login():12}", "{closure:App\\Db::login():12}"},
        {"a/b", "a/b"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        begin();
        put(f_page, PHP_FUNCTION_NAME, string(names[i][0], 5));
        struct runtime_stack s = walk();
        is_named(&s.frames[1], names[i][1], "/srv/app/page.php", 22);
    }
    begin();
    uintptr_t class = class_of("class@anonymous./srv/app/db.php:3$0");
    ((char *)*(uintptr_t *)(class + PHP_CLASS_NAME))[PHP_STRING_TEXT + strlen("class@anonymous")] = 0;
    put(f_page, PHP_FUNCTION_CLASS, class);
    struct runtime_stack s = walk();
    is_named(&s.frames[1], "class@anonymous::page", "/srv/app/page.php", 22);
}

static void names_that_are_too_long_are_cut(void **state)
{
    static char longest[4000];
    (void)state;
    begin();
    memset(longest, 'n', sizeof longest - 2);
    longest[sizeof longest - 2] = 'z';
    uintptr_t s_longest = string(longest, 1);
    put(f_page, PHP_FUNCTION_NAME, s_longest);
    put(f_page, layout.file, s_longest);
    struct runtime_stack s = walk();
    struct runtime_name n = name(&s.frames[1]);
    assert_int_equal(strlen(n.function), STATE_FUNCTION_MAX - 1);
    assert_int_equal(strlen(n.file), STATE_FILE_MAX - 1);
    assert_int_equal(n.file[STATE_FILE_MAX - 2], 'z');
    for (unsigned length = STATE_FUNCTION_MAX - 6; length < STATE_FUNCTION_MAX + 2; length++) {
        uintptr_t class = class_of("");
        put(class, PHP_CLASS_NAME, s_longest);
        put(s_longest, PHP_STRING_LENGTH, length);
        put(f_main, PHP_FUNCTION_CLASS, class);
        s = walk();
        assert_true(strlen(name(&s.frames[2]).function) < STATE_FUNCTION_MAX);
    }
}

static void a_layout_that_is_never_right_is_refused(void **state)
{
    struct runtime_stack s = {.max = 64};
    (void)state;
    begin();
    put_half(*(uintptr_t *)(f_page + layout.file), PHP_STRING_TYPE, 7);
    for (unsigned i = 0; i < 15; i++)
        assert_int_equal(php_walk(&s), RUNTIME_NO_FRAMES);
    assert_null(runtime_refusal(&runtime_php));
    assert_int_equal(php_walk(&s), RUNTIME_NO_FRAMES);
    assert_non_null(runtime_refusal(&runtime_php));
    put_half(*(uintptr_t *)(f_page + layout.file), PHP_STRING_TYPE, PHP_TYPE_STRING);
    assert_int_equal(php_walk(&s), RUNTIME_NO_FRAMES);
    runtime_refuse(&runtime_php, NULL);
    /* one that was right once is believed, and what is wrong later has no frames */
    begin();
    walk();
    put(f_page, layout.n_ops, 0);
    assert_int_equal(php_walk(&s), RUNTIME_NO_FRAMES);
    put(f_page, layout.n_ops, 4);
    walk();
    /* words alone are no proof: a file without a name */
    begin();
    ((char *)*(uintptr_t *)(f_page + layout.file))[PHP_STRING_TEXT] = 0;
    assert_int_equal(php_walk(&s), RUNTIME_NO_FRAMES);
}

static void *walk_elsewhere(void *answer)
{
    struct runtime_stack s = {.max = 64};
    *(enum runtime_answer *)answer = php_walk(&s);
    return NULL;
}

static void another_thread_has_none_of_the_frames(void **state)
{
    (void)state;
    enum runtime_answer answer = RUNTIME_FRAMES;
    pthread_t thread;
    begin();
    walk();
    assert_int_equal(pthread_create(&thread, NULL, walk_elsewhere, &answer), 0);
    pthread_join(thread, NULL);
    assert_int_equal(answer, RUNTIME_NO_FRAMES);
    walk();
}

static void the_end_is_that_of_a_program_that_serves_nobody_and_runs_no_code_any_more(void **state)
{
    (void)state;
    begin();
    uint8_t *flags = (uint8_t *)php.executor + layout.flags;
    php.ends_with_request = true;
    assert_false(runtime_php.is_ending());
    *flags = 1;
    assert_false(runtime_php.is_ending());
    run(0);
    assert_true(runtime_php.is_ending());
    *flags = 0;
    assert_false(runtime_php.is_ending());
    /* exit() leaves the functions that run; any other exception may be caught */
    run(call(f_page, op_of(f_page, 0), 0, PHP_CALL_TOP));
    uintptr_t exception = take(40);
    put(php.executor, layout.exception, exception);
    assert_false(runtime_php.is_ending());
    put(exception, PHP_OBJECT_CLASS, class_of("UnwindExits"));
    assert_false(runtime_php.is_ending());
    put(exception, PHP_OBJECT_CLASS, class_of("UnwindExit"));
    assert_true(runtime_php.is_ending());
    run(0);
    *flags = 1;
    php.ends_with_request = false;
    assert_false(runtime_php.is_ending());
}

static void extensions_are_the_interpreters_and_nothing_else_is(void **state)
{
    static const char *const own[] = {"/usr/lib/php/20220829/curl.so", "/usr/local/lib/php/extensions/no-debug-non-zts-20220829/redis.so",
                                      "/usr/lib64/php/modules/mysqlnd.so", "/usr/lib/php82/modules/opcache.so"};
    static const char *const others[] = {"/usr/lib/x86_64-linux-gnu/libcurl.so.4",
                                         "/usr/lib/php/curl.so",
                                         "/srv/phpunit/modules/x.so",
                                         "/usr/lib/20220829/curl.so",
                                         "curl.so",
                                         "/20220829/curl.so",
                                         "/usr/lib/php/2022/curl.so"};
    (void)state;
    for (unsigned i = 0; i < sizeof own / sizeof *own; i++)
        assert_true(runtime_php.owns(own[i], false));
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(runtime_php.owns(others[i], false));
}

/* ---- damaged memory -------------------------------------------------------------------------- */

static uint64_t random_word(void) { return (uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ (uint64_t)random(); }

static uint64_t damage(void)
{
    switch (random() % 5) {
    case 0:
        return 0;
    case 1:
        return (uintptr_t)arena + (uint64_t)random() % ARENA;
    case 2:
        return ((uintptr_t)arena + (uint64_t)random() % (ARENA + 4096)) & ~(uint64_t)7;
    case 3:
        return (uint64_t)random() % 4096;
    default:
        return random_word();
    }
}

static void damaged_memory_gives_no_fault_and_no_more_than_is_wanted(void **state)
{
    static uint8_t pristine[ARENA];
    unsigned right = 0, none = 0;
    (void)state;
    generators_that_delegate_stand_between_the_one_that_runs_and_the_caller(NULL);
    put(php.executor, layout.before_exception, op_of(f_login, 2));
    memcpy(pristine, arena, ARENA);
    srandom(12);
    for (unsigned round = 0; round < 5000; round++) {
        struct runtime_stack s = {.max = 16};
        memcpy(arena, pristine, ARENA);
        for (unsigned i = 1 + (unsigned)random() % 8; i; i--)
            put((uintptr_t)arena, (random() % 32 == 0 ? layout.current & ~7u : HEAP + (uint32_t)random() % (used - HEAP - 8)) & ~7u,
                damage());
        php_walk_reset();
        if (php_walk(&s) != RUNTIME_FRAMES) {
            none++;
            continue;
        }
        right++;
        assert_true(s.n && s.n <= s.max && s.n_marks <= s.n);
        for (unsigned i = 0; i < s.n; i++) {
            struct runtime_name n;
            bool hidden;
            if (!php_name(&s.frames[i], &n, &hidden))
                continue;
            assert_non_null(memchr(n.function, 0, sizeof n.function));
            assert_non_null(memchr(n.file, 0, sizeof n.file));
        }
    }
    assert_true(right > 50 && none > 50);
}

static int make_arena(void **state)
{
    (void)state;
    /* nothing can be read behind it */
    arena = mmap(NULL, ARENA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return arena == MAP_FAILED || mprotect(arena + ARENA, 4096, PROT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_users_functions_are_the_frames_and_each_evaluator_has_its_run_of_them),
        cmocka_unit_test(no_more_frames_are_read_than_are_wanted),
        cmocka_unit_test(code_in_the_place_of_freed_code_is_another_frame),
        cmocka_unit_test(a_frame_that_handles_an_exception_has_the_line_before_it_or_that_of_its_function),
        cmocka_unit_test(generators_that_delegate_stand_between_the_one_that_runs_and_the_caller),
        cmocka_unit_test(a_frame_without_a_function_that_is_no_generators_is_passed_over),
        cmocka_unit_test(a_chain_without_an_end_has_no_frames),
        cmocka_unit_test(names_lose_what_differs_between_hosts),
        cmocka_unit_test(names_that_are_too_long_are_cut),
        cmocka_unit_test(a_layout_that_is_never_right_is_refused),
        cmocka_unit_test(another_thread_has_none_of_the_frames),
        cmocka_unit_test(the_end_is_that_of_a_program_that_serves_nobody_and_runs_no_code_any_more),
        cmocka_unit_test(extensions_are_the_interpreters_and_nothing_else_is),
        cmocka_unit_test(damaged_memory_gives_no_fault_and_no_more_than_is_wanted),
    };
    return cmocka_run_group_tests(tests, make_arena, NULL);
}
