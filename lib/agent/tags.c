/* SPDX-License-Identifier: MIT */
/*
 * tags.c: the names that threads give to their new sockets: records of 64 bytes in the state file, never removed.
 *
 * Called by the program's threads, seldom: once a test. A race of two threads with one new name gives it two numbers, which is harmless.
 */
#include "tags.h"

#include <string.h>

#include "table.h"

#define NAME_SIZE 64u

static uint16_t number_of(const char *record, const char *first, unsigned nth)
{
    unsigned n = nth * STATE_TAGS_PER_EXTENT + (unsigned)((record - first) / NAME_SIZE);
    return n <= UINT16_MAX ? (uint16_t)n : 0;
}

/* The number of the record at P, or of the first one named NAME when P is NULL. */
static uint16_t look_up(const char *name, const char *p)
{
    char *first;
    for (unsigned nth = 0; (first = table_nth(EXTENT_TAGS, nth)) != NULL; nth++) {
        if (p && p >= first && p < first + STATE_EXTENT_SIZE)
            return number_of(p, first, nth);
        for (const char *r = first; !p && r < first + STATE_EXTENT_SIZE; r += NAME_SIZE)
            if (*r && !strncmp(r, name, NAME_SIZE))
                return number_of(r, first, nth);
    }
    return 0;
}

uint16_t tags_number(const char *name)
{
    char copy[NAME_SIZE] = {0};
    state_ref ref;
    strncpy(copy, name, NAME_SIZE - 1);
    uint16_t known = look_up(copy, NULL);
    if (known)
        return known;
    if (!table_nth(EXTENT_TAGS, 0))
        table_alloc(EXTENT_TAGS, 1, &ref); /* number 0 means none */
    char *record = table_alloc(EXTENT_TAGS, 1, &ref);
    return record ? look_up(copy, memcpy(record, copy, NAME_SIZE)) : 0;
}
