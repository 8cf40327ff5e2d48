/* SPDX-License-Identifier: MIT */
/*
 * test_growth_ring.c: counts over the life of a process in 64 points, which are thinned as they age.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/growth_ring.h"
#include "image.h"

#define MS 1000000ull
#define S (1000 * MS)
#define POINT(ms, count) ((uint64_t)(ms) << 24 | (count))

static struct state_growth g;
static struct growth_point p[STATE_GROWTH_POINTS];

static int fresh(void **state)
{
    (void)state;
    g = (struct state_growth){0};
    return 0;
}

static void each_change_is_a_point(void **state)
{
    (void)state;
    assert_int_equal(growth_ring_read(&g, p), 0);
    for (uint32_t i = 0; i < STATE_GROWTH_POINTS; i++)
        growth_ring_add(&g, (100 + i) * S, i * i);
    assert_int_equal(growth_ring_read(&g, p), STATE_GROWTH_POINTS);
    for (uint32_t i = 0; i < STATE_GROWTH_POINTS; i++) {
        assert_int_equal(p[i].at_ns, (100 + i) * S);
        assert_int_equal(p[i].count, i * i);
    }
}

static void a_count_that_stays_takes_two_points(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        growth_ring_add(&g, (100 + i) * S, i < 10 ? 0 : 7);
    assert_int_equal(growth_ring_read(&g, p), 4);
    static const struct growth_point want[] = {{100 * S, 0}, {109 * S, 0}, {110 * S, 7}, {1099 * S, 7}};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(p[i].at_ns, want[i].at_ns);
        assert_int_equal(p[i].count, want[i].count);
    }
}

static void two_checks_of_one_millisecond_are_one_point(void **state)
{
    (void)state;
    growth_ring_add(&g, 5 * S, 1);
    growth_ring_add(&g, 5 * S + 10, 2);
    assert_int_equal(growth_ring_read(&g, p), 1);
    assert_int_equal(p[0].count, 2);
    growth_ring_add(&g, 4 * S, 9); /* a clock that goes back */
    assert_int_equal(g.n, 1);
    assert_int_equal(growth_ring_read(&g, p), 1);
    assert_int_equal(p[0].count, 2);
    growth_ring_add(&g, 6 * S, UINT32_MAX);
    assert_int_equal(growth_ring_read(&g, p), 2);
    assert_int_equal(p[1].count, 0xffffff); /* the most that there is room for */
}

/* A week with a check each 7.5 s, each with another count. */
static void the_points_of_a_week_lie_closer_towards_its_end(void **state)
{
    (void)state;
    const uint64_t period = 7500 * MS, checks = 7 * 86400 * S / period, begin = 1000 * S;
    for (uint64_t i = 0; i < checks; i++)
        growth_ring_add(&g, begin + i * period, (uint32_t)i);
    assert_int_equal(growth_ring_read(&g, p), STATE_GROWTH_POINTS);
    uint64_t last = begin + (checks - 1) * period, whole = last - begin;
    assert_int_equal(p[0].at_ns, begin);
    assert_int_equal(p[63].at_ns, last);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(p[i].count, (p[i].at_ns - begin) / period); /* of its own moment */
    uint64_t widest = 0, last_hour = 0;
    for (unsigned i = 1; i < 64; i++) {
        uint64_t gap = p[i].at_ns - p[i - 1].at_ns;
        widest = gap > widest ? gap : widest;
        last_hour += last - p[i].at_ns < 3600 * S;
    }
    assert_true(widest < whole / 8);
    assert_in_range(last_hour, 3, 16);
    assert_true(p[1].at_ns - p[0].at_ns > 20 * (p[62].at_ns - p[61].at_ns));
}

