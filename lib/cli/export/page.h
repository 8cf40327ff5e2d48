/* SPDX-License-Identifier: MIT */
/*
 * page.h: what a browser gets at `/`.
 */
#ifndef SOCKLEAK_CLI_EXPORT_PAGE_H
#define SOCKLEAK_CLI_EXPORT_PAGE_H

#include "../model/types.h"

/* One HTML page over N models; *LEN bytes, the caller's to free. */
char *page_html(const struct model *models, size_t n, size_t *len);

#endif
