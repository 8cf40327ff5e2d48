/* SPDX-License-Identifier: MIT */
/*
 * test_hash.c: bytes hash to what the published FNV-1a says, and numbers are spread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/hash.h"

/* The values are those of draft-eastlake-fnv, appendix C. */
static void bytes_hash_as_published(void **state)
{
    (void)state;
    assert_int_equal(hash_bytes(HASH_START, "", 0), 0xcbf29ce484222325u);
    assert_int_equal(hash_bytes(HASH_START, "a", 1), 0xaf63dc4c8601ec8cu);
    assert_int_equal(hash_bytes(HASH_START, "foobar", 6), 0x85944171f73967e8u);
}

static void bytes_may_come_in_pieces(void **state)
{
    (void)state;
    uint64_t whole = hash_bytes(HASH_START, "foobar", 6);
    assert_int_equal(hash_bytes(hash_bytes(HASH_START, "foo", 3), "bar", 3), whole);
    assert_int_equal(hash_bytes(hash_byte(HASH_START, 'f'), "oobar", 5), whole);
}

static void neighbours_are_spread_over_the_high_bits(void **state)
{
    (void)state;
    unsigned hit[64] = {0};
    for (uint64_t v = 1; v <= 64; v++)
        hit[hash_spread(v) >> 58]++;
    for (unsigned i = 0; i < 64; i++)
        assert_true(hit[i] <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_hash_as_published),
        cmocka_unit_test(bytes_may_come_in_pieces),
        cmocka_unit_test(neighbours_are_spread_over_the_high_bits),
    };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
