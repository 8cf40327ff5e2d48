/* SPDX-License-Identifier: MIT */
/*
 * source_files.c: single lines of source files, for reports.
 *
 * Called by symbolize.c, once for each stack. The stacks of a report lie in few files: the last ones
 * that were read stay in memory.
 */
#include "source_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/utf8.h"
#include "../base/arena.h"
#include "../base/open_below.h"

#define FILES 8u /* that are kept */
#define MAX_FILE (16u << 20)
#define MAX_LINE 400u

struct source_file {
    char *root, *path; /* PATH NULL: not used */
    char *text;        /* NULL: it cannot be read */
    size_t len;
    struct stat st;
};

struct source_files {
    struct arena arena;
    struct source_file files[FILES];
    unsigned next; /* the place of the next one */
};

struct source_files *source_files_new(void)
{
    struct source_files *s = arena_grow(NULL, 1, sizeof *s);
    *s = (struct source_files){0};
    return s;
}

static void forget(struct source_file *f)
{
    free(f->root);
    free(f->path);
    free(f->text);
    *f = (struct source_file){0};
}

void source_files_free(struct source_files *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < FILES; i++)
        forget(&s->files[i]);
    arena_free(&s->arena);
    free(s);
}

/* All of the regular file FD, of LEN bytes; NULL: it cannot be read. */
static char *read_all(int fd, size_t len)
{
    char *text = arena_grow(NULL, len + 1, 1);
    size_t had = 0;
    for (ssize_t n = 1; n > 0 && had<len; had += n> 0 ? (size_t)n : 0)
        n = read(fd, text + had, len - had);
    if (had == len)
        return text;
    free(text);
    return NULL;
}

static void read_file(struct source_file *f)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = f->root[0] ? open_below(f->root, f->path, flags) : open(f->path, flags);
    if (fd < 0)
        return;
    if (fstat(fd, &f->st) == 0 && S_ISREG(f->st.st_mode) && f->st.st_size > 0 && f->st.st_size <= MAX_FILE) {
        f->len = (size_t)f->st.st_size;
        f->text = read_all(fd, f->len);
    }
    close(fd);
}

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(arena_grow(NULL, size, 1), text, size);
}

static const struct source_file *file_of(struct source_files *s, const char *root, const char *path)
{
    for (unsigned i = 0; i < FILES; i++)
        if (s->files[i].path && strcmp(s->files[i].path, path) == 0 && strcmp(s->files[i].root, root) == 0)
            return &s->files[i];
    struct source_file *f = &s->files[s->next++ % FILES];
    forget(f);
    f->root = copy_of(root);
    f->path = copy_of(path);
    read_file(f);
    return f;
}

/* What root may read is shown to whoever reads root's report: not what the program's user could not. */
static bool may_show(const struct source_file *f, const struct source_wanted *w)
{
    return geteuid() != 0 || f->st.st_uid == w->owner || (f->st.st_mode & S_IROTH);
}

static bool is_old_enough(const struct source_file *f, uint64_t newest_ns)
{
    uint64_t written = (uint64_t)f->st.st_mtim.tv_sec * 1000000000u + (uint64_t)f->st.st_mtim.tv_nsec;
    return written <= newest_ns;
}

const char *source_files_line(struct source_files *s, const struct source_wanted *w)
{
    if (!w->path || !w->path[0] || !w->line || !w->newest_ns)
        return NULL;
    const struct source_file *f = file_of(s, w->root ? w->root : "", w->path);
    if (!f->text || !may_show(f, w) || !is_old_enough(f, w->newest_ns))
        return NULL;
    const char *line = f->text, *end = f->text + f->len;
    for (uint32_t i = 1; line && i < w->line; i++) {
        line = memchr(line, '\n', (size_t)(end - line));
        line = line && line + 1 < end ? line + 1 : NULL;
    }
    if (!line)
        return NULL;
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    size_t len = (size_t)((newline ? newline : end) - line);
    while (len && strchr(" \t\r\f\v", line[len - 1]))
        len--;
    if (len > MAX_LINE)
        for (len = MAX_LINE; len > MAX_LINE - 4 && ((unsigned char)line[len] & 0xc0) == 0x80;)
            len--;
    /* a zero byte ends the text, as it would end a string */
    len = strnlen(line, len);
    size_t blank = 0;
    while (blank < len && strchr(" \t\r\f\v", line[blank]))
        blank++;
    return blank < len ? arena_bytes(&s->arena, line, len) : NULL;
}
