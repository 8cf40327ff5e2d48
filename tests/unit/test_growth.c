/* SPDX-License-Identifier: MIT */
/*
 * test_growth.c: growing, steady, how fast, and when a limit runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/growth.h"

#define S 1000000000ull

static struct growth series(const uint32_t *counts, unsigned n, uint64_t period_ns)
{
    struct growth g = {0};
    for (unsigned i = 0; i < n; i++)
        growth_add(&g, counts[i], 1000 * S + i * period_ns);
    return g;
}

struct row {
    const char *what;
    uint32_t counts[20];
    unsigned n;
    bool growing, steady;
    uint32_t rate_milli; /* at a look each 10 s */
};

static const struct row rows[] = {
    {"nothing yet", {0}, 0, false, false, 0},
    {"one look", {5}, 1, false, false, 0},
    {"a rise at once", {0, 3}, 2, true, false, 18000},
    {"one a look", {1, 2, 3, 4, 5, 6, 7, 8}, 8, true, false, 6000},
    {"one a look, for longer than the ring", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}, 18, true, false, 6000},
    {"a pool", {4, 4, 4, 4}, 4, false, true, 0},
    {"a pool, too early to say", {4, 4, 4}, 3, false, false, 0},
    {"a pool that shrinks", {9, 8, 8, 7}, 4, false, true, 0},
    {"empty", {0, 0, 0, 0, 0}, 5, false, false, 0},
    {"rose, then three looks without", {1, 4, 4, 4, 4}, 5, true, true, 4500},
    {"rose again just now", {4, 4, 4, 4, 5}, 5, true, false, 1500},
    {"up and down", {5, 9, 5}, 3, false, false, 0},
    {"the rise has left the ring", {1, 6, 6, 6, 6, 6, 6, 6, 6, 6}, 10, false, true, 0},
};

static void a_series_of_counts_is_growing_steady_or_neither(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        struct growth g = series(r->counts, r->n, 10 * S);
        if (growth_is_growing(&g) != r->growing || growth_is_steady(&g, 30 * S) != r->steady || growth_rate_milli(&g) != r->rate_milli)
            fail_msg("%s: growing %d steady %d rate %u", r->what, growth_is_growing(&g), growth_is_steady(&g, 30 * S),
                     growth_rate_milli(&g));
    }
}

static void the_rate_is_bounded_and_never_divides_by_zero(void **state)
{
    (void)state;
    struct growth g = series((const uint32_t[]){0, UINT32_MAX}, 2, 0);
    assert_true(growth_is_growing(&g));
    assert_int_equal(growth_rate_milli(&g), 0); /* not known yet */
    g = series((const uint32_t[]){0, UINT32_MAX}, 2, 10 * S);
    assert_int_equal(growth_rate_milli(&g), UINT32_MAX);
    g = series((const uint32_t[]){0, 1}, 2, 3600ull * 24 * 3650 * S); /* one in ten years is still not never */
    assert_int_equal(growth_rate_milli(&g), 1);
}

static void a_million_looks_lose_nothing(void **state)
{
    (void)state;
    struct growth g = {0};
    for (uint32_t i = 0; i < 1000000; i++) {
        growth_add(&g, i, i * S);
        if (growth_rate_milli(&g) != (i < 10 ? 0 : 60000))
            fail_msg("after look %u: %u", i, growth_rate_milli(&g));
    }
}

static void a_rate_waits_for_ten_seconds_and_reaches_further_back_than_the_ring(void **state)
{
    (void)state;
    struct growth g = {0};
    for (uint32_t i = 0; i <= 4 * 300; i++) { /* a look each 250 ms, one more each second: the ring spans less than two */
        growth_add(&g, 3 + (i + 3) / 4, i * S / 4);
        if (i < 40 && growth_rate_milli(&g))
            fail_msg("a rate after look %u", i);
        if (i >= 40 && growth_is_growing(&g) && (growth_rate_milli(&g) < 59000 || growth_rate_milli(&g) > 67000))
            fail_msg("after look %u: %u", i, growth_rate_milli(&g));
    }
    for (uint32_t i = 1; i <= 8; i++) /* all were closed, and three new ones: the past says nothing of them */
        growth_add(&g, i < 6 ? 0 : 3, 300 * S + i * S / 4);
    assert_true(growth_is_growing(&g));
    assert_int_equal(growth_rate_milli(&g), 0);
}

static void a_pool_is_steady_when_it_had_no_new_high_for_so_long(void **state)
{
    (void)state;
    static const uint32_t renewed[] = {0, 4, 4, 4, 4, 4, 0, 4, 4, 4, 4, 4, 4}; /* it renews its four once */
    struct growth g = {0};
    for (uint32_t i = 0; i < sizeof renewed / sizeof *renewed; i++) {
        growth_add(&g, renewed[i], i * S / 4);
        bool now = i == 4 || i == 5 || i >= 10;
        if (growth_is_steady(&g, S) != now)
            fail_msg("after look %u of a quarter of a second", i);
        assert_false(growth_is_steady(&g, 4 * S));
    }
    assert_true(growth_is_steady(&g, 3 * S));
}

static void a_limit_runs_out_when_the_rate_says(void **state)
{
    (void)state;
    assert_int_equal(growth_runs_out_s(64, 1024, 3000), 320 * 60);
    assert_int_equal(growth_runs_out_s(1023, 1024, 3000), 20);
    assert_int_equal(growth_runs_out_s(1023, 1024, 7), 8572); /* rounded up */
    assert_int_equal(growth_runs_out_s(64, 1024, 0), 0);
    assert_int_equal(growth_runs_out_s(1024, 1024, 3000), 0); /* it has: growth_is_reached */
    assert_int_equal(growth_runs_out_s(9999, 1024, 3000), 0);
    assert_int_equal(growth_runs_out_s(10, UINT64_MAX, 3000), 0); /* RLIM_INFINITY */
    assert_int_equal(growth_runs_out_s(10, 0, 3000), 0);          /* no limit known */
}

static void a_limit_that_is_reached_is_not_reached_in_a_second(void **state)
{
    (void)state;
    assert_true(growth_is_reached(1024, 1024));
    assert_true(growth_is_reached(9999, 1024));
    assert_false(growth_is_reached(1023, 1024));
    assert_false(growth_is_reached(1024, 0)); /* no limit known */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_series_of_counts_is_growing_steady_or_neither),
        cmocka_unit_test(the_rate_is_bounded_and_never_divides_by_zero),
        cmocka_unit_test(a_million_looks_lose_nothing),
        cmocka_unit_test(a_rate_waits_for_ten_seconds_and_reaches_further_back_than_the_ring),
        cmocka_unit_test(a_pool_is_steady_when_it_had_no_new_high_for_so_long),
        cmocka_unit_test(a_limit_runs_out_when_the_rate_says),
        cmocka_unit_test(a_limit_that_is_reached_is_not_reached_in_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
