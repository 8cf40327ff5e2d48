/* SPDX-License-Identifier: MIT */
/*
 * formats.h: how report and run write models: the formats beside core's text and JSON, and the dispatch between all of them.
 */
#ifndef SOCKLEAK_CLI_RENDER_FORMATS_H
#define SOCKLEAK_CLI_RENDER_FORMATS_H

#include <stdio.h>

#include "../model/model.h"

enum format { FORMAT_TEXT = 0, FORMAT_JSON, FORMAT_FOLDED, FORMAT_JUNIT, FORMAT_SARIF, FORMAT_SUPPRESSIONS };

/* False when WORD is no format ("text", "json", "folded", "junit", "sarif"). */
bool format_from_name(const char *word, enum format *format);

/* folded.c: "program;main;login;db_connect;[close_wait] 37" a group, outermost frame first: flamegraph.pl's, inferno's and speedscope's input. */
void folded_report(struct out *o, const struct report *r);
/* junit.c: a testsuite for each process, a failed testcase for each group, one passed case when nothing is stuck. */
void junit_reports(struct out *o, const struct model *models, size_t n);
/* sarif.c: SARIF 2.1.0, one run; a result for each group. SRCROOT: files below it are named relative to it (NULL: as they are). */
void sarif_report(struct out *o, const struct report *r, const char *srcroot);
/* suppressions.c: a suppression line for each group of all models, each line once. */
void gensupp_reports(struct out *o, const struct model *models, size_t n);

/* All models to F. Text says what became of each process, too; the other formats leave that to the caller. */
void format_models(FILE *f, enum format format, const struct model *models, size_t n, const struct model_options *options);
/* A struct out that writes to F whenever its buffer of CAP bytes is full; format_flush writes the rest. */
void format_open(struct out *o, FILE *f, char *buf, size_t cap);
void format_flush(struct out *o);

/* Suppression files, in the order in which they were named. PATH is kept, not copied. */
struct suppression_files {
    const char **paths;
    size_t n, cap;
};
void format_add_suppressions(struct suppression_files *files, const char *path);
/* The rules of all FILES and the builtin ones into *RULES and *N, which live in A. False: it complained. */
bool format_suppressions(struct arena *a, const struct suppression_files *files, struct suppression **rules, size_t *n);
/* CHOICE is an enum color. */
bool format_use_color(FILE *f, unsigned choice);

/* What people call a process in one line: "exe" without its directories. */
const char *format_base_name(const char *path);

#endif
