/* SPDX-License-Identifier: MIT */
/*
 * test_json_lines.c: a report in JSON Lines gives its sites; text that is no report, or a damaged or
 * hostile one, gives one sentence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "a_report.h"
#include "cli/diff/json_lines.h"
#include "core/json.h"

static struct diff_side side;
static struct json_lines reader;

static int begin(void **state)
{
    (void)state;
    side = (struct diff_side){0};
    reader = (struct json_lines){.side = &side};
    return 0;
}

static int end(void **state)
{
    (void)state;
    json_lines_free(&reader);
    side_free(&side);
    return 0;
}

static const char *take(const char *line) { return json_lines_take(&reader, line, strlen(line)); }

static void settle(void)
{
    json_lines_settle(&reader);
    side_settle(&side);
}

/* A line of type leak; LINE is a static buffer. */
static const char *leak(const char *reason, const char *time, unsigned pid, const char *kind, const char *site, unsigned count)
{
    static char line[1024];
    snprintf(line, sizeof line,
             "{\"type\":\"leak\",\"time\":\"%s\",\"host\":\"web1\",\"pid\":%u,\"exe\":\"/srv/app\",\"reason\":\"%s\",\"kind\":\"%s\","
             "\"site\":\"%s\",\"count\":%u,\"opened\":%u,\"closed\":3,\"frames\":[],\"eof_frames\":[]}",
             time, pid, reason, kind, site, count, count + 3);
    return line;
}
#define SITE_A "00000000000000aa"
#define SITE_B "00000000000000bb"

static void take_leak(const char *reason, const char *time, unsigned pid, const char *kind, const char *site, unsigned count)
{
    assert_null(take(leak(reason, time, pid, kind, site, count)));
}

static void what_the_writer_writes_is_read_with_its_stack(void **state)
{
    static char text[65536];
    struct out o = {.buf = text, .cap = sizeof text - 1};
    struct report r = a_report();
    (void)state;
    json_report(&o, &r);
    text[o.len] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        assert_null(take(line));
    settle();
    assert_int_equal(side.n, 2);
    const struct diff_site *none = &side.sites[0], *s = &side.sites[1];
    assert_int_equal(none->id, 0);
    assert_int_equal(none->by_kind[KIND_DEAD], 1);
    assert_int_equal(s->id, 0x5f3a9c01d2e4b678);
    assert_int_equal(s->by_kind[KIND_CLOSE_WAIT], 2);
    assert_int_equal(s->opened, 9);
    assert_int_equal(s->closed, 7);
    assert_string_equal(s->exe, "app");
    assert_int_equal(s->n_frames, 4);
    assert_string_equal(s->frames[0].symbol, "db_connect");
    assert_string_equal(s->frames[0].file, "src/db.c");
    assert_int_equal(s->frames[0].line, 42);
    assert_int_equal(s->frames[0].offset, 0x1234);
    assert_true(s->frames[0].inlined);
    assert_string_equal(s->frames[0].build_id, "abcd");
    assert_null(s->frames[3].module);
    assert_int_equal(s->frames[3].pc, 0x7f0000001000);
}

static void a_log_ends_with_what_its_last_complete_report_lists(void **state)
{
    (void)state;
    take_leak("grace", "T1", 7, "close_wait", SITE_A, 4);
    take_leak("grace", "T2", 7, "close_wait", SITE_B, 5);
    take_leak("exit", "T3", 7, "close_wait", SITE_A, 6);
    take_leak("exit", "T3", 7, "dead", SITE_A, 2);
    take_leak("grace", "T1", 8, "close_wait", SITE_B, 1); /* another process */
    settle();
    assert_int_equal(side.n, 2);
    assert_int_equal(side.sites[0].count, 8);
    assert_int_equal(side.sites[0].by_kind[KIND_CLOSE_WAIT], 6);
    assert_int_equal(side.sites[0].by_kind[KIND_DEAD], 2);
    assert_int_equal(side.sites[1].count, 1);
}

