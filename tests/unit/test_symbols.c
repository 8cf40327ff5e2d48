/* SPDX-License-Identifier: MIT */
/* test_symbols.c: the function that holds an address, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/symbolize/symbols.h"
#include "elf_image.h"

static const char *name_at(uint64_t addr)
{
    static char name[SYMBOL_MAX_NAME], scratch[4096];
    struct elf e = opened();
    struct symbol_target t = {.addr = addr};
    Elf64_Shdr table;
    assert_true(elf_section(&e, SYMBOLS, &table));
    symbols_find(&e, &table, &t, 1, scratch, sizeof scratch);
    return symbols_name(&e, &table, &t, name) ? name : "-";
}

static void the_innermost_function_that_holds_the_address_is_named(void **state)
{
    (void)state;
    add_function("outer", 0x1000, 0x100, STB_GLOBAL);
    add_function("inner", 0x1040, 0x10, STB_LOCAL);
    add_function("later", 0x1100, 0x10, STB_GLOBAL);
    assert_string_equal(name_at(0x1000), "outer");
    assert_string_equal(name_at(0x103f), "outer");
    assert_string_equal(name_at(0x1040), "inner");
    assert_string_equal(name_at(0x104f), "inner");
    assert_string_equal(name_at(0x1050), "outer");
    assert_string_equal(name_at(0x10ff), "outer");
    assert_string_equal(name_at(0x1100), "later");
    assert_string_equal(name_at(0x1110), "-");
    assert_string_equal(name_at(0xfff), "-");
}

static void of_several_names_of_one_place_the_visible_plain_and_short_one_is_taken(void **state)
{
    (void)state;
    add_function("a_local", 0x1000, 0x10, STB_LOCAL);
    add_function("__libc_thing", 0x1000, 0x10, STB_GLOBAL);
    add_function("thing_with_tail", 0x1000, 0x10, STB_GLOBAL);
    add_function("thing@@GLIBC_2.34", 0x1000, 0x10, STB_WEAK);
    add_function("x", 0x1000, 0x10, STB_LOCAL);
    assert_string_equal(name_at(0x1008), "thing");
    build(NULL);
    add_function("only_local", 0x1000, 0x10, STB_LOCAL);
    assert_string_equal(name_at(0x1008), "only_local");
}

/* Whichever of the two the table names first. */
static void two_at_one_place(const char *name, uint64_t size, const char *other, uint64_t other_size, uint64_t addr, const char *wanted)
{
    for (int turned = 0; turned < 2; turned++) {
        build(NULL);
        add_function(turned ? other : name, 0x1000, turned ? other_size : size, STB_GLOBAL);
        add_function(turned ? name : other, 0x1000, turned ? size : other_size, STB_GLOBAL);
        assert_string_equal(name_at(addr), wanted);
    }
}

static void of_two_functions_of_one_place_the_smaller_that_holds_the_address_is_named(void **state)
{
    (void)state;
    two_at_one_place("large", 0x20, "small", 0x10, 0x1008, "small");
    two_at_one_place("large", 0x20, "small", 0x10, 0x1018, "large");
    two_at_one_place("sizeless", 0, "sized", 0x10, 0x1008, "sized");
    two_at_one_place("sizeless", 0, "sized", 0x10, 0x1018, "-"); /* it is another name of the sized one */
}

static void more_names_of_one_place_than_are_kept_do_no_harm(void **state)
{
    (void)state;
    char name[8];
    for (unsigned i = 0; i < SYMBOL_ALIASES + 4; i++) {
        snprintf(name, sizeof name, "f%c", 'a' + i);
        add_function(name, 0x1000, 0, STB_GLOBAL);
    }
    assert_string_equal(name_at(0x1008), "fa");
}

static void a_table_of_names_that_lies_behind_the_file_names_nothing(void **state)
{
    (void)state;
    add_function("name", 0x1000, 0x10, STB_GLOBAL);
    assert_string_equal(name_at(0x1008), "name");
    /* The sums of offsets wrap, and lead into the file again. */
    symbol(1)->st_name += AT_STRINGS + 16;
    section(STRINGS)->sh_offset = (uint64_t)-16;
    section(STRINGS)->sh_size = 0x400;
    assert_string_equal(name_at(0x1008), "-");
}

static void undefined_data_and_absent_names_are_no_functions(void **state)
{
    (void)state;
    add_function("undefined", 0x1000, 0x10, STB_GLOBAL);
    symbol(1)->st_shndx = SHN_UNDEF;
    add_function("object", 0x1000, 0x10, STB_GLOBAL);
    symbol(2)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    add_function("nameless", 0x1000, 0x10, STB_GLOBAL);
    symbol(3)->st_name = 0;
    assert_string_equal(name_at(0x1000), "-");
    add_function("resolver", 0x1000, 0x10, STB_GLOBAL);
    symbol(4)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
    assert_string_equal(name_at(0x1000), "resolver");
    /* One that begins later hides no other. */
    add_function("inner", 0x1008, 0x4, STB_GLOBAL);
    symbol(5)->st_name = 0;
    assert_string_equal(name_at(0x1009), "resolver");
}

