/* SPDX-License-Identifier: MIT */
/*
 * test_perf_map.c: which line of a perf map names an address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/perf_map.c"

/* What TEXT calls ADDR; "-": nothing. In a copy that ends where the text does. */
static const char *named(const char *text, uint64_t addr)
{
    static char name[2 * MAX_NAME];
    size_t len = strlen(text);
    char *copy = malloc(len ? len : 1);
    struct perf_map_target t = {.addr = addr};
    memcpy(copy, text, len);
    perf_map_find(copy, len, &t, 1);
    snprintf(name, sizeof name, "%.*s", t.name ? (int)t.len : 1, t.name ? t.name : "-");
    free(copy);
    return name;
}

static void a_range_names_its_addresses_and_no_others(void **state)
{
    static const char text[] = "1000 10 one\n1010 10 two\n";
    (void)state;
    assert_string_equal(named(text, 0xfff), "-");
    assert_string_equal(named(text, 0x1000), "one");
    assert_string_equal(named(text, 0x100f), "one");
    assert_string_equal(named(text, 0x1010), "two");
    assert_string_equal(named(text, 0x1020), "-");
}

static void the_last_line_that_covers_an_address_names_it(void **state)
{
    static const char text[] = "1000 100 old\n1040 10 new\n1040 4 newest\n0 1100 all\n1000 1 first\n";
    (void)state;
    assert_string_equal(named(text, 0x1000), "first");
    assert_string_equal(named(text, 0x1041), "all");
    assert_string_equal(named("1000 100 old\n1040 10 new\n1040 4 newest\n", 0x1041), "newest");
    assert_string_equal(named("1000 100 old\n1040 10 new\n1040 4 newest\n", 0x1044), "new");
    assert_string_equal(named("1000 100 old\n1040 10 new\n1040 4 newest\n", 0x1050), "old");
}

static void a_name_is_the_rest_of_the_line(void **state)
{
    char text[MAX_NAME + 100];
    (void)state;
    assert_string_equal(named("0x1000 0x10 void [App] Main(int, char)[Tier0]\n", 0x1008), "void [App] Main(int, char)[Tier0]");
    assert_string_equal(named("7FFFABCDEF00 1F  a\n", 0x7fffabcdef1e), "a");
    int n = snprintf(text, sizeof text, "1000 10 %0*d", (int)MAX_NAME + 10, 7);
    snprintf(text + n, sizeof text - (size_t)n, "\n");
    assert_int_equal(strlen(named(text, 0x1000)), MAX_NAME);
}

static void lines_of_another_form_are_passed_over(void **state)
{
    static const char *const bad[] = {"",
                                      "1000",
                                      "1000 ",
                                      "1000 10",
                                      "1000 10 ",
                                      "1000 10   ",
                                      " 1000 10 x",
                                      "1000\t10\tx",
                                      "1000 -1 x",
                                      "1000 1g x",
                                      "g000 10 x",
                                      "0x 10 x",
                                      "1000 0x x",
                                      "1000 0 x",
                                      "#1000 10 x",
                                      "\xff\xfe\x80",
                                      "1000 1x x",
                                      "1000,10,x ",
                                      "1000 10000000000000000 x",
                                      "1000 ffffffffffffffff x",
                                      "10000000000001000 10 x"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        snprintf(text, sizeof text, "1000 10 good\n%s\n", bad[i]);
        assert_string_equal(named(text, 0x1000), "good");
        snprintf(text, sizeof text, "%s\n", bad[i]);
        assert_string_equal(named(text, 0x1000), "-");
    }
    struct perf_map_target t = {.addr = 0x1000};
    perf_map_find("1000 10 a\0b\n", 12, &t, 1);
    assert_null(t.name);
}

static void a_line_that_is_still_being_written_names_nothing(void **state)
{
    static const char whole[] = "1000 10 login\n";
    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        struct perf_map_target t = {.addr = 0x1000};
        char *copy = malloc(len ? len : 1);
        memcpy(copy, whole, len);
        perf_map_find(copy, len, &t, 1);
        free(copy);
        assert_null(t.name);
    }
}

/* Against each line for each address, the last one first. */
static void many_addresses_are_named_as_each_alone(void **state)
{
    enum { LINES = 300, ADDRESSES = 400 };
    static char text[LINES * 40];
    struct perf_map_target all[ADDRESSES];
    unsigned start[LINES], size[LINES];
    (void)state;
    srand(7);
    for (int round = 0; round < 50; round++) {
        size_t len = 0;
        for (int i = 0; i < LINES; i++) {
            start[i] = (unsigned)rand() % 1000;
            size[i] = (unsigned)rand() % (i % 10 ? 8 : 300);
            len += (size_t)sprintf(text + len, "%x %x f%d\n", start[i], size[i], i);
        }
        for (unsigned i = 0, addr = 0; i < ADDRESSES; i++, addr += (unsigned)rand() % 6)
            all[i] = (struct perf_map_target){.addr = addr};
        perf_map_find(text, len, all, ADDRESSES);
        for (int i = 0; i < ADDRESSES; i++) {
            char name[16] = "", got[16] = "";
            for (int k = 0; k < LINES; k++)
                if (all[i].addr >= start[k] && all[i].addr < start[k] + size[k])
                    sprintf(name, "f%d", k);
            if (all[i].name)
                snprintf(got, sizeof got, "%.*s", (int)all[i].len, all[i].name);
            assert_string_equal(got, name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_names_its_addresses_and_no_others),
        cmocka_unit_test(the_last_line_that_covers_an_address_names_it),
        cmocka_unit_test(a_name_is_the_rest_of_the_line),
        cmocka_unit_test(lines_of_another_form_are_passed_over),
        cmocka_unit_test(a_line_that_is_still_being_written_names_nothing),
        cmocka_unit_test(many_addresses_are_named_as_each_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
