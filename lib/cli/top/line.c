/* SPDX-License-Identifier: MIT */
/*
 * line.c: the lines of a page of `sockleak top`, and how they are cut to a window.
 *
 * Called by view.c for each line, and by screen.c and top.c when they show it.
 */
#include "line.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "../base/cli.h"

void line_free(struct top_page *p)
{
    free(p->head);
    free(p->body);
    arena_free(&p->arena);
    *p = (struct top_page){0};
}

/* The character at S: its bytes, and in *WIDTH its columns; -1: it is not for a terminal. */
static size_t character(const char *s, int *width)
{
    wchar_t wide;
    mbstate_t state = {0};
    size_t left = strlen(s), n = mbrtowc(&wide, s, left, &state);
    *width = n == 0 || n > left ? -1 : wcwidth(wide);
    return n == 0 || n > left ? 1 : n;
}

const char *line_clean(struct arena *a, const char *text)
{
    char *out = arena_take(a, strlen(text) + 1);
    size_t used = 0;
    int width;
    for (size_t n; *text; text += n) {
        n = character(text, &width);
        if (width < 0) {
            out[used++] = '?';
        } else {
            memcpy(out + used, text, n);
            used += n;
        }
    }
    return out;
}

struct top_line line_make(struct top_page *p, bool strong, const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        exit(cli_fail("out of memory"));
    struct top_line l = {.text = line_clean(&p->arena, text), .strong = strong};
    free(text);
    return l;
}

void line_add_head(struct top_page *p, struct top_line l)
{
    p->head = cli_grow(p->head, p->n_head, &p->cap_head, sizeof *p->head);
    p->head[p->n_head++] = l;
}

void line_add_body(struct top_page *p, struct top_line l)
{
    p->body = cli_grow(p->body, p->n_body, &p->cap_body, sizeof *p->body);
    p->body[p->n_body++] = l;
}

/* ---- columns --------------------------------------------------------------------------------- */

size_t line_columns(const char *text)
{
    size_t columns = 0;
    int width;
    for (size_t n; *text; text += n) {
        n = character(text, &width);
        columns += width < 0 ? 1 : (size_t)width;
    }
    return columns;
}

size_t line_fit(const char *text, size_t width)
{
    size_t columns = 0, at = 0;
    int w;
    while (text[at]) {
        size_t n = character(text + at, &w);
        columns += w < 0 ? 1 : (size_t)w;
        if (columns > width)
            break;
        at += n;
    }
    return at;
}

/* One column. */
static const char *mark(void) { return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "\xe2\x80\xa6" : "~"; }

const char *line_cut(struct arena *a, const char *text, size_t left, size_t width)
{
    size_t all = line_columns(text);
    if (width == 0 || (left && all <= left))
        return left && all && width ? mark() : "";
    bool before = left > 0, behind = all > left + width;
    const char *from = text + line_fit(text, left + before);
    size_t room = width - before - (behind && width > before);
    return arena_printf(a, "%s%.*s%s", before ? mark() : "", (int)line_fit(from, room), from, behind && width > before ? mark() : "");
}

const char *line_tail(struct arena *a, const char *text, size_t width)
{
    size_t all = line_columns(text);
    return all <= width ? text : line_cut(a, text, all - width, width);
}
