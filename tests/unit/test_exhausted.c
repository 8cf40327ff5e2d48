/* SPDX-License-Identifier: MIT */
/*
 * test_exhausted.c: when a failure is noted, when it is reported, and when the threshold is, by a
 * clock of the test's own.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "agent/watch/exhausted.c"
/* NOLINTEND(bugprone-suspicious-include) */

#define S 1000000000ull

struct options agent_options;
static struct state_header header;
struct state_header *table_head = &header;
_Atomic bool sys_sandboxed;
__thread struct this_thread this_thread;

static uint64_t now_is;
static unsigned pokes, wanted, wholes, asked_ports, line;
static bool in_handler, ready, ports_gone, has_links;
static long count;
static struct exhaustion last;
static struct selection selected;
static char written[1024], selected_peer[96];

uint64_t clock_now(void) { return now_is; }
bool gate_ready(void) { return ready; }
static void want(void) { wanted++; }
const struct gate_hooks gate_hooks = {.want_watcher = want};
bool capture_in_handler(void) { return in_handler; }
void watch_poke(void) { pokes++; }
struct state_slot *slot_of(int fd)
{
    (void)fd;
    return NULL;
}
void address_text(char out[96], const void *sockaddr, unsigned len)
{
    (void)sockaddr, (void)len;
    memcpy(out, "10.0.0.5:1433", 14);
}
void log_info(const char *fmt, ...) { (void)fmt; }

long descriptors_count(void) { return count; }
void forecast_refresh(void) { header.nofile_limit = 40; }
uint64_t forecast_descriptors(uint64_t limit)
{
    assert_int_equal(limit, 40);
    return 39;
}
bool proc_each_link(unsigned limit, void (*call)(void *arg, const char *link, size_t len), void *arg)
{
    assert_int_equal(limit, 40);
    for (int i = 0; has_links && i < 38; i++)
        call(arg, i < 30 ? "socket:[1]" : "/etc/passwd", i < 30 ? 10 : 11);
    return has_links;
}
long proc_read(char *buf, size_t cap, const char *fmt, ...)
{
    (void)cap, (void)fmt;
    memcpy(buf, "9344\t0\t9223372\n", 16);
    return 15;
}
bool ports_are_used_up(const struct ports_question *q, struct ports_count *c)
{
    (void)q;
    asked_ports++;
    *c = (struct ports_count){.range = 20, .used = 20, .own = 18, .waiting = 1};
    return ports_gone;
}
bool report_build(struct built *c, const struct selection *s, enum reason reason)
{
    assert_int_equal(reason, REASON_EXHAUSTED);
    memset(c, 0, sizeof *c);
    selected = *s;
    if (s->peer)
        selected.peer = strcpy(selected_peer, s->peer);
    return true;
}
bool report_write(const struct built *c, int fd)
{
    assert_int_equal(fd, -1);
    last = *c->report.exhaustion;
    wholes++;
    return true;
}
void report_free(struct built *c) { (void)c; }
void report_head(struct report *r, enum reason reason)
{
    (void)reason;
    memset(r, 0, sizeof *r);
    r->pid = 1;
}
bool log_write(const char *p, size_t n)
{
    line++;
    memcpy(written, p, n);
    written[n] = 0;
    return true;
}

static int begin(void **state)
{
    (void)state;
    memset(&last, 0, sizeof last);
    options_default(&agent_options);
    exhausted_reset();
    now_is = 1000 * S;
    pokes = wanted = wholes = asked_ports = line = 0;
    in_handler = ports_gone = false;
    ready = has_links = true;
    count = 10;
    return 0;
}

static void failed(enum call call, int error)
{
    errno = error;
    exhausted_note(call, 0);
    assert_int_equal(errno, error);
}

