/* SPDX-License-Identifier: MIT */
/* test_prefix.c: how a text begins, and what may follow the name of a library or of a program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/prefix.h"

static const char *const names[] = {"libc", "libresolv", "node"};
#define N (sizeof names / sizeof *names)

static void a_text_begins_with_itself_with_its_first_part_and_with_nothing(void **state)
{
    (void)state;
    assert_true(begins_with("libc.so", "libc"));
    assert_true(begins_with("libc", "libc"));
    assert_true(begins_with("libc", ""));
    assert_false(begins_with("lib", "libc"));
    assert_false(begins_with("", "l"));
}

static void one_of_a_list_is_enough_and_no_text_begins_with_none(void **state)
{
    (void)state;
    assert_true(begins_with_one("nodelike", names, N));
    assert_true(begins_with_one("libcurl", names, N));
    assert_false(begins_with_one("lib", names, N));
    assert_false(begins_with_one("libc", names, 0));
    assert_false(begins_with_one(NULL, names, N));
}

static void a_name_ends_where_a_version_or_the_ending_follows(void **state)
{
    (void)state;
    static const char *const library[] = {"libc.so", "libc.so.6", "libc-2.31.so", "libresolv.so.2"};
    static const char *const no_library[] = {"libc", "libcurl.so.4", "libc-client.so", "libc-", "libc.a", "libc2.so", "xlibc.so"};
    static const char *const program[] = {"node", "node18", "node.bin", "node-20", "libc"};
    static const char *const no_program[] = {"nodejs", "nodelike", "nod", "node_x"};
    for (size_t i = 0; i < sizeof library / sizeof *library; i++)
        assert_true(begins_with_name(library[i], names, N, name_end_of_library));
    for (size_t i = 0; i < sizeof no_library / sizeof *no_library; i++)
        assert_false(begins_with_name(no_library[i], names, N, name_end_of_library));
    for (size_t i = 0; i < sizeof program / sizeof *program; i++)
        assert_true(begins_with_name(program[i], names, N, name_end_of_program));
    for (size_t i = 0; i < sizeof no_program / sizeof *no_program; i++)
        assert_false(begins_with_name(no_program[i], names, N, name_end_of_program));
}

static void a_name_that_begins_another_does_not_hide_it(void **state)
{
    (void)state;
    static const char *const nested[] = {"libc", "libc-x"};
    assert_true(begins_with_name("libc-x.so", nested, 2, name_end_of_library));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_begins_with_itself_with_its_first_part_and_with_nothing),
        cmocka_unit_test(one_of_a_list_is_enough_and_no_text_begins_with_none),
        cmocka_unit_test(a_name_ends_where_a_version_or_the_ending_follows),
        cmocka_unit_test(a_name_that_begins_another_does_not_hide_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
