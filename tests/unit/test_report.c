/* SPDX-License-Identifier: MIT */
/*
 * test_report.c: how a report is put together from the live table: which sockets are in it, how
 * often they count, and whom it asks for lines.
 *
 * The code is compiled in, over a helper for lines that only counts how often it would have been
 * started.
 */
#define LIVE_OPTIONS "interval=0:grace=30s"
#include "live_agent.h"

#include <sys/un.h>

#include "agent/base/clock.h"
#include "agent/base/options.h"
#include "agent/base/thread.h"
#include "agent/track/dup.h"
#include "agent/track/open_close.h"
#include "agent/symbolize/names.h"
#include "agent/stacks/sites.h"
#include "agent/table/tags.h"
#include "core/text.h"

#include "agent/report/build.h"
#include "agent/report/opener.h"
#include "agent/watch/check.h"
#include "agent/symbolize/lines.h"

static unsigned lines_asked, lines_groups;
static bool lines_are_known;
static void ask_for_lines(struct scratch **s, struct report *r)
{
    (void)s;
    lines_asked++;
    lines_groups += (unsigned)r->n_groups;
}
static bool known_lines(struct scratch **s, struct report *r)
{
    (void)s, (void)r;
    return lines_are_known;
}
#define lines_resolve ask_for_lines
#define lines_known known_lines
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/report/build.c"

const char *sockleak_default_suppressions(void);
const char *sockleak_default_suppressions(void)
{
    return "hangup:suppressed_opener\nlocal:meant-to-stay\nclose_wait:no_such_function_anywhere\n";
}

static struct selection all_of(unsigned kinds) { return (struct selection){.kinds = kinds}; }

static size_t number(struct selection s)
{
    size_t n;
    assert_true(select_count(&s, &n));
    return n;
}

/* The last one that a report finds; returns how many there are. */
static int found_fd;
static uint64_t found_since;
static size_t find(const struct selection *s)
{
    struct built c;
    assert_true(report_build(&c, s, REASON_GRACE));
    size_t n = c.n_findings;
    if (n) {
        found_fd = c.findings[n - 1].fd;
        found_since = c.findings[n - 1].since_ns;
    }
    report_free(&c);
    return n;
}

static int setup(void **state)
{
    int r = live_setup(state);
    lines_asked = lines_groups = 0;
    lines_are_known = false;
    this_thread.tag = 0;
    this_thread.no_malloc = false;
    return r;
}

