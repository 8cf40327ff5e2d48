/* SPDX-License-Identifier: MIT */
/*
 * test_diff.c: which site of one report is which of another, in one build and in two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/diff/match.h"

static struct diff_side before, now;
static struct arena arena;
static struct diff_pairs pairs;

static int end(void **state)
{
    (void)state;
    side_free(&before);
    side_free(&now);
    arena_free(&arena);
    return 0;
}

/* FRAMES as "function file line": at most 8, ended by NULL. Each of BUILD, at an offset of 16 times its line. */
struct place {
    const char *function, *file;
    unsigned line;
};

static void add(struct diff_side *side, uint64_t id, unsigned count, const char *build, const struct place *places)
{
    size_t n = 0;
    while (places && places[n].function)
        n++;
    struct frame *frames = arena_array(&side->arena, n, sizeof *frames);
    for (size_t i = 0; i < n; i++)
        frames[i] = (struct frame){.symbol = *places[i].function ? places[i].function : NULL,
                                   .file = places[i].file,
                                   .line = places[i].line,
                                   .module = places[i].file ? "/srv/app" : "/usr/lib/x86_64-linux-gnu/libc.so.6",
                                   .build_id = places[i].file ? build : "1bc",
                                   .offset = places[i].line * 16};
    struct diff_site s = {.id = id, .exe = "app", .count = count, .opened = count, .frames = frames, .n_frames = n};
    s.by_kind[KIND_CLOSE_WAIT] = count;
    side_add(side, &s);
}

static void match(void)
{
    side_settle(&before);
    side_settle(&now);
    diff_match(&pairs, &arena, &before, &now);
}

static void pair_is(size_t i, enum diff_change change, uint64_t was, uint64_t is, enum diff_matched matched)
{
    assert_true(i < pairs.n);
    assert_int_equal(pairs.items[i].change, change);
    assert_int_equal(pairs.items[i].before ? pairs.items[i].before->id : 0, was);
    assert_int_equal(pairs.items[i].now ? pairs.items[i].now->id : 0, is);
    assert_int_equal(pairs.items[i].matched, matched);
}

static const struct place login[] = {
    {"db_connect", "src/db.c", 42}, {"login", "src/web.c", 88}, {"main", "src/main.c", 7}, {NULL, NULL, 0}};
static const struct place login_later[] = {
    {"db_connect", "src/db.c", 47}, {"login", "src/web.c", 90}, {"main", "src/main.c", 7}, {NULL, NULL, 0}};
static const struct place login_moved[] = {
    {"db_connect", "src/database.c", 40}, {"login", "src/web.c", 88}, {"main", "src/main.c", 7}, {NULL, NULL, 0}};
static const struct place logout[] = {
    {"db_connect", "src/db.c", 42}, {"logout", "src/web.c", 99}, {"main", "src/main.c", 8}, {NULL, NULL, 0}};

static void sites_of_one_build_are_new_grown_shrunk_gone_or_the_same(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 4; id++)
        add(&before, id, 10, "b1", login);
    add(&now, 2, 12, "b1", login);
    add(&now, 3, 7, "b1", login);
    add(&now, 4, 10, "b1", login);
    add(&now, 5, 1, "b1", login_later);
    match();
    assert_int_equal(pairs.n, 5);
    pair_is(0, DIFF_NEW, 0, 5, MATCHED_NOT);
    pair_is(1, DIFF_GROWN, 2, 2, MATCHED_SITE);
    pair_is(2, DIFF_SHRUNK, 3, 3, MATCHED_SITE);
    pair_is(3, DIFF_GONE, 1, 0, MATCHED_NOT);
    pair_is(4, DIFF_SAME, 4, 4, MATCHED_SITE);
    assert_int_equal(pairs.before, 40);
    assert_int_equal(pairs.now, 30);
    assert_int_equal(pairs.changes[DIFF_SAME], 1);
    assert_false(pairs.items[0].uncertain);
}

static void two_calls_of_one_build_are_never_taken_for_each_other(void **state)
{
    (void)state;
    add(&before, 1, 3, "b1", login);
    add(&now, 2, 3, "b1", login_later);
    match();
    assert_int_equal(pairs.n, 2);
    pair_is(0, DIFF_NEW, 0, 2, MATCHED_NOT);
    pair_is(1, DIFF_GONE, 1, 0, MATCHED_NOT);
}

static void with_another_libc_alone_a_call_is_the_same(void **state)
{
    (void)state;
    add(&before, 1, 3, "b1", login);
    add(&now, 2, 3, "b1", login);
    match();
    pair_is(0, DIFF_SAME, 1, 2, MATCHED_FILES);
}

static void in_another_build_lines_may_have_shifted(void **state)
{
    (void)state;
    add(&before, 1, 3, "b1", login);
    add(&before, 2, 1, "b1", logout);
    add(&now, 8, 1, "b2", logout);
    add(&now, 9, 4, "b2", login_later);
    match();
    assert_int_equal(pairs.n, 2);
    pair_is(0, DIFF_GROWN, 1, 9, MATCHED_FILES);
    pair_is(1, DIFF_SAME, 2, 8, MATCHED_FILES);
}

static void in_another_build_a_file_may_have_another_name(void **state)
{
    (void)state;
    add(&before, 1, 3, "b1", login);
    add(&now, 9, 3, "b2", login_moved);
    match();
    assert_int_equal(pairs.n, 1);
    pair_is(0, DIFF_SAME, 1, 9, MATCHED_FUNCTIONS);
}

