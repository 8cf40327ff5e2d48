/* SPDX-License-Identifier: MIT */
/*
 * cursor.h: goes through a text of /proc from its begin to its end, which no NUL need mark.
 *
 * Pure; async-signal-safe. After a function that answered false the cursor stands where what it
 * found was not what it looked for.
 */
#ifndef SOCKLEAK_CORE_CURSOR_H
#define SOCKLEAK_CORE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const char *p, *end;
};

/* Spaces and tabs. */
void cursor_skip_blanks(struct cursor *c);
/* All up to the next space, tab or newline, after blanks. False: there is none. */
bool cursor_skip_word(struct cursor *c);
bool cursor_take_char(struct cursor *c, char wanted);
/* TEXT, as it is. */
bool cursor_take_text(struct cursor *c, const char *text);
/* A number in BASE 10 or 16, without sign and 0x. False: none stands here, or it is above 64 bits. */
bool cursor_take_number(struct cursor *c, unsigned base, uint64_t *number);

#endif
