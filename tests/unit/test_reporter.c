/* SPDX-License-Identifier: MIT */
/*
 * test_reporter.c: what is said after a look: groups that are due, sockets that were closed after
 * all, everything at a signal or the end.
 *
 * The code is compiled in, so that a test can close a socket at the moments at which the program
 * may.
 */
#define LIVE_OPTIONS "interval=0:max_frames=0:grace=30s:color=never"
#include "live_agent.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/report/build.h"
#include "agent/base/options.h"
#include "agent/table/state_dir.h"
#include "agent/watch/reporter.h"
#include "agent/watch/wake.h"
#include "agent/base/scratch.h"
#include "agent/report/suppressions.h"

/* ---- moments ---- */

static unsigned built_times;
static void (*after_build)(void), (*after_copy)(void);
static bool no_memory, lock_is_taken, no_file;

static void at(void (**moment)(void))
{
    void (*now)(void) = *moment;
    *moment = NULL;
    if (now)
        now();
}

static bool build_and_stop(struct built *c, const struct selection *s, enum reason reason)
{
    built_times++;
    bool ok = report_build(c, s, reason);
    at(&after_build);
    return ok && !no_memory;
}

static bool copy_and_stop(const struct state_slot *slot, struct state_slot *copy)
{
    bool ok = state_copy_slot(slot, copy);
    at(&after_copy);
    return ok;
}

static bool path_or_none(char *path, size_t cap) { return !no_file && state_dir_file_path(path, cap); }

static bool lock_or_not(unsigned ms) { return !lock_is_taken && watch_lock(ms); }

#define report_build build_and_stop
#define state_copy_slot copy_and_stop
#define watch_lock lock_or_not
#define state_dir_file_path path_or_none
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/watch/reporter.c"
#undef report_build
#undef state_copy_slot
#undef watch_lock
#undef state_dir_file_path

const char *sockleak_default_suppressions(void);
const char *sockleak_default_suppressions(void) { return "local:meant-to-stay\n"; }

/* One that a rule is meant for. */
static void live_suppressed(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0meant-to-stay"};
    int fd = live_socket(AF_UNIX, SOCK_STREAM);
    snprintf(a.sun_path + 14, sizeof a.sun_path - 14, "-%d-%d", (int)getpid(), fd);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
}

static int setup(void **state)
{
    int r = live_setup(state);
    built_times = 0;
    no_file = false;
    after_build = after_copy = NULL;
    no_memory = lock_is_taken = false;
    atomic_store(&table_head->grace_ns, 0);
    live_capture();
    return r;
}

static unsigned lines_with(const char *word)
{
    unsigned n = 0;
    for (const char *p = live_said(); (p = strstr(p, word)); p += strlen(word))
        n++;
    return n;
}

static void look_and_report_what_is_due(void)
{
    check_all(0);
    reporter_releases();
    reporter_due();
}

/* ---- groups that are due ---- */

static void a_group_is_reported_when_it_is_due_and_again_when_it_has_doubled(void **state)
{
    (void)state;
    look_and_report_what_is_due();
    assert_string_equal(live_said(), "");
    assert_int_equal(built_times, 0);
    live_hung_up();
    live_hung_up();
    look_and_report_what_is_due();
    assert_int_equal(lines_with("WARNING"), 1);
    live_hung_up();
    look_and_report_what_is_due();
    assert_int_equal(built_times, 1);
    assert_int_equal(lines_with("WARNING"), 1);
    live_hung_up();
    look_and_report_what_is_due();
    assert_int_equal(lines_with("WARNING"), 2);
}

static void what_is_suppressed_is_not_made_into_a_report_at_each_look(void **state)
{
    (void)state;
    live_suppressed();
    look_and_report_what_is_due();
    look_and_report_what_is_due();
    assert_int_equal(built_times, 1);
    assert_string_equal(live_said(), "");
}

static void without_memory_a_report_is_made_at_the_next_look(void **state)
{
    (void)state;
    live_hung_up();
    no_memory = true;
    look_and_report_what_is_due();
    assert_string_equal(live_said(), "");
    no_memory = false;
    look_and_report_what_is_due();
    assert_int_equal(lines_with("WARNING"), 1);
}

/* ---- closed after all ---- */

static void what_was_reported_and_is_closed_is_retracted_once(void **state)
{
    (void)state;
    int a = live_hung_up(), b = live_hung_up();
    look_and_report_what_is_due();
    live_close(a);
    look_and_report_what_is_due();
    assert_int_equal(lines_with("released: "), 1);
    look_and_report_what_is_due();
    assert_int_equal(lines_with("released: "), 1);
    (void)b;
}