static void a_record_that_is_damaged_or_changes_gives_points_in_order(void **state)
{
    (void)state;
    g.n = UINT32_MAX;
    g.points[0] = POINT(50, 1);
    g.points[1] = POINT(50, 1); /* that moves at this moment */
    g.points[2] = POINT(40, 2);
    g.points[3] = POINT(60, 3);
    assert_int_equal(growth_ring_read(&g, p), 2);
    assert_int_equal(p[0].count, 1);
    assert_int_equal(p[1].count, 3);
    growth_ring_add(&g, S, 4); /* nor does that lead out of it */
    memset(&g, 0xff, sizeof g);
    assert_int_equal(growth_ring_read(&g, p), 1);
    g.n = STATE_GROWTH_POINTS;
    growth_ring_add(&g, UINT64_MAX, 1);
    assert_int_equal(growth_ring_read(&g, p), 1);
}

static _Atomic bool stop;

static void *add_all_the_time(void *arg)
{
    for (uint32_t i = 1; !stop; i++)
        growth_ring_add(arg, i * MS, i & 0xffffff);
    return NULL;
}

static void a_reader_beside_the_writer_sees_no_point_that_never_was(void **state)
{
    (void)state;
    pthread_t writer;
    stop = false;
    assert_int_equal(pthread_create(&writer, NULL, add_all_the_time, &g), 0);
    unsigned wrong = 0, seen = 0;
    uint64_t last = 0;
    for (uint64_t i = 0; i < 20000000 && seen < 3000; i++) {
        unsigned n = growth_ring_read(&g, p);
        for (unsigned k = 0; k < n; k++)
            wrong += p[k].count != (p[k].at_ns / MS & 0xffffff) || (k && p[k].at_ns <= p[k - 1].at_ns);
        seen += n && p[n - 1].at_ns != last;
        last = n ? p[n - 1].at_ns : 0;
    }
    stop = true;
    pthread_join(writer, NULL);
    assert_true(seen > 1);
    assert_int_equal(wrong, 0);
}

/* ---- the decoder ---- */

static struct state_growth *record(struct image *im, uint32_t offset, state_ref site, unsigned kind)
{
    struct state_growth *r = image_at(im, 0, offset);
    *r = (struct state_growth){.size = sizeof *r, .ready = 1, .format = STATE_CLOSES_GROWTH, .kind = (uint8_t)kind, .site = site};
    return r;
}

/* The first in the file of this site. */
static const struct state_growth *of_site(const struct state_view *v, state_ref site)
{
    const struct state_growth *r;
    for (uint64_t pos = 0; (r = state_next_growth(v, &pos)) != NULL;)
        if (r->site == site)
            return r;
    return NULL;
}

static void a_record_that_is_complete_is_found_and_no_other(void **state)
{
    (void)state;
    struct image im;
    struct state_view v;
    image_make(&im, 1);
    image_extent(&im, 0, EXTENT_CLOSES, 0);
    record(&im, 0, 77, KIND_CLOSE_WAIT);
    struct state_growth *dead = record(&im, 576, 76, KIND_DEAD), *other = record(&im, 2 * 576, 79, KIND_DEAD);
    struct state_growth *cut = record(&im, 3 * 576, 80, KIND_DEAD), *last = record(&im, 4 * 576 + 512, 78, KIND_DEAD);
    record(&im, 3 * 576 + 512, 81, KIND_DEAD)->ready = 0;
    other->format = STATE_CLOSES_GROWTH + 1; /* of a later version */
    cut->size = 512;                         /* shorter than a record */
    assert_null(state_open_view(&v, im.base, im.size));
    assert_ptr_equal(of_site(&v, 76), dead);
    assert_null(of_site(&v, 75));
    for (state_ref site = 79; site < 82; site++)
        assert_null(of_site(&v, site));
    assert_ptr_equal(of_site(&v, 78), last);
    last->size = 2048; /* beyond its extent */
    assert_null(of_site(&v, 78));
    image_extent(&im, 0, EXTENT_LIVES, 0);
    assert_null(of_site(&v, 77));
    image_free(&im);
}

#define CASE(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_change_is_a_point),
        CASE(a_count_that_stays_takes_two_points),
        CASE(two_checks_of_one_millisecond_are_one_point),
        CASE(the_points_of_a_week_lie_closer_towards_its_end),
        CASE(a_record_that_is_damaged_or_changes_gives_points_in_order),
        CASE(a_reader_beside_the_writer_sees_no_point_that_never_was),
        CASE(a_record_that_is_complete_is_found_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
