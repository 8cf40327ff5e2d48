/* SPDX-License-Identifier: MIT */
/*
 * test_cfi.c: the rules of an address, from tables written by hand, and for every instruction of a
 * real library against what its own tables say elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "agent/unwind/cfi.h"

enum { RBX = 3, RBP = 6, RSP = 7, R10 = 10, RA = 16 };

/*
 * One function of 0x1000 bytes at the tables' own address, with RULES; CIE as compilers write it,
 * or as AUGMENTATION and its data say.
 */
struct object {
    uint8_t bytes[1024];
    struct cfi_image image;
};

static uint8_t *put(uint8_t *p, const void *from, size_t n)
{
    memcpy(p, from, n);
    return p + n;
}
static uint8_t *put32(uint8_t *p, int64_t v)
{
    int32_t w = (int32_t)v;
    return put(p, &w, 4);
}

static void make(struct object *o, const char *augmentation, const void *data, size_t data_len, const void *rules, size_t n)
{
    memset(o, 0, sizeof *o);
    uint8_t *p = put(o->bytes, "\x01\x1b\x03\x3b", 4);
    p = put32(p, 16);
    p = put32(p, 1);
    p = put32(p, 0);
    uint8_t *entry = p, *cie = p += 4;
    p = put32(p + 4, 0);
    *p++ = 1;
    p = put(p, augmentation, strlen(augmentation) + 1);
    p = put(p, "\x01\x78\x10", 3);
    if (*augmentation == 'z') {
        *p++ = (uint8_t)data_len;
        p = put(p, data, data_len);
    }
    p = put(p, "\x0c\x07\x08\x90\x01", 5);
    put32(cie, p - cie - 4);
    uint8_t *fde = p;
    put32(entry, fde - o->bytes);
    p = put32(p + 4, fde + 4 - cie);
    p = put32(p, o->bytes - p);
    p = put32(p, 0x1000);
    *p++ = 0;
    p = put(p, rules, n);
    put32(fde, p - fde - 4);
    o->image = (struct cfi_image){.lo = (uintptr_t)o->bytes, .hi = (uintptr_t)p, .hdr = (uintptr_t)o->bytes};
}
static void plain(struct object *o, const void *rules, size_t n) { make(o, "zR", "\x1b", 1, rules, n); }
#define RULES(o, s) plain(o, s, sizeof s - 1)

static struct cfi_row row_at(const struct object *o, uintptr_t at)
{
    struct cfi_row row;
    assert_int_equal(cfi_find(&o->image, o->image.hdr + at, &row), CFI_OK);
    return row;
}
static void assert_cfa(const struct cfi_row *r, unsigned reg, int add)
{
    assert_false(r->cfa.odd || r->cfa.deref);
    assert_int_equal(r->cfa.reg, reg);
    assert_int_equal(r->cfa.add, add);
}
static void assert_saved(const struct cfi_row *r, unsigned reg, unsigned base, int off)
{
    assert_int_equal(r->reg[reg].how, CFI_SAVED);
    assert_int_equal(r->reg[reg].reg, base);
    assert_int_equal(r->reg[reg].off, off);
}

static void a_function_that_pushes_its_frame_pointer(void **state)
{
    struct object o;
    (void)state;
    RULES(&o, "\x41\x0e\x10\x86\x02\x43\x0d\x06\x4c\x0c\x07\x08");
    struct cfi_row r = row_at(&o, 0);
    assert_cfa(&r, RSP, 8);
    assert_saved(&r, RA, CFI_CFA, -8);
    assert_int_equal(r.reg[RBP].how, CFI_SAME);
    r = row_at(&o, 1);
    assert_cfa(&r, RSP, 16);
    assert_saved(&r, RBP, CFI_CFA, -16);
    r = row_at(&o, 3);
    assert_cfa(&r, RSP, 16);
    r = row_at(&o, 4);
    assert_cfa(&r, RBP, 16);
    r = row_at(&o, 16);
    assert_cfa(&r, RSP, 8);
    assert_int_equal(r.start, o.image.hdr);
}

