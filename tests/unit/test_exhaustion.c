/* SPDX-License-Identifier: MIT */
/*
 * test_exhaustion.c: which failure shows that something is used up, the threshold, what the other
 * descriptors are, and the beginning of the report.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/exhaustion.h"
#include "core/json.h"
#include "core/options.h"
#include "core/optvalue.h"
#include "core/text.h"

#define S 1000000000ull

static char buf[8192];

static void only_errors_of_want_show_that_something_is_used_up(void **state)
{
    (void)state;
    assert_int_equal(exhaustion_of(CALL_ACCEPT4, EMFILE), EXHAUSTION_DESCRIPTORS);
    assert_int_equal(exhaustion_of(CALL_DUP, ENFILE), EXHAUSTION_MACHINE);
    assert_int_equal(exhaustion_of(CALL_SOCKET, ENOBUFS), EXHAUSTION_MEMORY);
    assert_int_equal(exhaustion_of(CALL_SOCKET, ENOMEM), EXHAUSTION_MEMORY);
    assert_int_equal(exhaustion_of(CALL_ACCEPT, ENOBUFS), EXHAUSTION_NONE);
    assert_int_equal(exhaustion_of(CALL_CONNECT, EADDRNOTAVAIL), EXHAUSTION_PORTS);
    assert_int_equal(exhaustion_of(CALL_CONNECT, EADDRINUSE), EXHAUSTION_NONE);
    assert_int_equal(exhaustion_of(CALL_BIND, EADDRINUSE), EXHAUSTION_PORTS);
    assert_int_equal(exhaustion_of(CALL_BIND, EADDRNOTAVAIL), EXHAUSTION_PORTS);
    assert_int_equal(exhaustion_of(CALL_SOCKET, EADDRNOTAVAIL), EXHAUSTION_NONE);
    assert_int_equal(exhaustion_of(CALL_ACCEPT4, EAGAIN), EXHAUSTION_NONE);
}

static uint64_t threshold(const char *text, uint64_t limit)
{
    struct options o;
    options_default(&o);
    options_parse(&o, text, NULL, NULL);
    return exhaustion_threshold(&o, limit);
}

static void the_threshold_is_a_number_or_a_share_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(threshold("", 40), 36);
    assert_int_equal(threshold("", 1024), 922);
    assert_int_equal(threshold("", 5), 5);
    assert_int_equal(threshold("threshold=900", 1024), 900);
    assert_int_equal(threshold("threshold=100%", 33), 33);
    assert_int_equal(threshold("threshold=1%", 1000000007), 10000001);
    assert_int_equal(threshold("threshold=0", 1024), 0);
    assert_int_equal(threshold("threshold=0%", 1024), 0);
    assert_int_equal(threshold("", 0), 0); /* the limit is not known */
}

static void a_threshold_is_nothing_else(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "%", "101%", "-1", "9 0", "90%%", "x", "18446744073709551616", "90.5%"};
    uint64_t value = 7;
    bool share = true;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(parse_threshold(bad[i], strlen(bad[i]), &value, &share));
    assert_true(value == 7 && share);
    assert_true(parse_threshold("100%", 4, &value, &share) && value == 100 && share);
    assert_true(parse_threshold("18446744073709551615", 20, &value, &share) && value == UINT64_MAX && !share);
}

/* ---- the other descriptors ---- */

static struct holdings h;

static void add(const char *link) { holdings_add(&h, link, strlen(link)); }

static void descriptors_are_counted_by_kind_and_target(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    static const char *const links[] = {
        "socket:[1]", "pipe:[2]",   "/var/log/a",         "/dev/null",  "/var/log/b",         "anon_inode:[eventpoll]",
        "socket:[9]", "/var/log/b", "anon_inode:inotify", "/dev/pts/3", "/memfd:x (deleted)", "net:[4026531840]",
        "/dev/shm/s"};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        add(links[i]);
    holdings_sort(&h);
    assert_int_equal(h.descriptors, 13);
    assert_int_equal(h.sockets, 2);
    assert_int_equal(h.n_kinds, 8);
    assert_string_equal(h.kinds[0].name, "file");
    assert_int_equal(h.kinds[0].count, 4);
    assert_string_equal(h.targets[0].path, "/var/log/b");
    assert_int_equal(h.targets[0].count, 2);
    assert_int_equal(h.targets[0].kind, 0);
    for (unsigned i = 0; i < h.n_targets; i++)
        if (!strcmp(h.targets[i].path, "/dev/null"))
            assert_string_equal(h.kinds[h.targets[i].kind].name, "device");
}

static void kinds_and_targets_that_do_not_fit_are_counted_all_the_same(void **state)
{
    (void)state;
    char link[400];
    uint64_t sum = 0;
    memset(&h, 0, sizeof h);
    for (int i = 0; i < 40; i++) {
        snprintf(link, sizeof link, "anon_inode:[kind%02d-and-a-name-that-is-much-too-long]", i);
        add(link);
        snprintf(link, sizeof link, "/tmp/%0300d", i);
        add(link);
    }
    holdings_sort(&h);
    assert_int_equal(h.n_kinds, HOLDING_KINDS);
    assert_int_equal(h.n_targets, HOLDING_TARGETS);
    for (unsigned k = 0; k < h.n_kinds; k++)
        sum += h.kinds[k].count;
    assert_int_equal(sum, 80);
    assert_int_equal(strlen(h.targets[0].path), sizeof h.targets[0].path - 1);
}

