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

#include "cursor.h"
#include "sort.h"

#define MAX_NAME 4096u

struct line {
    uint64_t start, size;
    const char *name;
    size_t len;
};

/* A number in hex, with 0x before it or not, and the blank behind it. */
static bool take_hex(struct cursor *c, uint64_t *number)
{
    if (c->end - c->p > 2 && c->p[0] == '0' && (c->p[1] | 0x20) == 'x')
        c->p += 2;
    return cursor_take_number(c, 16, number) && cursor_take_char(c, ' ');
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
    struct cursor c = {p, end};
    if (!take_hex(&c, &line->start) || !take_hex(&c, &line->size))
        return false;
    while (c.p < end && *c.p == ' ')
        c.p++;
    line->name = c.p;
    line->len = without_tier(c.p, (size_t)(end - c.p));
    if (line->len == 0 || memchr(c.p, 0, line->len) || line->start + line->size < line->start)
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

static void name_covered(struct perf_map_target *targets, size_t n, const struct line *line)
{
    size_t i = nameless(targets, n, sorted_first(targets, n, sizeof *targets, line->start));
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