static void a_group_counts_as_it_was_reported_last_less_what_was_taken_back(void **state)
{
    (void)state;
    take_leak("grace", "T1", 7, "close_wait", SITE_A, 4);
    take_leak("grace", "T2", 7, "close_wait", SITE_A, 8);
    take_leak("grace", "T2", 7, "close_wait", SITE_B, 2);
    assert_null(take("{\"type\":\"release\",\"pid\":7,\"fd\":3,\"site\":\"" SITE_A "\",\"kind\":\"close_wait\",\"count\":3}"));
    assert_null(take("{\"type\":\"release\",\"pid\":7,\"fd\":3,\"site\":\"" SITE_B "\",\"kind\":\"close_wait\",\"count\":9}"));
    assert_null(take("{\"type\":\"release\",\"pid\":9,\"fd\":3,\"site\":\"" SITE_A "\",\"kind\":\"close_wait\",\"count\":1}"));
    assert_null(take("{\"type\":\"release\",\"pid\":7,\"fd\":3,\"site\":\"" SITE_A "\",\"kind\":\"dead\",\"count\":1}"));
    settle();
    assert_int_equal(side.n, 1);
    assert_int_equal(side.sites[0].count, 5);
}

static void what_a_report_of_exhaustion_lists_in_use_is_no_leak(void **state)
{
    (void)state;
    take_leak("exhausted", "T1", 7, "open", SITE_A, 900);
    take_leak("exhausted", "T1", 7, "close_wait", SITE_B, 9);
    settle();
    assert_int_equal(side.n, 1);
    assert_int_equal(side.sites[0].id, 0xbb);
}

static void variants_and_processes_of_a_site_are_one_site(void **state)
{
    static const char v[] =
        "{\"type\":\"leak\",\"time\":\"T\",\"pid\":%d,\"exe\":null,\"reason\":\"exit\",\"kind\":\"dead\",\"variant\":\"%s\","
        "\"site\":\"" SITE_A "\",\"count\":2,\"opened\":10,\"closed\":6,\"frames\":[]}";
    char line[512];
    (void)state;
    for (int i = 0; i < 4; i++) {
        snprintf(line, sizeof line, v, 7 + i / 2, i % 2 ? "0000000a" : "0000000b");
        assert_null(take(line));
    }
    settle();
    assert_int_equal(side.n, 1);
    assert_int_equal(side.sites[0].count, 8);
    assert_int_equal(side.sites[0].opened, 20);
    assert_int_equal(side.sites[0].closed, 12);
}

static void a_stack_that_saw_eof_stands_for_a_site_that_has_no_other(void **state)
{
    (void)state;
    assert_null(take("{\"type\":\"leak\",\"time\":\"T\",\"pid\":1,\"reason\":\"exit\",\"kind\":\"close_wait\",\"site\":\"" SITE_A
                     "\",\"site_of\":\"eof\",\"count\":1,\"opened\":0,\"closed\":0,\"frames\":[],\"eof_frames\":["
                     "{\"symbol\":\"poll\",\"interpreter\":true},{\"symbol\":\"read_reply\",\"file\":\"app.py\",\"line\":7,"
                     "\"runtime\":\"python\"}]}"));
    settle();
    assert_true(side.sites[0].of_eof);
    assert_int_equal(side.sites[0].n_frames, 1);
    assert_string_equal(side.sites[0].frames[0].symbol, "read_reply");
    assert_int_equal(side.sites[0].frames[0].runtime, RUNTIME_PYTHON);
}

static void new_types_and_empty_lines_are_passed_over(void **state)
{
    (void)state;
    assert_null(take(""));
    assert_null(take(" \t\r"));
    assert_null(take("{\"type\":\"weather\",\"count\":[[]]}"));
    assert_int_equal(reader.n_known, 0);
    assert_null(take("{\"type\":\"summary\"}"));
    assert_int_equal(reader.n_known, 1);
    settle();
    assert_int_equal(side.n, 0);
}

static void refused(const char *line, const char *why)
{
    const char *said = take(line);
    assert_non_null(said);
    if (!strstr(said, why))
        fail_msg("said '%s', not '%s', of: %.80s", said, why, line);
}

static void what_is_no_report_is_refused_with_the_reason(void **state)
{
    (void)state;
    refused("hello", "no JSON");
    refused("{", "no JSON");
    refused("{\"type\":\"leak\"} x", "no JSON");
    refused("{\"type\":\"leak\",\"type\":\"leak\"}", "no JSON");
    refused("[]", "\"type\"");
    refused("17", "\"type\"");
    refused("null", "\"type\"");
    refused("{}", "\"type\"");
    refused("{\"type\":1}", "\"type\"");
    refused("{\"type\":\"leak\"}", "\"kind\"");
    refused(leak("exit", "T", 1, "melted", SITE_A, 1), "does not know: 'melted'");
    refused(leak("exit", "T", 1, "dead", "00AA", 1), "\"site\"");
    refused(leak("exit", "T", 1, "dead", "00000000000000AA", 1), "\"site\"");
    refused("{\"type\":\"release\",\"kind\":\"dead\",\"site\":null,\"count\":-1,\"pid\":1}", "\"count\"");
    refused("{\"type\":\"release\",\"kind\":\"dead\",\"site\":null,\"count\":1.5,\"pid\":1}", "\"count\"");
    refused("{\"type\":\"release\",\"kind\":\"dead\",\"site\":null,\"count\":281474976710657,\"pid\":1}", "\"count\"");
    refused("{\"type\":\"release\",\"kind\":\"dead\",\"count\":1,\"pid\":1}", "\"site\"");
}

