/* SPDX-License-Identifier: MIT */
/*
 * sort.h: sorts an array in place, without memory or recursion and with no slow case: libc's
 * qsort allocates. Async-signal-safe if the comparison is.
 */
#ifndef SOCKLEAK_CORE_SORT_H
#define SOCKLEAK_CORE_SORT_H

#include <stddef.h>

/* Below, equal to or above 0, as A stands before, with or behind B. */
typedef int compare_fn(const void *a, const void *b);

/* In a comparison: A and B of the two decide, unless they are equal. */
#define ORDER(a, b)                    \
    do {                               \
        if ((a) != (b))                \
            return (a) < (b) ? -1 : 1; \
    } while (0)

/* Sorts the N elements of SIZE bytes at ARRAY. Equal ones stand in any order. */
void heap_sort(void *array, size_t n, size_t size, compare_fn *compare);

#endif
