/* SPDX-License-Identifier: MIT */
/*
 * test_rule.c: the rule of 17 bits that is made of an address' unwind rules. The code is compiled
 * in: the rows are the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/unwind/rule.c"

/* ---- shapes ---------------------------------------------------------------------------------- */

static void assert_kept(struct rule_shape s)
{
    uint32_t rule = intern_shape(&s);
    assert_int_equal(rule & RULE_KIND, RULE_SHAPE);
    assert_true(rule < 1u << 17);
    assert_int_equal(intern_shape(&s), rule);
    struct rule_shape got = rule_shape(rule);
    assert_int_equal(got.from_fp, s.from_fp);
    assert_int_equal(got.deref, s.deref);
    assert_int_equal(got.fp_how, s.fp_how);
    assert_int_equal(got.off, s.off);
    assert_int_equal(got.fp, s.fp);
    assert_int_equal(got.add, s.add);
}

static void a_shape_is_read_as_it_was_kept(void **state)
{
    (void)state;
    static const int16_t offs[] = {0, 8, -8, 32760, -32768}, fps[] = {0, -16, 24, 32760, -32768};
    static const int32_t adds[] = {0, 8, -8, 0x7ffffff8, -0x7fffffff - 1};
    for (unsigned i = 0; i < 5; i++) {
        assert_kept((struct rule_shape){.off = offs[i]});
        assert_kept((struct rule_shape){.fp_how = 1, .fp = fps[i]});
        assert_kept((struct rule_shape){.add = adds[i]});
        assert_kept((struct rule_shape){.from_fp = true, .off = offs[i], .fp_how = 2, .fp = fps[4 - i], .add = adds[i]});
        assert_kept((struct rule_shape){.deref = true, .off = offs[4 - i], .fp_how = 1, .fp = fps[i], .add = adds[4 - i]});
    }
}

static void beyond_the_room_for_shapes_an_address_is_followed_the_slow_way(void **state)
{
    (void)state;
    unsigned kept = 0, odd = 0;
    for (int i = 0; i < 3000; i++) {
        uint32_t rule = intern_shape(&(struct rule_shape){.add = 8 * i});
        if (rule == RULE_ODD) {
            odd++;
        } else {
            assert_int_equal(rule_shape(rule).add, 8 * i);
            kept++;
        }
    }
    assert_true(odd > 0 && kept > SHAPES / 2 && kept <= SHAPES);
}

