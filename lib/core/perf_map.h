/* SPDX-License-Identifier: MIT */
/*
 * perf_map.h: names of addresses from the text of a perf map, which compilers that generate code at
 * run time write: lines of START SIZE NAME, both numbers in hex.
 *
 * Pure: it takes any bytes, reads none past their end and allocates nothing.
 */
#ifndef SOCKLEAK_CORE_PERF_MAP_H
#define SOCKLEAK_CORE_PERF_MAP_H

#include <stddef.h>
#include <stdint.h>

#define PERF_MAP_MAX ((size_t)64 << 20) /* of a longer map the end is read: what is newest */

struct perf_map_target {
    uint64_t addr;
    uint64_t start;   /* of the line's range */
    const char *name; /* in the text, without a NUL, in a whole line; NULL: the map has none */
    size_t len;
    size_t next; /* perf_map_find's own */
};

/*
 * Names the N targets (ascending addr) from the LEN bytes at TEXT. A map grows at its end, and the
 * place of code that is gone is used again: the last line that covers an address is the one. Lines
 * that are not of this form are passed over, and so is a last one without its end. Of a method of
 * CoreCLR the compiler's tier, "[Tier0]" behind its arguments, is no part of the name.
 */
void perf_map_find(const char *text, size_t len, struct perf_map_target *targets, size_t n);

#endif
