/* SPDX-License-Identifier: MIT */
/*
 * test_old_loader.c: objects and modules where the C library has no look-up without a lock, as
 * before glibc 2.35. The look-up is compiled in without it, and its walks of the loader's list are
 * counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define _dl_find_object no_such_look_up /* a weak symbol that nobody defines */
#include <dlfcn.h>
#include <link.h>

static unsigned walks;
static int counted_walk(int (*callback)(struct dl_phdr_info *info, size_t size, void *arg), void *arg)
{
    walks++;
    return dl_iterate_phdr(callback, arg);
}

#define dl_iterate_phdr counted_walk
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/elf/object.c"
#undef dl_iterate_phdr

#include "agent/stacks/modules.h"
#include "agent/table/table.h"
#include "agent/unwind/walk.h"

static int here;

static unsigned of(const void *p) { return modules_of((uint64_t)(uintptr_t)p); }
static const void *in_libc(void) { return dlsym(RTLD_DEFAULT, "getppid"); }

static int fresh_table(void **state)
{
    (void)state;
    int error;
    struct state_view old;
    if (table_head)
        table_forget(&old);
    if (table_open(-1, NULL, &error) != 0)
        return -1;
    modules_reset();
    walks = 0;
    return 0;
}

static void objects_are_found_in_the_loaders_list(void **state)
{
    (void)state;
    struct object o;
    uint64_t ours = (uint64_t)(uintptr_t)&here;
    assert_false(object_lookup_is_free());
    assert_true(object_at(ours, &o));
    assert_true(ours >= o.start && ours < o.end && object_is_program(o.start, o.end));
    assert_false(object_at((uint64_t)(uintptr_t)&o, &o)); /* the stack */
    assert_int_equal(walks, 2);
}

static void a_module_that_is_known_is_not_looked_up_again(void **state)
{
    (void)state;
    unsigned program = of(&here), libc = of(in_libc());
    assert_int_not_equal(program, STATE_NO_MODULE);
    assert_int_not_equal(libc, STATE_NO_MODULE);
    assert_int_not_equal(program, libc);
    unsigned before = walks;
    assert_int_equal(of(&here), program);
    assert_int_equal(of(&walks), program);
    assert_int_equal(of(in_libc()), libc);
    assert_int_equal(walks, before);
    assert_int_equal(of(&before), STATE_NO_MODULE); /* the stack */
    assert_int_equal(walks, before + 1);
}

static void ignore(unsigned number) { (void)number; }

static void while_a_library_is_unloaded_and_after_it_each_module_is_looked_up_anew(void **state)
{
    (void)state;
    unsigned program = of(&here), before = walks;
    modules_dlclose_begin();
    assert_int_equal(of(&here), program);
    assert_int_equal(of(&here), program);
    assert_int_equal(walks, before + 2);
    modules_check_unloaded(ignore);
    modules_dlclose_end();
    before = walks;
    assert_int_equal(of(&here), program);
    assert_int_equal(walks, before + 1);
    assert_int_equal(of(&here), program);
    assert_int_equal(walks, before + 1);
}

/* It would take the loader's lock in each frame. */
static void no_stack_is_walked_by_the_agents_own_rules(void **state)
{
    (void)state;
    assert_false(walk_available());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(objects_are_found_in_the_loaders_list, fresh_table),
        cmocka_unit_test_setup(a_module_that_is_known_is_not_looked_up_again, fresh_table),
        cmocka_unit_test_setup(while_a_library_is_unloaded_and_after_it_each_module_is_looked_up_anew, fresh_table),
        cmocka_unit_test(no_stack_is_walked_by_the_agents_own_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
