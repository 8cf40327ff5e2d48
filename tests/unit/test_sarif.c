/* SPDX-License-Identifier: MIT */
/*
 * test_sarif.c: a report as SARIF 2.1.0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "a_report.h"
#include "cli/render/formats.h"
#include "cli/render/sarif.h"

static char text[65536];

static void sarif(const struct report *r, const char *srcroot)
{
    struct out o = {.buf = text, .cap = sizeof text - 1};
    sarif_report(&o, r, srcroot, false);
    text[o.len] = 0;
}

static void has(const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s is not in\n%s", part, text);
}

static void a_result_stands_on_the_innermost_line(void **state)
{
    (void)state;
    struct report r = a_report();
    sarif(&r, NULL);
    has("{\"ruleId\":\"close_wait\",\"ruleIndex\":0,\"level\":\"error\",\"message\":{\"text\":\"2 sockets stuck: The peer has closed");
    has("\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"src/"
        "db.c\",\"uriBaseId\":\"SRCROOT\"},\"region\":{\"startLine\":42}}");
    has("\"partialFingerprints\":{\"sockleakSite/v1\":\"5f3a9c01d2e4b678\"},\"occurrenceCount\":2}");
    has("\"message\":{\"text\":\"saw EOF in (recv returned 0; 2 of 2)\"}");
    has("{\"ruleId\":\"dead\",\"ruleIndex\":2");
    has("\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"file:///srv/app\"},\"region\":{\"startLine\":1}}}],"
        "\"occurrenceCount\":1}");
}

static void a_results_message_ends_with_the_advice(void **state)
{
    (void)state;
    static const struct frame reads = {.module = "/srv/app", .symbol = "read_reply", .file = "src/db.c", .line = 77};
    struct report r = a_report();
    a_group[0].told[0].frames = &reads;
    sarif(&r, NULL);
    has(" (in app). Fix: read_reply (src/db.c:77) saw EOF and returned without closing; close there.\"},\"locations\"");
}

static void a_stack_without_lines_stands_on_its_module(void **state)
{
    (void)state;
    struct report r = a_report();
    struct frame frames[] = {{.pc = 0x7f0000001000}, {.symbol = "hidden", .module = "/srv/lib x.so", .offset = 0x10}};
    a_group[0].frames = frames;
    a_group[0].n_frames = 2;
    sarif(&r, NULL);
    has("\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"file:///srv/lib%20x.so\"},\"region\":{\"startLine\":1}},"
        "\"logicalLocations\"");
    has("(in lib x.so).");
}

static void another_process_is_not_called_by_the_first_ones_name(void **state)
{
    (void)state;
    struct report r = a_report();
    struct finding f = a_finding[2];
    f.pid = r.pid + 1;
    a_group[1].findings = &f;
    sarif(&r, NULL);
    has("(in app).\"}");
    if (strstr(strstr(text, "\"ruleId\":\"dead\""), "(in app)"))
        fail_msg("the second group is named after the first process:\n%s", text);
}

static void files_below_the_source_root_are_relative_and_others_are_file_uris(void **state)
{
    (void)state;
    struct report r = a_report();
    sarif(&r, "/work");
    has("{\"uri\":\"src/web.c\",\"uriBaseId\":\"SRCROOT\"}");
    sarif(&r, "/wor");
    has("{\"uri\":\"file:///work/src/web.c\"}");
}

static void odd_bytes_are_escaped_in_uris_and_strings(void **state)
{
    (void)state;
    struct report r = a_report();
    struct frame f = {.symbol = "a\"b\\\x01", .file = "a b%\xff.c", .line = 3};
    a_group[0].frames = &f;
    a_group[0].n_frames = 1;
    sarif(&r, NULL);
    has("\"uri\":\"a%20b%25%FF.c\"");
    has("\"a\\\"b\\\\\\u0001\"");
}

static void no_leak_is_an_empty_list_of_results(void **state)
{
    (void)state;
    struct report r = a_report();
    r.n_groups = 0;
    sarif(&r, NULL);
    has("\"results\":[\n]}]}\n");
}

static void the_tool_has_a_page_and_the_file_says_whether_all_was_read(void **state)
{
    (void)state;
    struct report r = a_report();
    struct out o = {.buf = text, .cap = sizeof text - 1};
    r.n_groups = 0;
    sarif(&r, NULL);
    has("\"name\":\"sockleak\",\"version\":\"");
    has("\"informationUri\":\"man:sockleak(1)\"");
    has("\"invocations\":[{\"executionSuccessful\":true}]");
    has("\"results\":[\n]");
    sarif_report(&o, &r, NULL, true);
    text[o.len] = 0;
    has("\"invocations\":[{\"executionSuccessful\":false}]");
}

static void the_source_line_is_the_snippet_of_its_place(void **state)
{
    (void)state;
    struct report r = a_report();
    struct frame one = a_stack[0];
    one.source = "\tint fd = socket(\"a\");";
    a_group[0].frames = &one;
    a_group[0].n_frames = 1;
    sarif(&r, NULL);
    has("\"region\":{\"startLine\":42,\"snippet\":{\"text\":\"\\u0009int fd = socket(\\\"a\\\");\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tool_has_a_page_and_the_file_says_whether_all_was_read),
        cmocka_unit_test(the_source_line_is_the_snippet_of_its_place),
        cmocka_unit_test(a_result_stands_on_the_innermost_line),
        cmocka_unit_test(a_results_message_ends_with_the_advice),
        cmocka_unit_test(a_stack_without_lines_stands_on_its_module),
        cmocka_unit_test(another_process_is_not_called_by_the_first_ones_name),
        cmocka_unit_test(files_below_the_source_root_are_relative_and_others_are_file_uris),
        cmocka_unit_test(odd_bytes_are_escaped_in_uris_and_strings),
        cmocka_unit_test(no_leak_is_an_empty_list_of_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