/* Never connected, and no reserve: its program has done something with it. */
static int bound_socket(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = live_socket(AF_INET, SOCK_STREAM);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* ---- which sockets ---- */

static void a_socket_is_in_a_report_by_its_kind_thread_tag_and_age(void **state)
{
    (void)state;
    uint64_t before = clock_now();
    this_thread.tag = tags_number("mine");
    int a = live_hung_up();
    this_thread.tag = 0;
    uint64_t after = clock_now();
    live_hung_up();
    check_all(0);
    struct selection s = all_of(KINDS_DEFAULT);
    assert_int_equal(number(s), 2);
    assert_int_equal(number(all_of(KIND_BIT(KIND_CLOSE_WAIT))), 0);
    assert_int_equal(number(all_of(KIND_BIT(KIND_HANGUP))), 2);
    s.since_ns = before;
    assert_int_equal(number(s), 2);
    s.since_ns = after;
    assert_int_equal(number(s), 1);
    s = all_of(KINDS_DEFAULT);
    s.tid = thread_tid();
    assert_int_equal(number(s), 2);
    s.tid++;
    assert_int_equal(number(s), 0);
    s = all_of(KINDS_DEFAULT);
    s.tag = slot_of(a)->tag;
    assert_int_equal(number(s), 1);
    s = all_of(KINDS_DEFAULT);
    s.min_ns = clock_now() / 2; /* longer than this test, and not before the machine began */
    assert_int_equal(number(s), 0);
    live_detail(a)->since_ns -= s.min_ns;
    assert_int_equal(find(&s), 1);
    assert_int_equal(found_fd, a);
}

static void what_is_ignored_or_another_process_to_report_is_in_no_report(void **state)
{
    (void)state;
    int a = live_hung_up();
    check_all(0);
    atomic_fetch_or(&slot_of(a)->flags, SLOT_IGNORED);
    assert_int_equal(number(all_of(KINDS_ALL)), 0);
    atomic_fetch_and(&slot_of(a)->flags, (uint16_t)~SLOT_IGNORED);
    atomic_fetch_or(&slot_of(a)->flags, SLOT_INHERITED);
    assert_int_equal(number(all_of(KINDS_ALL)), 0);
    atomic_fetch_or(&slot_of(a)->flags, SLOT_USED);
    assert_int_equal(number(all_of(KINDS_ALL)), 1);
}

static void several_descriptors_of_one_socket_are_one_finding_under_the_lowest(void **state)
{
    (void)state;
    int a = live_hung_up(), b = dup(a), other = live_hung_up();
    track_duped(a, b);
    check_all(0);
    assert_int_equal(number(all_of(KINDS_DEFAULT)), 2);
    live_close(other);
    assert_int_equal(find(&(struct selection){.kinds = KINDS_DEFAULT}), 1);
    assert_int_equal(found_fd, a < b ? a : b);
    /* Before any look too: then the kernel is asked. */
    int v[2];
    live_pair(v);
    int w = dup(v[0]);
    track_duped(v[0], w);
    assert_int_equal(number(all_of(KIND_BIT(KIND_OPEN))), 2);
}

static void a_standard_descriptor_that_came_from_outside_is_not_this_programs_to_close(void **state)
{
    (void)state;
    int saved = fcntl(0, F_DUPFD_CLOEXEC, 500), a = live_hung_up();
    struct selection s = all_of(KINDS_DEFAULT);
    s.at_exit = true;
    dup2(a, 0);
    live_close(a);
    track_opened(0, AF_UNIX, SOCK_STREAM, 0, ORIGIN_INHERITED);
    atomic_fetch_or(&slot_of(0)->flags, SLOT_INHERITED | SLOT_USED | SLOT_CONNECTED);
    check_all(0);
    size_t at_exit = number(s), at_a_check = number(all_of(KINDS_DEFAULT));
    live_detail(0)->past_grace = 1;
    size_t past_grace = number(s);
    live_detail(0)->past_grace = 0;
    slot_of(0)->type_origin = SOCK_STREAM | ORIGIN_SOCKET << 4;
    size_t own = number(s);
    int third = dup(0);
    live_close(0);
    track_opened(third, AF_UNIX, SOCK_STREAM, 0, ORIGIN_INHERITED);
    atomic_fetch_or(&slot_of(third)->flags, SLOT_INHERITED | SLOT_USED | SLOT_CONNECTED);
    check_all(0);
    size_t higher = number(s);
    dup2(saved, 0);
    close(saved);
    assert_int_equal(at_exit, 0);
    assert_int_equal(at_a_check, 1);
    assert_int_equal(past_grace, 1); /* but when it stays stuck for a grace, it is */
    assert_int_equal(own, 1);
    assert_int_equal(higher, 1);
}

static void a_report_of_what_is_due_has_only_groups_that_pass_their_grace_now(void **state)
{
    (void)state;
    struct selection s = all_of(KINDS_DEFAULT);
    s.due_only = true;
    live_hung_up();
    check_all(0);
    assert_int_equal(number(s), 0);
    atomic_store(&table_head->grace_ns, 0);
    check_all(0);
    assert_int_equal(number(s), 1);
    counts_all_reported(KINDS_DEFAULT);
    assert_int_equal(number(s), 0);
    /* A healthy one is never due. */
    int v[2];
    live_pair(v);
    check_all(0);
    s.kinds = KINDS_ALL;
    assert_int_equal(number(s), 0);
}

static void of_the_open_ones_only_those_are_counted_that_the_kernel_calls_open_now(void **state)
{
    (void)state;
    int v[2];
    struct selection s = all_of(KIND_BIT(KIND_OPEN));
    live_pair(v);
    check_all(0);
    assert_int_equal(number(all_of(KINDS_DEFAULT)), 0);
    assert_int_equal(number(s), 2);
    s.min_ns = 3600ull * 1000000000u;
    assert_int_equal(number(s), 0);
    s.min_ns = 0;
    live_close(v[0]); /* since the look */
    assert_int_equal(number(s), 0);
}

static void of_an_open_one_that_nobody_saw_opened_it_is_known_since_when_no_byte_moved(void **state)
{
    (void)state;
    int v[2];
    struct selection s = all_of(KIND_BIT(KIND_OPEN));
    int l = live_listener();
    live_connection(l, v);
    live_close(l);
    live_close(v[1]);
    live_close(v[0]);
    l = live_listener();
    live_connection(l, v);
    atomic_fetch_or(&slot_of(v[0])->flags, SLOT_IGNORED);
    atomic_fetch_or(&slot_of(l)->flags, SLOT_IGNORED);
    atomic_fetch_or(&slot_of(v[1])->flags, SLOT_ADOPTED);
    slot_of(v[1])->opened_ns += 1; /* not the value that the kernel's would be */
    found_since = slot_of(v[1])->opened_ns;
    for (int i = 0; i < 10000 && found_since == slot_of(v[1])->opened_ns; i++) { /* the kernel counts in milliseconds or more */
        usleep(1000);
        find(&s);
    }
    assert_true(found_since != slot_of(v[1])->opened_ns);
    assert_int_equal(found_fd, v[1]);
    /* Where it was seen opened it is as old as that. */
    atomic_fetch_and(&slot_of(v[1])->flags, (uint16_t)~SLOT_ADOPTED);
    find(&s);
    assert_int_equal(found_since, slot_of(v[1])->opened_ns);
    live_close(l);
    live_close(v[0]);
    live_close(v[1]);
    /* Of other sockets the kernel keeps no such time. */
    live_pair(v);
    atomic_fetch_or(&slot_of(v[0])->flags, SLOT_IGNORED);
    atomic_fetch_or(&slot_of(v[1])->flags, SLOT_ADOPTED);
    find(&s);
    assert_int_equal(found_fd, v[1]);
    assert_int_equal(found_since, slot_of(v[1])->opened_ns);
}

static const struct finding *finding_of(const struct built *c, int fd)
{
    for (size_t i = 0; i < c->n_findings; i++)
        if (c->findings[i].fd == fd)
            return &c->findings[i];
    fail_msg("descriptor %d is not in the report", fd);
    return NULL;
}

static void each_finding_keeps_its_own_tag_and_addresses(void **state)
{
    (void)state;
    int v[2], w[2];
    int l = live_listener();
    struct built c;
    struct selection s = all_of(KIND_BIT(KIND_OPEN));
    this_thread.tag = tags_number("first");
    live_connection(l, v);
    this_thread.tag = tags_number("second");
    live_connection(l, w);
    this_thread.tag = 0;
    assert_true(report_build(&c, &s, REASON_GRACE));
    assert_string_equal(finding_of(&c, v[0])->tag, "first");
    assert_string_equal(finding_of(&c, w[0])->tag, "second");
    assert_string_equal(finding_of(&c, v[0])->local, finding_of(&c, v[1])->peer);
    assert_string_equal(finding_of(&c, v[0])->peer, finding_of(&c, v[1])->local);
    assert_string_equal(finding_of(&c, w[0])->local, finding_of(&c, w[1])->peer);
    assert_string_not_equal(finding_of(&c, v[1])->peer, finding_of(&c, w[1])->peer);
    assert_string_not_equal(finding_of(&c, v[0])->local, finding_of(&c, w[0])->local);
    report_free(&c);
}

/* A report that could not be made is counted as lost, and no other. */
static int without_memory(void)
{
    struct built c;
    struct selection s = all_of(KINDS_DEFAULT);
    live_hung_up(); /* the child's own table begins with it */
    check_all(0);
    uint64_t lost = atomic_load(&table_head->dropped[DROP_LOG]);
    if (!report_build(&c, &s, REASON_GRACE) || atomic_load(&table_head->dropped[DROP_LOG]) != lost)
        return 1;
    report_free(&c);
    setrlimit(RLIMIT_AS, &(struct rlimit){1, 1});
    if (report_build(&c, &s, REASON_GRACE) || atomic_load(&table_head->dropped[DROP_LOG]) != lost + 1)
        return 2;
    return 0;
}

static void a_report_that_there_is_no_memory_for_is_counted_as_lost(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(without_memory), 0);
}