/* ---- the report ---- */

static const char *text_of(const struct exhaustion *e)
{
    struct report r = {.pid = 4242, .now_ns = 1000 * S, .exhaustion = e};
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    text_report(&o, &r);
    buf[o.len] = 0;
    return buf;
}

static void each_resource_has_its_line(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    for (int i = 0; i < 5; i++)
        add("socket:[1]");
    struct exhaustion e = {
        .resource = EXHAUSTION_DESCRIPTORS, .call = CALL_ACCEPT4, .error = EMFILE, .limit = 1024, .used = 1024, .holdings = &h};
    assert_string_equal(text_of(&e),
                        "==4242==ERROR: sockleak: accept4 failed: no descriptor left (limit 1024, 5 are sockets). Who holds them:\n");
    e.call = CALL_FCNTL;
    e.from = 1000;
    e.failed_ago_s = 12;
    assert_string_equal(
        text_of(&e),
        "==4242==ERROR: sockleak: fcntl failed: no descriptor left from 1000 on (limit 1024, 5 are sockets) 12 s ago. Who holds them:\n");
    e.holdings = NULL;
    e.from = e.failed_ago_s = 0;
    assert_string_equal(text_of(&e), "==4242==ERROR: sockleak: fcntl failed: no descriptor left (limit 1024). Who holds them:\n");
    e = (struct exhaustion){.resource = EXHAUSTION_PORTS,
                            .call = CALL_CONNECT,
                            .error = EADDRNOTAVAIL,
                            .limit = 28231,
                            .used = 28231,
                            .own = 28000,
                            .waiting = 31,
                            .peer = "10.0.0.5:1433"};
    assert_string_equal(
        text_of(&e),
        "==4242==ERROR: sockleak: connect failed: no local port left towards 10.0.0.5:1433 (28231 of 28231 used). Who holds them:\n"
        "  of these ports 28000 by this process, 200 by others, 31 in TIME_WAIT (closed; the kernel keeps each for a minute)\n");
    e = (struct exhaustion){.resource = EXHAUSTION_PORTS, .call = CALL_BIND, .error = EADDRINUSE, .limit = 20, .used = 20, .own = 20};
    assert_string_equal(text_of(&e), "==4242==ERROR: sockleak: bind failed: no local port left (20 of 20 used). Who holds them:\n  of "
                                     "these ports 20 by this process, 0 by others\n");
    e = (struct exhaustion){.resource = EXHAUSTION_MACHINE, .call = CALL_SOCKET, .error = ENFILE, .limit = 9000, .holdings = &h};
    assert_string_equal(text_of(&e), "==4242==ERROR: sockleak: socket failed: no descriptor left on the whole machine (limit 9000, 5 here, "
                                     "5 are sockets). Who holds them:\n");
    e.holdings = NULL;
    e.limit = 0;
    assert_string_equal(text_of(&e),
                        "==4242==ERROR: sockleak: socket failed: no descriptor left on the whole machine (ENFILE). Who holds them:\n");
    e = (struct exhaustion){.resource = EXHAUSTION_MEMORY, .call = CALL_SOCKET, .error = ENOBUFS, .holdings = &h};
    assert_string_equal(text_of(&e),
                        "==4242==ERROR: sockleak: socket failed: no memory left for sockets (ENOBUFS, 5 sockets here). Who holds them:\n");
    e = (struct exhaustion){.resource = EXHAUSTION_DESCRIPTORS, .limit = 40, .used = 36, .holdings = &h};
    assert_string_equal(text_of(&e),
                        "==4242==WARNING: sockleak: 36 of 40 descriptors are in use (threshold), 5 are sockets. Who holds them:\n");
}

static void what_is_no_socket_has_a_line(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    struct exhaustion e = {.resource = EXHAUSTION_DESCRIPTORS, .call = CALL_SOCKET, .error = EMFILE, .limit = 40, .holdings = &h};
    add("socket:[1]");
    add("pipe:[1]");
    assert_string_equal(text_of(&e),
                        "==4242==ERROR: sockleak: socket failed: no descriptor left (limit 40, 1 is a socket). Who holds them:\n"
                        "  1 descriptor is no socket: 1 pipe\n");
    static const char *const links[] = {"/a", "/b", "/b", "/c", "/d", "/\033[2J"};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        add(links[i]);
    holdings_sort(&h);
    assert_string_equal(strchr(text_of(&e), '\n') + 1, "  7 descriptors are no sockets: 6 file (2 of /b, /?[2J, /a and 2 more), 1 pipe\n");
}

