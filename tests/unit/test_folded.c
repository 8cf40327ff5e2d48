/* SPDX-License-Identifier: MIT */
/*
 * test_folded.c: folded stacks and suppression lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "a_report.h"
#include "cli/render/formats.h"
#include "cli/render/folded.h"
#include "cli/render/suppressions.h"

static char text[4096];

static const char *folded(const struct report *r)
{
    struct out o = {.buf = text, .cap = sizeof text - 1};
    folded_report(&o, r);
    text[o.len] = 0;
    return text;
}

static void a_line_goes_from_the_program_to_the_call_and_the_count(void **state)
{
    (void)state;
    struct report r = a_report();
    assert_string_equal(folded(&r), "app;0x7f0000001000;app+0x1300;login;db_connect_[i];[close_wait] 2\n"
                                    "app;[no stack];[dead] 1\n");
}

static void separators_inside_names_do_not_split_them(void **state)
{
    (void)state;
    struct report r = a_report();
    struct frame f = {.symbol = "operator;\n(int, char)"};
    a_group[0].frames = &f;
    a_group[0].n_frames = 1;
    r.n_groups = 1;
    r.exe = "/srv/a;b";
    assert_string_equal(folded(&r), "a:b;operator:?(int, char);[close_wait] 2\n");
}

static void each_suppression_line_comes_once(void **state)
{
    (void)state;
    struct model models[2] = {{.report = a_report()}, {.report = a_report()}};
    models[0].report.n_groups = models[1].report.n_groups = 1;
    struct out o = {.buf = text, .cap = sizeof text - 1};
    suppressions_report(&o, models, 2);
    text[o.len] = 0;
    assert_string_equal(text, "close_wait:^db_connect (db.c:42) < login (web.c:88) < (app+0x1300)$\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_goes_from_the_program_to_the_call_and_the_count),
        cmocka_unit_test(separators_inside_names_do_not_split_them),
        cmocka_unit_test(each_suppression_line_comes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