/* ---- suppressed ---- */

/* Each is to stay a function of its own. */
__attribute__((noinline)) static int suppressed_opener(void)
{
    int fd = live_hung_up();
    __asm__ volatile("# suppressed_opener");
    return fd;
}

__attribute__((noinline)) static int other_opener(void)
{
    int fd = live_hung_up();
    __asm__ volatile("# other_opener");
    return fd;
}

static uint64_t leaks_of(const struct selection *s, enum reason reason, uint64_t *suppressed)
{
    struct built c;
    assert_true(report_build(&c, s, reason));
    uint64_t n = c.report.leaks;
    *suppressed = c.report.suppressed;
    report_free(&c);
    return n;
}

static void what_a_rule_matches_is_not_a_leak_and_is_counted_as_suppressed_once_a_report(void **state)
{
    (void)state;
    uint64_t suppressed;
    size_t n;
    struct selection s = all_of(KINDS_DEFAULT);
    suppressed_opener();
    other_opener();
    check_all(0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(leaks_of(&s, REASON_CHECK, &suppressed), 1);
        assert_int_equal(suppressed, 1);
    }
    const struct suppression *rules = suppressions_rules(&n);
    uint64_t sockets = 0, groups = 0;
    for (size_t i = 0; i < n; i++) {
        sockets += rules[i].sockets;
        groups += rules[i].groups;
    }
    assert_int_equal(sockets, 1);
    assert_int_equal(groups, 1);
}

