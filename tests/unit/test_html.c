/* SPDX-License-Identifier: MIT */
/*
 * test_html.c: reports as a page: what stands in it without scripts, the data for these, and names
 * that must stay text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "a_report.h"
#include "cli/render/html.h"
#include "cli/render/html_text.h"

static struct model m;
static char *text;

static char *page_of(const struct model *models, size_t n, struct html_options options)
{
    struct out o;
    html_gather(&o);
    html_report(&o, models, n, &options);
    out_char(&o, 0);
    free(text);
    text = o.buf;
    return text;
}

static int setup(void **state)
{
    (void)state;
    m = (struct model){.report = a_report()};
    m.report.max_sockets = 8;
    m.report.now_ns = 1000 * SECOND;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(text);
    text = NULL;
    return 0;
}

static void has(const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s is not in\n%s", part, text);
}

static void lacks(const char *part)
{
    if (strstr(text, part))
        fail_msg("%s is in\n%s", part, text);
}

static size_t times(const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

/* ---- text ---- */

static const char *escaped(const char *s)
{
    struct out o;
    html_gather(&o);
    html_text(&o, s);
    out_char(&o, 0);
    free(text);
    return text = o.buf;
}

static void whatever_a_text_holds_it_is_text(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"db_connect", "db_connect"},
        {"</script><b a=\"1\">&amp;'", "&lt;/script&gt;&lt;b a=&quot;1&quot;&gt;&amp;amp;'"},
        {"two\nlines\tand\033[1m", "two\nlines\xef\xbf\xbd"
                                   "and\xef\xbf\xbd[1m"},
        {"na\xc3\xafve \xff\xc3", "na\xc3\xafve \xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xe2\x80\xae"
         "b\xe2\x80\x8f"
         "c\xe2\x81\xa6"
         "d\xd8\x9c"
         "e\xe2\x80\x99",
         "a\xef\xbf\xbd"
         "b\xef\xbf\xbd"
         "c\xef\xbf\xbd"
         "d\xef\xbf\xbd"
         "e\xe2\x80\x99"}, /* a quotation mark is none of them */
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(escaped(rows[i][0]), rows[i][1]);
    assert_string_equal(escaped(NULL), "");
}

static void json_in_a_script_has_no_element_in_it(void **state)
{
    (void)state;
    struct out from, o;
    html_gather(&from);
    out_json(&from, "<!--<script></script>\xe2\x80\xae<");
    html_gather(&o);
    html_json_of(&o, &from);
    out_char(&o, 0);
    assert_string_equal(o.buf, "\"\\u003c!--\\u003cscript>\\u003c/script>\xef\xbf\xbd\\u003c\"");
    free(o.buf);
}

/* ---- the page ---- */

static void what_is_stuck_stands_there_without_a_script(void **state)
{
    (void)state;
    page_of(&m, 1, (struct html_options){.redacted = false});
    has("<title>3 sockets stuck at 2 sites - sockleak</title>");
    has("<h1>3 sockets stuck at 2 sites in app (4242)</h1>");
    has("<li><b>2</b> close_wait<li><b>1</b> dead</ul>");
    has("<tr><td>2<td>close_wait<td><a href=\"#s0\">db_connect</a><span>src/db.c:42</span><td><td>9<td>7<td>900 s<td>app (4242)");
    has("<pre id=\"s0\">==4242==WARNING: sockleak: 2 sockets stuck in CLOSE_WAIT");
    has("    #0 db_connect");
    has("fd 14  10.0.0.7:5 -&gt; 10.0.0.5:1433");
    lacks("{{");
    lacks("/metrics");
    lacks("lines of source");
    assert_int_equal(times("<pre id="), 2);
    page_of(&m, 1, (struct html_options){.served = true});
    has("<a href=\"/metrics\">metrics</a>");
    has("lines of source are not served: <code>sockleak report --format html</code> has them");
}

static void the_data_has_each_group_and_each_frame_once(void **state)
{
    (void)state;
    static const struct growth_point growth[] = {{200 * SECOND, 0}, {900 * SECOND, 2}};
    a_group[0].growth = growth;
    a_group[0].n_growth = 2;
    a_stack[0].source = "int fd = socket(\"<\");";
    page_of(&m, 1, (struct html_options){.redacted = false});
    has("{\"process\":0,\"kind\":\"close_wait\",\"site\":\"5f3a9c01d2e4b678\",\"eof\":\"read\",\"count\":2,\"opened\":9,\"closed\":7,"
        "\"oldest_s\":900.0,\"youngest_s\":100.0,\"stack\":0");
    has("\"growth\":[[800.0,0],[100.0,2]]");
    has("\"sockets\":{\"n\":2,\"fd\":[14,15],\"local\":[\"10.0.0.7:5\",\"10.0.0.7:6\"],\"peer\":\"10.0.0.5:1433\",\"state\":\"CLOSE_WAIT\","
        "\"stuck_s\":[900.0,100.0],\"unread\":0,");
    has("[\"db_connect\",\"src/db.c:42\",4,\"int fd = socket(\\\"\\u003c\\\");\"]");
    assert_int_equal(times("[\"login\",\"/work/src/web.c:88\"]"), 1);
    has("\"suppression\":[0,1");
    has("\"close_wait:^db_connect (db.c:42)\"");
    a_stack[0].source = NULL;
    page_of(&m, 1, (struct html_options){.redacted = true});
    lacks("\"suppression\":");
}

