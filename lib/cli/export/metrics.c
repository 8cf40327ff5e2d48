/* SPDX-License-Identifier: MIT */
/*
 * metrics.c: the names of all metrics, and their text.
 *
 * Called by each form of `sockleak export` but OTLP. Values are written so that they read back as
 * the same number.
 */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../core/utf8.h"

const struct metric_family metric_families[METRIC_COUNT] = {
    [METRIC_STUCK] = {"sockleak_stuck_sockets", "sockets", "Sockets that are stuck, by the call site that opened them.", false},
    [METRIC_STUCK_BY_PEER] = {"sockleak_stuck_sockets_by_peer", "",
                              "The same sockets by peer: those of a process with the most, the rest as other.", false},
    [METRIC_OPEN] = {"sockleak_open_sockets", "sockets", "Sockets that are open in a process that carries the agent.", false},
    [METRIC_OPENED] = {"sockleak_sockets_opened", "", "Sockets that were opened at a call site, by all processes of the program.", true},
    [METRIC_CLOSED] = {"sockleak_sockets_closed", "", "Sockets opened there that were closed, by all processes of the program.", true},
    [METRIC_DESCRIPTORS] = {"sockleak_descriptors", "descriptors", "Descriptors of all sorts that are open in a process.", false},
    [METRIC_DESCRIPTORS_LIMIT] = {"sockleak_descriptors_limit", "", "The soft limit of descriptors of a process.", false},
    [METRIC_EXHAUSTION] = {"sockleak_exhaustion_seconds", "seconds",
                           "When a resource runs out at the rate at which stuck sockets grow; absent where they do not.", false},
    [METRIC_KERNEL] = {"sockleak_kernel_sockets", "sockets", "Sockets that a process holds, by their state in the kernel; no agent needed.",
                       false},
    [METRIC_SCRAPE] = {"sockleak_exporter_scrape_seconds", "seconds", "How long it took to collect all this.", false},
};

/* A label's value may hold anything but what ends it, as UTF-8. */
static void put_value(FILE *f, const char *value)
{
    for (const char *p = value; *p;) {
        unsigned n = utf8_printable(p, strnlen(p, 4));
        if (*p == '\\' || *p == '"')
            fprintf(f, "\\%c", *p);
        else if (*p == '\n')
            fputs("\\n", f);
        else if (n)
            fwrite(p, 1, n, f);
        else
            putc('?', f);
        p += n ? n : 1;
    }
}

unsigned metrics_labels(const struct sample *s, struct label out[METRICS_LABELS], char pid_text[16])
{
    unsigned n = s->n_labels;
    memcpy(out, s->labels, n * sizeof *out);
    if (s->of.exe)
        out[n++] = (struct label){"exe", s->of.exe};
    if (s->of.pid) {
        snprintf(pid_text, 16, "%u", s->of.pid);
        out[n++] = (struct label){"pid", pid_text};
    }
    if (s->of.container[0])
        out[n++] = (struct label){"container", s->of.container};
    return n;
}

static void put_number(FILE *f, double value)
{
    if (value == (double)(int64_t)value && value < 9007199254740992.0)
        fprintf(f, " %lld\n", (long long)value);
    else
        fprintf(f, " %.9g\n", value);
}

static void put_family(FILE *f, enum metric metric, enum metrics_format format)
{
    const struct metric_family *m = &metric_families[metric];
    const char *total = m->counter && format != METRICS_OPEN ? "_total" : "";
    fprintf(f, "# HELP %s%s %s\n# TYPE %s%s %s\n", m->name, total, m->help, m->name, total, m->counter ? "counter" : "gauge");
    if (m->unit[0] && format != METRICS_PROMETHEUS)
        fprintf(f, "# UNIT %s%s %s\n", m->name, total, m->unit);
}

static void put_sample(FILE *f, const struct sample *s)
{
    struct label labels[METRICS_LABELS];
    char pid[16];
    unsigned n = metrics_labels(s, labels, pid);
    fprintf(f, "%s%s", metric_families[s->metric].name, metric_families[s->metric].counter ? "_total" : "");
    for (unsigned i = 0; i < n; i++) {
        fprintf(f, "%c%s=\"", i ? ',' : '{', labels[i].name);
        put_value(f, labels[i].value);
        putc('"', f);
    }
    if (n)
        putc('}', f);
    put_number(f, s->value);
}

void metrics_write(FILE *f, const struct samples *s, enum metrics_format format)
{
    size_t i = 0;
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        put_family(f, (enum metric)metric, format);
        for (; i < s->n && s->samples[i].metric == metric; i++)
            put_sample(f, &s->samples[i]);
    }
    if (format != METRICS_PROMETHEUS)
        fputs("# EOF\n", f);
}

/* ---- Accept ---------------------------------------------------------------------------------- */

/* The q of one entry of LEN bytes at S; 1 where it has none. */
static double quality(const char *s, size_t len)
{
    char text[16] = "";
    for (size_t i = 0; i + 2 < len; i++) {
        if (s[i] != ';')
            continue;
        size_t at = i + 1;
        while (at < len && s[at] == ' ')
            at++;
        if (at + 2 > len || (s[at] != 'q' && s[at] != 'Q') || s[at + 1] != '=')
            continue;
        snprintf(text, sizeof text, "%.*s", (int)(len - at - 2 < 15 ? len - at - 2 : 15), s + at + 2);
        return strtod(text, NULL);
    }
    return 1;
}

static bool is_type(const char *s, size_t len, const char *type)
{
    size_t n = strlen(type);
    return len >= n && strncasecmp(s, type, n) == 0 && (len == n || s[n] == ';' || s[n] == ' ');
}

enum metrics_format metrics_accepted(const char *accept)
{
    double open = -1, plain = -1, any = -1;
    for (const char *s = accept ? accept : ""; *s;) {
        s += strspn(s, " ,\t");
        size_t len = strcspn(s, ",");
        double q = quality(s, len);
        if (is_type(s, len, "application/openmetrics-text"))
            open = q > open ? q : open;
        else if (is_type(s, len, "text/plain"))
            plain = q > plain ? q : plain;
        else if (is_type(s, len, "*/*"))
            any = q;
        s += len;
    }
    if (open < 0)
        open = any;
    return plain > open && plain > 0 ? METRICS_PROMETHEUS : METRICS_OPEN;
}
