/* SPDX-License-Identifier: MIT */
/*
 * test_next_symbol.c: which objects behind this library are searched for a name, and where only
 * dlsym can search.
 *
 * The code is compiled in; the objects are the tests' own, with nothing but a dynamic section.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/libc/next_symbol.c"

/* Searches an object with this dynamic section; NULL: without one. */
static int search(const Elf64_Dyn *section, struct next_search *s)
{
    static struct next_symbol names[1];
    Elf64_Phdr header = {.p_type = PT_DYNAMIC, .p_vaddr = (uint64_t)(uintptr_t)section};
    struct dl_phdr_info info = {.dlpi_phdr = &header, .dlpi_phnum = section != NULL};
    names[0] = (struct next_symbol){.name = "close"};
    *s = (struct next_search){.names = names, .n = 1, .left = 1, .behind_us = true};
    return search_next_object(&info, sizeof info, s);
}

static void an_object_that_defines_nothing_is_passed_over(void **state)
{
    (void)state;
    static const uint32_t no_bucket[4];
    static const Elf64_Sym symbols[1];
    static const char strings[] = "";
    const Elf64_Dyn empty[] = {{.d_tag = DT_NULL}};
    const Elf64_Dyn without_buckets[] = {
        {DT_SYMTAB, {(uintptr_t)symbols}}, {DT_STRTAB, {(uintptr_t)strings}}, {DT_GNU_HASH, {(uintptr_t)no_bucket}}, {.d_tag = DT_NULL}};
    const Elf64_Dyn *const sections[] = {NULL, empty, without_buckets};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        struct next_search s;
        assert_int_equal(search(sections[i], &s), 0); /* the search goes on */
        assert_int_equal(s.left, 1);
        assert_false(s.hopeless);
        assert_null(s.names[0].found);
    }
}

static void an_object_with_the_older_hash_table_alone_ends_the_search(void **state)
{
    (void)state;
    static const uint32_t old_hash[2];
    struct next_search s;
    const Elf64_Dyn section[] = {{DT_HASH, {(uintptr_t)old_hash}}, {.d_tag = DT_NULL}};
    assert_int_not_equal(search(section, &s), 0);
    assert_true(s.hopeless);
}

static void what_comes_before_this_library_is_not_searched(void **state)
{
    (void)state;
    struct next_search s = {.n = 1, .left = 1}; /* without names: they are not looked at */
    struct dl_phdr_info info = {.dlpi_phnum = 0};
    assert_int_equal(search_next_object(&info, sizeof info, &s), 0);
    assert_false(s.behind_us);
}

static void a_name_that_no_object_has_is_not_found(void **state)
{
    (void)state;
    struct next_symbol names[] = {{.name = "no_such_name", .found = (void *)4}};
    next_symbol_find(names, 1);
    assert_null(names[0].found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_that_defines_nothing_is_passed_over),
        cmocka_unit_test(an_object_with_the_older_hash_table_alone_ends_the_search),
        cmocka_unit_test(what_comes_before_this_library_is_not_searched),
        cmocka_unit_test(a_name_that_no_object_has_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
