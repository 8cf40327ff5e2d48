/* SPDX-License-Identifier: MIT */
/*
 * test_paths.c: names of state files, and the directories where they lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/state/paths.h"

static void a_state_file_is_named_after_process_and_start(void **state)
{
    (void)state;
    pid_t pid = 0;
    uint64_t start = 0;
    assert_true(paths_state_name("4242.8412345.sockleak", &pid, &start));
    assert_int_equal(pid, 4242);
    assert_int_equal(start, 8412345);
    static const char *const others[] = {"4242.sockleak",
                                         "4242.1.sockleak.new",
                                         "0.1.sockleak",
                                         "-4.1.sockleak",
                                         "4242..sockleak",
                                         "4242.1x.sockleak",
                                         "99999999999.1.sockleak",
                                         ".1.sockleak",
                                         "4242.1.log",
                                         "sockleak",
                                         ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (paths_state_name(others[i], &pid, &start))
            fail_msg("%s", others[i]);
}

static void what_a_run_leaves_is_named_after_its_process(void **state)
{
    (void)state;
    pid_t pid = 0;
    assert_true(paths_pid_name("17.exec", ".exec", &pid));
    assert_int_equal(pid, 17);
    assert_false(paths_pid_name("17.log", ".exec", &pid));
    assert_false(paths_pid_name("17.exec.log", ".exec", &pid));
    assert_false(paths_pid_name("x17.exec", ".exec", &pid));
    assert_false(paths_pid_name("17", ".exec", &pid));
    assert_true(paths_run_name("run-21.aB3xYz", &pid));
    assert_int_equal(pid, 21);
    static const char *const others[] = {"run-21.aB3xY", "run-21.aB3xYzz", "run-.aB3xYz", "ran-21.aB3xYz", "run-0.aB3xYz", "21.aB3xYz"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (paths_run_name(others[i], &pid))
            fail_msg("%s", others[i]);
}

static void the_state_directory_of_the_options_comes_alone(void **state)
{
    (void)state;
    char dirs[2][CLI_PATH_MAX], own[64];
    setenv("SOCKLEAK_OPTIONS", "grace=1s:state_dir=/srv/states", 1);
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    assert_int_equal(paths_state_dirs(dirs), 1);
    assert_string_equal(dirs[0], "/srv/states");
    unsetenv("SOCKLEAK_OPTIONS");
    snprintf(own, sizeof own, "/dev/shm/sockleak-%u", (unsigned)geteuid());
    assert_int_equal(paths_state_dirs(dirs), 2);
    assert_string_equal(dirs[0], "/run/user/7/sockleak");
    assert_string_equal(dirs[1], own);
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    assert_int_equal(paths_state_dirs(dirs), 1);
    assert_string_equal(dirs[0], own);
}

static void only_a_directory_that_nobody_else_may_write_to_is_private(void **state)
{
    (void)state;
    struct stat st = {.st_mode = S_IFDIR | 0755, .st_uid = geteuid()};
    assert_true(paths_is_private(&st));
    st.st_mode = S_IFDIR | 0770;
    assert_false(paths_is_private(&st));
    st.st_mode = S_IFDIR | 0702;
    assert_false(paths_is_private(&st));
    st.st_mode = S_IFREG | 0600;
    assert_false(paths_is_private(&st));
    st = (struct stat){.st_mode = S_IFDIR | 0700, .st_uid = geteuid() + 1};
    assert_false(paths_is_private(&st));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_file_is_named_after_process_and_start),
        cmocka_unit_test(what_a_run_leaves_is_named_after_its_process),
        cmocka_unit_test(the_state_directory_of_the_options_comes_alone),
        cmocka_unit_test(only_a_directory_that_nobody_else_may_write_to_is_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
