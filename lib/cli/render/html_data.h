/* SPDX-License-Identifier: MIT */
/*
 * html_data.h: what the page draws, as JSON.
 */
#ifndef SOCKLEAK_CLI_RENDER_HTML_DATA_H
#define SOCKLEAK_CLI_RENDER_HTML_DATA_H

#include "../../core/out.h"
#include "../model/types.h"

/* A group of the page, in the order of its table. */
struct html_row {
    const struct model *m;
    const struct group *g;
    size_t process; /* number of M */
};

/*
 * {"processes":[...],"groups":[...],"stacks":[...],"frames":[...]} over the N ROWS of N_MODELS.
 * Members have the names and meanings of the JSON report. A group's stacks are numbers of "stacks";
 * a stack is the place of the frame that names it, of the program's own first frame (-1: none), and
 * the numbers of its "frames"; a frame is its function, its place, flags, and its source line. Of a
 * group's sockets each member is a list, or one value that all of them have. With SUPPRESS each
 * group has a ready suppression, as the numbers of its "suppression_parts".
 */
void html_data(struct out *o, const struct model *models, size_t n_models, const struct html_row *rows, size_t n, bool suppress);

#endif
