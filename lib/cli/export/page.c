/* SPDX-License-Identifier: MIT */
/*
 * page.c: what a browser gets at `/`: the page of all processes.
 *
 * Called by serve.c.
 */
#include "page.h"

#include <stdio.h>
#include <stdlib.h>

#include "../base/cli.h"
#include "../render/formats.h"
#include "../render/html.h"

char *page_html(const struct model *models, size_t n, size_t *len)
{
    char *text = NULL, buf[65536];
    struct out o;
    FILE *f = open_memstream(&text, len);
    if (!f)
        exit(cli_fail("out of memory"));
    format_open(&o, f, buf, sizeof buf);
    html_report(&o, models, n, &(struct html_options){.served = true});
    format_flush(&o);
    if (fclose(f) != 0)
        exit(cli_fail("out of memory"));
    return text;
}
