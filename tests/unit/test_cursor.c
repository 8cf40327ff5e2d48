/* SPDX-License-Identifier: MIT */
/* test_cursor.c: numbers and words of a text that ends where it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/cursor.h"

/* A copy without a NUL, so that the sanitizers see a read behind its end. */
static char *text;
static struct cursor at(const char *s)
{
    size_t n = strlen(s);
    free(text);
    text = malloc(n ? n : 1);
    assert_non_null(text);
    memcpy(text, s, n);
    return (struct cursor){text, text + n};
}

static int end(void **state)
{
    (void)state;
    free(text);
    text = NULL;
    return 0;
}

static void a_number_ends_at_what_is_no_digit_of_its_base(void **state)
{
    (void)state;
    uint64_t n;
    struct cursor c = at("12a7");
    assert_true(cursor_take_number(&c, 10, &n));
    assert_int_equal(n, 12);
    assert_true(cursor_take_number(&c, 16, &n));
    assert_int_equal(n, 0xa7);
    assert_ptr_equal(c.p, c.end);
    assert_false(cursor_take_number(&c, 10, &n));
    c = at("fFgG");
    assert_true(cursor_take_number(&c, 16, &n));
    assert_int_equal(n, 255);
    assert_false(cursor_take_number(&c, 16, &n));
    c = at("@`");
    assert_false(cursor_take_number(&c, 16, &n));
}

static void a_number_above_64_bits_is_none(void **state)
{
    (void)state;
    uint64_t n;
    struct cursor c = at("18446744073709551615");
    assert_true(cursor_take_number(&c, 10, &n));
    assert_true(n == UINT64_MAX);
    c = at("18446744073709551616");
    assert_false(cursor_take_number(&c, 10, &n));
    c = at("ffffffffffffffff");
    assert_true(cursor_take_number(&c, 16, &n));
    assert_true(n == UINT64_MAX);
    c = at("10000000000000000");
    assert_false(cursor_take_number(&c, 16, &n));
}

static void words_stand_between_blanks_and_end_with_the_line(void **state)
{
    (void)state;
    struct cursor c = at(" \t one\ttwo \nx");
    assert_true(cursor_skip_word(&c));
    assert_true(*c.p == '\t');
    assert_true(cursor_skip_word(&c));
    assert_false(cursor_skip_word(&c));
    assert_true(*c.p == '\n');
    assert_false(cursor_take_char(&c, 'x'));
    assert_true(cursor_take_char(&c, '\n'));
    assert_true(cursor_take_char(&c, 'x'));
    assert_false(cursor_take_char(&c, 'x'));
    cursor_skip_blanks(&c);
    assert_ptr_equal(c.p, c.end);
}

static void a_text_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    struct cursor c = at("tfd:tdd");
    c.end--;
    assert_false(cursor_take_text(&c, "tfx"));
    assert_true(cursor_take_text(&c, "tfd:"));
    assert_false(cursor_take_text(&c, "tdd"));
    assert_true(cursor_take_text(&c, "td"));
    assert_true(cursor_take_text(&c, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_number_ends_at_what_is_no_digit_of_its_base, end),
        cmocka_unit_test_teardown(a_number_above_64_bits_is_none, end),
        cmocka_unit_test_teardown(words_stand_between_blanks_and_end_with_the_line, end),
        cmocka_unit_test_teardown(a_text_is_taken_whole_or_not_at_all, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