static void a_failure_is_noted_once_and_wakes_the_watcher_once(void **state)
{
    (void)state;
    failed(CALL_ACCEPT4, EAGAIN);
    assert_int_equal(pokes, 0);
    for (int i = 0; i < 5; i++)
        failed(i ? CALL_SOCKET : CALL_ACCEPT4, EMFILE);
    assert_true(pokes == 1 && wanted == 1 && wholes == 0);
    exhausted_report(false);
    assert_int_equal(wholes, 1);
    assert_true(last.call == CALL_ACCEPT4 && last.error == EMFILE && last.limit == 40 && last.used == 38);
    assert_int_equal(last.holdings->sockets, 30);
    assert_true(selected.all_held && !selected.peer && (selected.kinds & KIND_BIT(KIND_OPEN)) &&
                !(selected.kinds & KIND_BIT(KIND_HELD_BY_CHILD)));
    failed(CALL_SOCKET, EMFILE);
    assert_int_equal(pokes, 1);
}

static void the_next_report_comes_ten_minutes_later_at_the_soonest(void **state)
{
    (void)state;
    failed(CALL_ACCEPT4, EMFILE);
    exhausted_report(false);
    now_is += 599 * S;
    exhausted_report(false);
    failed(CALL_ACCEPT4, EMFILE);
    exhausted_report(false);
    assert_int_equal(wholes, 1);
    now_is += S;
    exhausted_report(false);
    failed(CALL_DUP, EMFILE);
    exhausted_report(false);
    assert_int_equal(wholes, 2);
    assert_int_equal(last.call, CALL_DUP);
}

static void each_resource_has_its_own_ten_minutes(void **state)
{
    (void)state;
    failed(CALL_ACCEPT4, EMFILE);
    failed(CALL_ACCEPT4, ENFILE);
    failed(CALL_SOCKET, ENOMEM);
    exhausted_report(false);
    assert_int_equal(wholes, 3);
    assert_true(last.resource == EXHAUSTION_MEMORY && !last.limit && !last.used);
    exhausted_reset();
    failed(CALL_ACCEPT4, ENFILE);
    exhausted_report(true);
    assert_true(last.resource == EXHAUSTION_MACHINE && last.limit == 9223372 && last.used == 9344);
}

static void nothing_is_noted_where_nothing_is_recorded_or_wanted(void **state)
{
    (void)state;
    ready = false;
    failed(CALL_ACCEPT4, EMFILE);
    ready = true;
    agent_options.on_exhaustion = false;
    failed(CALL_ACCEPT4, EMFILE);
    count = 39;
    exhausted_report(false);
    assert_int_equal(pokes + wholes, 0);
}

static void in_a_signal_handler_no_thread_is_made_and_in_a_sandbox_none_is_woken(void **state)
{
    (void)state;
    in_handler = true;
    failed(CALL_ACCEPT4, EMFILE);
    assert_true(wanted == 0 && pokes == 1);
    sys_sandboxed = true;
    failed(CALL_SOCKET, ENOMEM);
    assert_int_equal(pokes, 1);
    has_links = true;
    exhausted_report(true);
    assert_null(last.holdings); /* /proc is not asked */
    sys_sandboxed = false;
}

static void without_proc_the_number_alone_is_told(void **state)
{
    (void)state;
    has_links = false;
    failed(CALL_ACCEPT4, EMFILE);
    now_is += 7 * S;
    exhausted_report(true);
    assert_true(!last.holdings && last.used == 39 && last.failed_ago_s == 7);
}

/* ---- ports ---- */

static void refuse(int fd, unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    errno = EADDRNOTAVAIL;
    exhausted_note_address(port ? CALL_CONNECT : CALL_BIND, fd, (struct sockaddr *)&to, sizeof to);
    assert_int_equal(errno, EADDRNOTAVAIL);
}

static void ports_are_reported_only_where_they_are_counted_as_used_up(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    refuse(fd, 1433);
    exhausted_report(false);
    assert_true(asked_ports == 1 && wholes == 0);
    refuse(fd, 1433);
    exhausted_report(false);
    assert_int_equal(asked_ports, 1); /* not at once again */
    now_is += S;
    exhausted_report(false);
    ports_gone = true;
    refuse(fd, 1433);
    exhausted_report(false);
    assert_true(asked_ports == 2 && wholes == 1);
    assert_true(last.limit == 20 && last.used == 20 && last.own == 18 && last.waiting == 1);
    assert_string_equal(selected.peer, "10.0.0.5:1433");
    exhausted_reset();
    refuse(fd, 0);
    exhausted_report(false);
    assert_true(wholes == 2 && !selected.peer && !last.peer);
    close(fd);
}

