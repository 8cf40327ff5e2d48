/* SPDX-License-Identifier: MIT */
/* test_bytes.c: numbers are read from any place of a block, and from no byte beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/bytes.h"

static void a_number_is_read_from_any_place_and_no_byte_beside_it(void **state)
{
    (void)state;
    for (size_t offset = 0; offset < 9; offset++) {
        unsigned char *block = malloc(offset + 8); /* the sanitizers see a read behind it */
        assert_non_null(block);
        memset(block, 0xee, offset + 8);
        uint64_t word = 0x0123456789abcdef;
        memcpy(block + offset, &word, 8);
        assert_true(bytes_u64(block, offset) == word);
        uint32_t half = 0xfedcba98;
        memcpy(block + offset + 4, &half, 4);
        assert_int_equal(bytes_u32(block, offset + 4), half);
        assert_true(bytes_i32(block, offset + 4) == -0x1234568);
        free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_read_from_any_place_and_no_byte_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
