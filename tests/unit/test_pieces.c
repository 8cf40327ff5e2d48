/* SPDX-License-Identifier: MIT */
/* test_pieces.c: lines that are cut where a piece ends come whole, and how the reading ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "core/pieces.h"

static const char text[] = "one\ntwo\n\nthree\nfour\nan end";
#define LEN (sizeof text - 1)

/* What is read: at most MOST bytes at once, then END. */
static size_t at, most;
static long end;
static unsigned reads;
static long read_some(void *from, char *to, size_t n)
{
    assert_ptr_equal(from, &at);
    reads++;
    n = n < most ? n : most;
    n = n < LEN - at ? n : LEN - at;
    memcpy(to, text + at, n);
    at += n;
    return n ? (long)n : end;
}

static char seen[64];
static size_t n_seen;
static size_t take(void *arg, const char *s, size_t len)
{
    const char *last = memrchr(s, '\n', len);
    size_t used = last ? (size_t)(last - s) + 1 : 0;
    assert_ptr_equal(arg, seen);
    memcpy(seen + n_seen, s, used);
    n_seen += used;
    return used;
}

static char buf[16];
static struct pieces begin(size_t at_once, size_t size, size_t left)
{
    at = n_seen = reads = 0;
    most = at_once;
    end = 0;
    return (struct pieces){read_some, &at, buf, size, left};
}

static void every_line_comes_once_and_whole_however_the_pieces_fall(void **state)
{
    (void)state;
    for (size_t size = 6; size <= sizeof buf; size++) /* "three\n" */
        for (size_t at_once = 1; at_once <= 16; at_once++) {
            struct pieces p = begin(at_once, size, 1000);
            assert_int_equal(pieces_read(&p, take, seen), size == 6 ? 1 : 0); /* "an end" fills it, and ends with no line */
            assert_int_equal(n_seen, LEN - 6);
            assert_memory_equal(seen, text, n_seen);
            assert_int_equal(p.left, 1000 - LEN);
        }
}

static void a_line_that_does_not_fit_ends_it(void **state)
{
    (void)state;
    struct pieces p = begin(16, 5, 1000);
    assert_int_equal(pieces_read(&p, take, seen), 1);
    assert_int_equal(n_seen, 9);
}

static void no_more_is_read_than_may_be(void **state)
{
    (void)state;
    struct pieces p = begin(4, sizeof buf, 8);
    assert_int_equal(pieces_read(&p, take, seen), 1);
    assert_int_equal(reads, 2);
    assert_int_equal(p.left, 0);
    assert_int_equal(pieces_read(&p, take, seen), 1); /* another text of the same reading */
    assert_int_equal(reads, 2);
    p = begin(4, sizeof buf, 7); /* what was read counts whole */
    pieces_read(&p, take, seen);
    assert_int_equal(p.left, 0);
    assert_int_equal(n_seen, 8);
}

static void an_error_ends_it_and_is_passed_on(void **state)
{
    (void)state;
    struct pieces p = begin(16, sizeof buf, 1000);
    end = -ENOENT;
    assert_int_equal(pieces_read(&p, take, seen), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_comes_once_and_whole_however_the_pieces_fall),
        cmocka_unit_test(a_line_that_does_not_fit_ends_it),
        cmocka_unit_test(no_more_is_read_than_may_be),
        cmocka_unit_test(an_error_ends_it_and_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
