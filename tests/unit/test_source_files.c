/* SPDX-License-Identifier: MIT */
/*
 * test_source_files.c: a line of a source file is shown as it was when the program was made, or not
 * at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/symbolize/source_files.h"

#define THEN 1000000000u /* seconds: when the files were written */

static char dir[64], path[128];
static struct source_files *files;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_source_files.XXXXXX");
    files = source_files_new();
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    source_files_free(files);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void date(const char *name, time_t seconds, long ns)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = ns}};
    assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
}

static void write_file(const char *name, const char *text, size_t len)
{
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
    date(path, THEN, 0);
}

static struct source_wanted wanted(uint32_t line)
{
    return (struct source_wanted){.path = path, .line = line, .newest_ns = THEN * 1000000000ull, .owner = getuid()};
}

static const char *line_of(uint32_t line)
{
    const struct source_wanted w = wanted(line);
    return source_files_line(files, &w);
}

static void a_line_is_given_without_its_end_and_blank_ones_are_not(void **state)
{
    (void)state;
    const char text[] = "int main(void)\n{\n\n \t \n    return 0; \t\r\n}";
    write_file("a.c", text, sizeof text - 1);
    assert_string_equal(line_of(1), "int main(void)");
    assert_string_equal(line_of(2), "{");
    assert_null(line_of(3));
    assert_null(line_of(4));
    assert_string_equal(line_of(5), "    return 0;");
    assert_string_equal(line_of(6), "}");
    assert_null(line_of(7));
    assert_null(line_of(0));
    assert_null(line_of(UINT32_MAX));
}

static void a_long_line_is_cut_between_characters(void **state)
{
    (void)state;
    char text[1200];
    memset(text, 'x', 399);
    for (size_t i = 399; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    write_file("long.c", text, sizeof text - 1);
    const char *line = line_of(1);
    assert_non_null(line);
    assert_int_equal(strlen(line), 399);
    write_file("zero.c", "ab\0cd\n", 6);
    assert_string_equal(line_of(1), "ab");
}

static void a_file_that_is_newer_than_the_program_gives_no_line(void **state)
{
    (void)state;
    write_file("new.c", "x\n", 2);
    struct source_wanted w = wanted(1);
    assert_string_equal(source_files_line(files, &w), "x");
    w.newest_ns--;
    assert_null(source_files_line(files, &w));
    w.newest_ns = 0;
    assert_null(source_files_line(files, &w));
}

static void only_a_regular_file_of_a_sensible_size_is_read(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/none", dir);
    assert_null(line_of(1));
    snprintf(path, sizeof path, "%s", dir);
    assert_null(line_of(1));
    snprintf(path, sizeof path, "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(line_of(1)); /* nor waited for */
    write_file("empty.c", "", 0);
    assert_null(line_of(1));
    write_file("huge.c", "x\n", 2);
    assert_int_equal(truncate(path, (16 << 20) + 1), 0);
    date(path, THEN, 0);
    assert_null(line_of(1));
    const struct source_wanted nothing = {.path = "", .line = 1, .newest_ns = 1};
    assert_null(source_files_line(files, &nothing));
}

static void below_a_root_no_link_leads_out(void **state)
{
    (void)state;
    char outside[128];
    write_file("outside.c", "outside\n", 8);
    snprintf(outside, sizeof outside, "%s", path);
    snprintf(path, sizeof path, "%s/root", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file("root/a.c", "inside\n", 7);
    snprintf(path, sizeof path, "%s/root/link.c", dir);
    assert_int_equal(symlink(outside, path), 0);
    snprintf(path, sizeof path, "%s/root", dir);
    struct source_wanted w = wanted(1);
    w.root = path;
    w.path = "/a.c";
    assert_string_equal(source_files_line(files, &w), "inside");
    w.path = "/link.c";
    assert_null(source_files_line(files, &w));
}

static void root_shows_no_file_that_the_programs_owner_could_not_read(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    write_file("secret.c", "secret\n", 7);
    assert_int_equal(chmod(path, 0600), 0);
    struct source_wanted w = wanted(1);
    w.owner = 12345;
    assert_null(source_files_line(files, &w));
    w.owner = 0;
    assert_string_equal(source_files_line(files, &w), "secret");
}

static void more_files_than_are_kept_give_their_lines_all_the_same(void **state)
{
    (void)state;
    const char *before = NULL;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 20; i++) {
            char name[16], text[16];
            snprintf(name, sizeof name, "%d.c", i);
            snprintf(text, sizeof text, "line %d\n", i);
            write_file(name, text, strlen(text));
            const char *line = line_of(1);
            assert_non_null(line);
            assert_int_equal(atoi(line + 5), i);
            before = before ? before : line;
        }
    assert_string_equal(before, "line 0"); /* it lives as long as all of them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_given_without_its_end_and_blank_ones_are_not, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_between_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_newer_than_the_program_gives_no_line, setup, teardown),
        cmocka_unit_test_setup_teardown(only_a_regular_file_of_a_sensible_size_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(below_a_root_no_link_leads_out, setup, teardown),
        cmocka_unit_test_setup_teardown(root_shows_no_file_that_the_programs_owner_could_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(more_files_than_are_kept_give_their_lines_all_the_same, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
