/* SPDX-License-Identifier: MIT */
/*
 * search.c: which objects hold some descriptor numbers, in a copy of a process' memory.
 *
 * Called by holders.c, once for each reading. What is common to the numbers and to few controls is
 * found by clues.c.
 */
#include "search.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/bytes.h"
#include "clues.h"
#include "fields.h"

#define SPAN 512u /* bytes around a number in which pointers belong to its object */
#define LEAST_ADDRESS 65536u
#define LARGEST_OBJECT (1u << 20)
#define PAGE 4096u
#define FIELDS 1024u /* offsets that are compared between blocks of different sizes */

struct searching {
    const struct search_query *q;
    struct chunks chunks;
    struct places places;
    struct search_result *out;
};

static void doubt(struct searching *s, enum search_doubt why)
{
    if (s->out->doubt == SEARCH_CLEAR)
        s->out->doubt = why;
}

/* ---- chance ---- */

/*
 * How many sets of words with something in common would be found if the words stood in any order:
 * of SORTS things that words may have in common, by how often each of the numbers occurs. The more
 * common a number is, the more of them must be seen together.
 */
static bool may_be_chance(const struct searching *s, uint32_t who, double sorts)
{
    size_t places[SEARCH_NUMBERS] = {0};
    double words = (double)s->q->memory->read / 4, expected = sorts, n = 0;
    for (size_t i = 0; i < s->places.n; i++)
        if (s->places.at[i].who < s->q->n && s->places.at[i].region->kind != MEMORY_STACK)
            places[s->places.at[i].who]++;
    for (unsigned i = 0; i < s->q->n; i++)
        if (who >> i & 1)
            expected *= ++n * (double)places[i] / (words > 1 ? words : 1);
    return expected > 0.01;
}

/* ---- pointers at one distance ---------------------------------------------------------------- */

static bool is_target(const struct memory *m, uint64_t value)
{
    size_t lo = 0, hi = m->n_targets;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (m->targets[mid].start <= value)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo && value < m->targets[lo - 1].end;
}

/* The pointers that belong to the object around P. */
static bool add_pointers(struct searching *s, struct clues *c, const struct place *p)
{
    const struct memory_region *r = p->region;
    uint64_t lo = p->at - r->start > SPAN ? p->at - SPAN : r->start, hi = p->at + SPAN, end = r->start + r->size;
    if (p->chunk) {
        lo = lo > p->chunk->user ? lo : p->chunk->user;
        end = p->chunk->user + p->chunk->size < end ? p->chunk->user + p->chunk->size : end;
    }
    hi = hi < end ? hi : end;
    for (uint64_t at = (lo + 7) & ~(uint64_t)7; at + 8 <= hi; at += 8) {
        uint64_t value = bytes_u64(r->data, at - r->start);
        if (value >= LEAST_ADDRESS && is_target(s->q->memory, value) && !clues_add(c, p, value, (int64_t)(at - p->at)))
            return false;
    }
    return true;
}

/* Where the numbers of one object are, once each. */
struct seat {
    const struct place *of[SEARCH_NUMBERS];
};

static struct seat seat_of(const struct searching *s, const struct clue *first, size_t n)
{
    struct seat seat = {{NULL}};
    for (size_t i = 0; i < n; i++)
        if (first[i].who < s->q->n)
            seat.of[first[i].who] = first[i].place;
    return seat;
}

static bool same_seat(const struct seat *a, const struct seat *b)
{
    unsigned both = 0;
    for (unsigned i = 0; i < SEARCH_NUMBERS; i++) {
        if (a->of[i] && b->of[i] && a->of[i] != b->of[i])
            return false;
        both += a->of[i] && b->of[i];
    }
    return both > 0;
}

/* The block of glibc's heap that all of them are in, if they agree. */
static void set_chunk(struct search_object *o, const struct seat *seat)
{
    o->chunk = 0;
    for (unsigned i = 0, first = 1; i < SEARCH_NUMBERS; i++) {
        const struct place *p = seat->of[i];
        if (!p)
            continue;
        uint64_t size = p->chunk ? chunks_size(p->chunk) : 0, offset = p->chunk ? p->at - p->chunk->user : 0;
        if (!size || (!first && (o->chunk != size || o->offset != offset))) {
            o->chunk = o->offset = 0;
            return;
        }
        o->chunk = size;
        o->offset = offset;
        first = 0;
    }
}

static void add_pointer(struct search_object *o, int64_t distance, uint64_t value)
{
    unsigned at = o->n_pointers;
    while (at > 0 && o->pointers[at - 1].distance > distance)
        at--;
    if (at == SEARCH_POINTERS)
        return;
    if (o->n_pointers == SEARCH_POINTERS)
        o->n_pointers--;
    memmove(&o->pointers[at + 1], &o->pointers[at], (o->n_pointers - at) * sizeof *o->pointers);
    o->pointers[at] = (struct search_pointer){.distance = (int32_t)distance, .value = value};
    o->n_pointers++;
}

