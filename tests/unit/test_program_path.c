/* SPDX-License-Identifier: MIT */
/* test_program_path.c: the program's path, and the kernel's mark on the names of removed files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>

#include "agent/base/program_path.h"
#include "objects.h"

static void the_mark_is_cut_off_unless_a_file_has_that_name(void **state)
{
    (void)state;
    char path[512];
    objects_write("lib.so (deleted)", "");
    snprintf(path, sizeof path, "%s", objects_path("lib.so (deleted)"));
    program_path_unmark(path);
    assert_string_equal(path, objects_path("lib.so (deleted)"));
    assert_int_equal(unlink(path), 0);
    errno = 77;
    program_path_unmark(path);
    assert_string_equal(path, objects_path("lib.so"));
    program_path_unmark(path);
    assert_string_equal(path, objects_path("lib.so"));
    assert_int_equal(errno, 77);
    char mark[] = " (deleted)", empty[] = "";
    program_path_unmark(mark); /* nothing is left of it then: it is a name */
    assert_string_equal(mark, " (deleted)");
    program_path_unmark(empty);
}

/* As a program of its own: prints its path, after it has removed the file REMOVED and written one to WRITTEN. */
static int child_main(const char *removed, const char *written)
{
    char path[512];
    if (*removed && unlink(removed) != 0)
        return 2;
    int fd = *written ? open(written, O_WRONLY | O_CREAT, 0700) : 0;
    program_path(path, sizeof path);
    puts(path);
    return fd < 0 ? 3 : 0;
}

static void path_of_child(char *to, size_t cap, const char *name, const char *removed, const char *written)
{
    assert_int_equal(objects_run("rm -f './%s' && cp /proc/%d/exe './%s'", name, (int)getpid(), name), 0);
    char command[2048];
    snprintf(command, sizeof command, "'%s' child '%s' '%s'", objects_path(name), removed, written);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(to, (int)cap, f));
    to[strcspn(to, "\n")] = 0;
    assert_int_equal(pclose(f), 0);
}

static void a_program_keeps_its_path_when_its_file_is_removed_or_replaced(void **state)
{
    (void)state;
    char path[512];
    path_of_child(path, sizeof path, "app", "", "");
    assert_string_equal(path, objects_path("app"));
    path_of_child(path, sizeof path, "app", objects_path("app"), "");
    assert_string_equal(path, objects_path("app"));
    path_of_child(path, sizeof path, "app", objects_path("app"), objects_path("app"));
    assert_string_equal(path, objects_path("app"));
    /* Another file may have the very name that the kernel gives. */
    path_of_child(path, sizeof path, "app", objects_path("app"), objects_path("app (deleted)"));
    assert_string_equal(path, objects_path("app"));
    assert_int_equal(unlink(objects_path("app (deleted)")), 0);
}

static void a_program_whose_own_name_ends_with_the_mark_keeps_it(void **state)
{
    (void)state;
    char path[512];
    path_of_child(path, sizeof path, "own (deleted)", "", "");
    assert_string_equal(path, objects_path("own (deleted)"));
    path_of_child(path, sizeof path, "own (deleted)", objects_path("own (deleted)"), "");
    assert_string_equal(path, objects_path("own (deleted)"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mark_is_cut_off_unless_a_file_has_that_name),
        cmocka_unit_test(a_program_keeps_its_path_when_its_file_is_removed_or_replaced),
        cmocka_unit_test(a_program_whose_own_name_ends_with_the_mark_keeps_it),
    };
    if (argc == 4 && strcmp(argv[1], "child") == 0)
        return child_main(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, objects_setup, objects_teardown);
}
