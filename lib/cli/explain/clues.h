/* SPDX-License-Identifier: MIT */
/*
 * clues.h: where numbers stand in a copy of a process' memory, and what is the same around several
 * of them.
 *
 * Pure. For search.c alone.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_CLUES_H
#define SOCKLEAK_CLI_EXPLAIN_CLUES_H

#include "chunks.h"
#include "query.h"

struct place {
    uint64_t at;
    const struct memory_region *region;
    const struct chunk *chunk; /* NULL: in none */
    unsigned who;              /* of the numbers; behind them the controls */
};
/* Something around a place, which may be around others too. */
struct clue {
    uint64_t key;  /* the pointer's value; the chunk's size; what several places are in */
    int64_t where; /* the pointer's distance; the number's offset */
    unsigned who;
    const struct place *place;
};
struct places {
    struct place *at; /* by address */
    size_t n, cap;
};
/* A zeroed one is empty; the caller frees `at`. */
struct clues {
    struct clue *at;
    size_t n, cap;
};

/*
 * Every place of Q's numbers and controls that is in no free chunk. False: there are too many to
 * look at. The caller frees `at`.
 */
bool clues_find_places(struct places *places, const struct search_query *q, const struct chunks *chunks);
/* False: there are too many. */
bool clues_add(struct clues *c, const struct place *p, uint64_t key, int64_t where);
/* Brings the equal ones together. */
void clues_sort(struct clues *c);

/* A run of equal clues, counted. */
struct tally {
    size_t n; /* clues */
    unsigned count, count_stuck, controls;
    size_t of_numbers; /* clues of numbers, not of controls */
    uint32_t who;
};
/* The run that begins at FROM, in sorted ones. */
struct tally clues_tally(const struct clues *c, size_t from, const struct search_query *q);
/*
 * It is around nearly all of the numbers, or of the stuck ones, or of the others and of none of the
 * stuck ones.
 */
bool clues_are_common(const struct tally *t, const struct search_query *q);
/* It is around none of the controls, or far fewer of them; and in one place each. */
bool clues_are_telling(const struct tally *t, const struct search_query *q);

#endif
