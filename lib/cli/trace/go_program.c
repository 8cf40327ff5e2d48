/* SPDX-License-Identifier: MIT */
/*
 * go_program.c: finds .gopclntab, and what of moduledata is needed to read it.
 *
 * The table lies in the section of its name, in a position-independent program of before 1.26 in
 * .data.rel.ro.gopclntab; a program without section headers is searched for the header's first
 * bytes. moduledata begins with the table's address, and has the first and the last function's, and
 * the text's that both are counted from, at places which have not changed. From 1.26 on it alone
 * has the address of the text. The place of gofunc in it changes between versions, so each word
 * that points into read-only data is tried: it must give sense to many inlining trees.
 */
#include "go_program.h"

#include <stdlib.h>

#define MODULEDATA_TEXT 22u  /* words; the same from 1.16 to 1.27 */
#define MODULEDATA_WORDS 72u /* gofunc lies well within */
#define MODULEDATA_TRIED 30u /* the first word that may be gofunc */
#define TRIED_MAX 64u        /* tables at most */
#define CHUNK (1u << 16)

struct search {
    struct go_program *g;
    const struct image *image;
    go_read *read;
    void *arg;
    unsigned tried; /* headers, of which a file may be full */
};

static bool take_table(struct search *s, struct span table, uint64_t address)
{
    uint8_t header[GO_HEADER];
    struct go_program *g = s->g;
    if (!go_header_format(table) || s->tried++ >= TRIED_MAX || !s->read(s->arg, address, header, sizeof header))
        return false;
    if (go_header_format(table) == GO_116 && s->image->is_relocated) {
        /* its functions and inlining trees are addresses: the process has the right ones */
        free(g->copy);
        g->copy = malloc(table.n);
        if (!g->copy || !s->read(s->arg, address, g->copy, table.n))
            return false;
        table.at = g->copy;
    }
    g->address = address;
    return go_tables_open(&g->tables, table, (struct span){header, sizeof header});
}

static bool table_by_section(struct search *s)
{
    static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
    for (unsigned k = 0; k < 2; k++) {
        struct span table;
        uint64_t address;
        if (image_section(s->image, names[k], &table, &address) && take_table(s, table, address))
            return true;
    }
    return false;
}

/*
 * Each segment, as far as the file has it: a table begins at a multiple of 32 bytes, or of 8 at
 * least.
 */
static bool table_by_search(struct search *s)
{
    for (unsigned k = 0; k < s->image->n_segments; k++) {
        const struct image_segment *seg = &s->image->segments[k];
        for (uint64_t at = -seg->address & 7; span_has(seg->bytes, at, GO_HEADER); at += 8)
            /* every magic number has three bytes of 0xff above one that is 0xf0 or more */
            if (seg->bytes.at[at + 1] == 0xff && seg->bytes.at[at] >= 0xf0 && take_table(s, span_from(seg->bytes, at), seg->address + at))
                return true;
    }
    return false;
}

static bool is_moduledata(const struct go_program *g, const uint64_t *w)
{
    const struct go_tables *t = &g->tables;
    uint64_t first, end;
    if (w[0] != g->address)
        return false;
    if (!go_text_range(t, &first, &end))
        return false;
    uint64_t text = t->format == GO_116 ? 0 : w[MODULEDATA_TEXT];
    return w[20] == text + first && w[21] == text + end && (!t->text || t->text == text);
}

static void take_moduledata(struct search *s, const uint64_t *w, size_t n)
{
    struct go_tables *t = &s->g->tables;
    if (t->format == GO_116)
        return; /* its addresses are absolute */
    t->text = w[MODULEDATA_TEXT];
    for (unsigned k = MODULEDATA_TRIED; k < n && k < MODULEDATA_WORDS && !t->inline_base; k++)
        if (image_at(s->image, w[k]).n && go_tables_try_inline_base(t, w[k]))
            t->inline_base = w[k];
}

static bool search_segment(struct search *s, const struct image_segment *seg, uint64_t *words)
{
    for (uint64_t from = 0; from < seg->bytes.n; from += CHUNK - 8 * MODULEDATA_WORDS) {
        size_t n = seg->bytes.n - from < CHUNK ? (size_t)(seg->bytes.n - from) & ~(size_t)7 : CHUNK;
        if (!n || !s->read(s->arg, seg->address + from, words, n))
            return false;
        for (size_t k = 0; k + MODULEDATA_TEXT + 1 < n / 8; k++)
            if (is_moduledata(s->g, words + k)) {
                take_moduledata(s, words + k, n / 8 - k);
                return true;
            }
    }
    return false;
}

/* Writable segments first: it lies there up to 1.25, and where the loader relocates it. */
static bool find_moduledata(struct search *s)
{
    uint64_t *words = malloc(CHUNK);
    bool found = false;
    for (unsigned pass = 0; words && pass < 2 && !found; pass++)
        for (unsigned k = 0; k < s->image->n_segments && !found; k++)
            if (s->image->segments[k].write == !pass && !s->image->segments[k].execute)
                found = search_segment(s, &s->image->segments[k], words);
    free(words);
    return found;
}

bool go_program_open(struct go_program *g, const struct image *i, go_read *read, void *arg)
{
    struct search s = {g, i, read, arg, 0};
    struct span unused;
    uint64_t nowhere;
    *g = (struct go_program){.address = 0};
    bool is_go = table_by_section(&s);
    /* a search reads the whole file: only where something else says that it may be worth it */
    if (!is_go && (i->has_go_note || !i->has_sections || image_section(i, ".go.buildinfo", &unused, &nowhere)))
        is_go = table_by_search(&s);
    for (unsigned k = 0; is_go && k < i->n_segments; k++)
        go_tables_segment(&g->tables, i->segments[k].address, i->segments[k].bytes);
    if (is_go && (find_moduledata(&s) || g->tables.text || g->tables.format == GO_116)) {
        go_tables_find_wrappers(&g->tables);
        return true;
    }
    go_program_close(g);
    return false;
}

void go_program_close(struct go_program *g)
{
    free(g->copy);
    *g = (struct go_program){.address = 0};
}
