/* SPDX-License-Identifier: MIT */
/*
 * html.h: reports as one page that needs no network, and is read without scripts too.
 */
#ifndef SOCKLEAK_CLI_RENDER_HTML_H
#define SOCKLEAK_CLI_RENDER_HTML_H

#include "../../core/out.h"
#include "../model/types.h"

struct html_options {
    bool redacted; /* no suppressions: they must have the names that are there */
    bool served;   /* by `sockleak export`: with links to its other paths */
};

void html_report(struct out *o, const struct model *models, size_t n, const struct html_options *options);

#endif
