/* SPDX-License-Identifier: MIT */
/*
 * search.h: which objects hold some descriptor numbers, in a copy of a process' memory.
 *
 * Pure. A small number alone stands in many places by chance. What is found must be the same for
 * the numbers of several sockets of one site, one place each: at one distance from the same pointer
 * into a module (a function, a table of operations), or at one offset of a block of glibc's heap of
 * one size; and it must not be so for other numbers, the controls.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_SEARCH_H
#define SOCKLEAK_CLI_EXPLAIN_SEARCH_H

#include "query.h"

#define SEARCH_POINTERS 12u
#define SEARCH_OBJECTS 3u

struct search_pointer {
    int32_t distance; /* from the number to the pointer */
    uint64_t value;
};
struct search_object {
    unsigned count, count_stuck; /* of how many of the numbers, and of the stuck ones */
    uint32_t who;                /* which: a bit each */
    uint64_t chunk;              /* the size of glibc's chunk; 0: it is in none, or in different ones */
    uint64_t offset;             /* of the number behind what malloc returned */
    unsigned n_pointers;         /* by distance */
    struct search_pointer pointers[SEARCH_POINTERS];
};
enum search_doubt {
    SEARCH_CLEAR = 0, /* nothing may have them */
    SEARCH_ALIKE,     /* something has them, and other numbers in the same way */
    SEARCH_TABLE,     /* a block or a page has most of them: it may be a table of numbers */
    SEARCH_ELSEWHERE, /* most are in memory whose objects are not known, or on a stack */
    SEARCH_MIXED,     /* most stand at one offset of blocks of different sizes */
    SEARCH_TOO_MANY,  /* places to look at */
};
struct search_result {
    unsigned n_objects; /* the one that has most of them first */
    struct search_object objects[SEARCH_OBJECTS];
    enum search_doubt doubt; /* whether something else may have them */
};

void search_numbers(struct search_result *out, const struct search_query *q);
/* The two tell the same. */
bool search_same(const struct search_result *a, const struct search_result *b);

#endif
