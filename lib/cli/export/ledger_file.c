/* SPDX-License-Identifier: MIT */
/*
 * ledger_file.c: writes and reads the counters.
 *
 * Called by look.c. A text of lines, fields with tabs between, `\` before what would end a
 * field; the first line is the version, the last one counts the lines. The reader takes nothing
 * that the writer would not have written.
 */
#include "ledger_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/arena.h"
#include "../state/paths.h"
#include "replace_file.h"
#include "types.h"

#define FIRST_LINE "sockleak export counters 1"
#define MAX_BYTES (64u << 20)
#define MAX_FIELDS 8u

bool ledger_file_path(char path[CLI_PATH_MAX], const char **why)
{
    char dirs[2][CLI_PATH_MAX];
    struct stat st;
    const char *dir = getenv("STATE_DIRECTORY");
    if (!dir || dir[0] != '/') {
        paths_state_dirs(dirs);
        dir = dirs[0];
        mkdir(dir, 0700);
    }
    if (stat(dir, &st) != 0) {
        *why = strerror(errno);
        return false;
    }
    if (!paths_is_private(&st)) {
        *why = "its directory is not yours, or others may write there";
        return false;
    }
    if (snprintf(path, CLI_PATH_MAX, "%s/" LEDGER_FILE, dir) < CLI_PATH_MAX)
        return true;
    *why = strerror(ENAMETOOLONG);
    return false;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_field(FILE *f, const char *s)
{
    putc('\t', f);
    for (; *s; s++) {
        if (*s == '\t' || *s == '\n' || *s == '\\')
            putc('\\', f);
        putc(*s == '\t' ? 't' : *s == '\n' ? 'n' : *s, f);
    }
}

int ledger_file_write(struct ledger *l, const char *path)
{
    char *text = NULL;
    size_t len = 0, lines = 1;
    FILE *f = open_memstream(&text, &len);
    if (!f)
        return -errno;
    fprintf(f, FIRST_LINE "\nstarted\t%" PRIu64 "\n", l->started_real_ns);
    for (size_t i = 0; i < l->n; i++, lines++) {
        const struct ledger_series *s = &l->series[i];
        fprintf(f, "series\t%" PRIu64 "\t%" PRIu64, s->count.opened, s->count.closed);
        put_field(f, s->exe);
        put_field(f, s->container);
        put_field(f, s->site);
        put_field(f, s->function);
        put_field(f, s->file);
        putc('\n', f);
    }
    for (size_t i = 0; i < l->n_processes; i++, lines++) {
        const struct ledger_process *p = &l->processes[i];
        fprintf(f, "process\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", p->pid, p->start,
                p->opened_real_ns, p->seen_s, p->other.opened, p->other.closed);
        for (uint32_t k = 0; k < p->n; k++, lines++)
            fprintf(f, "site\t%" PRIu64 "\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu64 "\n", p->sites[k].siteid, p->sites[k].series,
                    p->sites[k].last.opened, p->sites[k].last.closed);
    }
    fprintf(f, "end\t%zu\n", lines);
    int error = fclose(f) != 0 ? -errno : replace_file(path, text, len, 0600);
    free(text);
    l->changed = l->changed && error;
    return error;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct line {
    char *field[MAX_FIELDS];
    unsigned n;
};

/* Cuts TEXT, which has no newline, into fields, in its place. */
static bool cut(char *text, struct line *line)
{
    char *to = text;
    line->n = 0;
    line->field[line->n++] = text;
    for (const char *from = text; *from; from++) {
        char c = *from;
        if (c == '\t') {
            if (line->n == MAX_FIELDS)
                return false;
            *to++ = 0;
            line->field[line->n++] = to;
            continue;
        }
        if (c == '\\') {
            c = *++from;
            if (c != '\\' && c != 't' && c != 'n')
                return false;
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c;
        }
        *to++ = c;
    }
    *to = 0;
    return true;
}

static bool number(const struct line *line, unsigned i, uint64_t max, uint64_t *n)
{
    return i < line->n && cli_digits(line->field[i], strlen(line->field[i]), max, n);
}

static bool read_series(struct ledger *l, const struct line *line)
{
    struct ledger_count count;
    size_t before = l->n;
    if (line->n != 8 || !number(line, 1, UINT64_MAX, &count.opened) || !number(line, 2, UINT64_MAX, &count.closed))
        return false;
    struct ledger_series key = {
        .exe = line->field[3], .container = line->field[4], .site = line->field[5], .function = line->field[6], .file = line->field[7]};
    uint32_t i = ledger_series_of(l, &key);
    if (l->n == before) /* the same one again, or more than there can be */
        return false;
    l->series[i].count = count;
    return true;
}

/* The number of the process in *AT. */
static bool read_process(struct ledger *l, const struct line *line, struct ledger_process **at)
{
    uint64_t pid, start, opened, seen;
    struct ledger_count other;
    size_t before = l->n_processes;
    if (line->n != 7 || !number(line, 1, UINT32_MAX, &pid) || !number(line, 2, UINT64_MAX, &start) ||
        !number(line, 3, UINT64_MAX, &opened) || !number(line, 4, UINT64_MAX, &seen) || !number(line, 5, UINT64_MAX, &other.opened) ||
        !number(line, 6, UINT64_MAX, &other.closed))
        return false;
    *at = ledger_process_of(l, (uint32_t)pid, start, opened);
    (*at)->seen_s = seen;
    (*at)->other = other;
    return l->n_processes > before;
}

static bool read_site(const struct ledger *l, const struct line *line, struct ledger_process *p)
{
    uint64_t siteid, series;
    struct ledger_count last;
    if (!p || line->n != 5 || l->n == 0 || !number(line, 1, UINT64_MAX, &siteid) || !number(line, 2, l->n - 1, &series) ||
        !number(line, 3, UINT64_MAX, &last.opened) || !number(line, 4, UINT64_MAX, &last.closed))
        return false;
    for (uint32_t i = 0; i < p->n; i++)
        if (p->sites[i].siteid == siteid)
            return false;
    ledger_site_add(p, siteid, (uint32_t)series)->last = last;
    return true;
}

/* NULL, or what is wrong. */
static const char *read_lines(struct ledger *l, char *text)
{
    uint64_t lines = 0, n;
    struct ledger_process *p = NULL;
    char *next = text;
    for (char *at; (at = strsep(&next, "\n")) && next; lines++) {
        struct line line;
        if (lines == 0) {
            if (strcmp(at, FIRST_LINE) != 0)
                return "not a file of counters, or of another version";
            continue;
        }
        if (!cut(at, &line))
            return "damaged";
        const char *word = line.field[0];
        bool good = false;
        if (lines == 1)
            good = strcmp(word, "started") == 0 && line.n == 2 && number(&line, 1, UINT64_MAX, &l->started_real_ns);
        else if (strcmp(word, "series") == 0 && l->n_processes == 0)
            good = read_series(l, &line);
        else if (strcmp(word, "process") == 0)
            good = read_process(l, &line, &p);
        else if (strcmp(word, "site") == 0)
            good = read_site(l, &line, p);
        else if (strcmp(word, "end") == 0)
            return line.n == 2 && number(&line, 1, UINT64_MAX, &n) && n == lines - 1 && *next == 0 ? NULL : "damaged";
        if (!good)
            return "damaged";
    }
    return "cut short";
}

const char *ledger_file_read(struct ledger *l, const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? NULL : strerror(errno);
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_BYTES) {
        fclose(f);
        return "not a file of counters";
    }
    char *text = arena_grow(NULL, (size_t)st.st_size + 1, 1);
    size_t len = fread(text, 1, (size_t)st.st_size, f);
    text[len] = 0;
    const char *why = ferror(f) ? strerror(errno) : strlen(text) != len ? "damaged" : read_lines(l, text);
    fclose(f);
    free(text);
    if (why)
        ledger_free(l);
    return why;
}
