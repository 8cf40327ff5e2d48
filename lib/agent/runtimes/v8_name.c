/* SPDX-License-Identifier: MIT */
/*
 * v8_name.c: function, file, line and column of a JavaScript frame.
 *
 * Called once for each new frame, in the thread that has it, before the call returns that the walk
 * was made for: the objects are where the walk has seen them. Names are as Error().stack has them.
 */
#include <string.h>

#include "../../core/utf8.h"
#include "v8.h"

#define MAX_DEPTH 32u          /* of a string that is made of others */
#define MAX_SOURCE (16u << 20) /* of a script whose lines nobody has counted yet, in characters */
#define PIECE 65536u           /* of it */
#define MAX_INLINE_NAMES 75    /* a scope with more variables has their names elsewhere */
#define MAX_LOCALS 100000
#define SCOPE_WORD(i) (8 * ((i) + 1))

/* ---- strings --------------------------------------------------------------------------------- */

struct text {
    char *to;
    size_t n, cap;
};

/* Where LENGTH characters of a string lie. */
struct characters {
    uintptr_t at;
    uint32_t length;
    unsigned width;
};

static bool is_high_surrogate(uint32_t c) { return c >> 10 == 0x36; }
static bool is_low_surrogate(uint32_t c) { return c >> 10 == 0x37; }

static uint32_t character(const uint8_t *p, uint32_t i, unsigned width)
{
    uint16_t two;
    if (width == 1)
        return p[i];
    memcpy(&two, p + (size_t)i * 2, sizeof two);
    return two;
}

/* Appends what fits. False: the characters cannot be read. */
static bool put_characters(struct v8_memory *m, const struct characters *c, struct text *t)
{
    uint32_t n = c->length < t->cap ? c->length : (uint32_t)t->cap;
    const uint8_t *p = v8_bytes(m, c->at, (size_t)n * c->width);
    if (!p)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t one = character(p, i, c->width);
        if (is_high_surrogate(one) && i + 1 < n && is_low_surrogate(character(p, i + 1, 2)))
            one = 0x10000 + ((one & 0x3ff) << 10) + (character(p, ++i, 2) & 0x3ff);
        else if (is_high_surrogate(one) || is_low_surrogate(one))
            one = 0xfffd;
        if (!utf8_put(t->to, t->cap, &t->n, one))
            break;
    }
    return true;
}

static int string_type(struct v8_memory *m, uintptr_t s)
{
    int type = v8_type(m, s);
    return type >= 0 && type < v8.first_no_string ? type : -1;
}

/* Follows S to the one that has characters. False: there is none, as in one that is made of two. */
static bool find_characters(struct v8_memory *m, uintptr_t s, struct characters *c)
{
    uint32_t skip = 0;
    int type = string_type(m, s);
    if (type < 0 || !v8_load_half(m, s - 1 + (uintptr_t)v8.string_length, &c->length))
        return false;
    for (unsigned depth = 0; depth < MAX_DEPTH; depth++, type = string_type(m, s)) {
        uintptr_t offset;
        if (type < 0)
            return false;
        c->width = type & V8_STRING_ONE_BYTE ? 1 : 2;
        switch (type & V8_STRING_FORM) {
        case V8_STRING_SEQUENTIAL:
            c->at = s - 1 + (uintptr_t)v8.string_characters + (uintptr_t)skip * c->width;
            return true;
        case V8_STRING_EXTERNAL:
            c->at = type & V8_STRING_UNCACHED ? 0 : v8_field(m, s, v8.external_resource + 8) + (uintptr_t)skip * c->width;
            return c->at != 0;
        case V8_STRING_THIN:
            s = v8_field(m, s, v8.thin_actual);
            break;
        case V8_STRING_SLICED:
            offset = v8_field(m, s, v8.sliced_offset);
            if (!v8_is_smi(offset) || v8_smi(offset) < 0)
                return false;
            skip += (uint32_t)v8_smi(offset);
            s = v8_field(m, s, v8.sliced_parent);
            break;
        default:
            return false;
        }
    }
    return false;
}

/* The strings that one is made of, the last first. */
struct parts {
    uintptr_t part[MAX_DEPTH];
    unsigned n;
};

/* Takes the next that has characters. False: there is none, or it cannot be read (then N is not 0). */
static bool next_part(struct v8_memory *m, struct parts *p, struct characters *out)
{
    while (p->n) {
        uintptr_t s = p->part[p->n - 1];
        int type = string_type(m, s);
        if (type < 0 || (type & V8_STRING_FORM) != V8_STRING_CONS) {
            if (!find_characters(m, s, out))
                return false;
            p->n--;
            return true;
        }
        if (p->n == MAX_DEPTH)
            return false;
        p->part[p->n - 1] = v8_field(m, s, v8.cons_second);
        p->part[p->n++] = v8_field(m, s, v8.cons_first);
    }
    return false;
}

