/* SPDX-License-Identifier: MIT */
/*
 * program_defaults.c: what the process says of itself: sockleak_default_options(), sockleak_default_suppressions(), and its file of suppressions.
 *
 * The command reports on this process from its state file, maybe when it is gone: it finds these texts there. Noted when they are read, written when a
 * table is made, a forked child's too; by one thread with signals blocked.
 */
#include "program_defaults.h"

#include <stdatomic.h>
#include <string.h>

#include "table.h"

#define MAX_RULES 2

static const char *options;
static struct {
    const char *text;
    size_t len;
} rules[MAX_RULES];
static unsigned n_rules;

void defaults_options(const char *text) { options = text; }

void defaults_rules(const char *text, size_t len)
{
    if (n_rules < MAX_RULES) {
        rules[n_rules].text = text;
        rules[n_rules++].len = len;
    }
}

/* So much of the LEN bytes at TEXT as fits into ROOM and ends before a SEPARATOR or at the text's end. */
static size_t fitting(const char *text, size_t len, size_t room, char separator)
{
    if (len <= room)
        return len;
    const char *end = memrchr(text, separator, room + 1);
    return end ? (size_t)(end - text) : 0;
}

static struct state_text *new_text(void)
{
    state_ref ref;
    return table_alloc(EXTENT_TEXT, STATE_EXTENT_SIZE / STATE_REF_UNIT, &ref);
}

/* The length of the first line, and of the line ends behind it. */
static size_t first_line(const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);
    size_t n = end ? (size_t)(end - text) : len;
    while (n < len && text[n] == '\n')
        n++;
    return n;
}

/* Into INTO, and as many more as they need, each complete before the next is there. A line that fits into none is left out. Returns the last one, NULL
 * when there is no room for it. */
static struct state_text *write_rules(struct state_text *into, const char *text, size_t len)
{
    while (len && into) {
        size_t at = into->rules_len, n = fitting(text, len, sizeof into->rules - at - (at > 0), '\n');
        if (!n && at) {
            atomic_store_explicit(&into->ready, 1, memory_order_release);
            into = new_text();
            continue;
        }
        if (n && at)
            into->rules[at++] = '\n';
        memcpy(into->rules + at, text, n);
        into->rules_len = (uint32_t)(at + n);
        n += first_line(text + n, n ? 0 : len);
        while (n < len && text[n] == '\n')
            n++;
        text += n;
        len -= n;
    }
    return into;
}

void defaults_write(void)
{
    if (!options && !n_rules)
        return;
    struct state_text *t = new_text();
    if (!t)
        return;
    if (options) {
        t->options_len = (uint32_t)fitting(options, strlen(options), sizeof t->options, ':');
        memcpy(t->options, options, t->options_len);
    }
    for (unsigned i = 0; i < n_rules; i++)
        t = write_rules(t, rules[i].text, rules[i].len);
    if (t)
        atomic_store_explicit(&t->ready, 1, memory_order_release);
}