static void a_state_is_remembered_and_restored_with_its_cfa(void **state)
{
    struct object o;
    (void)state;
    RULES(&o, "\x41\x0e\x20\x83\x02\x0a\x41\x0e\x08\xc3\x41\x0b");
    struct cfi_row r = row_at(&o, 2);
    assert_cfa(&r, RSP, 8);
    assert_int_equal(r.reg[RBX].how, CFI_SAME);
    r = row_at(&o, 3);
    assert_cfa(&r, RSP, 32);
    assert_saved(&r, RBX, CFI_CFA, -16);
}

static void a_realigned_frame_is_reached_through_a_saved_argument_pointer(void **state)
{
    struct object o;
    (void)state;
    RULES(&o, "\x45\x0c\x0a\x00\x49\x10\x06\x02\x76\x00\x45\x0f\x03\x76\x78\x06\x10\x03\x02\x76\x68");
    struct cfi_row r = row_at(&o, 5);
    assert_cfa(&r, R10, 0);
    r = row_at(&o, 40);
    assert_false(r.cfa.odd);
    assert_true(r.cfa.deref);
    assert_int_equal(r.cfa.reg, RBP);
    assert_int_equal(r.cfa.off, -8);
    assert_int_equal(r.cfa.add, 0);
    assert_saved(&r, RBP, RBP, 0);
    assert_saved(&r, RBX, RBP, -24);
}

static void a_loaded_stack_pointer_plus_a_number_as_in_hand_written_ciphers(void **state)
{
    struct object o;
    (void)state;
    RULES(&o, "\x0f\x05\x77\x28\x06\x23\x08");
    struct cfi_row r = row_at(&o, 9);
    assert_true(r.cfa.deref && !r.cfa.odd);
    assert_int_equal(r.cfa.reg, RSP);
    assert_int_equal(r.cfa.off, 40);
    assert_int_equal(r.cfa.add, 8);
}

static void the_rule_of_a_linkage_stub_depends_on_the_address(void **state)
{
    struct object o;
    (void)state;
    RULES(&o, "\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22");
    for (uintptr_t at = 0; at < 64; at++) {
        struct cfi_row r = row_at(&o, at);
        assert_cfa(&r, RSP, ((o.image.hdr + at) & 15) >= 11 ? 16 : 8);
    }
}

/* The CFA's rule is the expression of N bytes at P, which is followed by what would make it odd. */
static struct cfi_value cfa_of(const void *p, size_t n)
{
    struct object o;
    unsigned char rules[40] = {0x0f, (unsigned char)n};
    assert_true(n < sizeof rules - 2);
    memcpy(rules + 2, p, n);
    plain(&o, rules, n + 2);
    return row_at(&o, 0).cfa;
}

#define CFA(s) cfa_of(s, sizeof s - 1)

/* The stack pointer plus what NUMBER, of N bytes, leaves on top. */
static void assert_number(const void *number, size_t n, int wanted)
{
    unsigned char text[32];
    memcpy(text, number, n);
    memcpy(text + n, "\x77\x00\x22", 3);
    struct cfi_value v = cfa_of(text, n + 3);
    assert_false(v.odd || v.deref);
    assert_int_equal(v.reg, RSP);
    assert_int_equal(v.add, wanted);
}

#define NUMBER(s, wanted) assert_number(s, sizeof s - 1, wanted)

static void a_number_may_be_written_in_each_form(void **state)
{
    (void)state;
    NUMBER("\x30", 0);
    NUMBER("\x4f", 31);
    NUMBER("\x08\xf0", 240);
    NUMBER("\x09\xf0", -16);
    NUMBER("\x0a\x01\x80", 0x8001);
    NUMBER("\x0b\x01\x80", 0x8001 - 0x10000);
    NUMBER("\x0c\x01\x02\x03\x04", 0x04030201);
    NUMBER("\x0d\xfe\xff\xff\xff", -2);
    NUMBER("\x0e\x01\x02\x03\x04\x00\x00\x00\x00", 0x04030201);
    NUMBER("\x0f\xfd\xff\xff\xff\xff\xff\xff\xff", -3);
    NUMBER("\x10\x81\x01", 129);
    NUMBER("\x11\x7f", -1);
    NUMBER("\x35\x96", 5);                          /* nothing is done */
    NUMBER("\x35\x36\x13", 5);                      /* the upper one is dropped */
    NUMBER("\x35\x12\x22", 10);                     /* the upper one is doubled */
    NUMBER("\x35\x23\x81\x01", 134);                /* a number is in the operation */
    assert_int_equal(CFA("\x92\x07\x78").reg, RSP); /* a register's number is behind the operation */
    assert_int_equal(CFA("\x92\x07\x78").add, -8);
}

