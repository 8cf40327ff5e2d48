/* SPDX-License-Identifier: MIT */
/*
 * test_library.c: which agent a program gets, by its loader, and under which name it is preloaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/base/library.h"

static void the_loader_tells_the_c_library(void **state)
{
    (void)state;
    assert_int_equal(library_of_loader("/lib64/ld-linux-x86-64.so.2"), LIBRARY_GLIBC);
    assert_int_equal(library_of_loader("/lib/ld-musl-x86_64.so.1"), LIBRARY_MUSL);
    assert_int_equal(library_of_loader("/lib/libc.musl-aarch64.so.1"), LIBRARY_MUSL);
    assert_int_equal(library_of_loader("ld-musl-x86_64.so.1"), LIBRARY_MUSL);
    assert_int_equal(library_of_loader("/opt/ld-musl/ld-linux.so.2"), LIBRARY_GLIBC);
}

static void where_both_agents_are_there_each_loader_finds_its_own_under_one_name(void **state)
{
    (void)state;
    char folder[] = "/tmp/slu-library.XXXXXX", path[128], list[256];
    assert_non_null(mkdtemp(folder));
    unsetenv("SOCKLEAK_LIBRARY");
    snprintf(path, sizeof path, "%s/libsockleak.so", folder);
    library_preload(path, list, sizeof list);
    assert_string_equal(list, path);

    static const char *const parts[] = {"sockleak-preload", "sockleak-preload/$LIB", "sockleak-preload/$LIB/libsockleak.so"};
    char made[3][160], expected[160];
    for (unsigned i = 0; i < 3; i++) {
        snprintf(made[i], sizeof made[i], "%s/%s", folder, parts[i]);
        if (i < 2)
            assert_int_equal(mkdir(made[i], 0700), 0);
    }
    fclose(fopen(made[2], "w"));
    snprintf(expected, sizeof expected, "%s/sockleak-preload/$LIB/libsockleak.so", folder);
    library_preload(path, list, sizeof list);
    assert_string_equal(list, expected);

    setenv("SOCKLEAK_LIBRARY", path, 1); /* the user's own choice */
    library_preload(path, list, sizeof list);
    assert_string_equal(list, path);
    unsetenv("SOCKLEAK_LIBRARY");
    unlink(made[2]);
    rmdir(made[1]);
    rmdir(made[0]);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loader_tells_the_c_library),
        cmocka_unit_test(where_both_agents_are_there_each_loader_finds_its_own_under_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
