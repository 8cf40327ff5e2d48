/* SPDX-License-Identifier: MIT */
/*
 * gensupp.c: a ready suppression line for every group.
 *
 * Called by formats.c. Many groups give the same line; each is printed once.
 */
#include <stdlib.h>
#include <string.h>

#include "formats.h"

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void gensupp_reports(struct out *o, const struct model *models, size_t n)
{
    struct arena arena = {0};
    size_t total = 0, count = 0;
    for (size_t i = 0; i < n; i++)
        total += models[i].report.n_groups;
    char **lines = arena_array(&arena, total, sizeof *lines);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < models[i].report.n_groups; k++) {
            char buf[4096];
            struct out one = {.buf = buf, .cap = sizeof buf};
            suppress_write_line(&one, &models[i].report.groups[k]);
            lines[count++] = arena_bytes(&arena, buf, one.len);
        }
    }
    if (count)
        qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
            out_str(o, lines[i]);
    arena_free(&arena);
}