static void what_was_in_no_report_is_not_retracted(void **state)
{
    (void)state;
    int a = live_hung_up();
    check_all(0);
    live_close(a);
    look_and_report_what_is_due();
    assert_string_equal(live_said(), "");
}

static int closing_fd;
static void close_it(void) { live_close(closing_fd); }
static void close_it_and_open_another(void)
{
    live_close(closing_fd);
    usleep(1);
    assert_int_equal(live_hung_up(), closing_fd);
}

/* Its closer saw no mark, so nobody else would take the report back. */
static void a_socket_that_is_closed_while_its_report_is_made_is_retracted(void **state)
{
    (void)state;
    void (*const closed[])(void) = {close_it, close_it_and_open_another};
    for (int i = 0; i < 2; i++) {
        live_forget_all();
        live_hush();
        closing_fd = live_hung_up();
        after_build = closed[i];
        look_and_report_what_is_due();
        assert_int_equal(lines_with("WARNING"), 1);
        reporter_releases();
        assert_int_equal(lines_with("released: "), 1);
    }
    live_forget_all();
    live_hush();
    closing_fd = live_hung_up();
    after_copy = close_it;
    look_and_report_what_is_due();
    reporter_releases();
    assert_int_equal(lines_with("released: "), 1);
}

static void close_reported(unsigned n)
{
    int fd[5];
    live_forget_all();
    live_hush();
    for (unsigned i = 0; i < n; i++)
        fd[i] = live_hung_up();
    look_and_report_what_is_due();
    live_hush();
    for (unsigned i = 0; i < n; i++)
        live_close(fd[i]);
    reporter_releases();
}

static void many_that_are_released_at_once_are_one_line(void **state)
{
    (void)state;
    agent_options.max_sockets = 2;
    close_reported(5);
    assert_int_equal(lines_with("released: 5 of an unknown site after up to 0 s: they were hung up (fd "), 1);
    assert_int_equal(lines_with(" ...)"), 1);
    close_reported(2);
    assert_int_equal(lines_with("released: 2 of "), 1);
    assert_int_equal(lines_with(" ...)"), 0);
    agent_options.log_json = true;
    close_reported(5);
    assert_int_equal(lines_with("\"type\":\"release\""), 1);
    assert_int_equal(lines_with("\"count\":5,\"fds\":["), 1);
}

static void those_of_one_kind_are_one_line_in_whatever_order_they_are_closed(void **state)
{
    (void)state;
    int hung_up[2], ended[3], listener = live_listener();
    for (int i = 0; i < 2; i++)
        hung_up[i] = live_hung_up();
    for (int i = 0; i < 3; i++) {
        int v[2];
        live_connection(listener, v);
        live_close(v[1]);
        ended[i] = v[0];
    }
    look_and_report_what_is_due();
    live_hush();
    live_close(hung_up[0]);
    live_close(ended[0]);
    live_close(ended[1]);
    live_close(hung_up[1]);
    live_close(ended[2]);
    reporter_releases();
    assert_int_equal(lines_with("released: "), 2);
    assert_int_equal(lines_with("released: 3 of "), 1);
    assert_int_equal(lines_with("released: 2 of "), 1);
}

/* ---- reports that are asked for ---- */

static uint64_t report(enum reason reason, int fd)
{
    struct reporter_query q = {.kinds = KINDS_DEFAULT};
    return reporter_report(&q, reason, fd);
}

static void a_report_looks_first_and_only_a_signals_is_one_to_retract(void **state)
{
    (void)state;
    int a = live_hung_up();
    assert_int_equal(report(REASON_CHECK, -1), 1);
    assert_int_equal(lines_with("WARNING"), 1);
    assert_int_equal(live_detail(a)->reported, 0);
    assert_int_equal(report(REASON_SIGNAL, -1), 1);
    assert_int_equal(live_detail(a)->reported, 1);
    live_hush();
    assert_int_equal(report(REASON_CHECK, -2), 1); /* only counted */
    assert_string_equal(live_said(), "");
    live_close(a);
    assert_int_equal(report(REASON_CHECK, -1), 0);
    assert_int_equal(lines_with("WARNING"), 0); /* nothing to report but */
    assert_int_equal(lines_with("released: "), 1);
}

static void without_memory_the_number_is_known_all_the_same(void **state)
{
    (void)state;
    live_hung_up();
    live_hung_up();
    no_memory = true;
    assert_int_equal(report(REASON_EXIT, -2), 2); /* only the number is asked for */
    assert_string_equal(live_said(), "");
    assert_int_equal(report(REASON_EXIT, -1), 2);
    assert_int_equal(lines_with("warning: no memory for the report: 2 sockets leaked"), 1);
}

