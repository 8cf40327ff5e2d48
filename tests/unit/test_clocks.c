/* SPDX-License-Identifier: MIT */
/*
 * test_clocks.c: two clocks are compared as of one moment, also when the thread loses its processor
 * between the two.
 *
 * The code is compiled in, over clocks of the tests' own: time goes on at each question, by as much
 * as the test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "agent/base/clocks.h"
#include "agent/base/sys.h"

#define MS 1000000ull
#define ASLEEP (77 * 1000 * MS) /* so long the machine was suspended */
#define REAL_IS (1700000000ull * 1000 * MS)

static uint64_t passed;
static unsigned questions;
static uint64_t lost[64]; /* time that goes by before question number N */

static uint64_t clock_of_test(int clock)
{
    passed += 50 + lost[questions % 64];
    questions++;
    return clock == CLOCK_BOOTTIME ? passed + ASLEEP : clock == CLOCK_REALTIME ? passed + REAL_IS : passed;
}

#define sys_clock clock_of_test
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/base/clocks.c"

static int setup(void **state)
{
    (void)state;
    passed = 5000 * MS;
    questions = 0;
    memset(lost, 0, sizeof lost);
    return 0;
}

static void assert_is(uint64_t ahead) { assert_in_range(ahead, ASLEEP, ASLEEP + 2 * NEAR_NS); }

static void a_clock_is_ahead_by_what_they_differ_at_one_moment(void **state)
{
    (void)state;
    assert_is(clock_ahead(CLOCK_BOOTTIME, CLOCK_MONOTONIC));
    assert_int_equal(questions, 3);
    assert_true(clock_ahead(CLOCK_MONOTONIC, CLOCK_MONOTONIC) <= 2 * NEAR_NS);
}

static void a_processor_that_was_lost_between_is_not_the_difference(void **state)
{
    (void)state;
    lost[1] = 30 * MS; /* between the first two */
    assert_is(clock_ahead(CLOCK_BOOTTIME, CLOCK_MONOTONIC));
    assert_int_equal(questions, 6);
}

static void where_it_is_lost_each_time_the_least_counts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++)
        lost[i] = i == 22 ? 10000 : i % 3 == 1 ? 30 * MS : 15000;
    lost[23] = 10001;
    assert_in_range(clock_ahead(CLOCK_BOOTTIME, CLOCK_MONOTONIC), ASLEEP, ASLEEP + 3 * NEAR_NS);
    assert_int_equal(questions, 3 * TRIES);
}

static void a_process_began_when_its_tick_says(void **state)
{
    (void)state;
    lost[2] = 40 * MS;
    assert_int_equal(clock_real_of(0), 0);
    setup(NULL);
    lost[2] = 40 * MS;
    uint64_t ticks = (4000 * MS + ASLEEP) / (10 * MS) - 1; /* 4 s after the boot, without what it slept */
    assert_in_range(clock_real_of(ticks), REAL_IS + 4000 * MS, REAL_IS + 4000 * MS + 2 * NEAR_NS);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_clock_is_ahead_by_what_they_differ_at_one_moment),
        CASE(a_processor_that_was_lost_between_is_not_the_difference),
        CASE(where_it_is_lost_each_time_the_least_counts),
        CASE(a_process_began_when_its_tick_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