static void after_the_threshold_s_report_the_error_is_one_line(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    struct exhaustion e = {.resource = EXHAUSTION_DESCRIPTORS, .call = CALL_ACCEPT4, .error = EMFILE, .limit = 40, .holdings = &h};
    struct report r = {.pid = 1, .exhaustion = &e};
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    exhaustion_text_again(&o, &r, 90);
    buf[o.len] = 0;
    assert_string_equal(
        buf, "==1==ERROR: sockleak: accept4 failed: no descriptor left (limit 40, 0 are sockets); who holds them was reported 90 s ago\n");
}

static void json_begins_with_an_object_of_its_own(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    add("socket:[1]");
    add("/a\"b");
    struct exhaustion e = {
        .resource = EXHAUSTION_DESCRIPTORS, .call = CALL_ACCEPT4, .error = EMFILE, .limit = 1024, .used = 1024, .holdings = &h};
    struct report r = {.pid = 4242, .host = "h", .exe = "/srv/app", .exhaustion = &e};
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    json_report(&o, &r);
    buf[o.len] = 0;
    assert_string_equal(buf,
                        "{\"type\":\"exhausted\",\"time\":\"1970-01-01T00:00:00.000Z\",\"pid\":4242,\"call\":\"accept4\",\"errno\":"
                        "\"EMFILE\",\"resource\":\"descriptors\","
                        "\"limit\":1024,\"used\":1024,\"sockets\":1,\"peer\":null,\"host\":\"h\",\"exe\":\"/srv/app\",\"machine\":false,"
                        "\"others\":[{\"kind\":\"file\",\"count\":1,\"targets\":[{\"path\":\"/a\\\"b\",\"count\":1}]}]}\n");
    e = (struct exhaustion){.resource = EXHAUSTION_PORTS,
                            .call = CALL_CONNECT,
                            .error = EADDRNOTAVAIL,
                            .limit = 20,
                            .used = 19,
                            .own = 5,
                            .waiting = 2,
                            .peer = "10.0.0.5:1433"};
    o.len = 0;
    json_report(&o, &r);
    buf[o.len] = 0;
    assert_non_null(strstr(buf, "\"call\":\"connect\",\"errno\":\"EADDRNOTAVAIL\",\"resource\":\"ports\",\"limit\":20,\"used\":19,"
                                "\"sockets\":null,\"peer\":\"10.0.0.5:1433\""));
    assert_non_null(strstr(buf, "\"own\":5,\"time_wait\":2,\"others\":null}"));
    e = (struct exhaustion){.resource = EXHAUSTION_MEMORY, .call = 0, .error = 0};
    o.len = 0;
    json_report(&o, &r);
    buf[o.len] = 0;
    assert_non_null(strstr(buf, "\"call\":null,\"errno\":null,\"resource\":\"memory\",\"limit\":null,\"used\":null"));
}

static void groups_come_by_what_is_open_at_their_site_with_idle_times(void **state)
{
    (void)state;
    static struct finding f[2] = {{.fd = 3, .transfer.moved_ns = 997 * S}, {.fd = 4}};
    struct group groups[3] = {{.kind = KIND_OPEN, .siteid = 1, .live = 3, .count = 3},
                              {.kind = KIND_CLOSE_WAIT, .siteid = 2, .live = 9, .count = 2, .findings = f, .n_findings = 2},
                              {.kind = KIND_OPEN, .siteid = 2, .live = 9, .count = 7}};
    struct exhaustion e = {.resource = EXHAUSTION_DESCRIPTORS, .call = CALL_DUP, .error = EMFILE, .limit = 40};
    struct report r = {.pid = 1, .now_ns = 1000 * S, .exhaustion = &e, .groups = groups, .n_groups = 3};
    exhaustion_sort(&r);
    assert_int_equal(groups[0].count, 7);
    assert_int_equal(groups[1].count, 2);
    assert_int_equal(groups[2].count, 3);
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    exhaustion_text_group(&o, &r, &groups[1]);
    exhaustion_text_group(&o, &r, &groups[2]);
    f[1].transfer.moved_ns = 900 * S;
    exhaustion_text_group(&o, &r, &groups[1]);
    groups[1].siteid = 0;
    exhaustion_text_group(&o, &r, &groups[1]);
    buf[o.len] = 0;
    assert_string_equal(buf, "  9 of this site are open; idle for 3 s (1 of 2; of the others it is not known)\n"
                             "  3 of this site are open\n"
                             "  9 of this site are open; idle for 3 s to 100 s\n"
                             "  idle for 3 s to 100 s\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_errors_of_want_show_that_something_is_used_up),
        cmocka_unit_test(the_threshold_is_a_number_or_a_share_rounded_up),
        cmocka_unit_test(a_threshold_is_nothing_else),
        cmocka_unit_test(descriptors_are_counted_by_kind_and_target),
        cmocka_unit_test(kinds_and_targets_that_do_not_fit_are_counted_all_the_same),
        cmocka_unit_test(each_resource_has_its_line),
        cmocka_unit_test(what_is_no_socket_has_a_line),
        cmocka_unit_test(after_the_threshold_s_report_the_error_is_one_line),
        cmocka_unit_test(json_begins_with_an_object_of_its_own),
        cmocka_unit_test(groups_come_by_what_is_open_at_their_site_with_idle_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