static int due_and_aborts(void)
{
    agent_options.abort_on_error = true;
    live_hung_up();
    atomic_store(&table_head->grace_ns, 0);
    look_and_report_what_is_due();
    return 0;
}
static int signal_and_aborts(void)
{
    agent_options.abort_on_error = true;
    live_hung_up();
    report(REASON_SIGNAL, -1);
    return 0;
}
static int check_goes_on(void)
{
    agent_options.abort_on_error = true;
    live_hung_up();
    report(REASON_CHECK, -1);
    report(REASON_SIGNAL, -2); /* not a report, only a number */
    return 0;
}
static int nothing_goes_on(void)
{
    agent_options.abort_on_error = true;
    live_suppressed();
    live_close(live_hung_up());
    atomic_store(&table_head->grace_ns, 0);
    look_and_report_what_is_due();
    report(REASON_SIGNAL, -1);
    return 0;
}

static void abort_on_error_aborts_at_the_first_report_that_nobody_asked_for(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(due_and_aborts), 1000 + SIGABRT);
    assert_int_equal(live_in_child(signal_and_aborts), 1000 + SIGABRT);
    assert_int_equal(live_in_child(check_goes_on), 0);
    assert_int_equal(live_in_child(nothing_goes_on), 0);
}

/* ---- troubles ---- */

static void what_was_lost_is_told_once_and_only_when_something_was(void **state)
{
    (void)state;
    reporter_troubles();
    assert_string_equal(live_said(), "");
    atomic_store(&table_head->dropped[DROP_NO_STACK], 1); /* the report's summary says that */
    reporter_troubles();
    assert_string_equal(live_said(), "");
    atomic_store(&table_head->dropped[DROP_SITE_FULL], 1);
    reporter_troubles();
    reporter_troubles();
    assert_int_equal(lines_with("no memory for more sockets or stacks"), 1);
    atomic_store(&table_overflowed, true);
    reporter_troubles();
    reporter_troubles();
    atomic_store(&table_overflowed, false);
    assert_int_equal(lines_with("the file system of the state file is full"), 1);
}

static void the_place_of_the_table_is_said_once_a_process_and_when_asked_for(void **state)
{
    (void)state;
    struct state_header *own = table_head;
    uint32_t pid = own->pid;
    reporter_loaded();
    reporter_pending();
    assert_string_equal(live_said(), "");
    agent_options.verbosity = 1;
    table_head = NULL;
    reporter_pending();
    table_head = own;
    assert_string_equal(live_said(), "");
    reporter_pending();
    reporter_pending();
    assert_int_equal(lines_with("the state file is /"), 1);
    assert_int_equal(lines_with("\n"), 1);
    assert_int_equal(lines_with("a child of fork"), 0);
    own->pid++; /* as in a child of fork */
    no_file = true;
    reporter_pending();
    own->pid = pid;
    assert_int_equal(lines_with("a child of fork got a table of its own; there is no state file, the table is in memory\n"), 1);
}

static void what_the_log_lost_is_counted_once(void **state)
{
    (void)state;
    close(2);
    assert_false(log_write("line\n", 5));
    assert_false(log_write("line\n", 5));
    reporter_pending();
    reporter_pending();
    dup2(live_err, 2);
    assert_int_equal(table_head->dropped[DROP_LOG], 2);
}

/* ---- the end ---- */

static bool file_is_there(void)
{
    char path[600];
    struct stat st;
    return state_dir_file_path(path, sizeof path) && stat(path, &st) == 0;
}

static int ends_stuck(void)
{
    live_hung_up();
    if (!file_is_there())
        return 1;
    if (reporter_final(true) != 1 || watch_lock(0)) /* nothing is looked at after this */
        return 2;
    return file_is_there() ? 0 : 3;
}
static int ends_clean(void)
{
    live_close(live_hung_up());
    return reporter_final(true) == 0 && !file_is_there() ? 0 : 1;
}
static int goes_on(void)
{
    live_hung_up();
    return reporter_final(false) == 1 && file_is_there() && watch_lock(0) ? 0 : 1;
}
static int ends_asleep(void)
{
    live_hung_up();
    atomic_store(&table_head->enabled, 0);
    return reporter_final(false) == 0 && file_is_there() && reporter_final(true) == 0 && !file_is_there() ? 0 : 1;
}

