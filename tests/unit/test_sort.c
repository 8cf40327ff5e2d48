/* SPDX-License-Identifier: MIT */
/* test_sort.c: an array in its order, and the search in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sort.h"

struct element {
    uint64_t key;
    unsigned char what[93]; /* longer than what is swapped at once */
};

static int by_key(const void *pa, const void *pb)
{
    const struct element *a = pa, *b = pb;
    ORDER(a->key, b->key);
    return 0;
}

static void any_array_comes_into_its_order_and_its_elements_stay_whole(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (size_t n = 0; n < 40; n++)
        for (unsigned keys = 1; keys < 50; keys += 7) {
            struct element *e = calloc(n ? n : 1, sizeof *e);
            uint64_t sum = 0, sorted = 0;
            assert_non_null(e);
            for (size_t i = 0; i < n; i++) {
                e[i].key = (uint64_t)rand_r(&seed) % keys;
                memset(e[i].what, (int)e[i].key, sizeof e[i].what);
                sum += e[i].key;
            }
            heap_sort(e, n, sizeof *e, by_key);
            for (size_t i = 0; i < n; i++) {
                assert_true(i == 0 || e[i - 1].key <= e[i].key);
                for (size_t k = 0; k < sizeof e[i].what; k++)
                    assert_int_equal(e[i].what[k], e[i].key);
                sorted += e[i].key;
            }
            assert_true(sum == sorted);
            free(e);
        }
}

static void the_first_that_is_not_below_a_key_is_found(void **state)
{
    (void)state;
    static const uint64_t keys[] = {0, 3, 3, 3, 7, UINT64_MAX, UINT64_MAX};
    enum { N = sizeof keys / sizeof *keys };
    for (size_t n = 0; n <= N; n++) {
        struct element *e = calloc(n ? n : 1, sizeof *e); /* the sanitizers see a read behind it */
        assert_non_null(e);
        for (size_t i = 0; i < n; i++)
            e[i].key = keys[i];
        static const uint64_t asked[] = {0, 1, 3, 4, 7, 8, UINT64_MAX};
        for (size_t k = 0; k < sizeof asked / sizeof *asked; k++) {
            size_t first = 0;
            while (first < n && keys[first] < asked[k])
                first++;
            assert_int_equal(sorted_first(e, n, sizeof *e, asked[k]), first);
        }
        free(e);
    }
    assert_int_equal(sorted_first(NULL, 0, 8, 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_array_comes_into_its_order_and_its_elements_stay_whole),
        cmocka_unit_test(the_first_that_is_not_below_a_key_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
