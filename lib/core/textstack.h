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

/*
 * Widths of the columns; 0: no frame has such a word, and the column is left out. Start with {0, 0}
 * and measure each stack that is to be aligned.
 */
struct text_columns {
    size_t symbol, source;
};
void text_measure(struct text_columns *c, const struct frame *frames, size_t n);
/* One line a frame: "    #0 db_connect  src/db.c:42  (app+0x1234)". */
void text_stack(struct out *o, const struct text_columns *c, const struct frame *frames, size_t n);

#endif
