/* SPDX-License-Identifier: MIT */
/*
 * test_scratch.c: memory for one report: zeroed, aligned, given back whole, and NULL when there is
 * none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/base/scratch.h"

static int left = -1; /* so many mappings succeed; < 0: all */
static size_t mapped;
void *pages_alloc(size_t size)
{
    if (left == 0)
        return NULL;
    left -= left > 0;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mapped += size;
    return p == MAP_FAILED ? NULL : p;
}
void pages_free(void *p, size_t size)
{
    if (munmap(p, size) == 0)
        mapped -= size;
}

static int setup(void **state)
{
    (void)state;
    left = -1;
    mapped = 0;
    scratch_keep(false);
    return 0;
}

static void pieces_are_zeroed_aligned_and_apart_and_all_goes_back(void **state)
{
    (void)state;
    struct scratch *s = NULL;
    unsigned char *before = NULL;
    size_t before_size = 0;
    for (size_t size = 1; size < 3000000; size = size * 3 + 1) {
        unsigned char *p = scratch_get(&s, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
        assert_true(!before || p >= before + before_size || p + size <= before);
        before = p;
        before_size = size;
    }
    scratch_free(&s);
    assert_null(s);
    assert_int_equal(mapped, 0);
}

static void a_piece_of_just_one_chunk_fits(void **state)
{
    (void)state;
    struct scratch *s = NULL;
    for (size_t size = 256 * 1024 - 64; size <= 256 * 1024 + 64; size++) {
        unsigned char *p = scratch_get(&s, size);
        assert_non_null(p);
        memset(p, 1, size); /* a fault, were it not all there */
    }
    scratch_free(&s);
    assert_int_equal(mapped, 0);
}

static void without_memory_there_is_null_and_what_is_there_stays(void **state)
{
    (void)state;
    struct scratch *s = NULL;
    left = 1;
    char *first = scratch_string(&s, "first");
    assert_string_equal(first, "first");
    assert_null(scratch_get(&s, 1 << 20));
    assert_string_equal(scratch_string(&s, "second"), "second"); /* there is room in the chunk */
    assert_string_equal(first, "first");
    assert_null(scratch_string(&s, ""));
    assert_null(scratch_string(&s, NULL));
    scratch_free(&s);
    assert_int_equal(mapped, 0);
    left = 0;
    assert_null(scratch_string(&s, "x"));
}

static void an_out_buffer_grows_with_what_it_holds(void **state)
{
    (void)state;
    struct out o;
    scratch_out(&o);
    for (unsigned i = 0; i < 100000; i++)
        out_bytes(&o, "0123456789", 10);
    assert_int_equal(o.len, 1000000);
    assert_int_equal(o.lost, 0);
    for (size_t i = 0; i < o.len; i += 10)
        assert_memory_equal(o.buf + i, "0123456789", 10);
    scratch_out_free(&o);
    assert_null(o.buf);
    assert_int_equal(mapped, 0);
}

static void an_out_buffer_that_cannot_grow_has_a_beginning_without_a_hole_and_says_so(void **state)
{
    (void)state;
    struct out o;
    scratch_out(&o);
    left = 1;
    for (unsigned i = 0; i < 100000; i++)
        out_char(&o, 'x');
    assert_true(o.lost > 0);
    assert_int_equal(o.len + o.lost, 100000);
    scratch_out_free(&o);
    assert_int_equal(mapped, 0);
    scratch_out(&o);
    left = 0;
    out_str(&o, "x");
    assert_int_equal(o.lost, 1);
    scratch_out_free(&o);
}

static void at_the_end_of_the_process_nothing_is_given_back(void **state)
{
    (void)state;
    struct scratch *s = NULL;
    struct out o;
    char *p = scratch_string(&s, "text");
    scratch_out(&o);
    out_str(&o, "text");
    const char *buf = o.buf;
    scratch_keep(true);
    scratch_free(&s);
    scratch_out_free(&o);
    assert_string_equal(p, "text");
    assert_memory_equal(buf, "text", 4);
    assert_true(mapped > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pieces_are_zeroed_aligned_and_apart_and_all_goes_back, setup),
        cmocka_unit_test_setup(a_piece_of_just_one_chunk_fits, setup),
        cmocka_unit_test_setup(without_memory_there_is_null_and_what_is_there_stays, setup),
        cmocka_unit_test_setup(an_out_buffer_grows_with_what_it_holds, setup),
        cmocka_unit_test_setup(an_out_buffer_that_cannot_grow_has_a_beginning_without_a_hole_and_says_so, setup),
        cmocka_unit_test_setup(at_the_end_of_the_process_nothing_is_given_back, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