static void a_member_of_another_type_is_refused_by_its_name(void **state)
{
    static const struct {
        const char *key, *value, *why;
    } bad[] = {{"\"count\":", "\"6\"", "count"},
               {"\"opened\":", "null", "opened"},
               {"\"closed\":", "-1", "closed"},
               {"\"pid\":", "true", "pid"},
               {"\"time\":", "7", "time"},
               {"\"reason\":", "null", "reason"},
               {"\"host\":", "[]", "host"},
               {"\"exe\":", "{}", "exe"},
               {"\"frames\":", "{}", "frames"},
               {"\"frames\":", "[1]", "frames"},
               {"\"frames\":", "[{\"symbol\":1}]", "symbol"},
               {"\"frames\":", "[{\"line\":-1}]", "line"},
               {"\"frames\":", "[{\"line\":4294967296}]", "line"},
               {"\"frames\":", "[{\"offset\":\"12\"}]", "offset"},
               {"\"frames\":", "[{\"offset\":\"0x\"}]", "offset"},
               {"\"frames\":", "[{\"offset\":\"0x00000000000000001\"}]", "offset"},
               {"\"frames\":", "[{\"offset\":\"0x1\",\"pc\":\"0xg\"}]", "offset"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[2048], *at, *rest;
        snprintf(line, sizeof line, "%s", leak("exit", "T", 1, "dead", SITE_A, 6));
        at = strstr(line, bad[i].key) + strlen(bad[i].key);
        rest = strdup(strstr(at, *at == '[' ? "]" : ",") + (*at == '['));
        snprintf(at, sizeof line - (size_t)(at - line), "%s%s", bad[i].value, rest);
        free(rest);
        refused(line, bad[i].why);
    }
}

static void hostile_text_is_harmless(void **state)
{
    static char deep[200001];
    char *line;
    (void)state;
    memset(deep, '[', sizeof deep - 1);
    refused(deep, "no JSON");
    memset(deep, '{', sizeof deep - 1);
    refused(deep, "no JSON");
    refused("{\"type\":\"summary\",\"leaks\":99999999999999999999999999}", "no JSON");
    refused("{\"type\":\"summary\",\"leaks\":1e999}", "no JSON");
    refused("{\"type\":\"summary\",\"x\":\"\xff\xfe\"}", "no JSON");
    refused("{\"type\":\"summary\",\"x\":\"\xed\xa0\x80\"}", "no JSON");
    refused("{\"type\":\"summary\",\"x\":\"\\ud800\"}", "no JSON");
    refused("{\"type\":\"sum\\u0000mary\"}", "no JSON");
    static const char nul[] = "{\"type\":\"summary\"\0}";
    assert_non_null(json_lines_take(&reader, nul, sizeof nul - 1));
    assert_non_null(json_lines_take(&reader, "\0", 1));
    /* the reader holds on to nothing of it */
    assert_int_not_equal(asprintf(&line, "%s", leak("exit", "T", 1, "dead", SITE_A, 6)), -1);
    assert_null(take(line));
    free(line);
    settle();
    assert_int_equal(side.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_writer_writes_is_read_with_its_stack, begin, end),
        cmocka_unit_test_setup_teardown(a_log_ends_with_what_its_last_complete_report_lists, begin, end),
        cmocka_unit_test_setup_teardown(a_group_counts_as_it_was_reported_last_less_what_was_taken_back, begin, end),
        cmocka_unit_test_setup_teardown(what_a_report_of_exhaustion_lists_in_use_is_no_leak, begin, end),
        cmocka_unit_test_setup_teardown(variants_and_processes_of_a_site_are_one_site, begin, end),
        cmocka_unit_test_setup_teardown(a_stack_that_saw_eof_stands_for_a_site_that_has_no_other, begin, end),
        cmocka_unit_test_setup_teardown(new_types_and_empty_lines_are_passed_over, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_report_is_refused_with_the_reason, begin, end),
        cmocka_unit_test_setup_teardown(a_member_of_another_type_is_refused_by_its_name, begin, end),
        cmocka_unit_test_setup_teardown(hostile_text_is_harmless, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
