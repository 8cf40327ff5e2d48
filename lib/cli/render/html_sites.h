/* SPDX-License-Identifier: MIT */
/*
 * html_sites.h: the sites as a table, and each as text, for readers without scripts and on paper.
 */
#ifndef SOCKLEAK_CLI_RENDER_HTML_SITES_H
#define SOCKLEAK_CLI_RENDER_HTML_SITES_H

#include "html_data.h"

/* The table of N ROWS, each with a link to its text. ONE_PROCESS: a column less is shown. */
void html_table(struct out *o, const struct html_row *rows, size_t n, bool one_process);
/* The text report of each, until that would be too long. */
void html_stacks(struct out *o, const struct html_row *rows, size_t n);

#endif
