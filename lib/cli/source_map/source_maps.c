/* SPDX-License-Identifier: MIT */
/*
 * source_maps.c: finds the source map of a file, proves that it is of the file that ran, and keeps
 * it.
 *
 * Called by symbolize.c for the model. The names come out of a state file, and out of the files
 * themselves: nothing but a regular file of at most MAX_FILE bytes is read, and no link is followed
 * out of the process' root.
 */
#include "source_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/state.h"
#include "../base/open_below.h"
#include "map_json.h"
#include "source_url.h"

#define FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define MAX_FILE (64u << 20)

/* A generated file. */
struct source_file {
    char *root, *path;
    uint64_t changed_ns; /* it, or its map, the later one: CLOCK_REALTIME */
    bool has_map, is_newer;
    const char *trouble; /* NULL: none, or there is no map */
    struct source_map map;
};

struct source_maps {
    struct arena arena;
    char *sysroot;
    struct source_file *files;
    size_t n, cap;
};

struct source_maps *source_maps_new(const char *sysroot)
{
    struct source_maps *s = arena_grow(NULL, 1, sizeof *s);
    *s = (struct source_maps){0};
    s->sysroot = arena_string(&s->arena, sysroot && sysroot[0] ? sysroot : NULL);
    return s;
}

void source_maps_free(struct source_maps *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        map_json_free(&s->files[i].map);
    free(s->files);
    arena_free(&s->arena);
    free(s);
}

/* ---- files --------------------------------------------------------------------------------------- */

struct text {
    char *bytes; /* malloc'ed; NULL: it could not be read */
    size_t n;
};

static uint64_t later(uint64_t a, const struct stat *st)
{
    uint64_t b = (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec;
    return a > b ? a : b;
}

static void read_all(int fd, size_t size, struct text *t)
{
    ssize_t got = 1;
    t->bytes = malloc(size + 1);
    while (t->bytes && t->n < size && (got > 0 || (got < 0 && errno == EINTR))) {
        got = read(fd, t->bytes + t->n, size - t->n);
        t->n += got > 0 ? (size_t)got : 0;
    }
}

static struct text read_file(const struct source_maps *s, struct source_file *f, const char *path)
{
    const char *below = s->sysroot ? s->sysroot : f->root;
    struct text t = {.bytes = NULL};
    struct stat st;
    int fd = below[0] ? open_below(below, path, FLAGS) : open(path, FLAGS);
    if (fd < 0)
        return t;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= (off_t)MAX_FILE) {
        f->changed_ns = later(f->changed_ns, &st);
        read_all(fd, (size_t)st.st_size, &t);
    }
    close(fd);
    return t;
}

/* At least as many lines as the text has: all ends of lines count that JavaScript knows. */
static uint32_t lines_of(const struct text *t)
{
    uint32_t n = 1;
    for (size_t i = 0; i < t->n; i++) {
        unsigned char c = (unsigned char)t->bytes[i];
        n += c == '\n' || c == '\r' || (c == 0xe2 && i + 2 < t->n && (unsigned char)t->bytes[i + 1] == 0x80);
    }
    return n;
}

static const char *read_map(struct source_maps *s, struct source_file *f, const struct text *generated)
{
    char path[PATH_MAX];
    size_t len;
    const char *url = source_url_find(generated->bytes, generated->n, &len), *from = path, *why = NULL;
    struct text t = {.bytes = NULL};
    if (!url)
        return NULL;
    if (source_url_is_data(url, len)) {
        t.bytes = source_url_data(url, len, &t.n);
        from = f->path;
        why = t.bytes ? NULL : "its source map is no data of JSON in base64";
    } else if (source_url_resolve(f->path, NULL, url, len, path, sizeof path) && path[0] == '/') {
        t = read_file(s, f, path);
        why = t.bytes ? NULL : "its source map cannot be read";
    } else {
        why = "its source map is in no file";
    }
    if (!why)
        why = map_json_read(&f->map, &s->arena, t.bytes, t.n, from, f->path, lines_of(generated));
    f->has_map = !why;
    free(t.bytes);
    return why;
}

/* A path of this length may be the end of a longer one. */
static bool is_whole(const char *path) { return path[0] == '/' && strlen(path) + 1 < STATE_FILE_MAX; }

static struct source_file *file_of(struct source_maps *s, const char *root, const char *path)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->files[i].path, path) == 0 && strcmp(s->files[i].root, root) == 0)
            return &s->files[i];
    if (s->n == s->cap)
        s->files = arena_grow(s->files, s->cap = s->cap ? s->cap * 2 : 64, sizeof *s->files);
    struct source_file *f = &s->files[s->n++];
    *f = (struct source_file){.root = arena_string(&s->arena, root), .path = arena_string(&s->arena, path)};
    struct text t = is_whole(path) ? read_file(s, f, path) : (struct text){.bytes = NULL};
    if (t.bytes)
        f->trouble = read_map(s, f, &t);
    free(t.bytes);
    return f;
}

/* ---- places -------------------------------------------------------------------------------------- */

bool source_maps_find(struct source_maps *s, const char *root, uint64_t unchanged_since, const struct source_place *at,
                      struct source_place *out)
{
    struct source_file *f = at->file && at->file[0] == '/' && at->line ? file_of(s, root, at->file) : NULL;
    if (!f || !f->has_map)
        return false;
    if (f->changed_ns >= unchanged_since) {
        f->is_newer = true;
        return false;
    }
    const struct mapping *m = mappings_find(&f->map.mappings, at->line - 1, at->column ? at->column - 1 : MAPPINGS_NO_COLUMN);
    if (!m || !f->map.sources[m->source])
        return false;
    *out = (struct source_place){.file = f->map.sources[m->source], .line = m->original_line + 1, .column = m->original_column + 1};
    return true;
}

void source_maps_troubles(const struct source_maps *s, void (*say)(void *arg, const char *line), void *arg)
{
    for (size_t i = 0; i < s->n; i++) {
        char line[1024];
        const char *why = s->files[i].is_newer ? "it or its source map has changed since the process began" : s->files[i].trouble;
        if (!why)
            continue;
        snprintf(line, sizeof line, "%.511s: %s", s->files[i].path, why);
        say(arg, line);
    }
}
