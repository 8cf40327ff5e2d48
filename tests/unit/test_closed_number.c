/* SPDX-License-Identifier: MIT */
/* test_closed_number.c: the record of a number is one event's at a time, and who has called on its socket. */
#include "tracked_agent.h"

#include "agent/track/closed_number.h"

static int begin(void **state)
{
    (void)state;
    closed_number_forget_all();
    return 0;
}

static void a_record_is_made_once_and_belongs_to_one_event_at_a_time(void **state)
{
    (void)state;
    assert_null(closed_number_take(700, false));
    struct closed_number *n = closed_number_take(700, true), *next = closed_number_take(701, false);
    assert_non_null(n);
    assert_non_null(next); /* of the same pages */
    assert_ptr_not_equal(n, next);
    assert_int_equal(n->gen, 0);
    n->gen = 5;
    assert_null(closed_number_take(700, true)); /* another event has it */
    closed_number_leave(n);
    assert_ptr_equal(closed_number_take(700, false), n);
    assert_int_equal(n->gen, 5);
    closed_number_forget_all(); /* locked, as in a child */
    assert_null(closed_number_take(700, false));
    n = closed_number_take(700, true);
    assert_non_null(n);
    assert_int_equal(n->gen, 0);
}

static void numbers_that_no_record_is_kept_of_have_none(void **state)
{
    (void)state;
    assert_null(closed_number_take(-1, true));
    assert_null(closed_number_take(1 << 20, true));
    assert_non_null(closed_number_take((1 << 20) - 1, true));
}

static void the_threads_that_called_on_a_socket_are_known_until_they_are_too_many(void **state)
{
    (void)state;
    struct closed_number *n = closed_number_take(9, true);
    n->now_gen = 3;
    assert_false(closed_number_has_touched(n, 3, 40, true));
    closed_number_touch(n, 3, 40);
    closed_number_touch(n, 3, 40);
    assert_int_equal(n->n_touching, 1);
    assert_true(closed_number_has_touched(n, 3, 40, false));
    assert_false(closed_number_has_touched(n, 3, 41, true));
    assert_true(closed_number_has_touched(n, 2, 41, true)); /* of another socket nothing is known */
    assert_false(closed_number_has_touched(n, 2, 40, false));
    for (uint32_t tid = 41; tid < 44; tid++)
        closed_number_touch(n, 3, tid);
    assert_true(closed_number_has_touched(n, 3, 42, false));
    assert_true(closed_number_has_touched(n, 3, 50, true));
    assert_false(closed_number_has_touched(n, 3, 50, false));
}

static void a_site_that_was_handed_over_stays_so_and_one_that_is_not_known_is(void **state)
{
    (void)state;
    assert_true(closed_number_is_handed(0));
    assert_false(closed_number_is_handed(77));
    closed_number_hand_over(77);
    assert_true(closed_number_is_handed(77));
    assert_false(closed_number_is_handed(78));
    closed_number_forget_all();
    assert_false(closed_number_is_handed(77));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_record_is_made_once_and_belongs_to_one_event_at_a_time, begin),
        cmocka_unit_test_setup(numbers_that_no_record_is_kept_of_have_none, begin),
        cmocka_unit_test_setup(the_threads_that_called_on_a_socket_are_known_until_they_are_too_many, begin),
        cmocka_unit_test_setup(a_site_that_was_handed_over_stays_so_and_one_that_is_not_known_is, begin),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
