/* SPDX-License-Identifier: MIT */
/*
 * suppression_files.c: reads the suppressions that the user named, and adds the builtin ones.
 *
 * Called by report and run.
 */
#include "suppression_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"

static void warn_of_line(void *arg, const char *line) { cli_warn("%s: %s", (const char *)arg, line); }

void suppression_files_add(struct suppression_files *files, const char *path)
{
    files->paths = cli_grow(files->paths, files->n, &files->cap, sizeof *files->paths);
    files->paths[files->n++] = path;
}

/* NULL: it printed an error. The text lives in A; rules point into it. */
static char *read_whole(struct arena *a, const char *path, size_t *len)
{
    FILE *f = fopen(path, "re");
    size_t cap = 0;
    char *text = NULL;
    *len = 0;
    while (f && !feof(f) && !ferror(f)) {
        if (cap - *len < 4096)
            text = arena_grow(text, cap = cap ? cap * 2 : 8192, 1);
        *len += fread(text + *len, 1, cap - *len, f);
        if (*len > 64u << 20) {
            errno = EFBIG;
            break;
        }
    }
    bool ok = f && feof(f) && !ferror(f);
    if (!ok)
        cli_fail("cannot read the suppressions file %s: %s", path, strerror(errno));
    if (f)
        fclose(f);
    char *kept = ok ? arena_bytes(a, text ? text : "", *len) : NULL;
    free(text);
    return kept;
}

/* RULES, which are N, moved to an array with room for what TEXT may hold. */
static struct suppression *with_room(struct arena *a, struct suppression *rules, size_t n, const char *text, size_t len, size_t *cap)
{
    *cap = n + 1;
    for (size_t i = 0; i < len; i++)
        *cap += text[i] == '\n';
    struct suppression *more = arena_array(a, *cap, sizeof *more);
    if (n)
        memcpy(more, rules, n * sizeof *more);
    return more;
}

/*
 * The agent's own rules come last, so that what it leaves out of its reports is left out of ours.
 */
bool suppression_files_read(struct arena *a, const struct suppression_files *files, struct suppression **rules, size_t *n)
{
    size_t len, cap;
    *rules = NULL;
    *n = 0;
    for (size_t i = 0; i < files->n; i++) {
        const char *path = files->paths[i], *text = read_whole(a, path, &len);
        if (!text)
            return false;
        *rules = with_room(a, *rules, *n, text, len, &cap);
        suppress_parse(text, len, *rules, n, cap, warn_of_line, (void *)path);
    }
    size_t before = *n;
    len = strlen(suppress_builtin);
    *rules = with_room(a, *rules, *n, suppress_builtin, len, &cap);
    suppress_parse(suppress_builtin, len, *rules, n, cap, NULL, NULL);
    for (size_t i = before; i < *n; i++)
        (*rules)[i].builtin = true;
    return true;
}