static bool put_string(struct v8_memory *m, uintptr_t s, struct text *t)
{
    struct parts p = {.part = {s}, .n = 1};
    for (struct characters c; next_part(m, &p, &c);)
        if (!put_characters(m, &c, t))
            return false;
    return p.n == 0;
}

/* The text of S, which must be a string; "" is one. */
static bool read_string(struct v8_memory *m, uintptr_t s, char *to, size_t cap)
{
    struct text t = {.to = to, .cap = cap};
    bool ok = put_string(m, s, &t);
    to[t.n] = 0;
    return ok;
}

/* ---- functions ------------------------------------------------------------------------------- */

/*
 * A ScopeInfo begins with its flags and the number of variables in the context, then has the names
 * of these, or a table of them, and a word on each; then, where the flags say so, a class' variable,
 * the function's name and its place, a name that was guessed from what it was assigned to, and where
 * the function begins and ends. In newer versions the last two words stand in front, and behind them a
 * module's number of variables; the flags are half a word.
 */
struct scope {
    int32_t kind;            /* of the function */
    uintptr_t name, guessed; /* 0: none */
    int32_t start;
};

static bool read_scope(struct v8_memory *m, uintptr_t scope, struct scope *out)
{
    uintptr_t flags = v8_field(m, scope, SCOPE_WORD(0)), n = v8_field(m, scope, SCOPE_WORD(v8.scope_n_locals));
    if (v8_type(m, scope) != v8.type_scope || (!v8.scope_range && !v8_is_smi(flags)) || !v8_is_smi(n) || v8_smi(n) < 0 ||
        v8_smi(n) > MAX_LOCALS)
        return false;
    int32_t bits = v8.scope_range ? (int32_t)(uint32_t)flags : v8_smi(flags),
            at = v8.scope_locals + v8_smi(n) + (v8_smi(n) < MAX_INLINE_NAMES ? v8_smi(n) : 1);
    *out = (struct scope){.kind = bits >> 17 & 31};
    at += (bits >> 10 & 1) + (v8.scope_range && (bits & 15) == v8.scope_of_module);
    if (bits >> 12 & 3) {
        out->name = v8_field(m, scope, SCOPE_WORD(at));
        at += 2;
    }
    if (bits >> 14 & 1)
        out->guessed = v8_field(m, scope, SCOPE_WORD(at++));
    at = v8.scope_range ? v8.scope_range : at;
    uintptr_t start = v8_field(m, scope, SCOPE_WORD(at)), end = v8_field(m, scope, SCOPE_WORD(at + 1));
    out->start = v8_smi(start);
    return v8_is_smi(start) && v8_is_smi(end) && v8_smi(start) >= 0 && v8_smi(start) <= v8_smi(end);
}

static bool is_eval(struct v8_memory *m, uintptr_t script)
{
    return v8_type(m, v8_field(m, script, v8.script_eval_from)) == v8.type_shared;
}

static void put_name(char *to, size_t cap, const char *name)
{
    size_t n = strlen(name);
    n = n < cap ? n : cap - 1;
    memcpy(to, name, n);
    to[n] = 0;
}

static bool name_function(struct v8_memory *m, uintptr_t shared, uintptr_t script, char *to, size_t cap, int32_t *start)
{
    struct scope scope;
    if (!read_scope(m, v8_field(m, shared, v8.shared_name), &scope))
        return false;
    *start = scope.start;
    to[0] = 0;
    if (scope.kind && scope.kind == v8.members_initializer)
        put_name(to, cap, "<instance_members_initializer>");
    else if (scope.kind && scope.kind == v8.static_initializer)
        put_name(to, cap, "<static_initializer>");
    else if (v8_is_object(scope.name) && !read_string(m, scope.name, to, cap)) /* else it is the number 0 */
        return false;
    if (!to[0] && string_type(m, scope.guessed) >= 0 && !read_string(m, scope.guessed, to, cap))
        return false;
    if (!to[0])
        put_name(to, cap, is_eval(m, script) ? "eval" : "<anonymous>");
    return true;
}

/* ---- lines ----------------------------------------------------------------------------------- */

struct place {
    uint32_t line, column; /* from 0 */
};

