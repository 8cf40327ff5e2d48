/* SPDX-License-Identifier: MIT */
/*
 * test_utf8.c: characters that a reader of strings puts together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/utf8.h"

static void a_character_is_put_in_its_shortest_form(void **state)
{
    (void)state;
    static const uint32_t characters[] = {'a', 0x7f, 0x80, 0xe9, 0x7ff, 0x800, 0x20ac, 0xffff, 0x10000, 0x1f600, 0x10ffff};
    char text[64] = "";
    size_t n = 0;
    for (unsigned i = 0; i < sizeof characters / sizeof *characters; i++)
        assert_true(utf8_put(text, sizeof text, &n, characters[i]));
    text[n] = 0;
    assert_string_equal(text, "a\x7f\xc2\x80\u00e9\u07ff\u0800\u20ac\uffff\U00010000\U0001f600\U0010ffff");
    for (size_t at = 0, len; at < n; at += len)
        assert_in_range(len = utf8_length(text + at, n - at), 1, 4);
}

static void what_does_not_fit_with_a_zero_is_left_out_whole(void **state)
{
    (void)state;
    char text[4] = "xyz";
    size_t n = 1;
    assert_false(utf8_put(text, sizeof text, &n, 0x20ac));
    assert_int_equal(n, 1);
    assert_string_equal(text, "xyz");
    assert_true(utf8_put(text, sizeof text, &n, 0xe9));
    assert_int_equal(n, 3);
    assert_false(utf8_put(text, sizeof text, &n, 'a'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_character_is_put_in_its_shortest_form),
        cmocka_unit_test(what_does_not_fit_with_a_zero_is_left_out_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
