/* SPDX-License-Identifier: MIT */
/*
 * mappings.c: the places of a generated file with their places in the original ones.
 *
 * Called when a map is read, and for each frame that it may explain. Text: lines end with ';',
 * mappings with ','. A mapping has 1, 4 or 5 numbers, each the difference to the one before it; the
 * column begins anew in each line.
 */
#include "mappings.h"

#include <stdlib.h>

#include "../../core/sort.h"
#include "../base/arena.h"
#include "vlq.h"

/* The sums of what was read, in 64 bits so that none overflows. */
struct reader {
    const char *at, *end;
    int64_t column, source, original_line, original_column;
};

static bool add_up(struct reader *r, int64_t *sum)
{
    int32_t step;
    if (!vlq_next(&r->at, r->end, &step))
        return false;
    *sum += step;
    return *sum >= 0 && *sum < INT32_MAX;
}

static bool at_end(const struct reader *r) { return r->at == r->end || *r->at == ',' || *r->at == ';'; }

/* The mapping that begins where R is; SOURCE counts from 0 in its part. */
static bool read_one(struct reader *r, struct mapping *out)
{
    int32_t step;
    if (!add_up(r, &r->column))
        return false;
    out->column = (uint32_t)r->column;
    out->source = MAPPING_NO_SOURCE;
    if (at_end(r))
        return true;
    if (!add_up(r, &r->source) || !add_up(r, &r->original_line) || !add_up(r, &r->original_column))
        return false;
    out->source = (uint32_t)r->source;
    out->original_line = (uint32_t)r->original_line;
    out->original_column = (uint32_t)r->original_column;
    if (!at_end(r) && !vlq_next(&r->at, r->end, &step)) /* the number of a name */
        return false;
    return at_end(r);
}

static bool place(struct mapping *one, uint32_t line, const struct mappings_part *part)
{
    if (one->source != MAPPING_NO_SOURCE) {
        if (one->source >= part->n_sources)
            return false;
        one->source += part->first_source;
    }
    if (line == 0) {
        if (one->column > INT32_MAX - part->column)
            return false;
        one->column += part->column;
    }
    one->line = line + part->line;
    return one->line < part->end_line || (one->line == part->end_line && one->column < part->end_column);
}

bool mappings_add(struct mappings *m, const char *text, size_t n, const struct mappings_part *part)
{
    struct reader r = {.at = text, .end = text + n};
    for (uint32_t line = 0; r.at < r.end;) {
        struct mapping one = {.line = 0};
        if (*r.at == ';' || *r.at == ',') {
            line += *r.at == ';';
            r.column = *r.at++ == ';' ? 0 : r.column;
            if (line >= INT32_MAX - part->line)
                return false;
            continue;
        }
        if (!read_one(&r, &one) || !place(&one, line, part) || m->n == MAPPINGS_MAX)
            return false;
        if (m->n == m->cap)
            m->items = arena_grow(m->items, m->cap = m->cap ? m->cap * 2 : 256, sizeof *m->items);
        m->items[m->n++] = one;
    }
    return true;
}

static int by_place(const void *x, const void *y)
{
    const struct mapping *a = x, *b = y;
    ORDER(a->line, b->line);
    ORDER(a->column, b->column);
    return 0;
}

void mappings_settle(struct mappings *m)
{
    size_t i = 1;
    while (i < m->n && by_place(&m->items[i - 1], &m->items[i]) <= 0)
        i++;
    if (i < m->n)
        qsort(m->items, m->n, sizeof *m->items, by_place);
}

/* How many mappings stand before the place. */
static size_t before(const struct mappings *m, uint32_t line, uint32_t column)
{
    const struct mapping key = {.line = line, .column = column};
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_place(&m->items[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct mapping *mappings_find(const struct mappings *m, uint32_t line, uint32_t column)
{
    bool whole = column == MAPPINGS_NO_COLUMN;
    size_t end = before(m, line + (whole ? 1 : 0), whole ? 0 : column + 1);
    const struct mapping *last = end ? &m->items[end - 1] : NULL;
    if (!last || last->line != line || last->source == MAPPING_NO_SOURCE)
        return NULL;
    for (size_t i = end; i-- > 0 && m->items[i].line == line && (whole || m->items[i].column == last->column);)
        if (m->items[i].source != last->source || m->items[i].original_line != last->original_line)
            return NULL;
    return last;
}

void mappings_free(struct mappings *m)
{
    free(m->items);
    *m = (struct mappings){0};
}