static void numbers_are_computed_as_dwarf_says(void **state)
{
    (void)state;
    static const struct {
        signed char x, y;
        unsigned char op;
        int wanted;
    } sums[] = {
        {12, 10, 0x1a, 8},  {12, 10, 0x21, 14}, {12, 10, 0x27, 6}, {-12, 10, 0x1e, -120}, {12, 10, 0x22, 22}, {12, 10, 0x1c, 2},
        {3, 0, 0x24, 3},    {3, 4, 0x24, 48},   {0, 31, 0x24, 0},  {48, 0, 0x25, 48},     {48, 4, 0x25, 3},   {1, 31, 0x25, 0},
        {-48, 4, 0x26, -3}, {-1, 31, 0x26, -1}, {5, 5, 0x29, 1},   {5, 6, 0x29, 0},       {5, 5, 0x2e, 0},    {5, 6, 0x2e, 1},
        {5, 5, 0x2a, 1},    {6, 5, 0x2a, 1},    {5, 6, 0x2a, 0},   {5, 5, 0x2b, 0},       {6, 5, 0x2b, 1},    {5, 6, 0x2b, 0},
        {5, 5, 0x2c, 1},    {6, 5, 0x2c, 0},    {5, 6, 0x2c, 1},   {5, 5, 0x2d, 0},       {6, 5, 0x2d, 0},    {5, 6, 0x2d, 1},
    };
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        const unsigned char text[] = {0x09, (unsigned char)sums[i].x, 0x09, (unsigned char)sums[i].y, sums[i].op};
        assert_number(text, sizeof text, sums[i].wanted);
    }
}

static void a_value_that_does_not_fit_or_makes_no_sense_is_odd(void **state)
{
    (void)state;
    assert_true(CFA("\x0d\xff\xff\xff\x7f\x77\x01\x22").odd); /* a number and a register: too large */
    assert_true(CFA("\x77\x01\x0d\xff\xff\xff\x7f\x22").odd); /* and the other way round */
    assert_true(CFA("\x77\x7e\x0d\xff\xff\xff\x7f\x1c").odd); /* too small */
    assert_true(CFA("\x0e\0\0\0\0\x01\0\0\0\x77\0\x22").odd); /* more than 32 bits */
    assert_true(CFA("\x77\0\x31\x08\x20\x24\x22").odd);       /* a shift by 32 */
    assert_true(CFA("\x77\0\x31\x09\xff\x24\x22").odd);       /* and by -1 */
    assert_true(CFA("\x77\0\x77\0\x22").odd);                 /* two registers */
    assert_true(CFA("\x77\0\x31\x1e").odd);                   /* one times a register */
    assert_true(CFA("\x77\0\x31\x31\x1b\x22").odd);           /* a division */
    assert_true(CFA("\x77\0\x22").odd);                       /* one value alone */
    assert_true(CFA("\x12").odd);                             /* none to be doubled */
    assert_true(CFA("\x13").odd);                             /* none to be dropped */
    assert_true(CFA("\x31").odd);                             /* a number is no place in memory */
    assert_true(CFA("\x31\x06").odd);                         /* nor where one is loaded from */
    assert_true(CFA("").odd);
    assert_true(CFA("\x92\xff\x7f\x00").odd); /* no such register */
}

