/* SPDX-License-Identifier: MIT */
/*
 * sort.h: sorts an array in place, without memory or recursion and with no slow case: libc's
 * qsort allocates. Async-signal-safe if the comparison is. And searches in one.
 */
#ifndef SOCKLEAK_CORE_SORT_H
#define SOCKLEAK_CORE_SORT_H

#include <stddef.h>
#include <stdint.h>

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

/*
 * The first of the N elements of SIZE bytes at ARRAY whose key is not below KEY; N: none. Each begins
 * with its key, a uint64_t, by which they ascend; several may have the same.
 */
static inline size_t sorted_first(const void *array, size_t n, size_t size, uint64_t key)
{
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (*(const uint64_t *)(const void *)((const char *)array + middle * size) < key)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

#endif
