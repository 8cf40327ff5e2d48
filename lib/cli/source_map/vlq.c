/* SPDX-License-Identifier: MIT */
/*
 * vlq.c: the numbers of a source map's "mappings".
 *
 * Called by mappings.c, up to some ten million times for one map; the digits are those of a data:
 * URL, too.
 */
#include "vlq.h"

#define CONTINUES 32

int vlq_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool vlq_next(const char **at, const char *end, int32_t *v)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; *at < end && shift <= 30; shift += 5) {
        int digit = vlq_digit(*(*at)++);
        if (digit < 0)
            return false;
        sum |= (uint64_t)(digit & (CONTINUES - 1)) << shift;
        if (digit & CONTINUES)
            continue;
        *v = sum & 1 ? -(int32_t)(sum >> 1 & INT32_MAX) : (int32_t)(sum >> 1 & INT32_MAX);
        return sum >> 1 <= INT32_MAX && sum != 1; /* no writer makes a negative 0 */
    }
    return false;
}
