/* SPDX-License-Identifier: MIT */
/*
 * clues.c: where numbers stand in a copy of a process' memory, and what is the same around several
 * of them.
 *
 * Called by search.c. First the places of all numbers and controls are listed; then what is around
 * each of them is brought into one order, in which the same thing around different numbers stands
 * together.
 */
#include "clues.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/bytes.h"
#include "../base/arena.h"
#include "../base/cli.h"

#define MAX_PLACES (1u << 22)
#define MAX_CLUES (1u << 23)

/* ---- places ---------------------------------------------------------------------------------- */

/* Which of the numbers and controls VALUE is, by a table with one entry for each number up to MAX. */
static uint8_t *number_table(const struct search_query *q, int *max)
{
    *max = 0;
    for (unsigned i = 0; i < q->n + q->n_controls; i++) {
        int number = i < q->n ? q->numbers[i] : q->controls[i - q->n];
        *max = number > *max ? number : *max;
    }
    uint8_t *table = arena_grow(NULL, (size_t)*max + 1, 1);
    memset(table, 0, (size_t)*max + 1);
    for (unsigned i = 0; i < q->n + q->n_controls; i++) {
        int number = i < q->n ? q->numbers[i] : q->controls[i - q->n];
        if (number > 0)
            table[number] = (uint8_t)(i + 1);
    }
    return table;
}

static void add_place(struct places *s, const struct chunks *chunks, const struct memory_region *r, uint64_t at, unsigned who)
{
    const struct chunk *chunk = chunks_find(chunks, at);
    if (chunk && !chunk->used)
        return;
    s->at = cli_grow(s->at, s->n, &s->cap, sizeof *s->at);
    s->at[s->n++] = (struct place){.at = at, .region = r, .chunk = chunk, .who = who};
}

bool clues_find_places(struct places *places, const struct search_query *q, const struct chunks *chunks)
{
    int max;
    uint8_t *table = number_table(q, &max);
    for (size_t i = 0; i < q->memory->n_regions; i++) {
        const struct memory_region *r = &q->memory->regions[i];
        for (size_t at = 0; at + 4 <= r->size && places->n < MAX_PLACES; at += 4) {
            uint32_t value = bytes_u32(r->data, at);
            if (value <= (uint32_t)max && table[value])
                add_place(places, chunks, r, r->start + at, table[value] - 1u);
        }
    }
    free(table);
    return places->n < MAX_PLACES;
}

/* ---- clues ----------------------------------------------------------------------------------- */

bool clues_add(struct clues *c, const struct place *p, uint64_t key, int64_t where)
{
    if (c->n == MAX_CLUES)
        return false;
    c->at = cli_grow(c->at, c->n, &c->cap, sizeof *c->at);
    c->at[c->n++] = (struct clue){.key = key, .where = where, .who = p->who, .place = p};
    return true;
}

static int compare_clues(const void *a, const void *b)
{
    const struct clue *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->where != y->where)
        return x->where < y->where ? -1 : 1;
    if (x->who != y->who)
        return x->who < y->who ? -1 : 1;
    return x->place->at < y->place->at ? -1 : x->place->at > y->place->at;
}

struct tally clues_tally(const struct clues *c, size_t from, const struct search_query *q)
{
    struct tally t = {0};
    uint32_t seen_controls = 0;
    for (size_t i = from; i < c->n && c->at[i].key == c->at[from].key && c->at[i].where == c->at[from].where; i++, t.n++) {
        unsigned who = c->at[i].who;
        if (who < q->n) {
            t.of_numbers++;
            t.count += !(t.who >> who & 1);
            t.count_stuck += !(t.who >> who & 1) && who < q->n_stuck;
            t.who |= 1u << who;
        } else {
            unsigned control = who - q->n;
            t.controls += !(seen_controls >> control & 1);
            seen_controls |= 1u << control;
        }
    }
    return t;
}

bool clues_are_common(const struct tally *t, const struct search_query *q)
{
    return search_nearly_all(t->count, q->n) || (q->n_stuck >= 2 && search_nearly_all(t->count_stuck, q->n_stuck)) ||
           (t->count_stuck == 0 && search_nearly_all(t->count, q->n - q->n_stuck));
}

bool clues_are_telling(const struct tally *t, const struct search_query *q)
{
    return t->controls <= (t->count > 2 ? q->n_controls / 8 : 0) && t->of_numbers == t->count;
}

void clues_sort(struct clues *c)
{
    if (c->n)
        qsort(c->at, c->n, sizeof *c->at, compare_clues);
}
