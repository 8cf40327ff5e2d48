/* SPDX-License-Identifier: MIT */
/*
 * test_redact.c: what is private leaves a report, in every format; what a reader needs stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "a_report.h"
#include "cli/model/model.h"
#include "cli/render/formats.h"
#include "cli/render/redact.h"
#include "core/json.h"
#include "core/text.h"
#ifdef WITH_PROTOBUF
#include <zlib.h>
#endif

static struct redaction redaction;

static int begin(void **state)
{
    (void)state;
    redact_begin(&redaction);
    redaction.project = "/home/alice/proj";
    redaction.user = "alice";
    return 0;
}

static int end(void **state)
{
    (void)state;
    redact_end(&redaction);
    return 0;
}

static void path_is(const char *path, const char *kept)
{
    const char *said = redact_path(&redaction, path);
    if (strcmp(said, kept) != 0)
        fail_msg("%s became %s, not %s", path, said, kept);
}

static void of_a_path_stays_what_is_below_the_project_or_the_system(void **state)
{
    (void)state;
    path_is("src/db.c", "src/db.c");
    path_is("db.c", "db.c");
    path_is("/home/alice/proj/src/db.c", "src/db.c");
    path_is("/home/alice/project/src/db.c", "db.c");
    path_is("/home/alice/lib/x.py", "x.py");
    path_is("/srv/app", "app");
    path_is("../secret/x.c", "x.c");
    path_is("src/../../alice/x.c", "x.c");
    path_is("home/alice/x.c", "x.c");
    path_is("/home/alice/proj/tests/alice/x.c", "x.c");
    path_is("/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libc.so.6");
    path_is("/usr/lib/../../home/alice/x.so", "x.so");
    path_is("/usr/library/x.so", "x.so");
    path_is("/usr/local/acme/x.so", "x.so");
    path_is("file:///home/bob/app.js", "app.js");
    path_is("https://intern.example/app.js", "app.js");
    assert_null(redact_path(&redaction, NULL));
    assert_string_equal(redact_program("me/alice/bin/server"), "server");
    assert_string_equal(redact_program("/bin/sleep"), "/bin/sleep");
}

static void a_folder_of_many_users_is_no_project(void **state)
{
    (void)state;
    redaction.project = "/";
    path_is("/home/bob/src/db.c", "db.c");
    redaction.project = "/home";
    path_is("/home/bob/src/db.c", "db.c");
    redaction.project = NULL;
    path_is("/home/bob/src/db.c", "db.c");
}

static void one_address_has_one_placeholder_and_keeps_its_port(void **state)
{
    (void)state;
    assert_string_equal(redact_address(&redaction, "10.0.0.5:1433"), "address-1:1433");
    assert_string_equal(redact_address(&redaction, "[fe80::1]:80"), "address-2:80");
    assert_string_equal(redact_address(&redaction, "10.0.0.5:22"), "address-1:22");
    assert_string_equal(redact_address(&redaction, "10.0.0.50:22"), "address-3:22");
    assert_string_equal(redact_address(&redaction, "/run/alice.sock"), "address-4");
    assert_string_equal(redact_address(&redaction, "/run/alice:12"), "address-5");
    assert_string_equal(redact_address(&redaction, "@abstract:7"), "address-6");
    assert_string_equal(redact_address(&redaction, "3:1024"), "address-7:1024");
    assert_string_equal(redact_address(&redaction, "/run/alice.sock"), "address-4");
    assert_string_equal(redact_address(&redaction, "0.0.0.0:53"), "0.0.0.0:53");
    assert_string_equal(redact_address(&redaction, "[::]:53"), "[::]:53");
    assert_string_equal(redact_address(&redaction, ""), "");
    assert_null(redact_address(&redaction, NULL));
}

/* What a profile holds, which is compressed: its strings are in it as they are. Frees PACKED. */
static char *unpacked(char *packed, size_t size)
{
    char *text = calloc(1, 65536);
#ifdef WITH_PROTOBUF
    z_stream z = {.next_in = (unsigned char *)packed, .avail_in = (unsigned)size, .next_out = (unsigned char *)text, .avail_out = 65535};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    inflateEnd(&z);
    for (size_t i = 0; i < z.total_out; i++)
        if (!text[i])
            text[i] = ' ';
#else
    (void)size;
#endif
    free(packed);
    return text;
}

static char *written(enum format format, struct model *m)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    struct model_options o = {.max_sockets = 8, .print_summary = true};
    assert_non_null(f);
    format_models(f, format, m, 1, &o);
    fclose(f);
    return format == FORMAT_PPROF ? unpacked(text, size) : text;
}

