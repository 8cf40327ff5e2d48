/* SPDX-License-Identifier: MIT */
/*
 * test_suppressions.c: the rules of this process: read once, the built-in ones, the program's, the
 * file's; and what files and lines said.
 *
 * The code is compiled in, over a log that only keeps what it is given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/report/suppressions.c"

struct options agent_options;
static bool no_memory;
static char warned[2048];
static const char *defaults;
static unsigned said_times;
static size_t said_len;

void *pages_alloc(size_t size)
{
    void *p = no_memory ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}
void pages_free(void *p, size_t size) { munmap(p, size); }
const char *errno_text(int err) { return err == ENOENT ? "not there" : err == EISDIR ? "a folder" : err == ENOMEM ? "no memory" : "?"; }
void log_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t n = strlen(warned);
    vsnprintf(warned + n, sizeof warned - n, fmt, ap);
    va_end(ap);
}
void defaults_rules(const char *text, size_t len)
{
    (void)text;
    said_times++;
    said_len = len;
}
static unsigned defaults_asked;
const char *sockleak_default_suppressions(void)
{
    defaults_asked++;
    return defaults;
}

static char folder[256];

static int setup(void **state)
{
    (void)state;
    rules = NULL;
    program_text = NULL;
    asked_program = false;
    faulty = false;
    known = NULL;
    n_rules = max_rules = 0;
    no_memory = false;
    warned[0] = 0;
    defaults = NULL;
    defaults_asked = 0;
    said_times = 0;
    memset(&agent_options, 0, sizeof agent_options);
    snprintf(folder, sizeof folder, "%s/slsup.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    alarm(60);
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[300];
    alarm(0);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void use_file(const char *text, size_t len)
{
    snprintf(agent_options.suppressions, sizeof agent_options.suppressions, "%s/rules", folder);
    FILE *f = fopen(agent_options.suppressions, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

/* The rules that are not ours. */
static size_t users(void)
{
    size_t n, count = 0;
    const struct suppression *all = suppressions_rules(&n);
    for (size_t i = 0; i < n; i++)
        count += !all[i].builtin;
    return count;
}

static void our_own_rules_are_marked_and_the_users_are_not(void **state)
{
    (void)state;
    size_t n;
    suppressions_rules(&n);
    assert_int_equal(users(), 0);
    assert_true(n > 0);
    rules = NULL;
    n_rules = 0;
    defaults = "leak:a\n";
    use_file("dead:b\nhangup:c\n", 16);
    suppressions_load_early();
    assert_int_equal(users(), 3);
    assert_int_equal(said_times, 2);
    assert_string_equal(warned, "");
}

static void the_rules_are_read_once(void **state)
{
    (void)state;
    use_file("dead:b\n", 7);
    assert_int_equal(users(), 1);
    use_file("dead:b\ndead:c\n", 14);
    assert_int_equal(users(), 1);
    suppressions_load();
    assert_int_equal(users(), 1);
}

/* The watcher may be the first to need the rules: it must not run the program's code. */
static void the_programs_own_rules_are_asked_for_at_the_start_alone(void **state)
{
    (void)state;
    defaults = "leak:a\n";
    assert_int_equal(users(), 0);
    assert_int_equal(defaults_asked, 0);
    rules = NULL;
    n_rules = 0;
    suppressions_load_early();
    suppressions_load_early();
    assert_int_equal(users(), 1);
    assert_int_equal(defaults_asked, 1);
}

static void a_bad_line_is_told_at_the_start_with_its_file_and_number(void **state)
{
    (void)state;
    use_file("nothing\n", 8);
    suppressions_load_early();
    assert_non_null(rules);
    assert_non_null(strstr(warned, "/rules: line 1: no kind in 'nothing'"));
    assert_true(suppressions_warned());
}

static void what_an_ancestor_has_told_of_the_file_is_not_told_again_and_its_good_rules_hold(void **state)
{
    (void)state;
    agent_options.suppressions_told = true;
    use_file("nothing\nleak:x\n", 15);
    suppressions_load_early();
    assert_int_equal(users(), 1);
    assert_string_equal(warned, "");
    assert_true(suppressions_warned()); /* so that those further down are told of it too */
    rules = NULL;
    n_rules = 0;
    faulty = false;
    use_file("leak:x\n", 7);
    suppressions_load_early();
    assert_false(suppressions_warned());
}

