/* SPDX-License-Identifier: MIT */
/*
 * test_export.c: metrics as text, counters over the end of processes and a restart, container ids.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/export/container.h"
#include "cli/export/ledger.h"
#include "cli/export/ledger_file.h"
#include "cli/export/metrics.h"
#include "cli/export/push.h"
#include "cli/export/samples.h"

/* ---- text ------------------------------------------------------------------------------------ */

static struct samples s;
static char *text;

static const char *written(enum metrics_format format)
{
    size_t len;
    free(text);
    FILE *f = open_memstream(&text, &len);
    samples_settle(&s);
    metrics_write(f, &s, format);
    fclose(f);
    return text;
}

static int drop_samples(void **state)
{
    (void)state;
    samples_free(&s);
    free(text);
    text = NULL;
    return 0;
}

static void add_opened(const char *function, double value)
{
    struct resource of = {.exe = "/srv/app", .container = ""};
    struct sample *at = samples_add(&s, METRIC_OPENED, &of, value);
    samples_label(&s, at, "site", "00000000000000aa");
    samples_label(&s, at, "function", function);
    samples_label(&s, at, "file", "db.c:42");
}

static void a_counter_is_named_as_each_format_wants_it(void **state)
{
    (void)state;
    add_opened("connect", 3);
    assert_non_null(strstr(written(METRICS_OPEN), "\n# TYPE sockleak_sockets_opened counter\n"
                                                  "sockleak_sockets_opened_total{site=\"00000000000000aa\",function=\"connect\","
                                                  "file=\"db.c:42\",exe=\"/srv/app\"} 3\n"));
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    assert_non_null(strstr(text, "\n# UNIT sockleak_exhaustion_seconds seconds\n"));
    assert_non_null(strstr(written(METRICS_PROMETHEUS), "\n# TYPE sockleak_sockets_opened_total counter\nsockleak_sockets_opened_total{"));
    assert_null(strstr(text, "# EOF"));
    assert_null(strstr(text, "# UNIT"));
    assert_non_null(strstr(written(METRICS_COMMENTED), "\n# TYPE sockleak_sockets_opened_total counter\n"));
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void a_label_may_hold_anything(void **state)
{
    (void)state;
    add_opened("a\"b\\c\nd\x01\xff\xc3\xa9", 1);
    assert_non_null(strstr(written(METRICS_OPEN), "function=\"a\\\"b\\\\c\\nd??\xc3\xa9\""));
}

static void equal_labels_are_one_sample(void **state)
{
    struct resource of = {.exe = "/srv/app", .container = "c1", .pid = 7}, other = {.exe = "/srv/app", .container = "c2", .pid = 7};
    (void)state;
    samples_label(&s, samples_add(&s, METRIC_EXHAUSTION, &of, 90), "resource", "ports");
    samples_label(&s, samples_add(&s, METRIC_EXHAUSTION, &of, 60), "resource", "ports");
    samples_label(&s, samples_add(&s, METRIC_EXHAUSTION, &of, 50), "resource", "descriptors");
    samples_add(&s, METRIC_OPEN, &of, 2);
    samples_add(&s, METRIC_OPEN, &other, 4);
    samples_add(&s, METRIC_OPEN, &of, 3);
    samples_add(&s, METRIC_SCRAPE, NULL, 0.25);
    written(METRICS_OPEN);
    assert_int_equal(s.n, 5);
    assert_non_null(strstr(text, "\nsockleak_open_sockets{exe=\"/srv/app\",pid=\"7\",container=\"c1\"} 5\n"));
    assert_non_null(strstr(text, "\nsockleak_open_sockets{exe=\"/srv/app\",pid=\"7\",container=\"c2\"} 4\n"));
    assert_non_null(strstr(text, "{resource=\"ports\",exe=\"/srv/app\",pid=\"7\",container=\"c1\"} 60\n"));
    assert_non_null(strstr(text, "\nsockleak_exporter_scrape_seconds 0.25\n# EOF\n"));
}

static void the_format_is_what_the_reader_prefers(void **state)
{
    (void)state;
    assert_int_equal(metrics_accepted(NULL), METRICS_OPEN);
    assert_int_equal(metrics_accepted("*/*"), METRICS_OPEN);
    assert_int_equal(metrics_accepted("text/plain"), METRICS_PROMETHEUS);
    assert_int_equal(metrics_accepted("text/plain;version=0.0.4;q=0.5, application/openmetrics-text; version=1.0.0; q=0.75,*/*;q=0.1"),
                     METRICS_OPEN);
    assert_int_equal(metrics_accepted("application/openmetrics-text;q=0.2,text/plain;q=0.9"), METRICS_PROMETHEUS);
    assert_int_equal(metrics_accepted("text/html, */*;q=0.1, text/plain;q=0"), METRICS_OPEN);
    assert_int_equal(metrics_accepted("text/plainer"), METRICS_OPEN);
    assert_int_equal(metrics_accepted(";q=,,q"), METRICS_OPEN);
}

/* ---- counters -------------------------------------------------------------------------------- */

static struct ledger l;
static unsigned named;

static void name(void *arg, struct ledger_entry *e)
{
    (void)arg;
    named++;
    e->function = "f\t\\";
    e->file = "x\ny.c:1";
}

static void look(uint32_t pid, uint64_t siteid, uint64_t opened, uint64_t closed, unsigned max_sites)
{
    struct ledger_entry entries[] = {{.siteid = siteid, .count = {opened, closed}, .rank = opened}};
    struct ledger_look at = {.pid = pid,
                             .start = 1,
                             .opened_real_ns = 2,
                             .exe = "/srv/app",
                             .container = "",
                             .entries = entries,
                             .n = 1,
                             .max_sites = max_sites,
                             .name = name};
    ledger_add(&l, &at, 1000);
}

static struct ledger_count count_of(const char *site)
{
    for (size_t i = 0; i < l.n; i++)
        if (strcmp(l.series[i].site, site) == 0)
            return l.series[i].count;
    return (struct ledger_count){0};
}

static int drop_ledger(void **state)
{
    (void)state;
    ledger_free(&l);
    named = 0;
    return 0;
}

static void a_counter_goes_on_behind_the_end_of_a_process(void **state)
{
    (void)state;
    look(10, 0xaa, 5, 2, 50);
    look(10, 0xaa, 7, 2, 50); /* it ends */
    look(11, 0xaa, 1, 1, 50);
    assert_int_equal(count_of("00000000000000aa").opened, 8);
    assert_int_equal(count_of("00000000000000aa").closed, 3);
    assert_int_equal(l.n, 1);
    assert_int_equal(named, 2); /* once for each process */
    ledger_forget(&l, 1000 + 3601);
    assert_int_equal(l.n_processes, 0);
    assert_int_equal(count_of("00000000000000aa").opened, 8);
}

static void a_count_that_has_fallen_adds_nothing(void **state)
{
    (void)state;
    look(10, 0xaa, 5, 2, 50);
    look(10, 0xaa, 3, 1, 50);
    assert_int_equal(count_of("00000000000000aa").opened, 5);
    look(10, 0xaa, 4, 1, 50);
    assert_int_equal(count_of("00000000000000aa").opened, 6);
}

static void more_sites_than_wanted_are_one(void **state)
{
    (void)state;
    look(10, 0xaa, 5, 2, 1);
    look(10, 0xbb, 3, 1, 1);
    look(10, 0xbb, 4, 1, 1);
    assert_int_equal(count_of("other").opened, 4);
    assert_int_equal(count_of("00000000000000aa").opened, 5);
    assert_int_equal(count_of("00000000000000bb").opened, 0);
    look(12, 0, 2, 0, 1);
    assert_int_equal(count_of("unknown").opened, 2);
}

/* In a folder of its own; gives its file's name. */
static const char *a_file(void)
{
    static char path[64];
    strcpy(path, "/tmp/test_export.XXXXXX");
    assert_non_null(mkdtemp(path));
    strcat(path, "/counters");
    return path;
}

static void remove_file(const char *path)
{
    char dir[64];
    unlink(path);
    snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = 0;
    assert_int_equal(rmdir(dir), 0); /* nothing else was left there */
}

static void counters_survive_a_restart(void **state)
{
    const char *path = a_file();
    struct stat st;
    (void)state;
    l.started_real_ns = 99;
    look(10, 0xaa, 5, 2, 1);
    look(10, 0xbb, 3, 1, 1);
    assert_true(l.changed);
    assert_int_equal(ledger_file_write(&l, path), 0);
    assert_false(l.changed);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    ledger_free(&l);
    assert_null(ledger_file_read(&l, path));
    assert_int_equal(l.started_real_ns, 99);
    look(10, 0xaa, 6, 2, 1); /* of the same process, one more */
    look(10, 0xbb, 3, 3, 1);
    assert_int_equal(count_of("00000000000000aa").opened, 6);
    assert_int_equal(count_of("other").opened, 3);
    assert_int_equal(count_of("other").closed, 3);
    assert_string_equal(l.series[0].function, "f\t\\");
    assert_string_equal(l.series[0].file, "x\ny.c:1");
    remove_file(path);
    ledger_free(&l);
    assert_null(ledger_file_read(&l, path));
    assert_int_equal(l.n, 0);
}

static void put(const char *path, const char *content)
{
    FILE *f = fopen(path, "w");
    fputs(content, f);
    fclose(f);
}

static void a_damaged_file_is_taken_for_none(void **state)
{
#define HEAD "sockleak export counters 1\nstarted\t5\n"
#define SERIES "series\t1\t1\t/a\t\tother\t\t\n"
    static const char *const bad[] = {
        "",
        "sockleak export counters 2\nstarted\t5\nend\t1\n",
        HEAD,
        HEAD "end\t2\n",
        HEAD "end\t1\nmore\n",
        HEAD "end\t1",
        HEAD "series\t1\t1\t/a\t\tother\t\nend\t2\n",
        HEAD "series\t-1\t1\t/a\t\tother\t\t\nend\t2\n",
        HEAD SERIES SERIES "end\t3\n",
        HEAD "site\t1\t0\t1\t1\nend\t2\n",
        HEAD SERIES "process\t1\t1\t1\t1\t0\t0\nsite\t1\t1\t1\t1\nend\t4\n",
        HEAD SERIES "process\t1\t1\t1\t1\t0\t0\nsite\t1\t0\t1\t1\nsite\t1\t0\t1\t1\nend\t5\n",
        HEAD SERIES "process\t1\t1\t1\t1\t0\t0\nprocess\t1\t1\t1\t1\t0\t0\nend\t4\n",
        HEAD "process\t1\t1\t1\t1\t0\t0\n" SERIES "end\t3\n",
        HEAD "series\t1\t1\t/a\\x\t\tother\t\t\nend\t2\n",
        HEAD "series\t1\t1\t/a\t\tother\t\t\t\t\nend\t2\n",
    };
    const char *path = a_file();
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put(path, bad[i]);
        assert_non_null(ledger_file_read(&l, path));
        assert_int_equal(l.n, 0);
        assert_int_equal(l.n_processes, 0);
    }
    put(path, HEAD SERIES "process\t1\t1\t1\t1\t0\t0\nsite\t1\t0\t1\t1\nend\t4\n");
    assert_null(ledger_file_read(&l, path));
    assert_int_equal(l.n, 1);
    remove_file(path);
}