static void a_rule_for_an_address_takes_the_socket_and_not_its_group(void **state)
{
    (void)state;
    uint64_t suppressed;
    struct selection s = all_of(KINDS_DEFAULT);
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0meant-to-stay"};
    int fd[3];
    snprintf(a.sun_path + 14, sizeof a.sun_path - 14, "-%d", (int)getpid());
    for (int i = 0; i < 3; i++) {
        __asm__ volatile("" : "+r"(i)); /* not unrolled: they are of one site */
        fd[i] = live_socket(AF_UNIX, SOCK_STREAM);
    }
    assert_int_equal(bind(fd[0], (struct sockaddr *)&a, sizeof a), 0);
    check_all(0);
    assert_int_equal(leaks_of(&s, REASON_CHECK, &suppressed), 2);
    assert_int_equal(suppressed, 1);
}

static void where_only_the_number_is_asked_for_the_users_rules_do_not_hide_a_socket(void **state)
{
    (void)state;
    uint64_t suppressed;
    struct selection s = all_of(KINDS_DEFAULT);
    s.number_only = s.counted_only = true;
    suppressed_opener();
    check_all(0);
    uint64_t leaks = leaks_of(&s, REASON_EXIT, &suppressed);
    assert_int_equal(leaks + suppressed, 1);
    assert_int_equal(lines_asked, 0);
}

/* ---- counts ---- */

