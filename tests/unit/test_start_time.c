/* SPDX-License-Identifier: MIT */
/* test_start_time.c: when a process began, on the clock that files are dated by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/start_time.h"

#define S 1000000000ull

static void it_is_the_end_of_the_tick_in_which_the_process_began(void **state)
{
    (void)state;
    assert_int_equal(start_time_real(100, 5 * S, 1000 * S), 996 * S + START_TIME_TICK_NS);
    assert_int_equal(start_time_real(499, 5 * S, 1000 * S), 1000 * S);
}

static void within_that_tick_it_is_now(void **state)
{
    (void)state;
    assert_int_equal(start_time_real(500, 5 * S + 1, 1000 * S), 1000 * S);
}

static void what_cannot_be_is_not_known(void **state)
{
    (void)state;
    assert_int_equal(start_time_real(0, 5 * S, 1000 * S), 0);
    assert_int_equal(start_time_real(100, 5000 * S, 1000 * S), 0); /* a clock that was never set */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_end_of_the_tick_in_which_the_process_began),
        cmocka_unit_test(within_that_tick_it_is_now),
        cmocka_unit_test(what_cannot_be_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