static void a_rule_holds_from_its_own_address_on_however_that_is_written(void **state)
{
    (void)state;
    struct object o;
    /* advance_loc1 16, advance_loc2 256, advance_loc4 512, each with a CFA 8 bytes further away */
    RULES(&o, "\x02\x10\x0e\x10\x03\x00\x01\x0e\x18\x04\x00\x02\x00\x00\x0e\x20");
    static const struct {
        uintptr_t at;
        int32_t cfa;
    } want[] = {{0, 8}, {15, 8}, {16, 16}, {271, 16}, {272, 24}, {783, 24}, {784, 32}, {0xfff, 32}};
    for (unsigned i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(row_at(&o, want[i].at).cfa.add, want[i].cfa);
}

static void the_outermost_frame_has_no_return_address(void **state)
{
    struct object o;
    (void)state;
    RULES(&o, "\x07\x10");
    assert_int_equal(row_at(&o, 1).reg[RA].how, CFI_UNDEFINED);
}

static void a_signal_frame_is_said_to_be_one(void **state)
{
    struct object o;
    (void)state;
    make(&o, "zRS", "\x1b", 1, "\x0f\x04\x77\xa0\x01\x06\x10\x10\x03\x77\xa8\x01\x10\x06\x03\x77\xf8\x00", 18);
    struct cfi_row r = row_at(&o, 0);
    assert_true(r.signal);
    assert_saved(&r, RA, RSP, 168);
    assert_saved(&r, RBP, RSP, 120);
    assert_true(r.cfa.deref);
    assert_int_equal(r.cfa.off, 160);
}

static void personality_and_language_data_are_passed_over(void **state)
{
    struct object o;
    (void)state;
    make(&o, "zPLR", "\x9b\0\0\0\0\x1b\x1b", 7, "\x41\x0e\x18", 3);
    struct cfi_row r = row_at(&o, 1);
    assert_cfa(&r, RSP, 24);
}

static void what_is_not_understood_is_said_to_be_odd(void **state)
{
    struct object o;
    (void)state;
    RULES(&o, "\x0f\x04\x77\x00\x06\x06"); /* loaded twice */
    assert_true(row_at(&o, 0).cfa.odd);
    RULES(&o, "\x16\x06\x03\x77\x00\x06"); /* the value of a load */
    assert_int_equal(row_at(&o, 0).reg[RBP].how, CFI_ODD);
    RULES(&o, "\x0c\x20\x08"); /* a vector register */
    assert_true(row_at(&o, 0).cfa.odd);
}

static void an_address_outside_of_every_function_has_no_rule(void **state)
{
    struct object o;
    struct cfi_row row;
    (void)state;
    RULES(&o, "");
    assert_int_equal(cfi_find(&o.image, o.image.hdr + 0x1000, &row), CFI_NONE);
    assert_int_equal(cfi_find(&o.image, o.image.hdr - 1, &row), CFI_NONE);
    assert_int_equal(cfi_find(&o.image, o.image.hdr + 0xfff, &row), CFI_OK);
}

/* The common entry's own instructions run before there is a state to restore a register from. */
static void a_register_restored_in_the_common_entry_is_refused(void **state)
{
    static const char *const rules[] = {"\xd0", "\x06\x10"};
    struct object o;
    struct cfi_row row;
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        RULES(&o, "");
        uint8_t *saved = memmem(o.bytes, sizeof o.bytes, "\x90\x01", 2);
        assert_non_null(saved);
        memcpy(memset(saved, 0, 2), rules[i], strlen(rules[i]));
        assert_int_equal(cfi_find(&o.image, o.image.hdr, &row), CFI_BAD);
    }
}