static void groups_beyond_max_leaks_are_counted_and_not_listed(void **state)
{
    (void)state;
    struct built c;
    struct selection s = all_of(KINDS_DEFAULT);
    agent_options.max_leaks = 1;
    for (volatile int i = 0; i < 3; i++) /* one loop, so one site */
        other_opener();
    bound_socket();
    atomic_store(&table_head->dropped[DROP_NESTED], 2);
    atomic_store(&table_head->dropped[DROP_LOG], 3);
    check_all(0);
    assert_true(report_build(&c, &s, REASON_CHECK));
    assert_int_equal(c.report.n_groups, 1);
    assert_int_equal(c.report.groups[0].count, 3);
    assert_int_equal(c.report.groups_left_out, 1);
    assert_int_equal(c.report.sockets_left_out, 1);
    assert_int_equal(c.report.leaks, 4);
    assert_int_equal(c.report.sites, 2);
    assert_int_equal(c.report.by_kind[KIND_HANGUP], 3);
    assert_int_equal(c.report.by_kind[KIND_NEVER_CONNECTED], 1);
    assert_int_equal(c.report.dropped, 5);
    assert_int_equal(c.report.unwritten, 3);
    report_free(&c);
    agent_options.max_leaks = 0;
    assert_true(report_build(&c, &s, REASON_CHECK));
    assert_int_equal(c.report.n_groups, 2);
    report_free(&c);
}

static void one_site_with_sockets_of_two_kinds_is_one_site(void **state)
{
    (void)state;
    struct built c;
    struct selection s = all_of(KINDS_DEFAULT);
    int fd[2];
    for (volatile int i = 0; i < 2; i++)
        fd[i] = bound_socket();
    check_all(0);
    live_detail(fd[1])->kind = KIND_DEAD;
    assert_true(report_build(&c, &s, REASON_CHECK));
    assert_int_equal(c.report.n_groups, 2);
    assert_int_equal(c.report.sites, 1);
    report_free(&c);
}

static void a_check_says_nothing_of_looks_that_are_stretched_and_grace_has_no_summary(void **state)
{
    (void)state;
    struct report r;
    atomic_store(&table_head->stretched, 2500);
    report_head(&r, REASON_CHECK);
    assert_int_equal(r.stretched_ms, 0);
    assert_true(r.print_summary);
    report_head(&r, REASON_GRACE);
    assert_int_equal(r.stretched_ms, 2500);
    assert_false(r.print_summary);
    atomic_store(&table_head->stretched, 0);
    agent_options.print_summary = false;
    report_head(&r, REASON_EXIT);
    assert_false(r.print_summary);
}

/* ---- names and lines ---- */

static void run(enum reason reason, struct selection s)
{
    struct built c;
    lines_asked = lines_groups = 0;
    assert_true(report_build(&c, &s, reason));
    report_free(&c);
}

static void lines_are_asked_for_at_the_end_and_by_a_check_alone(void **state)
{
    (void)state;
    struct selection s = all_of(KINDS_DEFAULT);
    other_opener();
    check_all(0);
    run(REASON_EXIT, s);
    assert_int_equal(lines_asked, 1);
    run(REASON_CHECK, s);
    assert_int_equal(lines_asked, 1);
    lines_are_known = true;
    run(REASON_CHECK, s);
    assert_int_equal(lines_asked, 0);
    lines_are_known = false;
    agent_options.symbolize = false;
    run(REASON_EXIT, s);
    assert_int_equal(lines_asked, 0);
    agent_options.symbolize = true;
    s.number_only = s.counted_only = true;
    run(REASON_EXIT, s);
    assert_int_equal(lines_asked, 0);
}

