/* SPDX-License-Identifier: MIT */
/*
 * query.h: which numbers are looked for in a copy of a process' memory.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_QUERY_H
#define SOCKLEAK_CLI_EXPLAIN_QUERY_H

#include "memory.h"

#define SEARCH_NUMBERS 24u
#define SEARCH_CONTROLS 16u

struct search_query {
    const struct memory *memory;
    /* the numbers of sockets of one site, and those of them that are explained: the first ones */
    unsigned n, n_stuck;
    int numbers[SEARCH_NUMBERS];
    unsigned n_controls; /* numbers that are no sockets of this site */
    int controls[SEARCH_CONTROLS];
    const int *open; /* all sockets that the process has open, ascending */
    size_t n_open;
};

/* COUNT of N are as good as all: of few it must be all. */
static inline bool search_nearly_all(unsigned count, unsigned n) { return count >= 2 && (count == n || (n >= 8 && count * 8 >= n * 7)); }

#endif