static void only_what_has_the_pages_own_word_is_run(void **state)
{
    (void)state;
    static const char policy[] = "default-src 'none'; style-src 'nonce-";
    char first[33];
    page_of(&m, 1, (struct html_options){.redacted = false});
    has(policy);
    memcpy(first, strstr(text, policy) + sizeof policy - 1, 32);
    first[32] = 0;
    assert_int_equal(strspn(first, "0123456789abcdef"), 32);
    assert_int_equal(times(first), 5); /* the policy, the style and two scripts */
    assert_int_equal(times("<script"), 3);
    page_of(&m, 1, (struct html_options){.redacted = false});
    lacks(first);
}

static void what_runs_out_stands_at_the_head(void **state)
{
    (void)state;
    page_of(&m, 1, (struct html_options){.redacted = false});
    lacks("class=\"forecast\"");
    a_group[0].fd_limit = a_group[1].fd_limit = 1024;
    a_group[0].fd_limit_in_s = 19200;
    a_group[1].fd_limit_in_s = 20000;
    page_of(&m, 1, (struct html_options){.redacted = false});
    has("<li>app (4242): the limit of 1024 descriptors is reached <strong>in 5 h 20 min</strong>, at the rate of <code "
        "class=\"name\">db_connect</code></ul>");
    a_group[1].fd_limit_reached = true;
    a_group[0].ports = 28232;
    a_group[0].ports_in_s = 60;
    a_group[0].ports_peer = "10.0.0.5:<1433>";
    page_of(&m, 1, (struct html_options){.redacted = false});
    has("descriptors is reached <strong>now</strong><li>app (4242): the 28232 local ports towards 10.0.0.5:&lt;1433&gt; are used up "
        "<strong>in 60 s</strong>");
    assert_int_equal(times("<strong>"), 2); /* the soonest of each alone */
}

static void several_processes_are_one_page_with_the_worst_site_first(void **state)
{
    (void)state;
    struct model both[2] = {m, m};
    static struct group other[1];
    other[0] = a_group[0];
    other[0].count = 5;
    both[1].report.pid = 4300;
    both[1].report.exe = "/srv/<other>";
    both[1].report.groups = other;
    both[1].report.n_groups = 1;
    both[1].report.leaks = 5;
    page_of(both, 2, (struct html_options){.redacted = false});
    has("<h1>8 sockets stuck at 2 sites in 2 processes</h1>");
    has("<td>&lt;other&gt; (4300)");
    assert_true(strstr(text, "<tr><td>5<td>") < strstr(text, "<tr><td>2<td>"));
    lacks("class=\"one-process\"");
    has("{\"pid\":4300,\"exe\":\"/srv/\\u003cother>\"");
}

static void of_very_many_sites_the_first_stand_there_as_text(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct group *many = calloc(MANY, sizeof *many);
    a_group[0].count = a_group[0].n_findings = 3;
    page_of(&m, 1, (struct html_options){.redacted = false});
    has("  fd 16  ");
    for (size_t i = 0; i < MANY; i++) {
        many[i] = a_group[0];
        many[i].siteid = i + 1;
    }
    m.report.groups = many;
    m.report.n_groups = MANY;
    page_of(&m, 1, (struct html_options){.redacted = false});
    assert_int_equal(times("<tr><td>3<td>close_wait"), MANY);
    lacks("  fd 16  "); /* few of its sockets are listed in each */
    assert_in_range(times("<pre id="), 200, MANY / 2);
    has(" are in the data at the end of this page, which its scripts show.");
    assert_int_equal(times("{\"process\":0,"), MANY);
    free(many);
}

static void with_nothing_to_report_it_says_so(void **state)
{
    (void)state;
    m.report.n_groups = 0;
    m.report.leaks = 0;
    memset(m.report.by_kind, 0, sizeof m.report.by_kind);
    page_of(&m, 1, (struct html_options){.redacted = false});
    has("<h1>No socket is reported in app (4242)</h1>");
    has("<details open>");
    lacks("<table id=\"sites\"");
    page_of(NULL, 0, (struct html_options){.redacted = false});
    has("<h1>No process is recorded</h1>");
    has("\"groups\":[]");
}

static void open_sockets_are_not_called_stuck(void **state)
{
    (void)state;
    a_group[0].kind = KIND_OPEN;
    m.report.by_kind[KIND_OPEN] = m.report.by_kind[KIND_CLOSE_WAIT];
    m.report.by_kind[KIND_CLOSE_WAIT] = 0;
    page_of(&m, 1, (struct html_options){.redacted = false});
    has("<h1>3 sockets reported at");
    m.report.by_kind[KIND_DEAD] = 0;
    page_of(&m, 1, (struct html_options){.redacted = false});
    has("<h1>3 sockets open at");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(whatever_a_text_holds_it_is_text),
        CASE(json_in_a_script_has_no_element_in_it),
        CASE(what_is_stuck_stands_there_without_a_script),
        CASE(the_data_has_each_group_and_each_frame_once),
        CASE(only_what_has_the_pages_own_word_is_run),
        CASE(what_runs_out_stands_at_the_head),
        CASE(several_processes_are_one_page_with_the_worst_site_first),
        CASE(of_very_many_sites_the_first_stand_there_as_text),
        CASE(with_nothing_to_report_it_says_so),
        CASE(open_sockets_are_not_called_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
