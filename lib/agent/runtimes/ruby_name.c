/* SPDX-License-Identifier: MIT */
/*
 * ruby_name.c: label, file and line of a Ruby frame.
 *
 * Called once for each new frame, in the thread that has it. All is read through the kernel. The
 * words are the body of the compiled method, and the instruction that comes next.
 */
#include "ruby.h"

#define MAX_LINES (1u << 20)

/* The string at A. KEEP_END: of one that is too long the end, else its beginning. */
static bool put_string(uintptr_t a, char *out, size_t cap, bool keep_end)
{
    struct ruby_object s;
    uintptr_t bytes;
    size_t n;
    if (!ruby_load(true, a, &s, sizeof s) || !ruby_string(&s, a, &bytes, &n) || n > MAX_LINES)
        return false;
    if (n > cap - 1) {
        bytes += keep_end ? n - (cap - 1) : 0;
        n = cap - 1;
    }
    if (n && !peek(bytes, out, n))
        return false;
    out[n] = 0;
    return strlen(out) == n;
}

/* A string, or a list of one and the real path. */
static bool put_path(uintptr_t a, char *out, size_t cap)
{
    struct ruby_object o;
    if (!ruby_load(true, a, &o, sizeof o))
        return false;
    if ((o.flags & RUBY_TYPE) != RUBY_ARRAY)
        return put_string(a, out, cap, true);
    uintptr_t first = o.word[0];
    if (!(o.flags & RUBY_EMBEDDED) && !ruby_load(true, o.word[2], &first, sizeof first))
        return false;
    return put_string(first, out, cap, true);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/*
 * Which entry of the lines is that of instruction X: the number of set bits up to X in a bit vector
 * with counts (struct succ_index_table of iseq.c). The first 54 have their counts of 7 bits beside
 * each other; then come blocks of 512 bits.
 */
#define IMMEDIATE 54u
#define IMMEDIATE_WORDS (IMMEDIATE / 9)

static bool entry_of(uintptr_t table, uint32_t x, uint32_t *entry)
{
    struct {
        uint32_t rank, pad;
        uint64_t small_ranks, bits[8];
    } block;
    uint64_t word;
    if (x < IMMEDIATE) {
        if (!ruby_load(true, table + x / 9 * 8, &word, sizeof word))
            return false;
        *entry = (uint32_t)(word >> x % 9 * 7) & 0x7f;
        return true;
    }
    x -= IMMEDIATE;
    if (!ruby_load(true, table + IMMEDIATE_WORDS * 8 + x / 512 * sizeof block, &block, sizeof block))
        return false;
    unsigned small = x % 512 / 64;
    uint32_t before = small ? (uint32_t)(block.small_ranks >> (small - 1) * 9) & 0x1ff : 0;
    *entry = block.rank + before + (uint32_t)__builtin_popcountll(block.bits[small] << (63 - x % 64));
    return true;
}

static bool put_line(uintptr_t body, uintptr_t pc, uint32_t *line)
{
    const struct ruby_layout *l = &ruby.layout;
    struct ruby_body b;
    uintptr_t lines, positions;
    uint32_t n, entry = 1;
    if (!ruby_load(true, body, &b, sizeof b) || !ruby_load(true, body + l->lines, &lines, sizeof lines) ||
        !ruby_load(true, body + l->n_lines, &n, sizeof n) || !ruby_load(true, body + l->positions, &positions, sizeof positions))
        return false;
    uintptr_t at = (pc - b.code) / 8;
    if (!n || n > MAX_LINES || at > b.size)
        return false;
    /* the instruction that runs is the one before */
    if (n > 1 && !entry_of(positions, at ? (uint32_t)at - 1 : 0, &entry))
        return false;
    uintptr_t where = lines + (uintptr_t)(entry - 1) * l->line_size;
    return entry && entry <= n && lines >= 4096 && peek(where, line, sizeof *line);
}

/* Where the label of the code at BODY is: from 3.4 on, code of an eval has that of the code around it. */
static bool label_of(uintptr_t body, uintptr_t *label)
{
    const struct ruby_layout *l = &ruby.layout;
    struct ruby_body b;
    struct ruby_object parent;
    uintptr_t at;
    for (unsigned i = 0; l->parent && i < RUBY_MAX_NESTING; i++, body = parent.word[0]) {
        if (!ruby_load(true, body, &b, sizeof b))
            return false;
        if (b.type != RUBY_BODY_OF_EVAL)
            break;
        if (!ruby_load(true, body + l->parent, &at, sizeof at) || !ruby_load(true, at, &parent, sizeof parent) ||
            (parent.flags & RUBY_TYPE) != RUBY_IMEMO || RUBY_IMEMO_KIND(parent.flags) != RUBY_ISEQ)
            return false;
    }
    return ruby_load(true, body + l->label, label, sizeof *label);
}

bool ruby_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    uintptr_t label, path;
    *hidden = false;
    out->column = 0;
    out->flags = 0;
    return label_of(f->word[0], &label) && ruby_load(true, f->word[0] + ruby.layout.path, &path, sizeof path) &&
           put_string(label, out->function, sizeof out->function, false) && put_path(path, out->file, sizeof out->file) &&
           put_line(f->word[0], f->word[1], &out->line);
}
