/* SPDX-License-Identifier: MIT */
/*
 * textstack.h: stacks as aligned text.
 *
 * Used by text.c and by the command's own views. Only reads the frames. Async-signal-safe if O's
 * flush is.
 */
#ifndef SOCKLEAK_CORE_TEXTSTACK_H
#define SOCKLEAK_CORE_TEXTSTACK_H

#include "out.h"
#include "report.h"

/* S as it may go to a terminal (out_clean without a limit); NULL writes nothing. */
void text_clean(struct out *o, const char *s);
/* The part of PATH behind the last slash, all of it when nothing is there; NULL gives "". */
const char *text_base_name(const char *path);
/* " (src/db.c:42)"; nothing where F's file is not known. */
void text_source(struct out *o, const struct frame *f);
/* The "s" of N things. */
static inline const char *text_plural(uint64_t n) { return n == 1 ? "" : "s"; }

/*
 * The width of the names' column; 0: no frame has a name, and the column is left out. Start with
 * {0} and measure each stack that is to be aligned.
 */
struct text_columns {
    size_t symbol;
};
void text_measure(struct text_columns *c, const struct frame *frames, size_t n);
/*
 * One line a frame: "    #0 db_connect  src/db.c:42"; with "(app+0x1234)" where the line is not
 * known. Below a frame whose source line is known that line: "         42 |     int fd = socket(...);".
 * OWN is marked by colour; NULL: none is.
 */
void text_stack(struct out *o, const struct text_columns *c, const struct frame *frames, size_t n, const struct frame *own);

#endif
