/* SPDX-License-Identifier: MIT */
/*
 * test_siteid.c: a site has one name in every process, on every host, whatever the load address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/siteid.h"

static struct state_module module_of(unsigned char id, const char *path, uint64_t bias)
{
    struct state_module m = {.ready = 1, .bias = bias, .build_id_len = id ? 20 : 0};
    memset(m.build_id, id, sizeof m.build_id);
    snprintf(m.path, sizeof m.path, "%s", path);
    return m;
}

static uint64_t id_of(const struct state_module *a, uint64_t offset_a, const struct state_module *b, uint64_t offset_b)
{
    uint64_t h = siteid_begin();
    h = siteid_frame(h, a, a ? a->bias + offset_a : offset_a);
    h = siteid_frame(h, b, b ? b->bias + offset_b : offset_b);
    return siteid_end(h);
}

static void the_load_address_and_the_path_of_a_build_do_not_matter(void **state)
{
    (void)state;
    struct state_module app = module_of(1, "/srv/app", 0x555500000000), moved = module_of(1, "/opt/app", 0x7f0000000000);
    struct state_module lib = module_of(2, "/lib/x.so", 0x7fff00000000), lib_moved = module_of(2, "/lib/x.so", 0x1000);
    assert_int_equal(id_of(&app, 0x1234, &lib, 0x10), id_of(&moved, 0x1234, &lib_moved, 0x10));
}

static void another_build_offset_or_order_is_another_site(void **state)
{
    (void)state;
    struct state_module app = module_of(1, "/srv/app", 0), other = module_of(3, "/srv/app", 0), lib = module_of(2, "/lib/x.so", 0);
    uint64_t id = id_of(&app, 0x1234, &lib, 0x10);
    assert_int_not_equal(id, id_of(&other, 0x1234, &lib, 0x10));
    assert_int_not_equal(id, id_of(&app, 0x1235, &lib, 0x10));
    assert_int_not_equal(id, id_of(&lib, 0x10, &app, 0x1234));
    assert_int_not_equal(id, siteid_end(siteid_frame(siteid_begin(), &app, 0x1234)));
}

static void a_module_without_build_id_counts_by_its_file_name(void **state)
{
    (void)state;
    struct state_module a = module_of(0, "/usr/lib/libx.so.1", 0x1000), b = module_of(0, "/opt/lib/libx.so.1", 0x2000),
                        c = module_of(0, "/usr/lib/liby.so.1", 0x1000);
    struct state_module named = module_of(1, "/usr/lib/libx.so.1", 0x1000);
    assert_int_equal(id_of(&a, 8, &a, 16), id_of(&b, 8, &b, 16));
    assert_int_not_equal(id_of(&a, 8, &a, 16), id_of(&c, 8, &c, 16));
    assert_int_not_equal(id_of(&a, 8, &a, 16), id_of(&named, 8, &named, 16));
}

static void made_up_code_has_no_address_in_the_name(void **state)
{
    (void)state;
    struct state_module app = module_of(1, "/srv/app", 0);
    assert_int_equal(id_of(NULL, 0x7f0000001000, &app, 8), id_of(NULL, 0x7f0000002000, &app, 8));
    assert_int_not_equal(id_of(NULL, 0, &app, 8), id_of(&app, 8, NULL, 0));
}

static void a_lying_length_is_not_followed_and_no_name_is_zero(void **state)
{
    (void)state;
    struct state_module m = module_of(1, "/srv/app", 0);
    m.build_id_len = UINT32_MAX;
    memset(m.path, 'x', sizeof m.path); /* no end */
    assert_int_not_equal(id_of(&m, 1, &m, 2), 0);
    assert_int_not_equal(siteid_end(siteid_begin()), 0);
    assert_int_not_equal(siteid_end(0), 0);
}

static uint64_t id_of_runtime(unsigned runtime, const char *function, const char *file, uint32_t line)
{
    struct state_frame f = {.line = line};
    struct state_frame_view v = {.frame = &f, .function = function, .file = file, .runtime = (uint8_t)runtime};
    return siteid_end(siteid_runtime_frame(siteid_begin(), &v));
}

static void a_function_that_is_called_counts_without_its_line(void **state)
{
    (void)state;
    struct state_frame f = {.line = 1}, other = {.line = 2};
    struct state_frame_view v = {.frame = &f, .function = "connect", .file = "node:net", .runtime = RUNTIME_JAVASCRIPT};
    uint64_t id = siteid_end(siteid_runtime_call(siteid_begin(), &v));
    assert_int_not_equal(id, siteid_end(siteid_runtime_frame(siteid_begin(), &v)));
    v.frame = &other;
    assert_int_equal(id, siteid_end(siteid_runtime_call(siteid_begin(), &v)));
    v.function = "listen";
    assert_int_not_equal(id, siteid_end(siteid_runtime_call(siteid_begin(), &v)));
}

static void a_frame_of_a_runtime_counts_by_function_line_and_the_stable_part_of_its_file(void **state)
{
    (void)state;
    uint64_t id = id_of_runtime(RUNTIME_PYTHON, "login", "/srv/app/web.py", 88);
    assert_int_equal(id, id_of_runtime(RUNTIME_PYTHON, "login", "/home/me/app/web.py", 88));
    assert_int_not_equal(id, id_of_runtime(RUNTIME_PYTHON, "logout", "/srv/app/web.py", 88));
    assert_int_not_equal(id, id_of_runtime(RUNTIME_PYTHON, "login", "/srv/app/other.py", 88));
    assert_int_not_equal(id, id_of_runtime(RUNTIME_PYTHON, "login", "/srv/app/site-packages/app/web.py", 88));
    assert_int_not_equal(id, id_of_runtime(RUNTIME_PYTHON, "login", "/srv/app/web.py", 89));
    assert_int_not_equal(id, id_of_runtime(RUNTIME_RUBY, "login", "/srv/app/web.py", 88));
    assert_int_not_equal(id_of_runtime(1, "ab", "c", 1), id_of_runtime(1, "a", "bc", 1));
    assert_int_equal(id, 0x389279c43ec70f85u); /* stands in tickets */
}

/* The value itself is a promise: it stands in tickets and dashboards. */
static void the_name_of_a_known_stack_never_changes(void **state)
{
    (void)state;
    struct state_module app = module_of(1, "/srv/app", 0x555500000000), lib = module_of(0, "/lib/x.so", 0x7f0000000000);
    assert_int_equal(id_of(&app, 0x1234, &lib, 0x10), 0xb05b0989689093e8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_load_address_and_the_path_of_a_build_do_not_matter),
        cmocka_unit_test(another_build_offset_or_order_is_another_site),
        cmocka_unit_test(a_module_without_build_id_counts_by_its_file_name),
        cmocka_unit_test(made_up_code_has_no_address_in_the_name),
        cmocka_unit_test(a_lying_length_is_not_followed_and_no_name_is_zero),
        cmocka_unit_test(a_function_that_is_called_counts_without_its_line),
        cmocka_unit_test(a_frame_of_a_runtime_counts_by_function_line_and_the_stable_part_of_its_file),
        cmocka_unit_test(the_name_of_a_known_stack_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
