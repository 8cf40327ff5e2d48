/* SPDX-License-Identifier: MIT */
/*
 * place.h: the labels `function` and `file` of a stack: the line of the program that a reader of
 * metrics looks for.
 */
#ifndef SOCKLEAK_CLI_RENDER_PLACE_H
#define SOCKLEAK_CLI_RENDER_PLACE_H

#include "../../core/report.h"
#include "../base/arena.h"

struct place {
    const char *function; /* "app+0x1234" where it has no name; "": there is no stack */
    const char *file;     /* "src/db.c:42"; "" unknown */
};

/* The number of the frame that it stands for, of N FRAMES; 0 where there is none. */
size_t place_frame(const struct frame *frames, size_t n);
/* Of N FRAMES, as they were captured or as a report shows them. Strings live as long as A. */
struct place place_of(struct arena *a, const struct frame *frames, size_t n);

#endif
