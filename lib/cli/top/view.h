/* SPDX-License-Identifier: MIT */
/*
 * view.h: what `sockleak top` shows, as lines of text.
 */
#ifndef SOCKLEAK_CLI_TOP_VIEW_H
#define SOCKLEAK_CLI_TOP_VIEW_H

#include "types.h"

/* The list of sites. */
void top_page_list(struct top_page *p, const struct top *t, unsigned width);
/* One group: its counts, stacks and sockets. G of T's model. */
void top_page_group(struct top_page *p, const struct top *t, const struct group *g, unsigned width);
void top_page_free(struct top_page *p);

#endif