static void a_flood_of_programs_stays_bounded(void **state)
{
    char exe[32];
    (void)state;
    for (unsigned i = 0; i < 30000; i++) {
        struct ledger_entry e = {.siteid = 1, .count = {1, 0}};
        struct ledger_look at = {.pid = i, .exe = exe, .container = "", .entries = &e, .n = 1, .max_sites = 50};
        snprintf(exe, sizeof exe, "/p%u", i);
        ledger_add(&l, &at, 1000);
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < l.n; i++)
        sum += l.series[i].count.opened;
    assert_true(l.n <= 25001);
    assert_int_equal(sum, 30000);
    ledger_forget(&l, 1001);
    assert_int_equal(l.n_processes, 0);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void the_container_is_the_id_in_the_cgroup(void **state)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    char id[CONTAINER_MAX];
    (void)state;
    container_parse("0::/system.slice/docker-" ID ".scope\n", id);
    assert_string_equal(id, ID);
    container_parse("0::/kubepods/besteffort/podaa-bb/" ID "\n", id);
    assert_string_equal(id, ID);
    container_parse("12:memory:/\n0::/machine.slice/libpod-" ID ".scope/container\n", id);
    assert_string_equal(id, ID);
    container_parse("0::/lxc.payload.web-1/init.scope\n", id);
    assert_string_equal(id, "web-1");
    container_parse("0::/machine.slice/machine-web.scope\n", id);
    assert_string_equal(id, "web");
    container_parse("0::/user.slice/user-1000.slice\n", id);
    assert_string_equal(id, "");
    container_parse("0::/x-" ID "0\n", id); /* 65 digits are no id */
    assert_string_equal(id, "");
    container_parse("", id);
    assert_string_equal(id, "");
}