/* From V8's own table, of where each line ends. */
static bool place_in_table(struct v8_memory *m, uintptr_t ends, uint32_t position, struct place *out)
{
    uintptr_t length = v8_field(m, ends, v8.array_length);
    int32_t low = 0, high = v8_is_smi(length) ? v8_smi(length) : 0, n = high;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if ((uint32_t)v8_smi(v8_field(m, ends, v8.array_data + 8 * middle)) < position)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n)
        return false;
    out->line = (uint32_t)low;
    out->column = low ? position - (uint32_t)v8_smi(v8_field(m, ends, v8.array_data + 8 * (low - 1))) - 1 : position;
    return true;
}

/* The lines of a script's beginning, which may be a string that is made of others. */
struct counter {
    uint32_t until, done; /* characters */
    uint32_t line, begin; /* the last line, and where it begins */
    uint32_t last;        /* the last character */
};

static void count_lines(struct counter *c, const uint8_t *p, uint32_t n, unsigned width)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t one = character(p, i, width);
        bool ends = one == '\n' || one == '\r' || one == 0x2028 || one == 0x2029;
        if (ends) {
            c->line += !(one == '\n' && c->last == '\r');
            c->begin = c->done + i + 1;
        }
        c->last = one;
    }
    c->done += n;
}

static bool count_characters(struct v8_memory *m, struct counter *c, const struct characters *some)
{
    uint32_t n = some->length < c->until - c->done ? some->length : c->until - c->done, step;
    for (uint32_t i = 0; i < n; i += step) {
        step = n - i < PIECE ? n - i : PIECE;
        const uint8_t *p = v8_bytes(m, some->at + (uintptr_t)i * some->width, (size_t)step * some->width);
        if (!p)
            return false;
        count_lines(c, p, step, some->width);
    }
    return true;
}

static bool place_in_source(struct v8_memory *m, uintptr_t source, uint32_t position, struct place *out)
{
    struct counter c = {.until = position};
    struct parts parts = {.part = {source}, .n = 1};
    struct characters some;
    while (c.done < position)
        if (position > MAX_SOURCE || !next_part(m, &parts, &some) || !count_characters(m, &c, &some))
            return false;
    *out = (struct place){c.line, position - c.begin};
    return true;
}

static bool find_place(struct v8_memory *m, uintptr_t script, uint32_t position, struct runtime_name *out)
{
    uintptr_t ends = v8_field(m, script, v8.script_line_ends);
    uintptr_t line = v8_field(m, script, v8.script_line_offset), column = v8_field(m, script, v8.script_column_offset);
    struct place p;
    if (!v8_is_smi(line) || !v8_is_smi(column))
        return false;
    if (!(v8_type(m, ends) == v8.type_fixed && place_in_table(m, ends, position, &p)) &&
        !place_in_source(m, v8_field(m, script, v8.script_source), position, &p))
        return false;
    if (!p.line)
        p.column += (uint32_t)v8_smi(column);
    out->line = p.line + (uint32_t)v8_smi(line) + 1;
    out->column = p.column < UINT16_MAX ? (uint16_t)(p.column + 1) : 0;
    return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A module's name is a URL: its path is the file. */
static void path_of_url(char *file)
{
    static const char scheme[] = "file://";
    char *to = file, *from = file + sizeof scheme - 1;
    if (strncmp(file, scheme, sizeof scheme - 1) != 0)
        return;
    for (; *from && *from != '?' && *from != '#'; from++) {
        int high = *from == '%' ? hex_digit(from[1]) : -1, low = high >= 0 ? hex_digit(from[2]) : -1;
        *to++ = low >= 0 ? (char)(high << 4 | low) : *from;
        from += low >= 0 ? 2 : 0;
    }
    *to = 0;
}

static bool name_file(struct v8_memory *m, uintptr_t script, char *to, size_t cap)
{
    uintptr_t name = v8_field(m, script, v8.script_name);
    to[0] = 0;
    if (string_type(m, name) >= 0 && !read_string(m, name, to, cap))
        return false;
    path_of_url(to);
    if (!to[0]) /* what eval has compiled */
        put_name(to, cap, "<anonymous>");
    return true;
}

bool v8_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    struct v8_memory m = {.trusting = false};
    uintptr_t shared = f->word[0];
    int32_t position = (int32_t)(intptr_t)f->word[1], start;
    *hidden = false;
    memset(out, 0, sizeof *out);
    uintptr_t script = v8_certain_type(&m, shared) == v8.type_shared ? v8_script(&m, shared) : 0;
    if (!script || !name_function(&m, shared, script, out->function, sizeof out->function, &start) ||
        !name_file(&m, script, out->file, sizeof out->file))
        return false;
    if (position < 0) {
        position = start;
        out->flags = FRAME_LINE_OF_FUNCTION;
    }
    return find_place(&m, script, (uint32_t)position, out);
}