static void a_running_program_is_asked_for_lines_once_a_group_and_only_where_a_rule_may_speak_of_them(void **state)
{
    (void)state;
    struct selection s = all_of(KINDS_DEFAULT);
    live_socket(AF_INET, SOCK_STREAM); /* no rule for its kind */
    check_all(0);
    run(REASON_GRACE, s);
    assert_int_equal(lines_asked, 0);
    other_opener();
    check_all(0);
    run(REASON_GRACE, s);
    assert_int_equal(lines_asked, 1);
    assert_int_equal(lines_groups, 1);
    run(REASON_GRACE, s); /* known by now, though there was no answer */
    assert_int_equal(lines_asked, 0);
}

__attribute__((noinline)) static int third_opener(void)
{
    int fd = live_hung_up();
    __asm__ volatile("# third_opener");
    return fd;
}

static void no_process_is_made_from_a_signal_handler(void **state)
{
    (void)state;
    struct selection s = all_of(KINDS_DEFAULT);
    third_opener();
    check_all(0);
    this_thread.no_malloc = true;
    run(REASON_SIGNAL, s);
    assert_int_equal(lines_asked, 0);
    this_thread.no_malloc = false;
    run(REASON_SIGNAL, s);
    assert_int_equal(lines_asked, 1);
}

/* Of a number that was given out again. */
static void a_thread_that_began_after_the_socket_was_opened_did_not_open_it(void **state)
{
    (void)state;
    struct opener t = {.tid = (uint32_t)gettid()};
    opener_now(&t, clock_now());
    assert_false(t.ended);
    assert_string_not_equal(t.name, "");
    t = (struct opener){.tid = (uint32_t)gettid()};
    opener_now(&t, 1); /* soon after the boot */
    assert_true(t.ended);
    assert_string_equal(t.name, "");
}

static void of_a_thread_that_may_only_have_the_number_nothing_is_said(void **state)
{
    (void)state;
    struct opener t = {.tid = (uint32_t)gettid()};
    opener_user_now(&t, clock_now());
    assert_string_not_equal(t.name, "");
    t = (struct opener){.tid = (uint32_t)gettid()};
    opener_user_now(&t, 1); /* it began after that */
    assert_false(t.ended);
    assert_string_equal(t.name, "");
    t.tid = LIFE_TIDS; /* there is none */
    opener_user_now(&t, clock_now());
    assert_true(t.ended);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, live_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_socket_is_in_a_report_by_its_kind_thread_tag_and_age),
        CASE(what_is_ignored_or_another_process_to_report_is_in_no_report),
        CASE(several_descriptors_of_one_socket_are_one_finding_under_the_lowest),
        CASE(a_standard_descriptor_that_came_from_outside_is_not_this_programs_to_close),
        CASE(a_report_of_what_is_due_has_only_groups_that_pass_their_grace_now),
        CASE(of_the_open_ones_only_those_are_counted_that_the_kernel_calls_open_now),
        CASE(of_an_open_one_that_nobody_saw_opened_it_is_known_since_when_no_byte_moved),
        CASE(each_finding_keeps_its_own_tag_and_addresses),
        CASE(a_report_that_there_is_no_memory_for_is_counted_as_lost),
        CASE(what_a_rule_matches_is_not_a_leak_and_is_counted_as_suppressed_once_a_report),
        CASE(a_rule_for_an_address_takes_the_socket_and_not_its_group),
        CASE(where_only_the_number_is_asked_for_the_users_rules_do_not_hide_a_socket),
        CASE(groups_beyond_max_leaks_are_counted_and_not_listed),
        CASE(one_site_with_sockets_of_two_kinds_is_one_site),
        CASE(a_check_says_nothing_of_looks_that_are_stretched_and_grace_has_no_summary),
        CASE(lines_are_asked_for_at_the_end_and_by_a_check_alone),
        CASE(a_running_program_is_asked_for_lines_once_a_group_and_only_where_a_rule_may_speak_of_them),
        CASE(no_process_is_made_from_a_signal_handler),
        CASE(a_thread_that_began_after_the_socket_was_opened_did_not_open_it),
        CASE(of_a_thread_that_may_only_have_the_number_nothing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
