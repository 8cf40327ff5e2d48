/* SPDX-License-Identifier: MIT */
/*
 * program_defaults.c: the program's own default options and suppressions, stored in the state file:
 * sockleak_default_options(), sockleak_default_suppressions(), and its file of suppressions.
 *
 * The command reports on this process from its state file, maybe when the process has ended, and
 * finds these texts there. They are remembered when they are read, and written when a table is
 * made, a forked child's too; by one thread with signals blocked.
 */
#include "program_defaults.h"

#include <stdatomic.h>
#include <string.h>

#include "table.h"

#define MAX_RULES 2

static const char *program_options;
static struct {
    const char *text;
    size_t len;
} program_rules[MAX_RULES];
static unsigned n_rules;

void defaults_options(const char *text) { program_options = text; }

void defaults_rules(const char *text, size_t len)
{
    if (n_rules < MAX_RULES) {
        program_rules[n_rules].text = text;
        program_rules[n_rules++].len = len;
    }
}

/* How many of the LEN bytes at TEXT fit into ROOM, cut before a SEPARATOR or at the text's end. */
static size_t fitting_length(const char *text, size_t len, size_t room, char separator)
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

/* The length of the first line with the newlines behind it. */
static size_t first_line_length(const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);
    size_t n = end ? (size_t)(end - text) : len;
    while (n < len && text[n] == '\n')
        n++;
    return n;
}

/*
 * Writes the program_rules into INTO and into as many more records as they need; each is marked
 * ready before the next is made. A line longer than a record is left out. Returns the last record;
 * NULL when there was no room for it.
 */
static struct state_text *write_rules(struct state_text *into, const char *text, size_t len)
{
    while (len && into) {
        size_t at = into->rules_len, n = fitting_length(text, len, sizeof into->rules - at - (at > 0), '\n');
        if (!n && at) {
            atomic_store_explicit(&into->ready, 1, memory_order_release);
            into = new_text();
            continue;
        }
        if (n && at)
            into->rules[at++] = '\n';
        memcpy(into->rules + at, text, n);
        into->rules_len = (uint32_t)(at + n);
        n += first_line_length(text + n, n ? 0 : len);
        while (n < len && text[n] == '\n')
            n++;
        text += n;
        len -= n;
    }
    return into;
}

void defaults_write(void)
{
    if (!program_options && !n_rules)
        return;
    struct state_text *t = new_text();
    if (!t)
        return;
    if (program_options) {
        t->options_len = (uint32_t)fitting_length(program_options, strlen(program_options), sizeof t->options, ':');
        memcpy(t->options, program_options, t->options_len);
    }
    for (unsigned i = 0; i < n_rules; i++)
        t = write_rules(t, program_rules[i].text, program_rules[i].len);
    if (t)
        atomic_store_explicit(&t->ready, 1, memory_order_release);
}
