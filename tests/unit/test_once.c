/* SPDX-License-Identifier: MIT */
/*
 * test_once.c: a socket that several processes of a report hold is one finding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "cli/model/merge.h"
#include "cli/model/model.h"
#include "cli/model/once.h"
#include "cli/state/load.h"

enum { PROCESSES = 3 };

static struct finding findings[PROCESSES][2];
static struct group groups[PROCESSES];
static struct model from[PROCESSES];
static bool is_again[2 * PROCESSES];

/* Three processes with two sockets each, the same two. */
static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * PROCESSES; i++)
        is_again[i] = true;
    for (unsigned i = 0; i < PROCESSES; i++) {
        for (unsigned k = 0; k < 2; k++)
            findings[i][k] = (struct finding){
                .fd = 3 + (int)k, .siteid = 9, .family = AF_INET, .inode = 70 + k, .local = "127.0.0.1:1", .peer = "127.0.0.1:2"};
        groups[i] = (struct group){.siteid = 9, .findings = findings[i], .n_findings = 2, .opened = 2};
        from[i] = (struct model){.report = {.pid = 50 + i, .groups = &groups[i], .n_groups = 1}, .looked_ns = 5};
    }
    return 0;
}

static unsigned left(unsigned process) { return !is_again[2 * process] + !is_again[2 * process + 1]; }

static void the_first_tells_of_what_three_hold(void **state)
{
    (void)state;
    once_mark(from, PROCESSES, is_again);
    assert_int_equal(left(0), 2);
    assert_int_equal(left(1), 0);
    assert_int_equal(left(2), 0);
}

static void who_looked_last_tells(void **state)
{
    (void)state;
    from[1].looked_ns = 6;
    once_mark(from, PROCESSES, is_again);
    assert_int_equal(left(0), 0);
    assert_int_equal(left(1), 2);
    assert_int_equal(left(2), 0);
}

static void a_live_one_tells_before_one_that_has_ended(void **state)
{
    (void)state;
    static struct loaded_file live = {.life = LIFE_RUNNING}, gone = {.life = LIFE_EXITED};
    from[0].from = from[1].from = &gone;
    from[2].from = &live;
    from[0].looked_ns = 9;
    once_mark(from, PROCESSES, is_again);
    assert_int_equal(left(0), 0);
    assert_int_equal(left(1), 0);
    assert_int_equal(left(2), 2);
}

static void what_differs_is_another_socket(void **state)
{
    (void)state;
    findings[1][0].family = AF_INET6;
    findings[1][1].kind = KIND_HANGUP;
    findings[2][0].local = "127.0.0.1:3"; /* its number was given to another since */
    findings[2][1].peer = NULL;
    once_mark(from, PROCESSES, is_again);
    for (unsigned i = 0; i < PROCESSES; i++)
        assert_int_equal(left(i), 2);
}

static void one_without_an_inode_is_like_no_other(void **state)
{
    (void)state;
    findings[0][0].inode = findings[1][0].inode = findings[2][0].inode = 0;
    once_mark(from, PROCESSES, is_again);
    assert_int_equal(left(0), 2);
    assert_int_equal(left(1), 1);
    assert_int_equal(left(2), 1);
}

static void two_of_one_process_stay(void **state)
{
    (void)state;
    findings[0][1].inode = findings[0][0].inode;
    once_mark(from, 1, is_again);
    assert_int_equal(left(0), 2);
}

static void nothing_marks_nothing(void **state)
{
    (void)state;
    once_mark(NULL, 0, is_again);
    assert_true(is_again[0]);
}

/* Two children that ended at the same moment, each of which took the other for gone. */
static void the_report_of_all_counts_each_once(void **state)
{
    (void)state;
    struct model m;
    struct model_options o = {.reason = -1};
    model_merge(&m, from, PROCESSES, 1, "all", &o);
    assert_int_equal(m.n_findings, 2);
    assert_int_equal(m.report.n_groups, 1);
    assert_int_equal(m.report.groups[0].n_findings, 2);
    assert_int_equal(m.report.groups[0].opened, 2);
    assert_int_equal(m.report.groups[0].findings[0].pid, 50);
    model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_tells_of_what_three_hold, setup),
        cmocka_unit_test_setup(who_looked_last_tells, setup),
        cmocka_unit_test_setup(a_live_one_tells_before_one_that_has_ended, setup),
        cmocka_unit_test_setup(what_differs_is_another_socket, setup),
        cmocka_unit_test_setup(one_without_an_inode_is_like_no_other, setup),
        cmocka_unit_test_setup(two_of_one_process_stay, setup),
        cmocka_unit_test_setup(the_report_of_all_counts_each_once, setup),
        cmocka_unit_test_setup(nothing_marks_nothing, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
