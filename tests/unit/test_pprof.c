/* SPDX-License-Identifier: MIT */
/*
 * test_pprof.c: a profile, decoded again; an OTLP request, decoded again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "a_report.h"
#include "cli/export/otlp.h"
#include "cli/export/samples.h"
#include "cli/render/pprof.h"

#ifdef WITH_PROTOBUF

#include <otlp.pb-c.h>
#include <profile.pb-c.h>
#include <zlib.h>

typedef Perftools__Profiles__Profile profile;
typedef Perftools__Profiles__Sample sample;

static profile *decoded(const struct model *models, size_t n)
{
    size_t len, plain_len;
    static unsigned char unpacked[65536];
    char *plain = pprof_encode(models, n, &plain_len), *packed = pprof_gzip(models, n, &len);
    z_stream z = {.next_in = (Bytef *)packed, .avail_in = (uInt)len, .next_out = unpacked, .avail_out = sizeof unpacked};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, plain_len); /* but for the time in it they are the same */
    inflateEnd(&z);
    profile *p = perftools__profiles__profile__unpack(NULL, z.total_out, unpacked);
    assert_non_null(p);
    free(plain);
    free(packed);
    return p;
}

static const char *string(const profile *p, int64_t number)
{
    assert_true(number >= 0 && (size_t)number < p->n_string_table);
    return p->string_table[number];
}

static const char *label(const profile *p, const sample *s, const char *key)
{
    for (size_t i = 0; i < s->n_label; i++)
        if (strcmp(string(p, s->label[i]->key), key) == 0)
            return string(p, s->label[i]->str);
    return NULL;
}

static void check_line(const profile *p, const Perftools__Profiles__Line *line, const char *function, const char *file, int64_t number)
{
    const Perftools__Profiles__Function *f = p->function[line->function_id - 1];
    assert_int_equal(f->id, line->function_id);
    assert_string_equal(string(p, f->name), function);
    assert_string_equal(string(p, f->filename), file);
    assert_int_equal(line->line, number);
}

static void a_profile_has_counts_ages_lines_and_labels(void **state)
{
    struct report r = a_report();
    struct model m = {.report = r};
    (void)state;
    profile *p = decoded(&m, 1);
    assert_string_equal(string(p, 0), "");
    assert_int_equal(p->n_sample_type, 2);
    assert_string_equal(string(p, p->sample_type[0]->type), "stuck");
    assert_string_equal(string(p, p->sample_type[0]->unit), "count");
    assert_string_equal(string(p, p->sample_type[1]->type), "age");
    assert_string_equal(string(p, p->sample_type[1]->unit), "seconds");
    assert_int_equal(p->n_sample, 2);
    const sample *s = p->sample[0];
    assert_int_equal(s->n_value, 2);
    assert_int_equal(s->value[0], 2);
    assert_int_equal(s->value[1], 1000);
    assert_string_equal(label(p, s, "kind"), "close_wait");
    assert_string_equal(label(p, s, "exe"), "/srv/app");
    assert_string_equal(label(p, s, "peer"), "10.0.0.5:1433");
    /* the inlined call and its caller are one location */
    assert_int_equal(s->n_location_id, 3);
    const Perftools__Profiles__Location *at = p->location[s->location_id[0] - 1];
    assert_int_equal(at->n_line, 2);
    check_line(p, at->line[0], "db_connect", "src/db.c", 42);
    check_line(p, at->line[1], "login", "/work/src/web.c", 88);
    const Perftools__Profiles__Mapping *map = p->mapping[at->mapping_id - 1];
    assert_string_equal(string(p, map->filename), "/srv/app");
    assert_string_equal(string(p, map->build_id), "abcd");
    assert_int_equal(at->address, map->memory_start + 0x1234);
    at = p->location[s->location_id[1] - 1];
    check_line(p, at->line[0], "app+0x1300", "", 0);
    at = p->location[s->location_id[2] - 1];
    assert_int_equal(at->mapping_id, 0);
    check_line(p, at->line[0], "0x7f0000001000", "", 0);
    /* without a stack, and without a peer */
    s = p->sample[1];
    assert_int_equal(s->value[0], 1);
    assert_int_equal(s->value[1], 100);
    assert_null(label(p, s, "peer"));
    check_line(p, p->location[s->location_id[0] - 1]->line[0], "[no stack]", "", 0);
    perftools__profiles__profile__free_unpacked(p, NULL);
}

static void what_is_the_same_in_two_processes_is_there_once(void **state)
{
    struct report r = a_report();
    struct model m[2] = {{.report = r}, {.report = r}};
    (void)state;
    m[1].report.exe = "/srv/other";
    profile *one = decoded(m, 1), *two = decoded(m, 2);
    assert_int_equal(two->n_sample, 4);
    assert_int_equal(two->n_location, one->n_location);
    assert_int_equal(two->n_function, one->n_function);
    assert_int_equal(two->n_mapping, one->n_mapping);
    perftools__profiles__profile__free_unpacked(one, NULL);
    perftools__profiles__profile__free_unpacked(two, NULL);
}