struct found {
    struct search_object object;
    struct seat seat;
};
#define FOUND 32u

/* Adds the run of clues T at FIRST to the object that it is a part of, or as another one. */
static void take_run(const struct searching *s, struct found found[FOUND], unsigned *n, const struct clue *first, const struct tally *t)
{
    struct seat seat = seat_of(s, first, t->n);
    struct found *f = found;
    while (f < found + *n && !same_seat(&f->seat, &seat))
        f++;
    if (f == found + FOUND)
        return;
    if (f == found + *n) {
        *f = (struct found){.seat = seat};
        ++*n;
    }
    if (t->count > f->object.count) {
        f->object.count = t->count;
        f->object.count_stuck = t->count_stuck;
        f->object.who = t->who;
        f->seat = seat;
        set_chunk(&f->object, &seat);
    }
    add_pointer(&f->object, first->where, first->key);
}

static int compare_found(const void *a, const void *b)
{
    const struct search_object *x = &((const struct found *)a)->object, *y = &((const struct found *)b)->object;
    if (x->count_stuck != y->count_stuck)
        return x->count_stuck > y->count_stuck ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    if (x->n_pointers != y->n_pointers)
        return x->n_pointers > y->n_pointers ? -1 : 1;
    for (unsigned i = 0; i < x->n_pointers; i++)
        if (x->pointers[i].value != y->pointers[i].value)
            return x->pointers[i].value < y->pointers[i].value ? -1 : 1;
    return 0;
}

/* O is as good as the first of OUT, in a block of its own, and not a second place in the same block. */
static bool is_another(const struct search_result *out, const struct search_object *o)
{
    bool another = !out->n_objects || (o->chunk && o->count == out->objects[0].count && o->count_stuck == out->objects[0].count_stuck);
    for (unsigned i = 0; i < out->n_objects; i++)
        another &= !o->chunk || o->chunk != out->objects[i].chunk;
    return another;
}

/* The runs of C that may be around an object of each number, as fields. Returns how many. */
static size_t list_fields(struct searching *s, const struct clues *c, struct field fields[FIELDS_MOST])
{
    size_t n = 0;
    struct tally t;
    for (size_t i = 0; i < c->n; i += t.n) {
        t = clues_tally(c, i, s->q);
        if (!clues_are_common(&t, s->q))
            continue;
        if (!clues_are_telling(&t, s->q))
            doubt(s, SEARCH_ALIKE);
        else if (n == FIELDS_MOST)
            doubt(s, SEARCH_TOO_MANY);
        else
            fields[n++] = (struct field){.value = c->at[i].key, .distance = (int32_t)c->at[i].where, .nth = i};
    }
    return n;
}

/* The pointers in all memory, times the places around each of them. */
static double sorts_of_pointers(const struct searching *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->q->memory->n_regions; i++) {
        const struct memory_region *r = &s->q->memory->regions[i];
        for (uint64_t at = 0; r->kind != MEMORY_STACK && at + 8 <= r->size; at += 8) {
            uint64_t value = bytes_u64(r->data, at);
            n += value >= LEAST_ADDRESS && is_target(s->q->memory, value);
        }
    }
    return (double)n * (2.0 * SPAN / 4);
}

static void find_by_pointers(struct searching *s)
{
    struct clues c = {0};
    struct found found[FOUND];
    struct field fields[FIELDS_MOST];
    unsigned n = 0;
    for (size_t i = 0; i < s->places.n; i++)
        if (s->places.at[i].region->kind != MEMORY_STACK && !add_pointers(s, &c, &s->places.at[i]))
            doubt(s, SEARCH_TOO_MANY);
    clues_sort(&c);
    size_t n_fields = list_fields(s, &c, fields);
    fields_count(fields, n_fields, s->q, &s->chunks);
    double sorts = n_fields ? sorts_of_pointers(s) : 0;
    for (size_t i = 0; i < n_fields; i++) {
        struct tally t = clues_tally(&c, fields[i].nth, s->q);
        if (fields_hold(&fields[i]) && !may_be_chance(s, t.who, sorts))
            take_run(s, found, &n, &c.at[fields[i].nth], &t);
        else
            doubt(s, SEARCH_ALIKE);
    }
    if (n)
        qsort(found, n, sizeof *found, compare_found);
    for (unsigned i = 0; i < n && s->out->n_objects < SEARCH_OBJECTS; i++)
        if (is_another(s->out, &found[i].object))
            s->out->objects[s->out->n_objects++] = found[i].object;
    free(c.at);
}

/* ---- blocks of one size ---------------------------------------------------------------------- */

