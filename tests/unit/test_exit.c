/* SPDX-License-Identifier: MIT */
/*
 * test_exit.c: the end of the process: the last report, the status to end with, and an abort that
 * is caught.
 *
 * Processes end as children of the test. The code is compiled in, over a report that notes whether
 * it may allocate.
 */
#include "live_agent.h"

#include <signal.h>

#include "agent/base/thread.h"
#include "agent/watch/reporter.h"
#include "agent/watch/wake.h"

static bool no_malloc_then;
static uint64_t final_report(bool its_last)
{
    no_malloc_then = this_thread.no_malloc;
    return reporter_final(its_last);
}

#define reporter_final final_report
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/process/exit.c"
#undef reporter_final

static int lock_is_free(void)
{
    bool is = watch_lock(0);
    if (is)
        watch_unlock();
    return is;
}

static int finish_without_table(void)
{
    live_capture();
    int status = exit_begins(3, END_EXIT);
    return live_said()[0] ? 1 : status;
}

static void the_end_of_a_process_without_sockets_is_nothing_to_look_at(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(finish_without_table), 3);
}

/* A table is made at the end for sockets that no wrapper saw. */
static int finish_with_an_unseen_socket(void)
{
    socket(AF_INET, SOCK_STREAM, 0);
    this_thread.in_vfork = 1; /* this is the parent's memory */
    exit_begins(0, END_EXIT);
    if (table_exists())
        return 1;
    this_thread.in_vfork = 0;
    thread_enter(); /* a call of our own */
    exit_begins(0, END_EXIT);
    if (table_exists())
        return 2;
    thread_leave();
    agent_options.enabled = false;
    exit_begins(0, END_EXIT);
    if (table_exists())
        return 3;
    agent_options.enabled = true;
    exit_begins(0, END_EXIT);
    return table_exists() && table_head->end == END_EXIT ? 0 : 4;
}

static void sockets_that_no_wrapper_saw_are_looked_for_at_the_end_but_not_in_a_vfork_child(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(finish_with_an_unseen_socket), 0);
}

static int status_of(int status, enum state_end how, unsigned leaks)
{
    for (unsigned i = 0; i < leaks; i++)
        live_hung_up();
    return exit_begins(status, how);
}

static int with_a_leak(void)
{
    agent_options.exitcode = 23;
    return status_of(0, END_EXIT, 1);
}
static int without_a_leak(void)
{
    agent_options.exitcode = 23;
    return status_of(0, END_EXIT, 0);
}
static int that_fails(void)
{
    agent_options.exitcode = 23;
    return status_of(5, END_EXIT, 1);
}
static int by_abort(void)
{
    agent_options.exitcode = 23;
    return status_of(0, END_ABORT, 1);
}
static int without_a_check(void)
{
    agent_options.exitcode = 23;
    agent_options.leak_check_at_exit = false;
    return status_of(0, END_EXIT, 1);
}
static int with_some_allowed(void)
{
    agent_options.exitcode = 23;
    agent_options.max_allowed = 1;
    return status_of(0, END_EXIT, 1);
}
static int with_more_than_allowed(void)
{
    agent_options.exitcode = 23;
    agent_options.max_allowed = 1;
    return status_of(0, END_EXIT, 2);
}
static int in_the_sandbox(void)
{
    agent_options.exitcode = 23;
    live_hung_up();
    sys_enter_sandbox();
    return exit_begins(0, END_EXIT);
}

static void the_exit_status_changes_where_a_leak_was_reported_and_the_program_was_content(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(with_a_leak), 23);
    assert_int_equal(live_in_child(without_a_leak), 0);
    assert_int_equal(live_in_child(that_fails), 5);
    assert_int_equal(live_in_child(by_abort), 0);
    assert_int_equal(live_in_child(without_a_check), 0);
    assert_int_equal(live_in_child(with_some_allowed), 0);
    assert_int_equal(live_in_child(with_more_than_allowed), 23);
    assert_int_equal(live_in_child(in_the_sandbox), 0);
}

static int by_exit(void)
{
    agent_options.exitcode = 23;
    live_hung_up();
    exit(0);
}
static int by_exit_without_a_leak(void)
{
    agent_options.exitcode = 23;
    live_close(live_hung_up());
    exit(0);
}

static void exit_ends_with_the_status_that_the_report_asks_for(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(by_exit), 23);
    assert_int_equal(live_in_child(by_exit_without_a_leak), 0);
}

static void go_on(int number) { (void)number; }

static int reports_once(void)
{
    agent_options.exitcode = 23;
    live_hung_up();
    signal(SIGABRT, go_on);
    exit_aborting(); /* caught */
    exit_aborting();
    if (table_head->end != END_RUNNING || thread_inside() || !lock_is_free())
        return 1;
    thread_enter();
    if (exit_begins(0, END_EXIT) != 0 || table_head->end != END_RUNNING)
        return 2;
    thread_leave();
    this_thread.in_vfork = 1;
    if (exit_begins(0, END_EXIT) != 0 || table_head->end != END_RUNNING)
        return 3;
    this_thread.in_vfork = 0;
    if (exit_begins(0, END_EXIT) != 23 || table_head->end != END_EXIT)
        return 4;
    exit_aborting();
    if (exit_begins(0, END_ABORT) != 0 || table_head->end != END_EXIT) /* once */
        return 5;
    return this_thread.no_malloc ? 6 : 0;
}

static void an_abort_that_is_caught_goes_on_and_the_real_end_is_one(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(reports_once), 0);
}

/* The allocator calls abort() when it finds its heap damaged: the report may not call it again. */
static int reports_at_an_abort(void)
{
    live_hung_up();
    live_capture();
    exit_aborting();
    if (!strstr(live_said(), "hung up") || table_head->end != END_ABORT || table_head->exit_status != 128 + SIGABRT)
        return 1;
    return no_malloc_then && !this_thread.no_malloc ? 0 : 2;
}

static void end_here(int number)
{
    (void)number;
    exit_begins(3, END_EXIT);
}

/* The handler may have come while the program was inside its allocator. */
static int reports_in_a_handler(void)
{
    live_hung_up();
    signal(SIGUSR1, end_here);
    raise(SIGUSR1);
    return table_head->end == END_EXIT && no_malloc_then && !this_thread.no_malloc ? 0 : 1;
}

static int reports_at_an_exit(void)
{
    live_hung_up();
    exit_begins(3, END_EXIT);
    return table_head->end == END_EXIT && table_head->exit_status == 3 && !no_malloc_then ? 0 : 1;
}

static void at_an_abort_and_in_a_handler_there_is_a_report_too_and_no_allocation(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(reports_at_an_abort), 0);
    assert_int_equal(live_in_child(reports_in_a_handler), 0);
    assert_int_equal(live_in_child(reports_at_an_exit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_process_without_sockets_is_nothing_to_look_at),
        cmocka_unit_test(sockets_that_no_wrapper_saw_are_looked_for_at_the_end_but_not_in_a_vfork_child),
        LIVE(exit_ends_with_the_status_that_the_report_asks_for),
        LIVE(the_exit_status_changes_where_a_leak_was_reported_and_the_program_was_content),
        LIVE(an_abort_that_is_caught_goes_on_and_the_real_end_is_one),
        LIVE(at_an_abort_and_in_a_handler_there_is_a_report_too_and_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
