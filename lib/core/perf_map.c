/* SPDX-License-Identifier: MIT */
/*
 * perf_map.c: names of addresses from the text of a perf map.
 *
 * Called by the command and the library for names of generated code, and by the reader of CoreCLR.
 * The lines are read from the last to the first, so the first one that covers an address names it. An
 * address with a name is skipped by its `next` from then on: the work is about one search a line,
 * whatever the ranges are.
 */
#include "perf_map.h"

#include <stdbool.h>
#include <string.h>

#define MAX_NAME 4096u

struct line {
    uint64_t start, size;
    const char *name;
    size_t len;
};

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A number in hex, with 0x before it or not, and the blank behind it. */
static bool take_hex(const char **at, const char *end, uint64_t *number)
{
    const char *p = *at;
    uint64_t n = 0;
    if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        p += 2;
    const char *first = p;
    for (int d; p < end && (d = digit_of(*p)) >= 0; p++) {
        if (n >> 60)
            return false;
        n = n << 4 | (unsigned)d;
    }
    if (p == first || p == end || *p != ' ')
        return false;
    *number = n;
    *at = p + 1;
    return true;
}

/*
 * The length of a name without the compiler's tier that CoreCLR puts behind a method's arguments
 * ("void [App] Shop::Login(string[])[OptimizedTier1]"): a method is compiled several times, and is
 * one.
 */
static size_t without_tier(const char *name, size_t len)
{
    size_t n = len;
    if (!n || name[n - 1] != ']')
        return len;
    do
        n--;
    while (n && name[n - 1] != '[' && name[n - 1] != ')');
    return n > 1 && n < len - 1 && name[n - 1] == '[' && name[n - 2] == ')' ? n - 1 : len;
}

static bool parse_line(const char *p, const char *end, struct line *line)
{
    if (!take_hex(&p, end, &line->start) || !take_hex(&p, end, &line->size))
        return false;
    while (p < end && *p == ' ')
        p++;
    line->name = p;
    line->len = without_tier(p, (size_t)(end - p));
    if (line->len == 0 || memchr(p, 0, line->len) || line->start + line->size < line->start)
        return false;
    if (line->len > MAX_NAME)
        line->len = MAX_NAME;
    return true;
}

/* The first target at or behind I that has no name; N: none. */
static size_t nameless(struct perf_map_target *targets, size_t n, size_t i)
{
    size_t to = i;
    while (to < n && targets[to].next != to)
        to = targets[to].next;
    while (i < to) {
        size_t next = targets[i].next;
        targets[i].next = to;
        i = next;
    }
    return to;
}

static size_t first_from(const struct perf_map_target *targets, size_t n, uint64_t addr)
{
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (targets[middle].addr < addr)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

static void name_covered(struct perf_map_target *targets, size_t n, const struct line *line)
{
    size_t i = nameless(targets, n, first_from(targets, n, line->start));
    while (i < n && targets[i].addr - line->start < line->size) {
        targets[i].start = line->start;
        targets[i].name = line->name;
        targets[i].len = line->len;
        targets[i].next = i + 1;
        i = nameless(targets, n, i + 1);
    }
}

void perf_map_find(const char *text, size_t len, struct perf_map_target *targets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        targets[i].name = NULL;
        targets[i].next = i;
    }
    const char *end = memrchr(text, '\n', len); /* of the line before it */
    while (end && nameless(targets, n, 0) < n) {
        const char *before = memrchr(text, '\n', (size_t)(end - text));
        struct line line;
        if (parse_line(before ? before + 1 : text, end, &line))
            name_covered(targets, n, &line);
        end = before;
    }
}
