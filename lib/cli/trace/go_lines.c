/* SPDX-License-Identifier: MIT */
/*
 * go_lines.c: the source lines of an address of a Go program, with the functions that were inlined.
 *
 * A function into which others were inlined has a list that gives for each address the number of
 * the inlined call, and a tree: for each call its function's name and an address of the place that
 * it was inlined at. Where the list says that an address is of an inlined call, and the tree cannot
 * be read, the line is left out, for it is one of that call's.
 */
#include "go_tables.h"

#define INLINE_LIST 2u         /* PCDATA_InlTreeIndex */
#define INLINE_TREE 3u         /* FUNCDATA_InlTree */
#define VISITED_MAX (1u << 18) /* functions that are looked through at most */

static struct span data_at(const struct go_tables *t, uint64_t address)
{
    for (unsigned i = 0; i < t->n_segments; i++)
        if (address >= t->segments[i].address && address - t->segments[i].address < t->segments[i].bytes.n)
            return span_from(t->segments[i].bytes, address - t->segments[i].address);
    return (struct span){NULL, 0};
}

static void line_of(const struct go_tables *t, const struct go_function *f, uint64_t pc, struct go_line *out)
{
    int32_t file, line;
    uint32_t offset;
    out->file = NULL;
    out->line = 0;
    if (!go_value_at(t, f, record_word(t->table, t->format, f->record, RECORD_FILE), pc, &file) || file < 0)
        return;
    if (!go_value_at(t, f, record_word(t->table, t->format, f->record, RECORD_LINE), pc, &line) || line < 0)
        return;
    uint64_t unit = (uint64_t)record_word(t->table, t->format, f->record, RECORD_UNIT) + (uint32_t)file;
    if (!span_u32(t->table, t->units + 4 * unit, &offset) || offset == UINT32_MAX)
        return;
    out->file = span_string(t->table, t->files + offset);
    if (out->file)
        out->line = (uint32_t)line;
}

/* The place of F's inlining tree, counted from BASE. False: it has none. */
static bool tree_of(const struct go_tables *t, const struct go_function *f, uint64_t base, uint64_t *address)
{
    uint64_t size = record_size(t->format), lists = record_word(t->table, t->format, f->record, RECORD_LISTS);
    if (t->table.at[f->record + size - 1] <= INLINE_TREE)
        return false;
    uint64_t data = f->record + size + 4 * lists;
    if (t->format == GO_116)
        return span_u64(t->table, ((data + 7) & ~7ull) + 8 * INLINE_TREE, address) && *address;
    uint32_t offset;
    if (!base || !span_u32(t->table, data + 4 * INLINE_TREE, &offset) || offset == UINT32_MAX)
        return false;
    *address = base + offset;
    return true;
}

/*
 * The name of call I of a tree, and the offset in its function of the place that it was inlined at.
 */
static bool inlined_call(const struct go_tables *t, struct span tree, uint32_t i, const char **name, uint32_t *place)
{
    bool is_short = t->format == GO_120;
    uint64_t at = (uint64_t)i * (is_short ? 16 : 20);
    uint32_t offset;
    if (!span_u32(tree, at + (is_short ? 4 : 12), &offset) || !span_u32(tree, at + (is_short ? 8 : 16), place))
        return false;
    /* a name begins behind the end of another */
    char before = '\0';
    if (offset && !span_copy(t->table, t->names + offset - 1, &before, 1))
        return false;
    *name = before ? NULL : span_string(t->table, t->names + offset);
    return *name && **name;
}

static bool call_number(const struct go_tables *t, const struct go_function *f, uint64_t pc, uint32_t *number)
{
    uint32_t list;
    int32_t v;
    if (record_word(t->table, t->format, f->record, RECORD_LISTS) <= INLINE_LIST ||
        !span_u32(t->table, f->record + record_size(t->format) + 4 * INLINE_LIST, &list))
        return false;
    if (!go_value_at(t, f, list, pc, &v) || v < 0)
        return false;
    *number = (uint32_t)v;
    return true;
}

unsigned go_lines(const struct go_tables *t, const struct go_function *f, uint64_t pc, struct go_line *out)
{
    unsigned n = 0;
    uint64_t tree_address = 0;
    uint32_t number, place;
    const char *own = go_function_name(t, f);
    if (!own || !*own)
        return 0;
    struct span tree = {NULL, 0};
    if (tree_of(t, f, t->inline_base, &tree_address))
        tree = data_at(t, tree_address);
    while (call_number(t, f, pc, &number)) {
        if (n + 1 == GO_INLINED || !inlined_call(t, tree, number, &out[n].function, &place) || place >= f->end - f->entry) {
            out[0] = (struct go_line){.function = own};
            return 1;
        }
        line_of(t, f, pc, &out[n++]);
        pc = f->entry + place;
    }
    out[n].function = own;
    line_of(t, f, pc, &out[n++]);
    return n;
}

bool go_tables_try_inline_base(const struct go_tables *t, uint64_t base)
{
    unsigned seen = 0;
    uint64_t at, end;
    if (!go_text_range(t, &at, &end))
        return false;
    for (unsigned i = 0; at < end && seen < 256 && i < VISITED_MAX; i++) {
        struct go_function f;
        uint64_t address;
        uint32_t place;
        const char *name;
        if (!go_function_at(t, t->text + at, &f))
            return false;
        if (tree_of(t, &f, base, &address)) {
            if (!inlined_call(t, data_at(t, address), 0, &name, &place) || place >= f.end - f.entry)
                return false;
            seen++;
        }
        at = f.end - t->text;
    }
    return seen > 0;
}

static uint8_t function_id(const struct go_tables *t, const struct go_function *f)
{
    return t->table.at[f->record + record_size(t->format) - 4];
}

/* Versions number them differently: what is in no file, and of some sort at all, is a wrapper. */
void go_tables_find_wrappers(struct go_tables *t)
{
    uint64_t at, end;
    struct go_function f;
    unsigned seen = 0;
    if (!go_text_range(t, &at, &end))
        return;
    for (unsigned i = 0; at < end && seen < 3 && i < VISITED_MAX && go_function_at(t, t->text + at, &f); i++, at = f.end - t->text) {
        struct go_line l;
        uint8_t id = function_id(t, &f);
        if (!id)
            continue;
        line_of(t, &f, f.entry, &l);
        if (!l.file || strcmp(l.file, "<autogenerated>") != 0)
            continue;
        seen = id == t->wrapper_id ? seen + 1 : 1;
        t->wrapper_id = id;
    }
    if (seen < 3)
        t->wrapper_id = 0;
}

bool go_function_is_wrapper(const struct go_tables *t, const struct go_function *f)
{
    return t->wrapper_id && function_id(t, f) == t->wrapper_id;
}
