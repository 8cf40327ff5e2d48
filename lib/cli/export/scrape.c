/* SPDX-License-Identifier: MIT */
/*
 * scrape.c: one look as text.
 *
 * Called by export.c and serve.c.
 */
#include "scrape.h"

#include <stdlib.h>

#include "../base/cli.h"

char *scrape_text(struct collector *c, enum metrics_format format, size_t *len)
{
    struct samples s;
    char *text = NULL;
    FILE *f = open_memstream(&text, len);
    if (!f)
        exit(cli_fail("out of memory"));
    look_take(&s, c);
    metrics_write(f, &s, format);
    samples_free(&s);
    if (fclose(f) != 0)
        exit(cli_fail("out of memory"));
    return text;
}
