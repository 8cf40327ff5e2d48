/* SPDX-License-Identifier: MIT */
/*
 * scrape.h: one look as text.
 */
#ifndef SOCKLEAK_CLI_EXPORT_SCRAPE_H
#define SOCKLEAK_CLI_EXPORT_SCRAPE_H

#include "metrics.h"
#include "look.h"

/* Takes a look; the text of *LEN bytes is the caller's to free. */
char *scrape_text(struct collector *c, enum metrics_format format, size_t *len);

#endif
