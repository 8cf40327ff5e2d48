/* SPDX-License-Identifier: MIT */
/*
 * metrics.h: samples as text: OpenMetrics 1.0, or Prometheus' older format.
 */
#ifndef SOCKLEAK_CLI_EXPORT_METRICS_H
#define SOCKLEAK_CLI_EXPORT_METRICS_H

#include <stdio.h>

#include "types.h"

struct metric_family {
    const char *name; /* a counter's without _total */
    const char *unit; /* the end of the name, "" none */
    const char *help;
    bool counter;
};
extern const struct metric_family metric_families[METRIC_COUNT];

/*
 * METRICS_COMMENTED is the older format with what OpenMetrics adds, # UNIT and # EOF, which its
 * readers take for comments: for readers that are not asked which of both they want.
 */
enum metrics_format { METRICS_OPEN = 0, METRICS_PROMETHEUS, METRICS_COMMENTED };

#define METRICS_OPEN_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void metrics_write(FILE *f, const struct samples *s, enum metrics_format format);
/*
 * The format that the Accept header ACCEPT prefers; NULL: there is none. OpenMetrics where it takes
 * both alike.
 */
enum metrics_format metrics_accepted(const char *accept);

/* All labels of a sample into OUT; returns how many. */
#define METRICS_LABELS (SAMPLE_LABELS + 3u)
/* PID_TEXT holds the text of the label pid. */
unsigned metrics_labels(const struct sample *s, struct label out[METRICS_LABELS], char pid_text[16]);

#endif