static void damaged_tables_are_refused(void **state)
{
    static const char *const rules[] = {"\x0b", "\x0a\x0a\x0a\x0a\x0a\x0a\x0a", "\x3f", "\x0e", "\x0f\x7f\x77", "\x05\x80\x80\x80"};
    struct object o;
    struct cfi_row row;
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        plain(&o, rules[i], strlen(rules[i]));
        assert_int_equal(cfi_find(&o.image, o.image.hdr, &row), CFI_BAD);
    }
    make(&o, "eh", NULL, 0, "", 0);
    assert_int_equal(cfi_find(&o.image, o.image.hdr, &row), CFI_BAD);
    RULES(&o, "");
    o.bytes[8] = 0xff; /* more entries than there is room for */
    assert_int_equal(cfi_find(&o.image, o.image.hdr, &row), CFI_BAD);
    RULES(&o, "");
    o.bytes[0] = 2;
    assert_int_equal(cfi_find(&o.image, o.image.hdr, &row), CFI_BAD);
    RULES(&o, "\x41\x0e\x10");
    for (uintptr_t cut = 1; cut < o.image.hi - o.image.lo; cut++) {
        struct cfi_image image = o.image;
        image.hi -= cut;
        assert_int_not_equal(cfi_find(&image, image.hdr + 1, &row), CFI_OK);
    }
}

/* The object that holds qsort. */
static int take_libc(struct dl_phdr_info *info, size_t size, void *image)
{
    struct cfi_image i = {.lo = UINTPTR_MAX};
    (void)size;
    for (unsigned k = 0; k < info->dlpi_phnum; k++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[k];
        uintptr_t at = info->dlpi_addr + p->p_vaddr;
        if (p->p_type == PT_GNU_EH_FRAME)
            i.hdr = at;
        if (p->p_type != PT_LOAD)
            continue;
        i.lo = at < i.lo ? at : i.lo;
        i.hi = at + p->p_memsz > i.hi ? at + p->p_memsz : i.hi;
    }
    if ((uintptr_t)&qsort < i.lo || (uintptr_t)&qsort >= i.hi)
        return 0;
    *(struct cfi_image *)image = i;
    return 1;
}

/* Every address of the C library's text that has a rule has one that makes sense. */
static void the_c_library_is_understood_throughout(void **state)
{
    unsigned long known = 0, odd = 0, bad = 0;
    (void)state;
    struct cfi_image image = {0};
    dl_iterate_phdr(take_libc, &image);
    uintptr_t from = (uintptr_t)&qsort & ~(uintptr_t)0xffff;
    for (uintptr_t pc = from; pc < from + 0x40000; pc++) {
        struct cfi_row row;
        enum cfi_result r = cfi_find(&image, pc, &row);
        known += r == CFI_OK;
        odd += r == CFI_OK && row.cfa.odd;
        bad += r == CFI_BAD;
        if (r == CFI_OK && !row.signal && row.cfa.reg == RSP && !row.cfa.deref)
            assert_true(row.cfa.add >= 0 && row.cfa.add % 8 == 0);
    }
    assert_true(known > 0x20000);
    assert_int_equal(bad, 0);
    assert_int_equal(odd, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_that_pushes_its_frame_pointer),
        cmocka_unit_test(a_state_is_remembered_and_restored_with_its_cfa),
        cmocka_unit_test(a_realigned_frame_is_reached_through_a_saved_argument_pointer),
        cmocka_unit_test(a_loaded_stack_pointer_plus_a_number_as_in_hand_written_ciphers),
        cmocka_unit_test(the_rule_of_a_linkage_stub_depends_on_the_address),
        cmocka_unit_test(a_number_may_be_written_in_each_form),
        cmocka_unit_test(numbers_are_computed_as_dwarf_says),
        cmocka_unit_test(a_value_that_does_not_fit_or_makes_no_sense_is_odd),
        cmocka_unit_test(a_rule_holds_from_its_own_address_on_however_that_is_written),
        cmocka_unit_test(the_outermost_frame_has_no_return_address),
        cmocka_unit_test(a_signal_frame_is_said_to_be_one),
        cmocka_unit_test(personality_and_language_data_are_passed_over),
        cmocka_unit_test(what_is_not_understood_is_said_to_be_odd),
        cmocka_unit_test(an_address_outside_of_every_function_has_no_rule),
        cmocka_unit_test(a_register_restored_in_the_common_entry_is_refused),
        cmocka_unit_test(damaged_tables_are_refused),
        cmocka_unit_test(the_c_library_is_understood_throughout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
