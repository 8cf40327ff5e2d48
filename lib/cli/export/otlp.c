/* SPDX-License-Identifier: MIT */
/*
 * otlp.c: samples as an ExportMetricsServiceRequest.
 *
 * Called by push.c. One resource for each process, for each program (its counters) and for the
 * exporter; what a resource says, its data points do not repeat. Packed by protobuf-c from messages
 * that live in one arena.
 */
#include "otlp.h"

#ifdef SOCKLEAK_WITHOUT_PROTOBUF

const char *otlp_missing(void)
{
    return "this sockleak was built without OTLP: protobuf-c, protoc-c or zlib was not there (Debian: libprotobuf-c-dev, "
           "protobuf-c-compiler, zlib1g-dev, then make)";
}

char *otlp_encode(const struct samples *s, const char *host, size_t *len)
{
    (void)s;
    (void)host;
    *len = 0;
    return NULL;
}

#else

#include <otlp.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/textstack.h"
#include "../../core/utf8.h"
#include "metrics.h"

const char *otlp_missing(void) { return NULL; }

struct encoder {
    struct arena arena;
    const struct samples *s;
};

/* Text of a protobuf message is UTF-8. */
static char *clean(struct encoder *e, const char *s)
{
    char *copy = arena_string(&e->arena, s ? s : "");
    for (char *p = copy; *p;) {
        unsigned n = utf8_length(p, strlen(p));
        if (!n)
            *p = '?';
        p += n ? n : 1;
    }
    return copy;
}

static Otlp__KeyValue *attribute(struct encoder *e, const char *key, const char *text, int64_t number)
{
    Otlp__KeyValue *kv = arena_take(&e->arena, sizeof *kv);
    Otlp__AnyValue *v = arena_take(&e->arena, sizeof *v);
    otlp__key_value__init(kv);
    otlp__any_value__init(v);
    kv->key = clean(e, key);
    kv->value = v;
    if (text) {
        v->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        v->string_value = clean(e, text);
    } else {
        v->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
        v->int_value = number;
    }
    return kv;
}

static Otlp__Resource *resource(struct encoder *e, const struct resource *of, const char *host)
{
    Otlp__Resource *r = arena_take(&e->arena, sizeof *r);
    otlp__resource__init(r);
    r->attributes = arena_array(&e->arena, 5, sizeof *r->attributes);
    r->attributes[r->n_attributes++] = attribute(e, "service.name", of->exe ? text_base_name(of->exe) : "sockleak", 0);
    r->attributes[r->n_attributes++] = attribute(e, "host.name", host, 0);
    if (of->exe)
        r->attributes[r->n_attributes++] = attribute(e, "process.executable.path", of->exe, 0);
    if (of->pid)
        r->attributes[r->n_attributes++] = attribute(e, "process.pid", NULL, of->pid);
    if (of->container[0])
        r->attributes[r->n_attributes++] = attribute(e, "container.id", of->container, 0);
    return r;
}

static Otlp__NumberDataPoint *point(struct encoder *e, const struct sample *s)
{
    Otlp__NumberDataPoint *p = arena_take(&e->arena, sizeof *p);
    otlp__number_data_point__init(p);
    p->time_unix_nano = e->s->taken_real_ns;
    if (metric_families[s->metric].counter)
        p->start_time_unix_nano = e->s->started_real_ns;
    if (s->value == (double)(int64_t)s->value) {
        p->value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_INT;
        p->as_int = (int64_t)s->value;
    } else {
        p->value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE;
        p->as_double = s->value;
    }
    p->attributes = arena_array(&e->arena, SAMPLE_LABELS, sizeof *p->attributes);
    for (unsigned i = 0; i < s->n_labels; i++)
        p->attributes[p->n_attributes++] = attribute(e, s->labels[i].name, s->labels[i].value, 0);
    return p;
}

