/* SPDX-License-Identifier: MIT */
/*
 * types.h: what the parts of `sockleak export` hand on: fleet (state files and their models),
 * kernel (counts from the socket tables), ledger (counters) and samples (all of it as samples),
 * which metrics, otlp and page write.
 *
 * Plain data. One thread works on it at a time.
 */
#ifndef SOCKLEAK_CLI_EXPORT_TYPES_H
#define SOCKLEAK_CLI_EXPORT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/arena.h"

enum metric {
    METRIC_STUCK = 0,
    METRIC_STUCK_BY_PEER,
    METRIC_OPEN,
    METRIC_OPENED,
    METRIC_CLOSED,
    METRIC_DESCRIPTORS,
    METRIC_DESCRIPTORS_LIMIT,
    METRIC_EXHAUSTION,
    METRIC_KERNEL,
    METRIC_SCRAPE,
    METRIC_COUNT
};

/* What a sample is about: a process; all processes of a program (pid 0); the exporter (exe NULL). */
struct resource {
    const char *exe;
    const char *container; /* "" outside of one */
    uint32_t pid;
};

struct label {
    const char *name, *value;
};
/* kind, site, function, file */
#define SAMPLE_LABELS 4u

struct sample {
    uint8_t metric; /* enum metric */
    uint8_t n_labels;
    struct resource of;
    struct label labels[SAMPLE_LABELS]; /* without those of the resource */
    double value;
};

/* Strings live as long as the arena. Sorted by metric, labels and resource, each of these once. */
struct samples {
    struct arena arena;
    struct sample *samples;
    size_t n, cap;
    uint64_t taken_real_ns, started_real_ns; /* STARTED: since when the counters count */
};

#define SITE_OTHER "other"
#define SITE_UNKNOWN "unknown" /* of sockets without a stack */
#define MAX_SITES_DEFAULT 50u
#define MAX_PEERS 10u

#endif