static void a_file_that_cannot_be_read_is_told_with_its_reason(void **state)
{
    (void)state;
    snprintf(agent_options.suppressions, sizeof agent_options.suppressions, "%s/none", folder);
    assert_int_equal(users(), 0);
    assert_non_null(strstr(warned, "/none cannot be read (not there); its rules do not apply"));
    rules = NULL;
    n_rules = 0;
    warned[0] = 0;
    snprintf(agent_options.suppressions, sizeof agent_options.suppressions, "%s", folder);
    assert_int_equal(users(), 0);
    assert_non_null(strstr(warned, "cannot be read (a folder); its rules do not apply"));
}

static void a_pipe_that_nobody_writes_to_does_not_hold_up_the_program(void **state)
{
    (void)state;
    snprintf(agent_options.suppressions, sizeof agent_options.suppressions, "%s/pipe", folder);
    assert_int_equal(mkfifo(agent_options.suppressions, 0600), 0);
    assert_int_equal(users(), 0);
    assert_int_equal(said_times, 0);
}

static void a_file_that_is_too_large_is_cut_and_told(void **state)
{
    (void)state;
    static char text[MAX_TEXT + 16];
    memset(text, '#', sizeof text);
    memcpy(text, "dead:b\n", 7);
    use_file(text, sizeof text);
    assert_int_equal(users(), 1);
    assert_non_null(strstr(warned, "is larger than 1 MiB; the rest is ignored"));
    assert_int_equal(said_len, MAX_TEXT);
}

static void the_file_is_closed_again(void **state)
{
    (void)state;
    int before = dup(0);
    close(before);
    use_file("dead:b\n", 7);
    assert_int_equal(users(), 1);
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

static void without_memory_there_are_no_rules_and_nothing_worse(void **state)
{
    (void)state;
    size_t n = 5;
    no_memory = true;
    use_file("dead:b\n", 7);
    suppressions_rules(&n);
    assert_int_equal(n, 0);
    assert_non_null(strstr(warned, "(no memory)"));
    struct suppression *rule;
    struct group g = {.siteid = 1};
    suppressions_learnt(&g, NULL);
    assert_false(suppressions_known(&g, &rule));
}

static void what_lines_said_of_a_group_is_known_by_its_site_and_kind(void **state)
{
    (void)state;
    struct suppression one = {0}, *rule = NULL;
    struct group a = {.siteid = 7, .kind = KIND_HANGUP}, b = {.siteid = 7, .kind = KIND_DEAD}, c = {.siteid = 8, .kind = KIND_HANGUP};
    assert_false(suppressions_known(&a, &rule));
    suppressions_learnt(&a, &one);
    suppressions_learnt(&c, NULL);
    assert_true(suppressions_known(&a, &rule));
    assert_ptr_equal(rule, &one);
    assert_true(suppressions_known(&c, &rule));
    assert_null(rule); /* asked for, and no rule matches */
    assert_false(suppressions_known(&b, &rule));
}

static void groups_without_a_stack_have_nothing_to_be_known_by(void **state)
{
    (void)state;
    struct suppression one = {0}, *rule = NULL;
    struct group g = {.siteid = 0, .kind = KIND_HANGUP};
    suppressions_learnt(&g, &one);
    assert_false(suppressions_known(&g, &rule));
}

static void of_two_groups_at_one_place_the_newer_is_known_and_not_taken_for_the_other(void **state)
{
    (void)state;
    struct suppression one = {0}, *rule = NULL;
    struct group a = {.siteid = 1}, b = {.siteid = 2};
    for (b.siteid = 2; (key_of(&b) >> 32 & (MAX_KNOWN - 1)) != (key_of(&a) >> 32 & (MAX_KNOWN - 1));)
        b.siteid++;
    suppressions_learnt(&a, &one);
    assert_false(suppressions_known(&b, &rule));
    suppressions_learnt(&b, NULL);
    assert_true(suppressions_known(&b, &rule));
    assert_null(rule);
    assert_false(suppressions_known(&a, &rule));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(our_own_rules_are_marked_and_the_users_are_not),
        CASE(the_rules_are_read_once),
        CASE(the_programs_own_rules_are_asked_for_at_the_start_alone),
        CASE(a_bad_line_is_told_at_the_start_with_its_file_and_number),
        CASE(what_an_ancestor_has_told_of_the_file_is_not_told_again_and_its_good_rules_hold),
        CASE(a_file_that_cannot_be_read_is_told_with_its_reason),
        CASE(a_pipe_that_nobody_writes_to_does_not_hold_up_the_program),
        CASE(a_file_that_is_too_large_is_cut_and_told),
        CASE(the_file_is_closed_again),
        CASE(without_memory_there_are_no_rules_and_nothing_worse),
        CASE(what_lines_said_of_a_group_is_known_by_its_site_and_kind),
        CASE(groups_without_a_stack_have_nothing_to_be_known_by),
        CASE(of_two_groups_at_one_place_the_newer_is_known_and_not_taken_for_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
