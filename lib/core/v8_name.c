/* SPDX-License-Identifier: MIT */
/*
 * v8_name.c: function, file, line and column of a place in a JavaScript program.
 *
 * Called by the agent in the thread that runs there, and by the command from another process. Names
 * are as Error().stack has them.
 */
#include "v8_name.h"

#include <string.h>

#include "utf8.h"

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
    uint64_t at;
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
static bool put_characters(const struct v8_heap *h, const struct characters *c, struct text *t)
{
    uint32_t n = c->length < t->cap ? c->length : (uint32_t)t->cap;
    const uint8_t *p = v8_heap_bytes(h, c->at, (size_t)n * c->width);
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

static int string_type(const struct v8_heap *h, uint64_t s)
{
    int type = v8_heap_type(h, s);
    return type >= 0 && type < h->layout->first_no_string ? type : -1;
}

/* Follows S to the one that has characters. False: there is none, as in one that is made of two. */
static bool find_characters(const struct v8_heap *h, uint64_t s, struct characters *c)
{
    uint32_t skip = 0;
    int type = string_type(h, s);
    if (type < 0 || !v8_heap_half(h, s - 1 + (uint64_t)h->layout->string_length, &c->length))
        return false;
    for (unsigned depth = 0; depth < MAX_DEPTH; depth++, type = string_type(h, s)) {
        uint64_t offset;
        if (type < 0)
            return false;
        c->width = type & V8_STRING_ONE_BYTE ? 1 : 2;
        switch (type & V8_STRING_FORM) {
        case V8_STRING_SEQUENTIAL:
            c->at = s - 1 + (uint64_t)h->layout->string_characters + (uint64_t)skip * c->width;
            return true;
        case V8_STRING_EXTERNAL:
            c->at = type & V8_STRING_UNCACHED ? 0 : v8_heap_field(h, s, h->layout->external_resource + 8) + (uint64_t)skip * c->width;
            return c->at != 0;
        case V8_STRING_THIN:
            s = v8_heap_field(h, s, h->layout->thin_actual);
            break;
        case V8_STRING_SLICED:
            offset = v8_heap_field(h, s, h->layout->sliced_offset);
            if (!v8_is_smi(offset) || v8_smi(offset) < 0)
                return false;
            skip += (uint32_t)v8_smi(offset);
            s = v8_heap_field(h, s, h->layout->sliced_parent);
            break;
        default:
            return false;
        }
    }
    return false;
}

/* The strings that one is made of, the last first. */
struct parts {
    uint64_t part[MAX_DEPTH];
    unsigned n;
};

/* Takes the next that has characters. False: there is none, or it cannot be read (then N is not 0). */
static bool next_part(const struct v8_heap *h, struct parts *p, struct characters *out)
{
    while (p->n) {
        uint64_t s = p->part[p->n - 1];
        int type = string_type(h, s);
        if (type < 0 || (type & V8_STRING_FORM) != V8_STRING_CONS) {
            if (!find_characters(h, s, out))
                return false;
            p->n--;
            return true;
        }
        if (p->n == MAX_DEPTH)
            return false;
        p->part[p->n - 1] = v8_heap_field(h, s, h->layout->cons_second);
        p->part[p->n++] = v8_heap_field(h, s, h->layout->cons_first);
    }
    return false;
}

static bool put_string(const struct v8_heap *h, uint64_t s, struct text *t)
{
    struct parts p = {.part = {s}, .n = 1};
    for (struct characters c; next_part(h, &p, &c);)
        if (!put_characters(h, &c, t))
            return false;
    return p.n == 0;
}

/* The text of S, which must be a string; "" is one. */
static bool read_string(const struct v8_heap *h, uint64_t s, char *to, size_t cap)
{
    struct text t = {.to = to, .cap = cap};
    bool ok = put_string(h, s, &t);
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
    int32_t kind;           /* of the function */
    uint64_t name, guessed; /* 0: none */
    int32_t start;
};

static bool read_scope(const struct v8_heap *h, uint64_t scope, struct scope *out)
{
    uint64_t flags = v8_heap_field(h, scope, SCOPE_WORD(0)), n = v8_heap_field(h, scope, SCOPE_WORD(h->layout->scope_n_locals));
    int32_t range = h->layout->scope_range;
    bool is_number = range ? flags >> 32 == 0 : v8_is_smi(flags);
    if (v8_heap_type(h, scope) != h->layout->type_scope || !is_number || !v8_is_smi(n) || v8_smi(n) < 0 || v8_smi(n) > MAX_LOCALS)
        return false;
    int32_t bits = range ? (int32_t)flags : v8_smi(flags);
    int32_t at = h->layout->scope_locals + v8_smi(n) + (v8_smi(n) < MAX_INLINE_NAMES ? v8_smi(n) : 1);
    *out = (struct scope){.kind = bits >> 17 & 31};
    at += (bits >> 10 & 1) + (range && (bits & 15) == h->layout->scope_of_module);
    if (bits >> 12 & 3) {
        out->name = v8_heap_field(h, scope, SCOPE_WORD(at));
        at += 2;
    }
    if (bits >> 14 & 1)
        out->guessed = v8_heap_field(h, scope, SCOPE_WORD(at++));
    at = range ? range : at;
    uint64_t start = v8_heap_field(h, scope, SCOPE_WORD(at)), end = v8_heap_field(h, scope, SCOPE_WORD(at + 1));
    out->start = v8_smi(start);
    return v8_is_smi(start) && v8_is_smi(end) && v8_smi(start) >= 0 && v8_smi(start) <= v8_smi(end);
}

static bool is_eval(const struct v8_heap *h, uint64_t script)
{
    return v8_heap_type(h, v8_heap_field(h, script, h->layout->script_eval_from)) == h->layout->type_shared;
}

static void put_name(char *to, size_t cap, const char *name)
{
    size_t n = strlen(name);
    n = n < cap ? n : cap - 1;
    memcpy(to, name, n);
    to[n] = 0;
}

/* A function that was not called yet has no scope: its name stands in the place, or nothing. */
static bool read_uncompiled(const struct v8_heap *h, uint64_t shared, struct scope *out)
{
    uint64_t data = v8_heap_field(h, shared, h->layout->shared_data), name = v8_heap_field(h, shared, h->layout->shared_name);
    uint32_t start, end;
    int type = v8_heap_certain_type(h, data);
    if (type < h->layout->type_uncompiled || type > h->layout->last_uncompiled ||
        !v8_heap_half(h, data - 1 + (uint64_t)h->layout->uncompiled_start, &start) ||
        !v8_heap_half(h, data - 1 + (uint64_t)h->layout->uncompiled_end, &end) || (v8_is_object(name) && string_type(h, name) < 0))
        return false;
    *out = (struct scope){.name = name, .guessed = v8_heap_field(h, data, h->layout->uncompiled_name), .start = (int32_t)start};
    return out->start >= 0 && out->start <= (int32_t)end;
}

static bool name_function(const struct v8_heap *h, uint64_t shared, uint64_t script, char *to, size_t cap, int32_t *start)
{
    struct scope scope;
    if (!read_scope(h, v8_heap_field(h, shared, h->layout->shared_name), &scope) && !read_uncompiled(h, shared, &scope))
        return false;
    *start = scope.start;
    to[0] = 0;
    if (scope.kind && scope.kind == h->layout->members_initializer)
        put_name(to, cap, "<instance_members_initializer>");
    else if (scope.kind && scope.kind == h->layout->static_initializer)
        put_name(to, cap, "<static_initializer>");
    else if (v8_is_object(scope.name) && !read_string(h, scope.name, to, cap)) /* else it is the number 0 */
        return false;
    if (!to[0] && string_type(h, scope.guessed) >= 0 && !read_string(h, scope.guessed, to, cap))
        return false;
    if (!to[0])
        put_name(to, cap, is_eval(h, script) ? "eval" : "<anonymous>");
    return true;
}

/* ---- lines ----------------------------------------------------------------------------------- */

struct place {
    uint32_t line, column; /* from 0 */
};

/* From V8's own table, of where each line ends. */
static bool place_in_table(const struct v8_heap *h, uint64_t ends, uint32_t position, struct place *out)
{
    uint64_t length = v8_heap_field(h, ends, h->layout->array_length);
    int32_t low = 0, high = v8_is_smi(length) ? v8_smi(length) : 0, n = high;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if ((uint32_t)v8_smi(v8_heap_field(h, ends, h->layout->array_data + 8 * (uint64_t)middle)) < position)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n)
        return false;
    out->line = (uint32_t)low;
    out->column = low ? position - (uint32_t)v8_smi(v8_heap_field(h, ends, h->layout->array_data + 8 * (uint64_t)(low - 1))) - 1 : position;
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

static bool count_characters(const struct v8_heap *h, struct counter *c, const struct characters *some)
{
    uint32_t n = some->length < c->until - c->done ? some->length : c->until - c->done, step;
    for (uint32_t i = 0; i < n; i += step) {
        step = n - i < PIECE ? n - i : PIECE;
        const uint8_t *p = v8_heap_bytes(h, some->at + (uint64_t)i * some->width, (size_t)step * some->width);
        if (!p)
            return false;
        count_lines(c, p, step, some->width);
    }
    return true;
}

static bool place_in_source(const struct v8_heap *h, uint64_t source, uint32_t position, struct place *out)
{
    struct counter c = {.until = position};
    struct parts parts = {.part = {source}, .n = 1};
    struct characters some;
    while (c.done < position)
        if (position > MAX_SOURCE || !next_part(h, &parts, &some) || !count_characters(h, &c, &some))
            return false;
    *out = (struct place){c.line, position - c.begin};
    return true;
}

static bool find_place(const struct v8_heap *h, uint64_t script, uint32_t position, struct v8_function *out)
{
    uint64_t ends = v8_heap_field(h, script, h->layout->script_line_ends);
    uint64_t line = v8_heap_field(h, script, h->layout->script_line_offset),
             column = v8_heap_field(h, script, h->layout->script_column_offset);
    struct place p;
    if (!v8_is_smi(line) || !v8_is_smi(column))
        return false;
    if (!(v8_heap_type(h, ends) == h->layout->type_fixed && place_in_table(h, ends, position, &p)) &&
        !place_in_source(h, v8_heap_field(h, script, h->layout->script_source), position, &p))
        return false;
    if (!p.line)
        p.column += (uint32_t)v8_smi(column);
    out->line = p.line + (uint32_t)v8_smi(line) + 1;
    out->column = p.column + 1;
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

static bool name_file(const struct v8_heap *h, uint64_t script, char *to, size_t cap)
{
    uint64_t name = v8_heap_field(h, script, h->layout->script_name);
    to[0] = 0;
    if (string_type(h, name) >= 0 && !read_string(h, name, to, cap))
        return false;
    path_of_url(to);
    if (!to[0]) /* what eval has compiled */
        put_name(to, cap, "<anonymous>");
    return true;
}

bool v8_name_function(const struct v8_heap *h, uint64_t shared, int32_t position, struct v8_function *out)
{
    int32_t start;
    memset(out, 0, sizeof *out);
    uint64_t script = v8_heap_certain_type(h, shared) == h->layout->type_shared ? v8_heap_script(h, shared) : 0;
    if (!script || !name_function(h, shared, script, out->function, sizeof out->function, &start) ||
        !name_file(h, script, out->file, sizeof out->file))
        return false;
    out->line_of_function = position < 0;
    return find_place(h, script, (uint32_t)(position < 0 ? start : position), out);
}

bool v8_name_string(const struct v8_heap *h, uint64_t string, char *to, size_t cap)
{
    return string_type(h, string) >= 0 && read_string(h, string, to, cap);
}
