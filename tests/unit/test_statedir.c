/* SPDX-License-Identifier: MIT */
/*
 * test_statedir.c: state files lie where the agent puts them and the command looks, and no other
 * name is taken for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/statedir.h"

static char text[64];

static struct out writer(void)
{
    memset(text, 0, sizeof text);
    return (struct out){.buf = text, .cap = sizeof text - 1};
}

static void a_directory_is_the_users_runtime_directory_or_shared_memory(void **state)
{
    (void)state;
    struct out o = writer();
    assert_true(statedir_runtime(&o, "/run/user/1000"));
    assert_string_equal(text, "/run/user/1000/sockleak");
    o = writer();
    assert_false(statedir_runtime(&o, NULL));
    assert_false(statedir_runtime(&o, ""));
    assert_false(statedir_runtime(&o, "relative"));
    assert_string_equal(text, "");
    o = writer();
    statedir_shared(&o, 4294967295u);
    assert_string_equal(text, "/dev/shm/sockleak-4294967295");
}

static void a_name_that_is_written_is_read_back(void **state)
{
    (void)state;
    uint32_t pid;
    uint64_t ticks;
    struct out o = writer();
    statedir_file(&o, 4242, UINT64_MAX);
    assert_string_equal(text, "4242.18446744073709551615.sockleak");
    assert_true(statedir_is_file(text, &pid, &ticks));
    assert_int_equal(pid, 4242);
    assert_int_equal(ticks, UINT64_MAX);
    o = writer();
    statedir_aside(&o, 17);
    assert_string_equal(text, "17.exec");
    assert_true(statedir_is_pid(text, STATEDIR_ASIDE, &pid));
    assert_int_equal(pid, 17);
}

static void other_names_are_no_state_files(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "4242",
                                         "4242.sockleak",
                                         ".1.sockleak",
                                         "0.1.sockleak",
                                         "4242.1.log",
                                         "4242.1.sockleak.new",
                                         "4242..sockleak",
                                         "-1.1.sockleak",
                                         "4242.1x.sockleak",
                                         "x4242.1.sockleak",
                                         "2147483648.1.sockleak",
                                         "1.18446744073709551616.sockleak",
                                         "4242.1.sockleaks"};
    uint32_t pid;
    uint64_t ticks;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(statedir_is_file(others[i], &pid, &ticks));
    assert_false(statedir_is_pid("17.execs", STATEDIR_ASIDE, &pid));
    assert_false(statedir_is_pid("17", STATEDIR_ASIDE, &pid));
    assert_false(statedir_is_pid("a.exec", STATEDIR_ASIDE, &pid));
    assert_false(statedir_is_pid("1.2.exec", STATEDIR_ASIDE, &pid));
}

static void only_a_directory_of_ones_own_that_nobody_else_writes_to_is_private(void **state)
{
    (void)state;
    assert_true(statedir_is_private(S_IFDIR | 0700, 1000, 1000));
    assert_true(statedir_is_private(S_IFDIR | 0755, 1000, 1000));
    assert_false(statedir_is_private(S_IFDIR | 0720, 1000, 1000));
    assert_false(statedir_is_private(S_IFDIR | 0702, 1000, 1000));
    assert_false(statedir_is_private(S_IFDIR | 0700, 0, 1000));
    assert_false(statedir_is_private(S_IFREG | 0700, 1000, 1000));
    assert_false(statedir_is_private(S_IFLNK | 0700, 1000, 1000));
}

static void a_start_is_read_whatever_the_program_calls_itself(void **state)
{
    (void)state;
#define REST " S 1 1 1 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 8412345 1 2 3\n"
    assert_int_equal(statedir_start_ticks("4242 (app)" REST), 8412345);
    assert_int_equal(statedir_start_ticks("4242 (a) b (c d)" REST), 8412345);
    assert_int_equal(statedir_start_ticks("4242 (app) S 1 2"), 0);
    assert_int_equal(statedir_start_ticks("no line"), 0);
    assert_int_equal(statedir_start_ticks(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_the_users_runtime_directory_or_shared_memory),
        cmocka_unit_test(a_name_that_is_written_is_read_back),
        cmocka_unit_test(other_names_are_no_state_files),
        cmocka_unit_test(only_a_directory_of_ones_own_that_nobody_else_writes_to_is_private),
        cmocka_unit_test(a_start_is_read_whatever_the_program_calls_itself),
    };
    return cmocka_run_group_tests_name("statedir", tests, NULL, NULL);
}
