/* SPDX-License-Identifier: MIT */
/*
 * samples.h: samples, put together and in order.
 */
#ifndef SOCKLEAK_CLI_EXPORT_SAMPLES_H
#define SOCKLEAK_CLI_EXPORT_SAMPLES_H

#include "types.h"

/* Strings are copied. OF: NULL for the exporter itself. */
struct sample *samples_add(struct samples *s, enum metric metric, const struct resource *of, double value);
/* NAME is kept, VALUE copied. Samples of one metric have the same labels in the same order. */
void samples_label(struct samples *s, struct sample *at, const char *name, const char *value);
/* Sorts, and makes one of samples with the same name and labels. */
void samples_settle(struct samples *s);
void samples_free(struct samples *s);

#endif