static void an_otlp_url_is_taken_apart(void **state)
{
    struct push_target t;
    (void)state;
    assert_int_equal(push_parse(&t, "http://127.0.0.1"), 0);
    assert_string_equal(t.host, "127.0.0.1");
    assert_string_equal(t.port, "4318");
    assert_string_equal(t.path, "/v1/metrics");
    assert_int_equal(push_parse(&t, "http://[::1]:80/otlp/x"), 0);
    assert_string_equal(t.host, "::1");
    assert_string_equal(t.port, "80");
    assert_string_equal(t.path, "/otlp/x");
    static const char *const bad[] = {"",           "127.0.0.1:4318", "http://",         "http://:4318", "http://a:0",
                                      "http://a:x", "http://a:65536", "http://[::1",     "http://a b/",  "http://a/\r\nX: y",
                                      "http://a?x", "https://a",      "http://u:p@host", "http://[::1]x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(push_parse(&t, bad[i]), CLI_USAGE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_counter_is_named_as_each_format_wants_it, drop_samples),
        cmocka_unit_test_teardown(a_label_may_hold_anything, drop_samples),
        cmocka_unit_test_teardown(equal_labels_are_one_sample, drop_samples),
        cmocka_unit_test(the_format_is_what_the_reader_prefers),
        cmocka_unit_test_teardown(a_counter_goes_on_behind_the_end_of_a_process, drop_ledger),
        cmocka_unit_test_teardown(a_count_that_has_fallen_adds_nothing, drop_ledger),
        cmocka_unit_test_teardown(more_sites_than_wanted_are_one, drop_ledger),
        cmocka_unit_test_teardown(counters_survive_a_restart, drop_ledger),
        cmocka_unit_test_teardown(a_damaged_file_is_taken_for_none, drop_ledger),
        cmocka_unit_test_teardown(a_flood_of_programs_stays_bounded, drop_ledger),
        cmocka_unit_test(the_container_is_the_id_in_the_cgroup),
        cmocka_unit_test(an_otlp_url_is_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
