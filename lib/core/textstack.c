/* SPDX-License-Identifier: MIT */
/*
 * textstack.c: stacks as aligned text.
 *
 * Called by text.c and the command's views. Only reads the frames.
 */
#include "textstack.h"

#include <string.h>

#include "frame_role.h"
#include "utf8.h"

/*
 * Beyond this width a long name pushes its own line only, not the column of all the others. The
 * place in the source, or in the module where there is none, is behind it.
 */
#define MAX_SYMBOL_COLUMN 30u

/* A source line ends at the 80th column, and its text begins behind the 14th: "         42 | ". */
#define SOURCE_COLUMNS 66u
#define SOURCE_TAB 4u

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

void text_clean(struct out *o, const char *s)
{
    if (s)
        out_clean(o, s, strlen(s), SIZE_MAX);
}

const char *text_base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path ? path : "";
}

/* Columns that S takes on a terminal, approximately: its code points. */
static size_t columns(const char *s)
{
    size_t n = 0;
    for (; s && *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void put_spaces(struct out *o, size_t n)
{
    while (n-- > 0)
        out_char(o, ' ');
}

static unsigned digits_of(uint64_t v)
{
    unsigned n = 1;
    while (v >= 10) {
        v /= 10;
        n++;
    }
    return n;
}

static bool has_symbol(const struct frame *f) { return f->symbol && *f->symbol; }

void text_measure(struct text_columns *c, const struct frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t symbol = has_symbol(&frames[i]) ? columns(frames[i].symbol) : 0;
        symbol = symbol < MAX_SYMBOL_COLUMN ? symbol : MAX_SYMBOL_COLUMN;
        c->symbol = symbol > c->symbol ? symbol : c->symbol;
    }
}

static void put_line(struct out *o, const struct frame *f)
{
    text_clean(o, f->file);
    if (f->line)
        out_fmt(o, ":%u", f->line);
}

void text_source(struct out *o, const struct frame *f)
{
    if (!f->file || !*f->file)
        return;
    out_str(o, " (");
    put_line(o, f);
    out_char(o, ')');
}

static void put_place(struct out *o, const struct frame *f)
{
    if (f->file && *f->file) {
        put_line(o, f);
        if (f->line && f->line_of_function)
            out_str(o, " (where it begins)");
        out_str(o, f->inlined ? " (inlined)" : f->line ? "" : " ");
        if (f->line || f->inlined)
            return;
    }
    if (f->inlined) {
        out_str(o, "(inlined)");
    } else if (f->module && *f->module) {
        out_char(o, '(');
        text_clean(o, text_base_name(f->module));
        out_str(o, "+0x");
        out_hex(o, f->offset, 1);
        out_char(o, ')');
    } else if (f->runtime != RUNTIME_NATIVE) {
        out_fmt(o, "(%s)", runtime_name(f->runtime));
    } else {
        out_str(o, "(0x");
        out_hex(o, f->pc, 1);
        out_char(o, ')');
    }
}

static void put_frame(struct out *o, const struct text_columns *c, const struct frame *f, size_t number, size_t n_frames)
{
    out_fmt(o, "    #%zu ", number);
    put_spaces(o, digits_of(n_frames - 1) - digits_of(number));
    if (c->symbol) {
        const char *symbol = has_symbol(f) ? f->symbol : "??";
        size_t width = columns(symbol);
        text_clean(o, symbol);
        put_spaces(o, (width < c->symbol ? c->symbol - width : 0) + 2);
    }
    put_place(o, f);
    if (f->on) {
        out_str(o, "  (");
        text_clean(o, f->on);
        out_char(o, ')');
    }
}

/* The columns that the N bytes of TEXT take, tabs as SOURCE_TAB has them. */
static size_t source_columns(const char *text, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        unsigned len = utf8_printable(text + i, n - i);
        used += text[i] == '\t' ? SOURCE_TAB - used % SOURCE_TAB : 1;
        i += len ? len : 1;
    }
    return used;
}

/* The line of source of F: a file may hold any byte, and lines of any length. */
static void put_source(struct out *o, const struct frame *f)
{
    const char *text = f->source;
    size_t n = strlen(text), used = 0;
    bool cut = source_columns(text, n) > SOURCE_COLUMNS;
    out_fmt(o, "%11u | ", f->line);
    for (size_t i = 0; i < n && (!cut || used < SOURCE_COLUMNS - 3);) {
        unsigned len = utf8_printable(text + i, n - i);
        size_t wide = text[i] == '\t' ? SOURCE_TAB - used % SOURCE_TAB : 1;
        if (text[i] == '\t')
            put_spaces(o, wide);
        else if (len)
            out_bytes(o, text + i, len);
        else
            out_char(o, '?');
        used += wide;
        i += len ? len : 1;
    }
    out_str(o, cut ? "...\n" : "\n");
}

void text_stack(struct out *o, const struct text_columns *c, const struct frame *frames, size_t n, const struct frame *own)
{
    for (size_t i = 0; i < n; i++) {
        if (frame_role_heading(&frames[i]))
            out_fmt(o, "  %s\n", frame_role_heading(&frames[i]));
        out_str(o, own == &frames[i] ? BOLD : "");
        put_frame(o, c, &frames[i], i, n);
        out_str(o, own == &frames[i] ? PLAIN "\n" : "\n");
        if (frames[i].source)
            put_source(o, &frames[i]);
    }
}