static void a_port_of_the_programs_choice_is_not_looked_into(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    refuse(fd, 1433);
    at.sin_port = htons(80);
    errno = EADDRINUSE;
    exhausted_note_address(CALL_BIND, fd, (struct sockaddr *)&at, sizeof at);
    exhausted_note_address(CALL_BIND, fd, NULL, 0);
    exhausted_note_address(CALL_BIND, fd, (struct sockaddr *)&at, 4);
    errno = EADDRNOTAVAIL;
    exhausted_note_address(CALL_CONNECT, -1, (struct sockaddr *)&at, sizeof at); /* is no socket any more */
    assert_int_equal(pokes, 0);
    close(fd);
}

/* ---- the threshold ---- */

static void the_threshold_reports_once_until_fewer_are_in_use_and_ten_minutes_are_over(void **state)
{
    (void)state;
    count = 35;
    exhausted_report(false);
    assert_int_equal(wholes, 0);
    count = 36;
    exhausted_report(true); /* at the end it does not matter any more */
    assert_int_equal(wholes, 0);
    exhausted_report(false);
    assert_true(wholes == 1 && !last.call && !last.error && last.limit == 40);
    now_is += 700 * S;
    exhausted_report(false);
    assert_int_equal(wholes, 1);
    count = 20;
    exhausted_report(false);
    count = 36;
    exhausted_report(false);
    assert_int_equal(wholes, 2);
    count = 20;
    exhausted_report(false);
    count = 36;
    now_is += 599 * S;
    exhausted_report(false);
    assert_int_equal(wholes, 2);
}

static void a_limit_that_was_lowered_below_what_is_open_is_meant(void **state)
{
    (void)state;
    count = 41;
    exhausted_report(false);
    assert_int_equal(wholes, 0);
    count = -ENOSYS; /* then they are counted */
    exhausted_report(false);
    assert_int_equal(wholes, 1);
}

static void after_the_threshold_s_report_the_error_is_a_line_and_after_the_errors_no_threshold(void **state)
{
    (void)state;
    count = 36;
    exhausted_report(false);
    now_is += 90 * S;
    failed(CALL_ACCEPT4, EMFILE);
    exhausted_report(false);
    assert_true(wholes == 1 && line == 1);
    assert_non_null(strstr(written, "accept4 failed: no descriptor left (limit 40, 30 are sockets); who holds them was reported 90 s ago"));
    now_is += 600 * S;
    exhausted_report(false);
    failed(CALL_ACCEPT4, EMFILE);
    exhausted_report(false);
    assert_true(wholes == 2 && line == 1);
    begin(NULL);
    failed(CALL_ACCEPT4, EMFILE);
    count = 36;
    exhausted_report(false);
    assert_int_equal(wholes, 1);
}

#define CASE(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_failure_is_noted_once_and_wakes_the_watcher_once),
        CASE(the_next_report_comes_ten_minutes_later_at_the_soonest),
        CASE(each_resource_has_its_own_ten_minutes),
        CASE(nothing_is_noted_where_nothing_is_recorded_or_wanted),
        CASE(in_a_signal_handler_no_thread_is_made_and_in_a_sandbox_none_is_woken),
        CASE(without_proc_the_number_alone_is_told),
        CASE(ports_are_reported_only_where_they_are_counted_as_used_up),
        CASE(a_port_of_the_programs_choice_is_not_looked_into),
        CASE(the_threshold_reports_once_until_fewer_are_in_use_and_ten_minutes_are_over),
        CASE(a_limit_that_was_lowered_below_what_is_open_is_meant),
        CASE(after_the_threshold_s_report_the_error_is_a_line_and_after_the_errors_no_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
