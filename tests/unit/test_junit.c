/* SPDX-License-Identifier: MIT */
/*
 * test_junit.c: a report as JUnit XML, whatever bytes its names hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "a_report.h"
#include "cli/render/formats.h"
#include "cli/render/junit.h"

static char text[65536];

static const char *junit(const struct model *models, size_t n)
{
    struct out o = {.buf = text, .cap = sizeof text - 1};
    junit_reports(&o, models, n, false);
    text[o.len] = 0;
    return text;
}

static void has(const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s is not in\n%s", part, text);
}

static void each_group_is_a_failed_case(void **state)
{
    (void)state;
    struct model m = {.report = a_report()};
    junit(&m, 1);
    has("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"sockleak app (pid 4242)\" package=\"sockleak\" "
        "id=\"0\" "
        "timestamp=\"2023-11-14T22:13:20\" hostname=\"web1\" tests=\"2\" failures=\"2\" errors=\"0\" time=\"0\">\n    <properties/>\n");
    has("<testcase name=\"close_wait allocated by db_connect at src/db.c:42 (site 5f3a9c01d2e4b678)\" classname=\"sockleak.app\" "
        "time=\"0\">\n"
        "      <failure type=\"close_wait\" message=\"2 sockets stuck in CLOSE_WAIT: the peer has closed, this process never did\">");
    has("10.0.0.7:5 -&gt; 10.0.0.5:1433");
    has("<testcase name=\"dead (no stack)\"");
    has("    <system-out/>\n    <system-err/>\n  </testsuite>\n</testsuites>\n");
}

static void no_leak_is_a_passed_case(void **state)
{
    (void)state;
    struct model m = {.report = a_report()};
    m.report.n_groups = 0;
    junit(&m, 1);
    has("tests=\"1\" failures=\"0\"");
    has("<testcase name=\"no leaked sockets\" classname=\"sockleak.app\" time=\"0\"/>");
    assert_null(strstr(text, "<failure"));
}

static void names_of_any_bytes_give_well_formed_xml(void **state)
{
    (void)state;
    struct model m = {.report = a_report()};
    a_group[0].n_frames = 1;
    struct frame f = {.symbol = "a<b>&\"\x01\xff\xc3\xa9\xed\xa0\x80\xef\xbf\xbf\xf0\x9f\x98\x80"};
    a_group[0].frames = &f;
    junit(&m, 1);
    has("name=\"close_wait allocated by a&lt;b&gt;&amp;&quot;??\xc3\xa9???\?\?\?\xf0\x9f\x98\x80 (site");
    assert_null(strchr(text, 1));
    assert_null(strchr(text, 0xff));
}

static void no_process_is_a_passed_case(void **state)
{
    (void)state;
    junit(NULL, 0);
    has("<testsuite name=\"sockleak\" package=\"sockleak\" id=\"0\" timestamp=\"20");
    has("tests=\"1\" failures=\"0\" errors=\"0\"");
    has("<testcase name=\"no leaked sockets\" classname=\"sockleak\" time=\"0\"/>");
    assert_null(strstr(text, "<failure"));
}

static void what_could_not_be_read_is_an_error_and_no_passed_case(void **state)
{
    (void)state;
    struct out o = {.buf = text, .cap = sizeof text - 1};
    junit_reports(&o, NULL, 0, true);
    text[o.len] = 0;
    has("tests=\"1\" failures=\"0\" errors=\"1\"");
    has("<error type=\"unread\" message=\"a state file, directory or process could not be read");
    assert_null(strstr(text, "no leaked sockets"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_group_is_a_failed_case),
        cmocka_unit_test(no_leak_is_a_passed_case),
        cmocka_unit_test(no_process_is_a_passed_case),
        cmocka_unit_test(what_could_not_be_read_is_an_error_and_no_passed_case),
        cmocka_unit_test(names_of_any_bytes_give_well_formed_xml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
