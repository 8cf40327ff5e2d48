/* SPDX-License-Identifier: MIT */
/* test_errno_text.c: the words for the errors that the agent's own calls can meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "agent/base/errno_text.h"

static void each_error_has_its_own_words(void **state)
{
    (void)state;
    static const struct {
        int err;
        const char *words;
    } rows[] = {
        {EACCES, "permission denied"},  {EPERM, "permission denied"},         {ENOENT, "no such file or directory"},
        {ENOTDIR, "not a directory"},   {EISDIR, "is a directory"},           {EROFS, "read-only file system"},
        {ENOSPC, "no space left"},      {EFBIG, "RLIMIT_FSIZE is too small"}, {EMFILE, "no descriptor left"},
        {ENFILE, "no descriptor left"}, {ENAMETOOLONG, "name too long"},      {ELOOP, "a symbolic link is in the way"},
        {EEXIST, "it exists already"},  {EBADF, "the system refused"},        {0, "the system refused"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(errno_text(rows[i].err), rows[i].words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_error_has_its_own_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
