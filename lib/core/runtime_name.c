/* SPDX-License-Identifier: MIT */
/*
 * runtime_name.c: the names of the language runtimes.
 *
 * Called by options.c and by the renderers.
 */
#include "runtime_name.h"

#include <string.h>

#include "word.h"

static const char *const runtime_names[RUNTIME_COUNT] = {"native", "python", "java",   "javascript", "ruby",
                                                         "php",    "perl",   "dotnet", "native"};

const char *runtime_name(unsigned number) { return number < RUNTIME_COUNT ? runtime_names[number] : NULL; }

static uint32_t mask_of(const char *s, size_t len)
{
    for (unsigned r = RUNTIME_NATIVE + 1; r < RUNTIME_GO; r++)
        if (word_is(s, len, runtime_names[r]))
            return RUNTIME_BIT(r);
    return word_is(s, len, "all") ? RUNTIMES_ALL : 0;
}

bool runtime_parse(const char *s, size_t len, uint32_t *mask)
{
    uint32_t found = 0;
    if (word_is(s, len, "none")) {
        *mask = 0;
        return true;
    }
    for (;;) {
        const char *comma = memchr(s, ',', len);
        size_t word = comma ? (size_t)(comma - s) : len;
        uint32_t one = mask_of(s, word);
        if (!one)
            return false;
        found |= one;
        if (!comma)
            break;
        len -= word + 1;
        s = comma + 1;
    }
    *mask = found;
    return true;
}
