/* SPDX-License-Identifier: MIT */
/*
 * cursor.c: goes through a text of /proc.
 *
 * Called by the parsers of agent and command.
 */
#include "cursor.h"

#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

void cursor_skip_blanks(struct cursor *c)
{
    while (c->p < c->end && is_blank(*c->p))
        c->p++;
}

bool cursor_skip_word(struct cursor *c)
{
    cursor_skip_blanks(c);
    const char *start = c->p;
    while (c->p < c->end && !is_blank(*c->p) && *c->p != '\n')
        c->p++;
    return c->p > start;
}

bool cursor_take_char(struct cursor *c, char wanted)
{
    if (c->p >= c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

bool cursor_take_text(struct cursor *c, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, text, n) != 0)
        return false;
    c->p += n;
    return true;
}

static unsigned digit_of(char c)
{
    char low = (char)(c | 0x20);
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : low >= 'a' && low <= 'f' ? (unsigned)(low - 'a') + 10 : 99;
}

bool cursor_take_number(struct cursor *c, unsigned base, uint64_t *number)
{
    uint64_t n = 0;
    const char *start = c->p;
    for (; c->p < c->end && digit_of(*c->p) < base; c->p++) {
        unsigned digit = digit_of(*c->p);
        if (n > (UINT64_MAX - digit) / base)
            return false;
        n = n * base + digit;
    }
    *number = n;
    return c->p > start;
}