static int empty(void **state)
{
    (void)state;
    memset(shapes, 0, sizeof shapes);
    return 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* As after a call, with ADD bytes from sp to the CFA. */
static struct cfi_row row(int add)
{
    struct cfi_row r = {.cfa = {.reg = ARCH_SP, .add = add}, .ra = ARCH_PC};
    r.reg[ARCH_PC] = (struct cfi_loc){CFI_SAVED, CFI_CFA, -8};
    return r;
}

static struct cfi_row row_saving_fp(int add, uint8_t reg, int off)
{
    struct cfi_row r = row(add);
    r.reg[ARCH_FP] = (struct cfi_loc){CFI_SAVED, reg, off};
    return r;
}

static uint32_t rule_for(struct cfi_row r) { return rule_from_row(&r); }

static void a_frame_of_a_compiler_is_a_rule_without_a_shape(void **state)
{
    (void)state;
    struct cfi_row r = row(16);
    assert_int_equal(rule_for(r), RULE_SP | 16);
    r.cfa.reg = ARCH_FP;
    assert_int_equal(rule_for(r), RULE_FP | 16);
    assert_int_equal(rule_for(row(8)), RULE_SP | 8);
    assert_int_equal(rule_for(row(RULE_CFA)), RULE_SP | RULE_CFA);
    assert_int_equal(rule_for(row_saving_fp(16, CFI_CFA, -16)), RULE_SP | 16 | 1u << RULE_FP_SHIFT);
    assert_int_equal(rule_for(row_saving_fp(16, CFI_CFA, -128)), RULE_SP | 16 | 15u << RULE_FP_SHIFT);
    assert_int_equal(rule_for(row_saving_fp(64, ARCH_SP, 40)), RULE_SP | 64 | 2u << RULE_FP_SHIFT); /* from sp, which is the same */
    r = row(24);
    r.reg[ARCH_SP] = (struct cfi_loc){CFI_IS, CFI_CFA, 0};
    r.reg[ARCH_FP].how = CFI_UNDEFINED;
    assert_int_equal(rule_for(r), RULE_SP | 24);
}

static struct rule_shape shape_for(struct cfi_row r)
{
    uint32_t rule = rule_for(r);
    assert_int_equal(rule & RULE_KIND, RULE_SHAPE);
    return rule_shape(rule);
}

static void what_does_not_fit_into_the_bits_is_a_shape(void **state)
{
    (void)state;
    assert_int_equal(shape_for(row(RULE_CFA + 8)).add, RULE_CFA + 8);
    struct rule_shape s = shape_for(row_saving_fp(16, CFI_CFA, -136));
    assert_true(s.fp_how == 1 && s.fp == -136 && s.add == 16 && !s.from_fp && !s.deref);
    s = shape_for(row_saving_fp(16, CFI_CFA, -8)); /* where the return address is */
    assert_true(s.fp_how == 1 && s.fp == -8);
    s = shape_for(row_saving_fp(16, CFI_CFA, 24));
    assert_true(s.fp_how == 1 && s.fp == 24);
    struct cfi_row r = row_saving_fp(16, ARCH_FP, 0);
    r.cfa.reg = ARCH_FP;
    s = shape_for(r);
    assert_true(s.fp_how == 2 && s.fp == 0 && s.from_fp);
    r = row(0);
    r.cfa.reg = ARCH_FP;
    assert_true(shape_for(r).from_fp);
    r = row(8);
    r.cfa.deref = true;
    r.cfa.off = 40;
    s = shape_for(r);
    assert_true(s.deref && s.off == 40 && s.add == 8 && s.fp_how == 0);
}

static void the_end_of_a_stack_and_what_a_rule_cannot_say(void **state)
{
    (void)state;
    struct cfi_row r = row(16);
    r.reg[ARCH_PC].how = CFI_UNDEFINED;
    assert_int_equal(rule_for(r), RULE_END);
#define ODD(start, change) \
    r = start;             \
    change;                \
    assert_int_equal(rule_for(r), RULE_ODD)
    ODD(row(16), r.signal = true);
    ODD(row(16), r.cfa.odd = true);
    ODD(row(16), r.cfa.reg = 3);
    ODD(row(16), r.reg[ARCH_PC].how = CFI_SAME);
    ODD(row(16), r.reg[ARCH_PC].reg = ARCH_SP);
    ODD(row(16), r.reg[ARCH_PC].off = -16);
    ODD(row(16), r.reg[ARCH_SP] = ((struct cfi_loc){CFI_IS, CFI_CFA, 8}));
    ODD(row(16), r.reg[ARCH_SP] = ((struct cfi_loc){CFI_IS, ARCH_FP, 0}));
    ODD(row(16), r.reg[ARCH_SP] = ((struct cfi_loc){CFI_SAVED, CFI_CFA, 0}));
    ODD(row(12), );
    ODD(row(0), );
    ODD(row(8), (r.cfa.deref = true, r.cfa.off = 4));
    ODD(row(8), (r.cfa.deref = true, r.cfa.off = 1 << 16));
    ODD(row_saving_fp(16, CFI_CFA, -12), );
    ODD(row_saving_fp(16, CFI_CFA, -(1 << 16)), );
    ODD(row_saving_fp(16, 3, -16), );
    ODD(row(16), r.reg[ARCH_FP].how = CFI_ODD);
    ODD(row(16), r.reg[ARCH_FP].how = CFI_IS);
}

#define TEST(f) cmocka_unit_test_setup(f, empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_shape_is_read_as_it_was_kept),
        TEST(beyond_the_room_for_shapes_an_address_is_followed_the_slow_way),
        TEST(a_frame_of_a_compiler_is_a_rule_without_a_shape),
        TEST(what_does_not_fit_into_the_bits_is_a_shape),
        TEST(the_end_of_a_stack_and_what_a_rule_cannot_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
