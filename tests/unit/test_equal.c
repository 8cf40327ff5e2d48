/* SPDX-License-Identifier: MIT */
/*
 * test_equal.c: groups whose stacks read the same are one group, with everything added.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cli/model/equal.h"

static struct model m;
static struct group groups[3];
static struct finding findings[6];
static struct frame frames[3][2];

/* Three groups of two sockets: the same lines at other addresses. */
static int setup(void **state)
{
    (void)state;
    m = (struct model){.report = {.n_groups = 3, .groups = groups}};
    for (unsigned i = 0; i < 3; i++) {
        frames[i][0] = (struct frame){.symbol = "opens", .file = "a.c", .line = 5, .module = "/a", .build_id = "01", .offset = 64 * i};
        frames[i][1] = (struct frame){.symbol = "_start", .module = "/a", .build_id = "01", .offset = 8};
        for (unsigned k = 0; k < 2; k++)
            findings[2 * i + k] = (struct finding){.fd = (int)(2 * i + k), .siteid = 30 - i, .since_ns = 10 * k + i};
        groups[i] = (struct group){.siteid = 30 - i,
                                   .opened = 5,
                                   .closed = 3,
                                   .live = 2,
                                   .count = 2,
                                   .descriptors = 4,
                                   .rate_milli = 7,
                                   .growing = i == 1,
                                   .steady = i < 2,
                                   .oldest_ns = 10 + i,
                                   .youngest_ns = 5 - i,
                                   .n_findings = 2,
                                   .findings = &findings[2 * i],
                                   .n_frames = 2,
                                   .frames = frames[i]};
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&m.arena);
    return 0;
}

static void begin_again(void)
{
    teardown(NULL);
    setup(NULL);
}

static size_t merged(void)
{
    equal_groups_merge(&m);
    return m.report.n_groups;
}

static void equal_ones_are_one_and_all_is_added(void **state)
{
    (void)state;
    assert_int_equal(merged(), 1);
    const struct group *g = &m.report.groups[0];
    assert_int_equal(g->opened, 15);
    assert_int_equal(g->closed, 9);
    assert_int_equal(g->live, 6);
    assert_int_equal(g->count, 6);
    assert_int_equal(g->descriptors, 12);
    assert_int_equal(g->rate_milli, 21);
    assert_true(g->growing);
    assert_false(g->steady);
    assert_int_equal(g->oldest_ns, 12);
    assert_int_equal(g->youngest_ns, 3);
    assert_int_equal(g->siteid, 28); /* the smallest: the same whichever has the most sockets */
    assert_int_equal(g->n_findings, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(g->findings[i].siteid, 28);
        assert_true(!i || g->findings[i - 1].since_ns <= g->findings[i].since_ns);
    }
}

static void the_growth_of_equal_ones_is_added(void **state)
{
    (void)state;
    static const struct growth_point first[] = {{10000000, 0}, {20000000, 3}, {40000000, 5}}, second[] = {{20000000, 1}, {30000000, 4}};
    groups[0].growth = first;
    groups[0].n_growth = 3;
    groups[2].growth = second;
    groups[2].n_growth = 2;
    assert_int_equal(merged(), 1);
    const struct group *g = &m.report.groups[0];
    static const struct growth_point want[] = {{10000000, 0}, {20000000, 4}, {30000000, 7}, {40000000, 9}};
    assert_int_equal(g->n_growth, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(g->growth[i].at_ns, want[i].at_ns);
        assert_int_equal(g->growth[i].count, want[i].count);
    }
}

static void what_differs_in_a_line_a_file_a_function_or_an_unexplained_frame_stays_apart(void **state)
{
    (void)state;
    for (int what = 0; what < 6; what++) {
        begin_again();
        struct frame *f = frames[1];
        if (what == 0)
            f[0].line = 6;
        if (what == 1)
            f[0].file = "b.c";
        if (what == 2)
            f[0].symbol = "others";
        if (what == 3)
            f[1].offset = 16;
        if (what == 4)
            f[1].build_id = "02";
        if (what == 5)
            groups[1].kind = KIND_DEAD;
        assert_int_equal(merged(), 2);
        assert_int_equal(m.report.groups[0].count, 4); /* the most sockets first */
        assert_int_equal(m.report.groups[1].siteid, 29);
    }
}