static void find_by_blocks(struct searching *s)
{
    struct clues c = {0};
    for (size_t i = 0; i < s->places.n; i++) {
        const struct place *p = &s->places.at[i];
        if (p->chunk && p->chunk->size <= LARGEST_OBJECT && !clues_add(&c, p, chunks_size(p->chunk), (int64_t)(p->at - p->chunk->user)))
            doubt(s, SEARCH_TOO_MANY);
    }
    clues_sort(&c);
    for (size_t i = 0; i < c.n;) {
        struct tally t = clues_tally(&c, i, s->q);
        uint64_t size = c.at[i].key, offset = (uint64_t)c.at[i].where;
        i += t.n;
        if (!clues_are_common(&t, s->q))
            continue;
        if (!clues_are_telling(&t, s->q) || !fields_hold_in_blocks(size, offset, s->q, &s->chunks) ||
            may_be_chance(s, t.who, (double)s->q->memory->read / 4)) {
            doubt(s, SEARCH_ALIKE);
            continue;
        }
        if (s->out->n_objects < SEARCH_OBJECTS)
            s->out->objects[s->out->n_objects++] =
                (struct search_object){.count = t.count, .count_stuck = t.count_stuck, .who = t.who, .chunk = size, .offset = offset};
    }
    free(c.at);
}

/* ---- what else may have the stuck ones ----------------------------------------------------------------- */

static bool is_of_most(const struct searching *s, const struct tally *t) { return search_nearly_all(t->count_stuck, s->q->n_stuck); }

/* Most of the numbers are in one block of a heap, or in one page of other memory. */
static bool share_one(struct searching *s, bool of_blocks)
{
    struct clues c = {0};
    bool shared = false;
    for (size_t i = 0; i < s->places.n; i++) {
        const struct place *p = &s->places.at[i];
        if (p->who < s->q->n && (p->chunk != NULL) == of_blocks && !clues_add(&c, p, of_blocks ? p->chunk->user : p->at / PAGE, 0))
            doubt(s, SEARCH_TOO_MANY);
    }
    clues_sort(&c);
    for (size_t i = 0; i < c.n && !shared;) {
        struct tally t = clues_tally(&c, i, s->q);
        shared = is_of_most(s, &t);
        i += t.n;
    }
    free(c.at);
    return shared;
}

/* At one offset of blocks of whatever size, and the controls are not so as often. */
static bool share_offset(struct searching *s)
{
    struct clues c = {0};
    bool shared = false;
    for (size_t i = 0; i < s->places.n; i++) {
        const struct place *p = &s->places.at[i];
        if (p->chunk && p->at - p->chunk->user < FIELDS && !clues_add(&c, p, 0, (int64_t)(p->at - p->chunk->user)))
            doubt(s, SEARCH_TOO_MANY);
    }
    clues_sort(&c);
    for (size_t i = 0; i < c.n && !shared;) {
        struct tally t = clues_tally(&c, i, s->q);
        shared = is_of_most(s, &t) && 2 * t.controls * s->q->n_stuck < t.count_stuck * s->q->n_controls;
        i += t.n;
    }
    free(c.at);
    return shared;
}

static bool most_elsewhere(const struct searching *s)
{
    uint32_t who = 0;
    unsigned n = 0;
    for (size_t i = 0; i < s->places.n; i++)
        if (s->places.at[i].who < s->q->n_stuck && !s->places.at[i].chunk)
            who |= 1u << s->places.at[i].who;
    for (unsigned i = 0; i < s->q->n_stuck; i++)
        n += who >> i & 1;
    return 2 * n > s->q->n_stuck;
}

void search_numbers(struct search_result *out, const struct search_query *q)
{
    struct searching s = {.q = q, .out = out};
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < q->memory->n_regions; i++)
        chunks_walk(&s.chunks, &q->memory->regions[i]);
    chunks_settle(&s.chunks, q->memory);
    if (!clues_find_places(&s.places, q, &s.chunks))
        doubt(&s, SEARCH_TOO_MANY);
    find_by_pointers(&s);
    if (!out->n_objects)
        find_by_blocks(&s);
    if (share_one(&s, true) || share_one(&s, false))
        doubt(&s, SEARCH_TABLE);
    if (most_elsewhere(&s))
        doubt(&s, SEARCH_ELSEWHERE);
    if (share_offset(&s))
        doubt(&s, SEARCH_MIXED);
    free(s.places.at);
    chunks_free(&s.chunks);
}

static bool same_object(const struct search_object *a, const struct search_object *b)
{
    bool same = a->who == b->who && a->chunk == b->chunk && a->offset == b->offset && a->n_pointers == b->n_pointers;
    for (unsigned i = 0; same && i < a->n_pointers; i++)
        same = a->pointers[i].distance == b->pointers[i].distance && a->pointers[i].value == b->pointers[i].value;
    return same;
}

bool search_same(const struct search_result *a, const struct search_result *b)
{
    bool same = a->n_objects == b->n_objects && a->doubt == b->doubt;
    for (unsigned i = 0; same && i < a->n_objects; i++)
        same = same_object(&a->objects[i], &b->objects[i]);
    return same;
}
