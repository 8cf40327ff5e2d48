/* SPDX-License-Identifier: MIT */
/* test_login.c: Check. Each test runs in a child of its own (fork mode): take the mark in the test, or in a checked fixture. */
#include <check.h>

#define SOCKLEAK_FAIL(message) ck_abort_msg("%s", message)
#include <sockleak.h>

#include "../login/login.h"

START_TEST(a_refused_login_leaks_nothing)
{
    sockleak_mark_t start = sockleak_mark();
    ck_assert_int_eq(login(""), -1);
    SOCKLEAK_ASSERT_NONE(start);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("login");
    TCase *tests = tcase_create("refused");
    tcase_add_test(tests, a_refused_login_leaks_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
