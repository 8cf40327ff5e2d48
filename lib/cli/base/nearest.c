/* SPDX-License-Identifier: MIT */
/*
 * nearest.c: how far a word is from the one that was meant.
 */
#include "nearest.h"

#include <string.h>

unsigned nearest_distance(const char *a, const char *b)
{
    enum { MAX = NEAREST_MAX };
    size_t la = strlen(a), lb = strlen(b);
    unsigned d[MAX + 1][MAX + 1];
    if (la > MAX || lb > MAX)
        return MAX;
    for (size_t i = 0; i <= la; i++) {
        for (size_t j = 0; j <= lb; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[la][lb];
}

bool nearest_option(const char *usage, const char *word, size_t n, char near[NEAREST_MAX + 1])
{
    char given[NEAREST_MAX + 1], name[NEAREST_MAX + 1];
    unsigned best = 3;
    if (n > NEAREST_MAX)
        return false;
    memcpy(given, word, n);
    given[n] = 0;
    const char *end = strstr(usage, "\nEXAMPLES");
    for (const char *at = usage; (at = strstr(at, "--")) != NULL && (!end || at < end);) {
        at += 2;
        size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz-");
        if (!len || len > NEAREST_MAX)
            continue;
        memcpy(name, at, len);
        name[len] = 0;
        unsigned d = nearest_distance(given, name);
        if (d < best && d + 1 < len) {
            best = d;
            memcpy(near, name, len + 1);
        }
        at += len;
    }
    return best < 3;
}