static void no_format_shows_what_was_taken_out(void **state)
{
    static const char *const secret[] = {"10.0.0", "web1", "/srv", "/work", "alice"};
    static const char *const kept[] = {"db_connect"};
    static const struct state_holder holder = {.pid = 99, .fd = 5, .exe = "/opt/alice/bin/keeper"};
    static struct finding held = {
        .fd = 20, .kind = KIND_HELD_BY_CHILD, .n_holders = 1, .holders = 1, .holder = &holder, .asked = "10.0.0.9:1"};
    struct report before = a_report();
    struct finding stuck[2] = {a_finding[0], a_finding[1]};
    (void)state;
    stuck[0].siteid = stuck[1].siteid = before.groups[0].siteid;
    before.groups[0].findings = stuck;
    before.groups[1] =
        (struct group){.kind = KIND_HELD_BY_CHILD, .count = 1, .n_findings = 1, .findings = &held, .ports_peer = "10.0.0.8:2"};
    struct model m = {.report = before, .n_findings = 3};
    redact_model(&redaction, &m);
    assert_string_equal(held.asked, "10.0.0.9:1"); /* a copy was changed */
    assert_string_equal(m.report.groups[1].findings[0].asked, "address-3:1");
    assert_string_equal(m.report.groups[1].ports_peer, "address-4:2");
    assert_string_equal(m.report.groups[1].findings[0].holder->exe, "keeper");
    for (enum format format = FORMAT_TEXT; format < FORMAT_SUPPRESSIONS; format++) {
#ifndef WITH_PROTOBUF
        if (format == FORMAT_PPROF)
            continue;
#endif
        char *text = written(format, &m);
        for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
            if (strstr(text, secret[i]))
                fail_msg("format %d has %s:\n%s", (int)format, secret[i], text);
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (!strstr(text, kept[i]))
                fail_msg("format %d lacks %s:\n%s", (int)format, kept[i], text);
        free(text);
    }
}

static void the_reader_still_gets_sites_files_lines_and_peers(void **state)
{
    struct report before = a_report();
    struct model m = {.report = before};
    (void)state;
    redact_model(&redaction, &m);
    char *text = written(FORMAT_JSON, &m);
    assert_non_null(strstr(text, "\"site\":\"5f3a9c01d2e4b678\""));
    assert_non_null(strstr(text, "\"file\":\"src/db.c\",\"line\":42"));
    assert_non_null(strstr(text, "\"file\":\"web.c\",\"line\":88"));
    assert_non_null(strstr(text, "\"host\":null"));
    assert_non_null(strstr(text, "\"peer\":\"address-2:1433\""));
    free(text);
}

static void the_text_of_a_line_is_left_out(void **state)
{
    static const struct frame shown = {.module = "/srv/app", .symbol = "login", .file = "/srv/src/db.c", .line = 42, .source = "key = 7;"};
    (void)state;
    const struct frame *f = redact_frames(&redaction, &shown, 1);
    assert_string_equal(f->symbol, "login");
    assert_null(f->source);
    assert_string_equal(shown.source, "key = 7;");
}

static void a_process_with_nothing_stuck_has_a_summary_in_json(void **state)
{
    struct report r = a_report();
    (void)state;
    r.n_groups = 0;
    r.leaks = r.sites = 0;
    memset(r.by_kind, 0, sizeof r.by_kind);
    struct model m = {.report = r};
    char *text = written(FORMAT_JSON, &m);
    assert_non_null(strstr(text, "\"type\":\"summary\""));
    assert_non_null(strstr(text, "\"leaks\":0"));
    free(text);
    m.report.print_summary = false;
    text = written(FORMAT_JSON, &m);
    assert_string_equal(text, "");
    free(text);
}

static void what_it_knows_of_this_process_is_its_folder_and_its_user(void **state)
{
    struct redaction own;
    char *cwd = getcwd(NULL, 0);
    (void)state;
    redact_begin(&own);
    assert_string_equal(own.project, cwd);
    redact_end(&own);
    free(cwd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_a_path_stays_what_is_below_the_project_or_the_system, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_of_many_users_is_no_project, begin, end),
        cmocka_unit_test_setup_teardown(one_address_has_one_placeholder_and_keeps_its_port, begin, end),
        cmocka_unit_test_setup_teardown(no_format_shows_what_was_taken_out, begin, end),
        cmocka_unit_test_setup_teardown(the_reader_still_gets_sites_files_lines_and_peers, begin, end),
        cmocka_unit_test_setup_teardown(the_text_of_a_line_is_left_out, begin, end),
        cmocka_unit_test(a_process_with_nothing_stuck_has_a_summary_in_json),
        cmocka_unit_test(what_it_knows_of_this_process_is_its_folder_and_its_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
