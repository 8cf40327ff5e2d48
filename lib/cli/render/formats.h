/* SPDX-License-Identifier: MIT */
/*
 * formats.h: the formats of a report, and the dispatch between them.
 */
#ifndef SOCKLEAK_CLI_RENDER_FORMATS_H
#define SOCKLEAK_CLI_RENDER_FORMATS_H

#include <stdio.h>

#include "../../core/out.h"
#include "../model/types.h"

enum format { FORMAT_TEXT = 0, FORMAT_JSON, FORMAT_FOLDED, FORMAT_JUNIT, FORMAT_SARIF, FORMAT_PPROF, FORMAT_HTML, FORMAT_SUPPRESSIONS };

/* False when WORD is no format ("text", "json", "folded", "junit", "sarif", "pprof", "html"). */
bool format_from_name(const char *word, enum format *format);
/* CHOICE is an enum color. */
bool format_use_color(FILE *f, unsigned choice);
/*
 * All models to F. Text says what became of each process, too; the other formats leave that to the
 * caller.
 */
void format_models(FILE *f, enum format format, const struct model *models, size_t n, const struct model_options *options);
/*
 * A struct out that writes to F whenever its buffer of CAP bytes is full; format_flush writes the
 * rest.
 */
void format_open(struct out *o, FILE *f, char *buf, size_t cap);
void format_flush(struct out *o);

#endif