static void the_file_decides_between_two_sites_with_the_same_functions(void **state)
{
    (void)state;
    add(&before, 1, 3, "b1", login);
    add(&before, 2, 9, "b1", login_moved);
    add(&now, 7, 9, "b2", login_moved);
    add(&now, 9, 3, "b2", login_later);
    match();
    assert_int_equal(pairs.n, 2);
    pair_is(0, DIFF_SAME, 2, 7, MATCHED_FILES);
    pair_is(1, DIFF_SAME, 1, 9, MATCHED_FILES);
}

static void another_way_through_the_same_function_is_another_site(void **state)
{
    (void)state;
    add(&before, 1, 3, "b1", login);
    add(&now, 9, 3, "b2", logout);
    match();
    assert_int_equal(pairs.n, 2);
    assert_false(pairs.unnamed);
}

static void a_folder_a_part_of_a_function_and_the_system_do_not_count(void **state)
{
    static const struct place old[] = {
        {"db_connect", "/build/1/src/db.c", 42}, {"main", "main.c", 7}, {"__libc_start_main", NULL, 0}, {NULL, NULL, 0}};
    static const struct place new[] = {{"db_connect.constprop.0", "/build/2/src/db.c", 42},
                                       {"main", "main.c", 7},
                                       {"__libc_start_call_main", NULL, 0},
                                       {"__libc_start_main_impl", NULL, 0},
                                       {NULL, NULL, 0}};
    (void)state;
    add(&before, 1, 3, "b1", old);
    add(&now, 9, 3, "b2", new);
    match();
    assert_int_equal(pairs.n, 1);
    pair_is(0, DIFF_SAME, 1, 9, MATCHED_FILES);
}

static void equal_numbers_of_calls_in_a_function_are_paired_by_their_lines(void **state)
{
    (void)state;
    add(&before, 1, 3, "b1", login);
    add(&before, 2, 5, "b1", login_later);
    add(&now, 9, 3, "b2", login);
    add(&now, 8, 5, "b2", login_later);
    match();
    assert_int_equal(pairs.n, 2);
    assert_int_equal(pairs.changes[DIFF_SAME], 2);
    assert_false(pairs.items[0].uncertain);
}

static void which_of_several_calls_in_a_function_is_new_is_not_certain(void **state)
{
    (void)state;
    add(&before, 1, 3, "b1", login);
    add(&now, 9, 3, "b2", login);
    add(&now, 8, 2, "b2", login_later);
    match();
    assert_int_equal(pairs.n, 2);
    pair_is(0, DIFF_NEW, 0, 8, MATCHED_NOT);
    assert_true(pairs.items[0].uncertain);
    pair_is(1, DIFF_SAME, 1, 9, MATCHED_FILES);
    assert_true(pairs.items[1].uncertain);
}

static void stacks_without_names_are_matched_by_id_alone_and_that_is_said(void **state)
{
    static const struct place unnamed[] = {{"", "x", 1}, {NULL, NULL, 0}};
    (void)state;
    add(&before, 1, 3, "b1", unnamed);
    add(&now, 9, 3, "b2", unnamed);
    match();
    assert_int_equal(pairs.n, 2);
    assert_true(pairs.unnamed);
}

static void sockets_without_a_stack_are_one_site_a_program(void **state)
{
    (void)state;
    add(&before, 0, 3, "b1", NULL);
    add(&now, 0, 4, "b2", NULL);
    now.sites[0].process = 1;
    add(&now, 0, 4, "b2", NULL);
    add(&now, 0, 1, "b2", NULL);
    now.sites[2].exe = "other";
    match();
    assert_int_equal(pairs.n, 2);
    assert_int_equal(pairs.items[0].change, DIFF_NEW);
    assert_string_equal(pairs.items[0].now->exe, "other");
    assert_int_equal(pairs.items[1].now->count, 8);
    assert_false(pairs.unnamed);
}

static void kinds_that_are_not_asked_for_are_left_out(void **state)
{
    (void)state;
    add(&now, 1, 3, "b1", login);
    add(&now, 2, 4, "b1", login);
    now.sites[1].by_kind[KIND_OPEN] = 1;
    now.sites[1].by_kind[KIND_CLOSE_WAIT] = 3;
    side_settle(&now);
    side_keep_kinds(&now, KIND_BIT(KIND_OPEN));
    assert_int_equal(now.n, 1);
    assert_int_equal(now.sites[0].id, 2);
    assert_int_equal(now.sites[0].count, 1);
}

static void empty_reports_compare(void **state)
{
    (void)state;
    match();
    assert_int_equal(pairs.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sites_of_one_build_are_new_grown_shrunk_gone_or_the_same, end),
        cmocka_unit_test_teardown(two_calls_of_one_build_are_never_taken_for_each_other, end),
        cmocka_unit_test_teardown(with_another_libc_alone_a_call_is_the_same, end),
        cmocka_unit_test_teardown(in_another_build_lines_may_have_shifted, end),
        cmocka_unit_test_teardown(in_another_build_a_file_may_have_another_name, end),
        cmocka_unit_test_teardown(the_file_decides_between_two_sites_with_the_same_functions, end),
        cmocka_unit_test_teardown(another_way_through_the_same_function_is_another_site, end),
        cmocka_unit_test_teardown(a_folder_a_part_of_a_function_and_the_system_do_not_count, end),
        cmocka_unit_test_teardown(equal_numbers_of_calls_in_a_function_are_paired_by_their_lines, end),
        cmocka_unit_test_teardown(which_of_several_calls_in_a_function_is_new_is_not_certain, end),
        cmocka_unit_test_teardown(stacks_without_names_are_matched_by_id_alone_and_that_is_said, end),
        cmocka_unit_test_teardown(sockets_without_a_stack_are_one_site_a_program, end),
        cmocka_unit_test_teardown(kinds_that_are_not_asked_for_are_left_out, end),
        cmocka_unit_test_teardown(empty_reports_compare, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
