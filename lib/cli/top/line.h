/* SPDX-License-Identifier: MIT */
/*
 * line.h: the lines of a page of `sockleak top`, and how they are cut to a window.
 *
 * What is cut off is marked: "…" (in a locale without UTF-8 "~") stands in the first or last column.
 */
#ifndef SOCKLEAK_CLI_TOP_LINE_H
#define SOCKLEAK_CLI_TOP_LINE_H

#include "types.h"

void line_free(struct top_page *p);
/* A line of P's, whatever bytes the text has: what could steer a terminal becomes '?'. */
struct top_line line_make(struct top_page *p, bool strong, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void line_add_head(struct top_page *p, struct top_line l);
void line_add_body(struct top_page *p, struct top_line l);

/* TEXT as it may go to a terminal. */
const char *line_clean(struct arena *a, const char *text);
/* Columns that TEXT takes, which is clean. */
size_t line_columns(const char *text);
/* How many bytes of TEXT take at most WIDTH columns. */
size_t line_fit(const char *text, size_t width);
/* The part of TEXT that a window shows which is WIDTH columns wide and begins at column LEFT. */
const char *line_cut(struct arena *a, const char *text, size_t left, size_t width);
/* The end of TEXT, WIDTH columns of it. */
const char *line_tail(struct arena *a, const char *text, size_t width);

#endif
