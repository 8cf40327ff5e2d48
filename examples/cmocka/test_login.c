/* SPDX-License-Identifier: MIT */
/* test_login.c: cmocka. A teardown for every test of a group would do as well: take the mark in the setup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SOCKLEAK_FAIL(message) (fputs(message, stderr), fail()) /* fail_msg() cuts at 1,024 bytes */
#include <sockleak.h>

#include "../login/login.h"

static void a_refused_login_leaks_nothing(void **state)
{
    (void)state;
    sockleak_mark_t start = sockleak_mark();
    assert_int_equal(login(""), -1);
    SOCKLEAK_ASSERT_NONE(start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_refused_login_leaks_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
