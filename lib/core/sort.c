/* SPDX-License-Identifier: MIT */
/*
 * sort.c: heap sort (Knuth, volume 3, 5.2.3).
 *
 * Called once a report, over its findings and groups and the frames to be named.
 */
#include "sort.h"

#include <string.h>

static void swap(char *a, char *b, size_t size)
{
    char tmp[64];
    while (size > 0) {
        size_t n = size < sizeof tmp ? size : sizeof tmp;
        memcpy(tmp, a, n);
        memcpy(a, b, n);
        memcpy(b, tmp, n);
        a += n;
        b += n;
        size -= n;
    }
}

static void sift_down(char *base, size_t root, size_t n, size_t size, compare_fn *compare)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= n)
            return;
        if (child + 1 < n && compare(base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (compare(base + root * size, base + child * size) >= 0)
            return;
        swap(base + root * size, base + child * size, size);
        root = child;
    }
}

void heap_sort(void *array, size_t n, size_t size, compare_fn *compare)
{
    char *base = array;
    for (size_t i = n / 2; i-- > 0;)
        sift_down(base, i, n, size, compare);
    for (size_t end = n; end-- > 1;) {
        swap(base, base + end * size, size);
        sift_down(base, 0, end, size, compare);
    }
}