static void the_state_file_stays_where_something_is_stuck_and_goes_where_not(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(ends_stuck), 0);
    assert_int_equal(live_in_child(ends_clean), 0);
    assert_int_equal(live_in_child(goes_on), 0);
    assert_int_equal(live_in_child(ends_asleep), 0);
}

static void at_the_end_without_a_check_nothing_is_said_and_what_is_stuck_is_known(void **state)
{
    (void)state;
    int a = live_hung_up();
    live_hung_up();
    look_and_report_what_is_due();
    live_close(a); /* a retraction is due */
    live_hush();
    agent_options.leak_check_at_exit = false;
    assert_int_equal(reporter_final(false), 1);
    assert_string_equal(live_said(), "");
    agent_options.leak_check_at_exit = true;
    assert_int_equal(reporter_final(false), 1);
    assert_int_equal(lines_with("WARNING"), 1);
    assert_int_equal(lines_with("released: "), 0); /* the report at exit says what is left */
    assert_int_equal(lines_with("1 of the sockets that were reported is closed by now"), 1);
}

static void suppressed_sockets_keep_the_file_when_another_makes_the_report(void **state)
{
    (void)state;
    live_suppressed();
    assert_int_equal(reporter_final(false), 0);
    assert_int_equal(lines_with("local:meant-to-stay"), 1); /* the table of the rules that matched */
    live_hush();
    agent_options.print_suppressions = false;
    assert_int_equal(reporter_final(false), 0);
    assert_string_equal(live_said(), "");
    agent_options.leak_check_at_exit = false;
    assert_int_equal(reporter_final(false), 1);
}

static void a_watcher_that_is_stuck_does_not_hold_up_the_end(void **state)
{
    (void)state;
    live_hung_up();
    lock_is_taken = true;
    assert_int_equal(reporter_final(true), 0);
    assert_int_equal(lines_with("the watcher is stuck"), 1);
    assert_int_equal(lines_with("WARNING"), 0);
    assert_true(file_is_there());
    lock_is_taken = false;
}

static void after_a_long_run_young_ones_are_left_out_unless_all_are_asked_for(void **state)
{
    (void)state;
    loaded_ns = sys_clock(CLOCK_MONOTONIC);
    assert_int_equal(too_young(), 0);
    loaded_ns -= LONG_RUN_NS;
    assert_int_equal(too_young(), YOUNG_NS);
    agent_options.exit_check_all = true;
    assert_int_equal(too_young(), 0);
    agent_options.exit_check_all = false;
    agent_options.exitcode = 23;
    assert_int_equal(too_young(), 0);
    agent_options.exitcode = 0;
    agent_options.leak_check_at_exit = false;
    assert_int_equal(too_young(), 0);
    reporter_loaded();
}

static void open_sockets_without_a_stack_are_of_no_idle_site(void **state)
{
    (void)state;
    for (unsigned i = 0; i < IDLE_SITE_SOCKETS; i++)
        live_socket(AF_INET, SOCK_DGRAM);
    assert_int_equal(reporter_final(false), 0);
    assert_string_equal(live_said(), "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, live_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_group_is_reported_when_it_is_due_and_again_when_it_has_doubled),
        CASE(what_is_suppressed_is_not_made_into_a_report_at_each_look),
        CASE(without_memory_a_report_is_made_at_the_next_look),
        CASE(what_was_reported_and_is_closed_is_retracted_once),
        CASE(what_was_in_no_report_is_not_retracted),
        CASE(a_socket_that_is_closed_while_its_report_is_made_is_retracted),
        CASE(many_that_are_released_at_once_are_one_line),
        CASE(those_of_one_kind_are_one_line_in_whatever_order_they_are_closed),
        CASE(a_report_looks_first_and_only_a_signals_is_one_to_retract),
        CASE(without_memory_the_number_is_known_all_the_same),
        CASE(abort_on_error_aborts_at_the_first_report_that_nobody_asked_for),
        CASE(what_was_lost_is_told_once_and_only_when_something_was),
        CASE(the_place_of_the_table_is_said_once_a_process_and_when_asked_for),
        CASE(what_the_log_lost_is_counted_once),
        CASE(the_state_file_stays_where_something_is_stuck_and_goes_where_not),
        CASE(at_the_end_without_a_check_nothing_is_said_and_what_is_stuck_is_known),
        CASE(suppressed_sockets_keep_the_file_when_another_makes_the_report),
        CASE(after_a_long_run_young_ones_are_left_out_unless_all_are_asked_for),
        CASE(open_sockets_without_a_stack_are_of_no_idle_site),
        CASE(a_watcher_that_is_stuck_does_not_hold_up_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
