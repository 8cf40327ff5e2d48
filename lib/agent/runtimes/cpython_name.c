/* SPDX-License-Identifier: MIT */
/*
 * cpython_name.c: function, file and line of a Python frame.
 *
 * Called once for each new frame, in the thread that has it. All is read through the kernel: an
 * interpreter that ends may free it meanwhile, and what lies there then has not the type that was
 * expected, or the look at the end finds that it ends.
 */
#include <string.h>

#include "../../core/bytes.h"
#include "../../core/utf8.h"
#include "../base/peek.h"
#include "cpython.h"

#define STRING_READ 768u /* of a string object at once: its head and its characters */
#define MAX_TABLE (1u << 20)

/* ---- strings --------------------------------------------------------------------------------- */

static uint32_t character(const uint8_t *p, unsigned kind)
{
    uint32_t c = 0;
    memcpy(&c, p, kind);
    return c;
}

/* The str object at S. KEEP_END: of one that is too long the end, else its beginning. */
static bool read_string(uintptr_t s, char *out, size_t cap, bool keep_end)
{
    uint8_t p[STRING_READ];
    size_t got = cpython_is_address(s) ? peek_some(s, p, sizeof p) : 0, len = 0;
    if (got < cpython.string_compact || bytes_u64(p, CPYTHON_OB_TYPE) != cpython.unicode_type)
        return false;
    uint64_t n = bytes_u64(p, cpython.string_length), skip = 0;
    uint32_t state = bytes_u32(p, cpython.string_state);
    unsigned kind = state >> 2 & 7, compact = state >> 5 & 1, ascii = state >> 6 & 1;
    if (!compact || !n || n > MAX_TABLE || (kind != 1 && kind != 2 && kind != 4) || (ascii && kind != 1))
        return false;
    /* a character of that kind takes at most so many bytes of UTF-8 */
    uint64_t most = (cap - 1) / (ascii ? 1 : kind == 1 ? 2 : kind == 2 ? 3 : 4);
    if (n > most) {
        skip = keep_end ? n - most : 0;
        n = most;
    }
    uint64_t offset = (ascii ? cpython.string_ascii : cpython.string_compact) + skip * kind, size = n * kind;
    const uint8_t *at = p + offset;
    if (offset + size > got) {
        if (size > sizeof p || !peek(s + offset, p, size))
            return false;
        at = p;
    }
    for (uint64_t i = 0; i < n && utf8_put(out, cap, &len, character(at + i * kind, kind)); i++)
        ;
    out[len] = 0;
    return len > 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* A bytes object that is read in pieces. */
struct table {
    uintptr_t at;
    size_t left, used, got;
    uint8_t piece[512];
};

static bool table_begin(struct table *t, uintptr_t bytes)
{
    uint8_t head[32];
    if (!cpython_is_address(bytes) || !peek(bytes, head, sizeof head) || bytes_u64(head, CPYTHON_OB_TYPE) != cpython.bytes_type)
        return false;
    t->at = bytes + cpython.bytes_data;
    t->left = bytes_u64(head, cpython.bytes_size);
    t->used = t->got = 0;
    return t->left <= MAX_TABLE;
}

/* The next byte without taking it; -1: there is none. */
static int table_peek(struct table *t)
{
    if (t->used == t->got) {
        t->got = t->left < sizeof t->piece ? t->left : sizeof t->piece;
        t->used = 0;
        if (!t->got || !peek(t->at, t->piece, t->got)) {
            t->left = t->got = 0;
            return -1;
        }
        t->at += t->got;
        t->left -= t->got;
    }
    return t->piece[t->used];
}

static int table_next(struct table *t)
{
    int b = table_peek(t);
    t->used += b >= 0;
    return b;
}

/* A number of 6 bits a byte, of which bit 0 is the sign. */
static int signed_varint(struct table *t)
{
    uint32_t v = 0;
    int b = 0x40;
    for (unsigned shift = 0; b & 0x40 && shift < 32; shift += 6) {
        b = table_next(t);
        if (b < 0)
            return 0;
        v |= (uint32_t)(b & 0x3f) << shift;
    }
    return v & 1 ? -(int)(v >> 1) : (int)(v >> 1);
}

/*
 * From 3.11 on: entries of a head byte 1cccclll, for lll + 1 code units, and of bytes without the
 * top bit. UNIT: the instruction. 0: it has no line.
 */
static int line_of_unit(struct table *t, int line, int64_t unit)
{
    for (int head; (head = table_next(t)) >= 0;) {
        unsigned code = (unsigned)head >> 3 & 15;
        if (code == 13 || code == 14)
            line += signed_varint(t);
        else if (code >= 10 && code <= 12)
            line += (int)code - 10;
        for (int b; (b = table_peek(t)) >= 0 && !(b & 0x80);)
            table_next(t);
        unit -= (head & 7) + 1;
        if (unit < 0)
            return code == 15 ? 0 : line;
    }
    return 0;
}

static int signed_byte(int b) { return b < 128 ? b : b - 256; }

/* 3.10: pairs of a length in bytes and a signed step; -128: no line. */
static int line_of_byte_310(struct table *t, int line, int64_t byte)
{
    for (int length; (length = table_next(t)) >= 0;) {
        int step = signed_byte(table_next(t));
        if (step != -128)
            line += step;
        byte -= length;
        if (byte < 0)
            return step == -128 ? 0 : line;
    }
    return 0;
}

/* Up to 3.9: pairs of a step in bytes and a signed one in lines. */
static int line_of_byte(struct table *t, int line, int64_t byte)
{
    for (int length; (length = table_next(t)) >= 0;) {
        int step = signed_byte(table_next(t));
        byte -= length;
        if (byte < 0)
            break;
        line += step;
    }
    return line;
}

/* ---- a frame --------------------------------------------------------------------------------- */

/* 0: it has none. Negative: it is no place in this code. */
static int line_of(const struct runtime_frame *f, const uint8_t *code, struct table *t, bool *hidden)
{
    int first = bytes_i32(code, cpython.first_line), at = (int32_t)f->word[1];
    if (!cpython.frame_objects) {
        int64_t unit = (int64_t)(f->word[1] - f->word[0] - cpython.code_start) / 2;
        /* it has not begun, or is the evaluator's helper around __init__: Python shows neither */
        if (unit >= (int64_t)bytes_u64(code, CPYTHON_OB_SIZE) || unit < -1)
            return -1;
        *hidden = unit < bytes_i32(code, cpython.first_traceable);
        return *hidden ? 0 : line_of_unit(t, first, unit);
    }
    if (at < 0)
        return first;
    return cpython.version == 0x030a ? line_of_byte_310(t, first, 2 * (int64_t)at) : line_of_byte(t, first, at);
}

bool cpython_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    uint8_t code[256];
    struct table t;
    size_t size = cpython.frame_objects ? 144 : cpython.code_start;
    *hidden = false;
    memset(out, 0, offsetof(struct runtime_name, file) + 1);
    if (size > sizeof code || !peek(f->word[0], code, size) || bytes_u64(code, CPYTHON_OB_TYPE) != cpython.code_type)
        return false;
    if (!read_string(bytes_u64(code, cpython.name), out->function, sizeof out->function, false) ||
        !read_string(bytes_u64(code, cpython.file), out->file, sizeof out->file, true) || !table_begin(&t, bytes_u64(code, cpython.lines)))
        return false;
    int line = line_of(f, code, &t, hidden);
    if (line < 0)
        return false;
    out->line = (uint32_t)line;
    out->column = 0;
    out->flags = 0;
    return !cpython_finalizes();
}