static void where_no_line_is_known_the_site_decides(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        frames[i][0] = frames[i][1];
    assert_int_equal(merged(), 3);
}

static void generated_code_at_another_address_stays_apart(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        frames[i][1] = (struct frame){.pc = 4096};
    frames[1][1].pc = 8192;
    assert_int_equal(merged(), 2);
}

static void a_template_is_one_function_whatever_its_arguments(void **state)
{
    (void)state;
    frames[0][0].symbol = "int ns::opens<int>(int)";
    frames[1][0].symbol = "std::pair<long, int> ns::opens<std::vector<long> >(long)";
    frames[2][0].symbol = "ns::opens<&f>(void (*)())";
    assert_int_equal(merged(), 1);
    begin_again();
    frames[0][0].symbol = "int ns::opens<int>(int)";
    frames[1][0].symbol = "int ns::closes<int>(int)";
    frames[2][0].symbol = "ns::opens(int)"; /* no template */
    assert_int_equal(merged(), 3);
    begin_again();
    frames[0][0].symbol = "a::operator<(b)";
    frames[1][0].symbol = "a::operator<<(b)";
    frames[2][0].symbol = "a::operator->()";
    assert_int_equal(merged(), 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The three groups are of one site: two variants, and another address of it with the first of these. */
static void make_variants(void)
{
    static const uint32_t names[3] = {1000, 2000, 1000};
    for (int i = 0; i < 3; i++) {
        groups[i].variants = 2;
        groups[i].variant = names[i];
        groups[i].site_count = 99; /* set anew */
        groups[i].siteid = i == 2 ? 28 : 30;
        groups[i].growing = i < 2; /* as all of one site */
    }
}

static void variants_stay_apart_and_have_all_that_is_their_sites(void **state)
{
    (void)state;
    make_variants();
    groups[2].variants = 1; /* its sockets have one life, and no variant */
    groups[2].variant = 0;
    assert_int_equal(merged(), 3);
    begin_again();
    make_variants();
    assert_int_equal(merged(), 2);
    const uint64_t counts[2] = {4, 2};
    for (int i = 0; i < 2; i++) {
        const struct group *g = &m.report.groups[i];
        assert_int_equal(g->siteid, 28);
        assert_int_equal(g->count, counts[i]);
        assert_int_equal(g->n_findings, counts[i]);
        for (size_t k = 0; k < g->n_findings; k++)
            assert_int_equal(g->findings[k].siteid, 28);
        assert_int_equal(g->site_count, 6);
        assert_int_equal(g->site_descriptors, 12);
        assert_int_equal(g->variants, 2);
        assert_int_equal(g->variant, i ? 2000 : 1000);
        assert_int_equal(g->opened, 10); /* of two addresses, once each */
        assert_int_equal(g->closed, 6);
        assert_int_equal(g->live, 4);
        assert_int_equal(g->rate_milli, 14);
        assert_true(g->growing);
        assert_false(g->steady);
    }
    begin_again();
    make_variants();
    groups[1].variant = 1000; /* all of one */
    assert_int_equal(merged(), 1);
    assert_int_equal(m.report.groups[0].variants, 1);
    assert_int_equal(m.report.groups[0].opened, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(equal_ones_are_one_and_all_is_added),
        CASE(the_growth_of_equal_ones_is_added),
        CASE(what_differs_in_a_line_a_file_a_function_or_an_unexplained_frame_stays_apart),
        CASE(where_no_line_is_known_the_site_decides),
        CASE(generated_code_at_another_address_stays_apart),
        CASE(a_template_is_one_function_whatever_its_arguments),
        CASE(variants_stay_apart_and_have_all_that_is_their_sites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
