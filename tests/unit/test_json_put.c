/* SPDX-License-Identifier: MIT */
/* test_json_put.c: the members of an object, and what is not known of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "core/json_put.h"

static char text[256];
static struct out o;

static int begin(void **state)
{
    (void)state;
    o = (struct out){.buf = text, .cap = sizeof text - 1};
    return 0;
}

static void is(const char *expected)
{
    text[o.len] = 0;
    assert_string_equal(text, expected);
    begin(NULL);
}

static void a_value_that_is_not_known_is_null(void **state)
{
    (void)state;
    json_put_u64(&o, "n", 0);
    json_put_u64_opt(&o, "m", 0);
    json_put_u64_opt(&o, "k", 7);
    is(",\"n\":0,\"m\":null,\"k\":7");
    json_put_string(&o, "a", NULL);
    json_put_string(&o, "b", "x\"\n");
    is(",\"a\":null,\"b\":\"x\\\"\\u000a\"");
    json_put_site(&o, 0);
    json_put_site(&o, 0x1a2b);
    is(",\"site\":null,\"site\":\"0000000000001a2b\"");
    json_put_error(&o, "e", 0);
    json_put_error(&o, "f", EPIPE);
    json_put_error(&o, "g", 4000);
    is(",\"e\":null,\"f\":\"EPIPE\",\"g\":\"errno 4000\"");
    json_put_bool(&o, "t", true);
    json_put_bool(&o, "f", false);
    json_put_address(&o, "p", 0x7f12);
    is(",\"t\":true,\"f\":false,\"p\":\"0x7f12\"");
}

static void times_have_one_decimal_and_a_limit_that_is_never_reached_none(void **state)
{
    (void)state;
    json_put_seconds(&o, "s", 1250000000u);
    is(",\"s\":1.2");
    json_put_seconds_left(&o, "s", 90, false);
    json_put_seconds_left(&o, "s", 0, false);
    json_put_seconds_left(&o, "s", 90, true);
    is(",\"s\":90.0,\"s\":null,\"s\":0.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_value_that_is_not_known_is_null, begin),
        cmocka_unit_test_setup(times_have_one_decimal_and_a_limit_that_is_never_reached_none, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
