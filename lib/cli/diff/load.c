/* SPDX-License-Identifier: MIT */
/*
 * load.c: reads the reports that are compared.
 *
 * Called by diff.c, once for each side. A report of which a part cannot be read is not compared:
 * what is missing there would look like a leak that was fixed.
 */
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/cli.h"
#include "json_lines.h"
#include "state_files.h"

#define MAX_LINE (64u << 20) /* of a group with 64 sockets and many long stacks: below one MiB */

struct loader {
    struct diff_side *side;
    const struct symbolize_options *symbols;
    uint32_t kinds;
    unsigned processes; /* numbers given so far */
};

/*
 * Reads a line without its end into *LINE, which grows. -1: there is none; else its length.
 * WHOLE: it had an end.
 */
static ssize_t read_line(FILE *f, char **line, size_t *cap, bool *whole)
{
    size_t n = 0;
    int c;
    *whole = false;
    while ((c = getc_unlocked(f)) != EOF && c != '\n' && n < MAX_LINE) {
        if (n == *cap)
            *line = arena_grow(*line, *cap = *cap ? *cap * 2 : 4096, 1);
        (*line)[n++] = (char)c;
    }
    *whole = c == '\n';
    return c == EOF && n == 0 ? -1 : (ssize_t)n;
}

static bool fail_line(const char *path, size_t number, bool whole, size_t n, const char *why)
{
    if (n == MAX_LINE && !whole)
        cli_fail("%s: line %zu is longer than %u MiB: this is no report", path, number, MAX_LINE >> 20);
    else if (!whole)
        cli_fail("%s: line %zu is cut: the file ends in the middle of it; write the report anew", path, number);
    else
        cli_fail("%s: line %zu: %s", path, number, why);
    return false;
}

static bool take_lines(const char *path, FILE *f, struct json_lines *r)
{
    char *line = NULL;
    size_t cap = 0, number = 0;
    bool good = true, whole;
    for (ssize_t n; good && (n = read_line(f, &line, &cap, &whole)) >= 0;) {
        const char *why = n == MAX_LINE ? "" : json_lines_take(r, line, (size_t)n);
        number++;
        if (why)
            good = fail_line(path, number, whole, (size_t)n, why);
    }
    free(line);
    if (good && ferror(f))
        good = cli_fail("%s: cannot read it: %s", path, strerror(errno)) == CLI_OK;
    else if (good && !number)
        good = cli_fail("%s: empty; a report has a line of type \"summary\" also where nothing is stuck", path) == CLI_OK;
    else if (good && !r->n_known)
        good = cli_fail("%s: no line of it is of a report", path) == CLI_OK;
    return good;
}

static bool add_json(struct loader *l, const char *path, FILE *f)
{
    struct json_lines r = {.side = l->side, .first_process = l->processes};
    bool good = take_lines(path, f, &r);
    if (good) {
        json_lines_settle(&r);
        l->processes += (unsigned)r.n_processes;
    }
    json_lines_free(&r);
    return good;
}

static bool add_states(struct loader *l, struct load_set *set)
{
    state_files_add(l->side, set, l->symbols, l->kinds, l->processes);
    l->processes += (unsigned)set->n;
    return true;
}

static bool add_state(struct loader *l, const char *path)
{
    struct load_set set = {0};
    const char *why = load_set_file(&set, path);
    bool good = why ? cli_fail("%s: %s", path, why) == CLI_OK : add_states(l, &set);
    load_set_free(&set);
    return good;
}

/* What FILE begins with; it stays at its beginning. */
enum content { CONTENT_OTHER, CONTENT_STATE, CONTENT_JSON };

static enum content content_of(FILE *f)
{
    int c = getc(f);
    if (c != EOF)
        ungetc(c, f);
    /* a pipe cannot be read twice, and no line of JSON begins like the magic of a state file */
    return c == STATE_MAGIC[0] ? CONTENT_STATE : c == '{' ? CONTENT_JSON : CONTENT_OTHER;
}

/* ---- directories --------------------------------------------------------------------------------- */

static int is_visible(const struct dirent *e) { return e->d_name[0] != '.'; }

/* Every file in DIR that begins as JSON Lines do. A directory without a file is that of a run that left none. */
static bool add_json_files(struct loader *l, const char *dir)
{
    struct dirent **names;
    bool good = true;
    size_t n = 0;
    int found = scandir(dir, &names, is_visible, versionsort);
    if (found < 0)
        return cli_fail("%s: %s", dir, strerror(errno)) == CLI_OK;
    for (int i = 0; i < found; i++) {
        char path[CLI_PATH_MAX + 300];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        FILE *f = good && stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "re") : NULL;
        if (f && content_of(f) == CONTENT_JSON) {
            good = add_json(l, path, f);
            n++;
        }
        if (f)
            fclose(f);
        free(names[i]);
    }
    free(names);
    if (good && !found)
        cli_warn("%s: empty: taken as a report with nothing stuck", dir);
    else if (good && !n)
        good = cli_fail("%s: no report in it, neither a state file nor JSON Lines", dir) == CLI_OK;
    return good;
}

static bool add_directory(struct loader *l, const char *dir)
{
    struct load_set set = {0};
    int status = CLI_OK;
    const char *why = load_set_tree(&set, dir, load_set_print_error, &status);
    bool good = status == CLI_OK;
    if (why)
        good = cli_fail("%s: %s", dir, why) == CLI_OK;
    else if (good && set.n) /* beside them JSON Lines are reports of the same processes */
        good = add_states(l, &set);
    else if (good)
        good = add_json_files(l, dir);
    load_set_free(&set);
    return good;
}

/* ---- all of it ----------------------------------------------------------------------------------- */

static bool add_file(struct loader *l, const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return cli_fail("%s: %s", path, errno == ENOENT ? "no such file" : strerror(errno)) == CLI_OK;
    enum content content = content_of(f);
    bool good;
    if (content == CONTENT_STATE)
        good = add_state(l, path);
    else if (content == CONTENT_OTHER && !feof(f) && !ferror(f))
        good = cli_fail("%s: not a report: it must be JSON Lines (--format json) or a state file", path) == CLI_OK;
    else
        good = add_json(l, path, f);
    fclose(f);
    return good;
}

bool diff_load(struct diff_side *side, const char *path, const struct symbolize_options *symbols, uint32_t kinds)
{
    struct loader l = {.side = side, .symbols = symbols, .kinds = kinds};
    struct stat st;
    bool good = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? add_directory(&l, path) : add_file(&l, path);
    side_settle(side);
    return good;
}
