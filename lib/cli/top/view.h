/* SPDX-License-Identifier: MIT */
/*
 * view.h: what `sockleak top` shows, as lines of text.
 */
#ifndef SOCKLEAK_CLI_TOP_VIEW_H
#define SOCKLEAK_CLI_TOP_VIEW_H

#include "types.h"

/* The list of sites, those without a stack at its end. */
void top_page_list(struct top_page *p, const struct top *t, const struct top_window *w);
/* One group: its counts, stacks and sockets. G of T's model. */
void top_page_group(struct top_page *p, const struct top *t, const struct group *g, const struct top_window *w);
/*
 * Line ROW of a page, of the n_body + n_rows that it has, once it is made: of the list where G is NULL.
 */
struct top_line top_row(struct top_page *p, const struct top *t, const struct group *g, size_t row, const struct top_window *w);
/* The line of the list that shows the group of this number. */
size_t top_row_of_group(const struct top *t, size_t index);
/* The keys. */
void top_page_help(struct top_page *p, const struct top_window *w);

#endif