/* The N samples of one metric and resource. Names without _total: the kind of the data says it. */
static Otlp__Metric *metric(struct encoder *e, const struct sample *const *samples, size_t n)
{
    const struct metric_family *family = &metric_families[samples[0]->metric];
    Otlp__Metric *m = arena_take(&e->arena, sizeof *m);
    Otlp__NumberDataPoint **points = arena_array(&e->arena, n, sizeof *points);
    otlp__metric__init(m);
    m->name = clean(e, family->name);
    m->description = clean(e, family->help);
    m->unit = clean(e, strcmp(family->unit, "seconds") == 0 ? "s" : "1");
    for (size_t i = 0; i < n; i++)
        points[i] = point(e, samples[i]);
    if (family->counter) {
        m->data_case = OTLP__METRIC__DATA_SUM;
        m->sum = arena_take(&e->arena, sizeof *m->sum);
        otlp__sum__init(m->sum);
        m->sum->n_data_points = n;
        m->sum->data_points = points;
        m->sum->is_monotonic = true;
        m->sum->aggregation_temporality = OTLP__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_CUMULATIVE;
    } else {
        m->data_case = OTLP__METRIC__DATA_GAUGE;
        m->gauge = arena_take(&e->arena, sizeof *m->gauge);
        otlp__gauge__init(m->gauge);
        m->gauge->n_data_points = n;
        m->gauge->data_points = points;
    }
    return m;
}

static int compare_resources(const struct sample *a, const struct sample *b)
{
    int d;
    if (!a->of.exe || !b->of.exe)
        return (a->of.exe != NULL) - (b->of.exe != NULL);
    if ((d = strcmp(a->of.exe, b->of.exe)) || (d = strcmp(a->of.container, b->of.container)))
        return d;
    return a->of.pid < b->of.pid ? -1 : a->of.pid > b->of.pid;
}

static int by_resource(const void *a, const void *b)
{
    const struct sample *x = *(const struct sample *const *)a, *y = *(const struct sample *const *)b;
    int d = compare_resources(x, y);
    return d ? d : (int)x->metric - (int)y->metric;
}

/* The N samples of one resource, sorted by metric. */
static Otlp__ResourceMetrics *resource_metrics(struct encoder *e, const struct sample *const *samples, size_t n, const char *host)
{
    Otlp__ResourceMetrics *r = arena_take(&e->arena, sizeof *r);
    Otlp__ScopeMetrics *scope = arena_take(&e->arena, sizeof *scope);
    otlp__resource_metrics__init(r);
    otlp__scope_metrics__init(scope);
    r->resource = resource(e, &samples[0]->of, host);
    r->n_scope_metrics = 1;
    r->scope_metrics = arena_array(&e->arena, 1, sizeof *r->scope_metrics);
    r->scope_metrics[0] = scope;
    scope->scope = arena_take(&e->arena, sizeof *scope->scope);
    otlp__instrumentation_scope__init(scope->scope);
    scope->scope->name = clean(e, "sockleak");
    scope->scope->version = clean(e, SOCKLEAK_VERSION);
    scope->metrics = arena_array(&e->arena, METRIC_COUNT, sizeof *scope->metrics);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && samples[end]->metric == samples[i]->metric; end++)
            ;
        scope->metrics[scope->n_metrics++] = metric(e, samples + i, end - i);
    }
    return r;
}

char *otlp_encode(const struct samples *s, const char *host, size_t *len)
{
    struct encoder e = {.s = s};
    Otlp__ExportMetricsServiceRequest request = OTLP__EXPORT_METRICS_SERVICE_REQUEST__INIT;
    const struct sample **samples = arena_array(&e.arena, s->n + 1, sizeof *samples);
    for (size_t i = 0; i < s->n; i++)
        samples[i] = &s->samples[i];
    if (s->n)
        qsort(samples, s->n, sizeof *samples, by_resource);
    request.resource_metrics = arena_array(&e.arena, s->n + 1, sizeof *request.resource_metrics);
    for (size_t i = 0, end; i < s->n; i = end) {
        for (end = i + 1; end < s->n && compare_resources(samples[end], samples[i]) == 0; end++)
            ;
        request.resource_metrics[request.n_resource_metrics++] = resource_metrics(&e, samples + i, end - i, host);
    }
    *len = otlp__export_metrics_service_request__get_packed_size(&request);
    char *packed = arena_grow(NULL, *len + 1, 1);
    otlp__export_metrics_service_request__pack(&request, (uint8_t *)packed);
    arena_free(&e.arena);
    return packed;
}

#endif
