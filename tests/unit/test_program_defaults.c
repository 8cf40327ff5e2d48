/* SPDX-License-Identifier: MIT */
/*
 * test_program_defaults.c: a program's own options and suppressions are in the state file, in
 * whole lines, also when one record cannot hold them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/table/program_defaults.h"
#include "agent/table/table.h"

/* Part of this program, so that each test can begin with nothing said. */
#include "agent/table/program_defaults.c"

static int setup(void **state)
{
    (void)state;
    struct state_view old;
    int error;
    if (table_head)
        table_forget(&old);
    program_options = NULL;
    n_rules = 0;
    return table_open(-1, NULL, &error);
}

static struct state_text *record(unsigned n) { return table_nth(EXTENT_TEXT, n); }

/* LINES lines of SIZE bytes each, the line end among them. */
static char *many_lines(size_t lines, size_t size)
{
    char *text = calloc(1, lines * size + 1);
    assert_non_null(text);
    for (size_t i = 0; i < lines; i++) {
        memset(text + i * size, 'a' + (int)(i % 26), size - 1);
        text[i * size + size - 1] = '\n';
    }
    return text;
}

static void a_program_that_says_nothing_gets_no_record(void **state)
{
    (void)state;
    defaults_write();
    assert_null(record(0));
}

static void options_and_rules_are_there_and_ready(void **state)
{
    (void)state;
    defaults_options("grace=1s:kinds=all");
    defaults_rules("leak:one\n", 9);
    defaults_rules("leak:two", 8);
    defaults_write();
    const struct state_text *t = record(0);
    assert_non_null(t);
    assert_int_equal(t->ready, 1);
    assert_int_equal(t->options_len, 18);
    assert_memory_equal(t->options, "grace=1s:kinds=all", 18);
    assert_int_equal(t->rules_len, 18); /* an empty line is none */
    assert_memory_equal(t->rules, "leak:one\n\nleak:two", 18);
}

static void what_was_said_goes_into_the_table_of_a_child_too(void **state)
{
    defaults_options("grace=1s");
    defaults_write();
    const char *kept = program_options;
    setup(state);
    program_options = kept;
    defaults_write();
    assert_int_equal(record(0)->options_len, 8);
}

static void more_than_two_texts_are_not_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        defaults_rules("a:b\n", 4);
    defaults_write();
    assert_int_equal(record(0)->rules_len, 4 + 1 + 4); /* two of them, and a line end between */
}

static void options_that_are_too_long_end_before_a_colon(void **state)
{
    (void)state;
    static char text[sizeof((struct state_text *)0)->options + 100];
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "grace=1s", 8);
    text[8] = ':';
    defaults_options(text);
    defaults_write();
    assert_int_equal(record(0)->options_len, 8);
    setup(state);
    text[8] = 'x'; /* one option without an end */
    defaults_options(text);
    defaults_write();
    assert_int_equal(record(0)->options_len, 0);
    assert_int_equal(record(0)->ready, 1);
}

static void options_that_just_fit_are_kept_whole(void **state)
{
    (void)state;
    static char text[sizeof((struct state_text *)0)->options + 2];
    memset(text, 'x', sizeof text - 2);
    defaults_options(text);
    defaults_write();
    assert_int_equal(record(0)->options_len, sizeof text - 2);
    setup(state);
    text[sizeof text - 2] = ':'; /* the separator is the first that does not fit: the option before it is whole */
    defaults_options(text);
    defaults_write();
    assert_int_equal(record(0)->options_len, sizeof text - 2);
}

static void rules_are_continued_in_further_records_line_by_line(void **state)
{
    (void)state;
    const size_t size = 100, lines = 300;
    char *text = many_lines(lines, size);
    defaults_rules(text, lines * size);
    defaults_write();
    size_t at = 0;
    for (unsigned n = 0; record(n); n++) {
        const struct state_text *t = record(n);
        assert_int_equal(t->ready, 1);
        assert_true(t->rules_len <= sizeof t->rules);
        assert_int_equal((t->rules_len + !!record(n + 1)) % size, 0); /* whole lines, but for the line end where it goes on */
        assert_memory_equal(t->rules, text + at, t->rules_len);
        at += t->rules_len + !!record(n + 1);
    }
    assert_int_equal(at, lines * size);
    free(text);
}

static void a_line_that_fits_nowhere_is_left_out_and_the_next_is_not(void **state)
{
    (void)state;
    size_t huge = sizeof((struct state_text *)0)->rules + 10;
    char *text = calloc(1, huge + 40);
    assert_non_null(text);
    strcpy(text, "leak:a\n");
    memset(text + 7, 'x', huge);
    strcpy(text + 7 + huge, "\n\n\nleak:b\n");
    defaults_rules(text, strlen(text));
    defaults_write();
    bool a = false, b = false;
    for (unsigned n = 0; record(n); n++) {
        a |= memmem(record(n)->rules, record(n)->rules_len, "leak:a", 6) != NULL;
        b |= memmem(record(n)->rules, record(n)->rules_len, "leak:b", 6) != NULL;
        assert_null(memchr(record(n)->rules, 'x', record(n)->rules_len));
    }
    assert_true(a && b);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_program_that_says_nothing_gets_no_record, setup),
        cmocka_unit_test_setup(options_and_rules_are_there_and_ready, setup),
        cmocka_unit_test_setup(what_was_said_goes_into_the_table_of_a_child_too, setup),
        cmocka_unit_test_setup(more_than_two_texts_are_not_kept, setup),
        cmocka_unit_test_setup(options_that_are_too_long_end_before_a_colon, setup),
        cmocka_unit_test_setup(options_that_just_fit_are_kept_whole, setup),
        cmocka_unit_test_setup(rules_are_continued_in_further_records_line_by_line, setup),
        cmocka_unit_test_setup(a_line_that_fits_nowhere_is_left_out_and_the_next_is_not, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
