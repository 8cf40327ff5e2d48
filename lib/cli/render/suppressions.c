/* SPDX-License-Identifier: MIT */
/*
 * suppressions.c: a ready suppression line for every group; for one without a stack, a line for
 * each of its peers.
 *
 * Called by formats.c and html_data.c. Many groups give the same line; each is printed once.
 */
#include "suppressions.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/*
 * A group without a named frame can be suppressed only by addresses: then each of its sockets gets
 * a line of its own.
 */
static bool has_name(const struct group *g)
{
    for (size_t i = 0; i < g->n_frames; i++)
        if ((g->frames[i].symbol && *g->frames[i].symbol) || (g->frames[i].module && *g->frames[i].module))
            return true;
    return false;
}

static char *line_of(struct arena *arena, const struct group *g)
{
    char buf[4096];
    struct out one = {.buf = buf, .cap = sizeof buf - 2};
    suppress_write_line(&one, g);
    if (one.lost) {
        /* cut at a character: the beginning, followed by *, matches too */
        while (((unsigned char)buf[one.len - 1] & 0xc0) == 0x80)
            one.len--;
        one.len--;
        buf[one.len++] = '*';
        buf[one.len++] = '\n';
    }
    return arena_bytes(arena, buf, one.len);
}

/* Puts G's lines at LINES, which has room for one and its findings; returns how many. */
static size_t lines_of(struct arena *arena, const struct group *g, char **lines)
{
    size_t count = 0;
    if (has_name(g))
        lines[count++] = line_of(arena, g);
    for (size_t f = 0; f < g->n_findings && !has_name(g); f++)
        lines[count++] = line_of(arena, &(struct group){.kind = g->kind, .findings = &g->findings[f], .n_findings = 1});
    return count;
}

static void put_each_once(struct out *o, char **lines, size_t count)
{
    if (count)
        qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
            out_str(o, lines[i]);
}

void suppressions_of_group(struct out *o, const struct group *g)
{
    struct arena arena = {0};
    char **lines = arena_array(&arena, 1 + g->n_findings, sizeof *lines);
    put_each_once(o, lines, lines_of(&arena, g, lines));
    arena_free(&arena);
}

void suppressions_report(struct out *o, const struct model *models, size_t n)
{
    struct arena arena = {0};
    size_t total = 0, count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < models[i].report.n_groups; k++)
            total += 1 + models[i].report.groups[k].n_findings;
    char **lines = arena_array(&arena, total, sizeof *lines);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < models[i].report.n_groups; k++)
            count += lines_of(&arena, &models[i].report.groups[k], lines + count);
    put_each_once(o, lines, count);
    arena_free(&arena);
}