static void a_function_without_a_size_ends_at_the_next_one_and_at_its_section(void **state)
{
    (void)state;
    add_function("sizeless", 0x1000, 0, STB_GLOBAL);
    add_function("next", 0x1100, 8, STB_LOCAL);
    assert_string_equal(name_at(0x10ff), "sizeless");
    assert_string_equal(name_at(0x1100), "next");
    assert_string_equal(name_at(0x1108), "-");
    section(CODE)->sh_size = 0x80;
    assert_string_equal(name_at(0x107f), "sizeless");
    assert_string_equal(name_at(0x1080), "-");
    section(SYMBOLS)->sh_type = SHT_DYNSYM; /* says nothing of static functions in between */
    assert_string_equal(name_at(0x1010), "-");
}

static void each_of_several_addresses_has_the_function_that_begins_last_before_it(void **state)
{
    (void)state;
    static const struct {
        uint64_t addr;
        const char *name;
    } wanted[] = {{0xff0, ""},        {0x1000, "first"},  {0x1010, "first"}, {0x1020, "first"},
                  {0x1030, "second"}, {0x1040, "second"}, {0x1052, "third"}};
    enum { N = sizeof wanted / sizeof *wanted };
    static char name[SYMBOL_MAX_NAME], scratch[4096];
    struct symbol_target t[N] = {0};
    Elf64_Shdr table;
    add_function("third", 0x1050, 4, STB_GLOBAL);
    add_function("first", 0x1000, 0, STB_GLOBAL);
    add_function("second", 0x1030, 0, STB_GLOBAL);
    struct elf e = opened();
    for (size_t i = 0; i < N; i++)
        t[i].addr = wanted[i].addr;
    assert_true(elf_section(&e, SYMBOLS, &table));
    symbols_find(&e, &table, t, N, scratch, sizeof scratch);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(symbols_name(&e, &table, &t[i], name), strlen(wanted[i].name));
        assert_string_equal(name, wanted[i].name);
    }
}

static void a_million_symbols_that_each_claim_everything_are_given_up_in_time(void **state)
{
    (void)state;
    enum { COUNT = 1000000, TARGETS = 2000 };
    size_t size = AT_SECTIONS + SECTIONS * sizeof(Elf64_Shdr) + (size_t)COUNT * sizeof(Elf64_Sym);
    unsigned char *big = malloc(size);
    struct symbol_target *t = calloc(TARGETS, sizeof *t);
    static char scratch[65536];
    struct elf e;
    struct timespec begin, done;
    assert_true(big && t);
    memcpy(big, &image, IMAGE);
    Elf64_Shdr table = {.sh_type = SHT_SYMTAB,
                        .sh_offset = IMAGE,
                        .sh_size = (size_t)COUNT * sizeof(Elf64_Sym),
                        .sh_entsize = sizeof(Elf64_Sym),
                        .sh_link = STRINGS};
    Elf64_Sym all = {.st_name = 1, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = CODE, .st_size = UINT64_MAX};
    for (size_t i = 0; IMAGE + (i + 1) * sizeof all <= size; i++)
        memcpy(big + IMAGE + i * sizeof all, &all, sizeof all);
    for (unsigned i = 0; i < TARGETS; i++)
        t[i].addr = 0x1000 + i;
    assert_true(elf_open_bytes(&e, big, size));
    clock_gettime(CLOCK_MONOTONIC, &begin);
    symbols_find(&e, &table, t, TARGETS, scratch, sizeof scratch);
    clock_gettime(CLOCK_MONOTONIC, &done);
    assert_true(done.tv_sec - begin.tv_sec < 5);
    free(big);
    free(t);
}

#define CASE(f) cmocka_unit_test_setup(f, build)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_innermost_function_that_holds_the_address_is_named),
        CASE(of_several_names_of_one_place_the_visible_plain_and_short_one_is_taken),
        CASE(of_two_functions_of_one_place_the_smaller_that_holds_the_address_is_named),
        CASE(more_names_of_one_place_than_are_kept_do_no_harm),
        CASE(a_table_of_names_that_lies_behind_the_file_names_nothing),
        CASE(undefined_data_and_absent_names_are_no_functions),
        CASE(a_function_without_a_size_ends_at_the_next_one_and_at_its_section),
        CASE(each_of_several_addresses_has_the_function_that_begins_last_before_it),
        CASE(a_million_symbols_that_each_claim_everything_are_given_up_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
