/* SPDX-License-Identifier: MIT */
/* test_ask_names.c: what is input_was of the command, and what is made of its answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/symbolize/ask_names.h"
#include "agent/symbolize/lines.h"
#include "agent/symbolize/symbolizer_process.h"

static bool has_command, fails;
static unsigned runs;
static char input_was[256];
static const char *answer;

bool lines_command(char *to, size_t cap)
{
    snprintf(to, cap, "/the/command");
    return has_command;
}
bool symbolizer_run(struct symbolizer_job *job, unsigned limit_ms)
{
    runs++;
    assert_true(limit_ms > 0);
    assert_string_equal(job->path, "/the/command");
    assert_string_equal(job->argv[2], "--for-agent");
    assert_string_equal(job->argv[3], "--names");
    assert_null(job->argv[4]);
    snprintf(input_was, sizeof input_was, "%.*s", (int)job->input_size, job->input);
    assert_true(strlen(answer) <= job->output_room);
    memcpy(job->output, answer, strlen(answer));
    job->output_size = strlen(answer);
    return !fails;
}

#include "agent/symbolize/ask_names.c" /* NOLINT(bugprone-suspicious-include) */

static struct scratch *memory;
static struct frame frames[5];

static int setup(void **state)
{
    (void)state;
    static const char *const names[] = {"_Z1av", "main", NULL, "_Z1bi", "_start"};
    for (unsigned i = 0; i < 5; i++)
        frames[i] = (struct frame){.symbol = names[i]};
    has_command = true;
    fails = false;
    runs = 0;
    answer = "a()\nb(int)\n";
    input_was[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_free(&memory);
    return 0;
}

static void names_are(const char *first, const char *second)
{
    assert_string_equal(frames[0].symbol, first);
    assert_string_equal(frames[1].symbol, "main");
    assert_null(frames[2].symbol);
    assert_string_equal(frames[3].symbol, second);
    assert_string_equal(frames[4].symbol, "_start");
}

static void only_mangled_names_are_asked_for_and_replaced(void **state)
{
    (void)state;
    ask_names(&memory, frames, 5);
    assert_string_equal(input_was, "_Z1av\n_Z1bi\n");
    names_are("a()", "b(int)");
}

static void without_a_mangled_name_no_process_is_run(void **state)
{
    (void)state;
    ask_names(&memory, frames + 1, 2);
    ask_names(&memory, frames, 0);
    assert_int_equal(runs, 0);
}

static void without_an_answer_they_stay(void **state)
{
    (void)state;
    has_command = false;
    ask_names(&memory, frames, 5);
    assert_int_equal(runs, 0);
    names_are("_Z1av", "_Z1bi");
    has_command = fails = true;
    ask_names(&memory, frames, 5);
    assert_int_equal(runs, 1);
    names_are("_Z1av", "_Z1bi");
}

static void an_answer_that_is_too_short_names_what_it_has(void **state)
{
    (void)state;
    answer = "a()\nb(in";
    ask_names(&memory, frames, 5);
    names_are("a()", "_Z1bi");
    setup(state);
    answer = "";
    ask_names(&memory, frames, 5);
    names_are("_Z1av", "_Z1bi");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(only_mangled_names_are_asked_for_and_replaced),
        CASE(without_a_mangled_name_no_process_is_run),
        CASE(without_an_answer_they_stay),
        CASE(an_answer_that_is_too_short_names_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
