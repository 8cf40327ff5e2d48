/* SPDX-License-Identifier: MIT */
/*
 * go_tables.c: the parts of .gopclntab that say which function an address lies in, and how large
 * its frame is.
 *
 * Go 1.16 gave the table its parts: names, compilation units, files, values that change with the
 * address, functions. 1.18 counts functions from the beginning of the text in 32 bits, where 1.16
 * has addresses; 1.20 adds a line number to a function's record, and shortens an inlined call's.
 */
#include "go_tables.h"

#define STEPS_MAX (1u << 20) /* of one list: more than any function has addresses for */

enum go_format go_header_format(struct span header)
{
    uint8_t b[8];
    uint32_t magic;
    if (!span_copy(header, 0, b, sizeof b) || b[4] || b[5] || (b[6] != 1 && b[6] != 2 && b[6] != 4) || b[7] != 8)
        return GO_NONE;
    memcpy(&magic, b, sizeof magic);
    return magic == 0xfffffff1 ? GO_120 : magic == 0xfffffff0 ? GO_118 : magic == 0xfffffffa ? GO_116 : GO_NONE;
}

/* Entries of the list of functions: address and record, both of 32 or of 64 bits. */
static uint64_t entry_size(const struct go_tables *t) { return t->format == GO_116 ? 16 : 8; }

static bool list_entry(const struct go_tables *t, uint64_t i, uint64_t *from_text, uint64_t *record)
{
    uint64_t at = t->functions + i * entry_size(t);
    if (t->format == GO_116) {
        uint64_t entry;
        if (!span_u64(t->table, at, &entry) || entry < t->text || (record && !span_u64(t->table, at + 8, record)))
            return false;
        *from_text = entry - t->text;
        return true;
    }
    uint32_t offset, place = 0;
    if (!span_u32(t->table, at, &offset) || (record && !span_u32(t->table, at + 4, &place)))
        return false;
    *from_text = offset;
    if (record)
        *record = place;
    return true;
}

bool go_text_range(const struct go_tables *t, uint64_t *first, uint64_t *end)
{
    return list_entry(t, 0, first, NULL) && list_entry(t, t->nfunc, end, NULL) && *first < *end;
}

bool go_tables_open(struct go_tables *t, struct span table, struct span header)
{
    uint64_t word[8], first, end;
    *t = (struct go_tables){.format = go_header_format(header), .table = table};
    if (!t->format || go_header_format(table) != t->format)
        return false;
    bool has_text = t->format != GO_116;
    t->quantum = header.at[6];
    if (!span_copy(header, 8, word, has_text ? 64 : 56) || !word[0] || word[0] > UINT32_MAX / 16)
        return false;
    t->nfunc = (uint32_t)word[0];
    const uint64_t *part = word + (has_text ? 3 : 2);
    t->text = has_text ? word[2] : 0;
    t->names = part[0];
    t->units = part[1];
    t->files = part[2];
    t->values = part[3];
    t->functions = part[4];
    for (unsigned i = 0; i < 5; i++)
        if (part[i] < (has_text ? 72 : 64) || part[i] >= table.n)
            return false;
    return span_has(table, t->functions, (t->nfunc + 1ull) * entry_size(t) - entry_size(t) / 2) && go_text_range(t, &first, &end);
}

void go_tables_segment(struct go_tables *t, uint64_t address, struct span bytes)
{
    if (t->n_segments < GO_SEGMENTS)
        t->segments[t->n_segments++] = (struct go_segment){address, bytes};
}

bool go_function_at(const struct go_tables *t, uint64_t pc, struct go_function *f)
{
    uint64_t low = 0, high = t->nfunc, at, end, record;
    if (pc < t->text || !list_entry(t, high, &end, NULL) || pc - t->text >= end)
        return false;
    uint64_t offset = pc - t->text;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (!list_entry(t, middle, &at, NULL))
            return false;
        if (at <= offset)
            low = middle;
        else
            high = middle;
    }
    if (!list_entry(t, low, &at, &record) || at > offset || !list_entry(t, low + 1, &end, NULL) || end <= at)
        return false;
    *f = (struct go_function){.entry = t->text + at, .end = t->text + end};
    if (!span_has(t->table, t->functions + record, record_size(t->format)))
        return false;
    f->record = t->functions + record;
    /*
     * The record begins with the same address: a list that does not fit its records is not
     * believed.
     */
    uint64_t same = 0;
    return span_copy(t->table, f->record, &same, t->format == GO_116 ? 8 : 4) && same == (t->format == GO_116 ? f->entry : at);
}

const char *go_function_name(const struct go_tables *t, const struct go_function *f)
{
    return span_string(t->table, t->names + record_word(t->table, t->format, f->record, RECORD_NAME));
}

bool go_name_is(const char *function, const char *name)
{
    size_t n = strlen(name);
    return function && strncmp(function, name, n) == 0 && (!function[n] || strcmp(function + n, ".abi0") == 0);
}

static bool varint(struct span s, uint64_t *at, uint32_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (*at >= s.n)
            return false;
        uint8_t b = s.at[(*at)++];
        *v |= (uint32_t)((uint64_t)(b & 127) << shift);
        if (!(b & 128))
            return true;
    }
    return false;
}

bool go_value_at(const struct go_tables *t, const struct go_function *f, uint32_t list, uint64_t pc, int32_t *value)
{
    struct span s = span_from(t->table, t->values);
    uint64_t at = list, to = f->entry;
    uint32_t v = UINT32_MAX, step, bytes; /* wraps around, as Go's own */
    if (!list)
        return false;
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        if (!varint(s, &at, &step) || (!step && i) || !varint(s, &at, &bytes))
            return false;
        v += step & 1 ? ~(step >> 1) : step >> 1;
        to += (uint64_t)bytes * t->quantum;
        if (pc < to) {
            *value = (int32_t)v;
            return true;
        }
    }
    return false;
}

bool go_frame_size(const struct go_tables *t, const struct go_function *f, uint64_t pc, uint64_t *size)
{
    int32_t v;
    if (!go_value_at(t, f, record_word(t->table, t->format, f->record, RECORD_FRAME), pc, &v) || v < 0 || v & 7)
        return false;
    *size = (uint64_t)v;
    return true;
}
