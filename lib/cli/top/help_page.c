/* SPDX-License-Identifier: MIT */
/*
 * help_page.c: the page of the keys of `sockleak top`.
 *
 * Called by screen.c. Short lines: it is read in small windows too.
 */
#include "line.h"
#include "view.h"

static const char *const keys[] = {
    "up down k j   choose a site; scroll",     "left right h l  show what is cut off",
    "PgUp PgDn     a page; Home End: all",     "Enter         its stack and sockets",
    "s g a         sort: stuck, growth, age",  "r             have the agent look now",
    "q Esc         back; q in the list: quit", "",
    "STUCK   sockets in this condition",       "CHANGE  since the last look",
    "GROWTH  a minute; steady: a pool?",       "AGE     of the oldest",
    "LIVE    opened there and not closed",     "",
    "yellow: growing. red: descriptors or",    "ports are used up, or will be within",
    "ten minutes; 90 % are in use.",
};

void top_page_help(struct top_page *p, const struct top_window *w)
{
    line_free(p);
    line_add_head(p, line_make(p, true, "the keys of sockleak top"));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        line_add_body(p, line_make(p, false, "%s", keys[i]));
    p->foot = line_make(p, true, w->width < 60 ? "up/down scroll  q back" : "up/down scroll  any other key: back");
}