static void nothing_stuck_is_a_profile_too(void **state)
{
    (void)state;
    profile *p = decoded(NULL, 0);
    assert_int_equal(p->n_sample, 0);
    assert_int_equal(p->n_sample_type, 2);
    perftools__profiles__profile__free_unpacked(p, NULL);
}

static void names_that_are_no_text_do_not_spoil_it(void **state)
{
    struct report r = a_report();
    struct frame f = {.symbol = "a\xff(", .file = "\xc3", .line = 1};
    (void)state;
    a_group[0].frames = &f;
    a_group[0].n_frames = 1;
    struct model m = {.report = r};
    profile *p = decoded(&m, 1);
    check_line(p, p->location[0]->line[0], "a?(", "?", 1);
    perftools__profiles__profile__free_unpacked(p, NULL);
}

/* ---- OTLP ------------------------------------------------------------------------------------ */

static const char *attribute(const Otlp__KeyValue *const *all, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i]->key, key) == 0)
            return all[i]->value->string_value;
    return NULL;
}
#define ATTRIBUTE(thing, key) attribute((const Otlp__KeyValue *const *)(thing)->attributes, (thing)->n_attributes, key)

static void an_otlp_request_has_a_resource_for_each_process(void **state)
{
    struct resource of = {.exe = "/srv/app", .container = "c1", .pid = 7}, all = {.exe = "/srv/app", .container = "c1"};
    struct samples s = {.taken_real_ns = 2000, .started_real_ns = 1000};
    size_t len;
    (void)state;
    samples_label(&s, samples_add(&s, METRIC_STUCK, &of, 3), "kind", "dead\xff");
    samples_add(&s, METRIC_OPEN, &of, 5);
    samples_add(&s, METRIC_OPENED, &all, 9);
    samples_add(&s, METRIC_SCRAPE, NULL, 0.5);
    samples_settle(&s);
    char *body = otlp_encode(&s, "web1", &len);
    Otlp__ExportMetricsServiceRequest *r = otlp__export_metrics_service_request__unpack(NULL, len, (uint8_t *)body);
    assert_non_null(r);
    assert_int_equal(r->n_resource_metrics, 3);
    const Otlp__ResourceMetrics *exporter = r->resource_metrics[0], *program = r->resource_metrics[1], *process = r->resource_metrics[2];
    assert_string_equal(ATTRIBUTE(exporter->resource, "service.name"), "sockleak");
    assert_true(exporter->scope_metrics[0]->metrics[0]->gauge->data_points[0]->as_double == 0.5);
    assert_null(ATTRIBUTE(program->resource, "process.pid"));
    const Otlp__Metric *opened = program->scope_metrics[0]->metrics[0];
    assert_string_equal(opened->name, "sockleak_sockets_opened");
    assert_int_equal(opened->data_case, OTLP__METRIC__DATA_SUM);
    assert_true(opened->sum->is_monotonic);
    assert_int_equal(opened->sum->aggregation_temporality, 2);
    assert_int_equal(opened->sum->data_points[0]->as_int, 9);
    assert_int_equal(opened->sum->data_points[0]->start_time_unix_nano, 1000);
    assert_int_equal(opened->sum->data_points[0]->time_unix_nano, 2000);
    assert_string_equal(ATTRIBUTE(process->resource, "service.name"), "app");
    assert_string_equal(ATTRIBUTE(process->resource, "host.name"), "web1");
    assert_string_equal(ATTRIBUTE(process->resource, "container.id"), "c1");
    assert_string_equal(ATTRIBUTE(process->resource, "process.executable.path"), "/srv/app");
    assert_int_equal(process->scope_metrics[0]->n_metrics, 2);
    const Otlp__Metric *stuck = process->scope_metrics[0]->metrics[0];
    assert_int_equal(stuck->data_case, OTLP__METRIC__DATA_GAUGE);
    assert_string_equal(ATTRIBUTE(stuck->gauge->data_points[0], "kind"), "dead?");
    otlp__export_metrics_service_request__free_unpacked(r, NULL);
    free(body);
    samples_free(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_has_counts_ages_lines_and_labels),
        cmocka_unit_test(what_is_the_same_in_two_processes_is_there_once),
        cmocka_unit_test(nothing_stuck_is_a_profile_too),
        cmocka_unit_test(names_that_are_no_text_do_not_spoil_it),
        cmocka_unit_test(an_otlp_request_has_a_resource_for_each_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void without_protobuf_it_says_so(void **state)
{
    (void)state;
    assert_non_null(pprof_missing());
    assert_non_null(otlp_missing());
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(without_protobuf_it_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
