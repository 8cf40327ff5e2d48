/* SPDX-License-Identifier: MIT */
/*
 * print.h: what has changed between two reports, as text and as JSON Lines.
 */
#ifndef SOCKLEAK_CLI_DIFF_PRINT_H
#define SOCKLEAK_CLI_DIFF_PRINT_H

#include "../../core/out.h"
#include "match.h"

/* The sites that are new, grown, shrunk and gone, and a line of sums. */
void diff_text(struct out *o, const struct diff_pairs *pairs);
/* One object of type "diff" for each of them, and one of type "diff_summary". */
void diff_json(struct out *o, const struct diff_pairs *pairs);

#endif
