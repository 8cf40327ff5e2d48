/* SPDX-License-Identifier: MIT */
/*
 * test_growth_index.c: a group finds the counts over time of its own site and kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/model/growth.h"
#include "image.h"

#define MS 1000000ull
#define EXTENTS 3u
#define IN_AN_EXTENT 7u

static struct image im;
static struct state_view view;
static struct arena arena;
static struct growth_index found;

/* The NTH record of the file: COUNT sockets at one moment. */
static struct state_growth *record(unsigned nth, state_ref site, unsigned kind, uint32_t count)
{
    struct state_growth *r = image_at(&im, nth / IN_AN_EXTENT, nth % IN_AN_EXTENT * (uint32_t)sizeof *r);
    *r = (struct state_growth){.size = sizeof *r, .ready = 1, .format = STATE_CLOSES_GROWTH, .kind = (uint8_t)kind, .site = site, .n = 1};
    r->points[0] = 5ull << 24 | count;
    return r;
}

static int setup(void **state)
{
    (void)state;
    image_make(&im, EXTENTS);
    for (unsigned i = 0; i < EXTENTS; i++)
        image_extent(&im, i, EXTENT_CLOSES, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    image_free(&im);
    return 0;
}

static void read_file(void)
{
    assert_null(state_open_view(&view, im.base, im.size));
    growth_index(&found, &view, &arena);
}

/* The count of the one point that a group of SITE and KIND gets; 0: none. */
static uint32_t count_of(state_ref site, unsigned kind, bool of_eof)
{
    struct group g = {.site = site, .kind = (uint8_t)kind, .of_eof = of_eof};
    growth_find(&g, &found, &arena);
    if (!g.n_growth)
        return 0;
    assert_int_equal(g.n_growth, 1);
    assert_int_equal(g.growth[0].at_ns, 5 * MS);
    return g.growth[0].count;
}

static void each_group_gets_the_counts_of_its_site_and_kind(void **state)
{
    (void)state;
    /* in no order: 11 has no divisor in common with 20 */
    for (unsigned i = 0; i < EXTENTS * IN_AN_EXTENT - 1; i++)
        record(i, 100 + i * 11 % 20, i % 2 ? KIND_CLOSE_WAIT : KIND_DEAD, 1000 + i);
    read_file();
    assert_int_equal(found.n, 20);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(count_of(100 + i * 11 % 20, i % 2 ? KIND_CLOSE_WAIT : KIND_DEAD, false), 1000 + i);
        assert_int_equal(count_of(100 + i * 11 % 20, i % 2 ? KIND_DEAD : KIND_CLOSE_WAIT, false), 0);
    }
    assert_int_equal(count_of(99, KIND_DEAD, false), 0);
    assert_int_equal(count_of(120, KIND_DEAD, false), 0);
}

static void where_eof_was_seen_is_no_site_that_is_counted(void **state)
{
    (void)state;
    record(0, 7, KIND_DEAD, 3);
    read_file();
    assert_int_equal(count_of(7, KIND_DEAD, false), 3);
    assert_int_equal(count_of(7, KIND_DEAD, true), 0);
}

static void of_two_records_with_the_same_key_the_first_counts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        record(i, 7 + i % 2, KIND_DEAD, 1 + i);
    read_file();
    assert_int_equal(count_of(7, KIND_DEAD, false), 1);
    assert_int_equal(count_of(8, KIND_DEAD, false), 2);
}

static void a_file_without_counts_has_none(void **state)
{
    (void)state;
    read_file();
    assert_int_equal(found.n, 0);
    assert_int_equal(count_of(0, KIND_CLOSE_WAIT, false), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_group_gets_the_counts_of_its_site_and_kind),
        CASE(where_eof_was_seen_is_no_site_that_is_counted),
        CASE(of_two_records_with_the_same_key_the_first_counts),
        CASE(a_file_without_counts_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
