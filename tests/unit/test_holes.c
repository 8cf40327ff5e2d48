/* SPDX-License-Identifier: MIT */
/*
 * test_holes.c: a program with holes between its segments is one object, with names, and its stacks need no libunwind.
 *
 * This program is such a one itself (holes.mk). glibc's _dl_find_object knows only the single segments of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/elf/object.h"
#include "agent/stacks/capture.h"
#include "agent/stacks/modules.h"
#include "agent/symbolize/names.h"
#include "agent/table/table.h"

static int data = 3;
static const char constant[] = "constant";
static volatile int after;

struct segments {
    uint64_t at[8], end[8];
    unsigned n;
};

/* The first object is the program. */
static int list(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct segments *s = arg;
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum && s->n < 8; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            s->at[s->n] = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            s->end[s->n] = s->at[s->n] + info->dlpi_phdr[i].p_memsz;
            s->n++;
        }
    return 1;
}

static struct segments program(void)
{
    struct segments s = {.n = 0};
    dl_iterate_phdr(list, &s);
    if (s.n < 3 || s.at[1] - s.end[0] < 8192)
        skip(); /* this linker leaves no holes */
    return s;
}

/* First: what is learned of the program is kept. */
static void headers_that_cannot_be_read_are_left_alone(void **state)
{
    (void)state;
    struct segments s = program();
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct object o;
        mprotect((void *)(uintptr_t)s.at[0], 4096, PROT_NONE);
        bool segment = object_at(s.at[1], &o) && !o.holes && o.start == s.at[1];
        mprotect((void *)(uintptr_t)s.at[0], 4096, PROT_READ);
        _exit(segment && object_at(s.at[1], &o) && o.holes ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void each_segment_leads_to_the_whole_program(void **state)
{
    (void)state;
    struct segments s = program();
    for (unsigned i = 0; i < s.n; i++) {
        struct object first, last;
        assert_true(object_at(s.at[i], &first));
        assert_true(object_at(s.end[i] - 1, &last));
        assert_int_equal(first.start, s.at[0]);
        assert_int_equal(first.end, s.end[s.n - 1]);
        assert_int_equal(last.start, first.start);
        assert_int_equal(last.end, first.end);
        assert_true(first.holes);
        assert_true(object_is_program(first.start, first.end));
    }
    struct object o;
    assert_false(object_at(s.end[0] + 8000, &o));
}

static void a_library_is_no_such_object(void **state)
{
    (void)state;
    struct object o;
    assert_true(object_at((uintptr_t)&getenv, &o));
    assert_false(o.holes);
    assert_true(object_at(getauxval(AT_SYSINFO_EHDR), &o));
    assert_false(o.holes);
}

static void it_is_one_module_with_its_build_id_and_names(void **state)
{
    (void)state;
    int error;
    program();
    assert_int_equal(table_open(-1, NULL, &error), 0);
    assert_true(readlink("/proc/self/exe", table_head->exe, sizeof table_head->exe - 1) > 0);
    unsigned n = modules_of((uintptr_t)&each_segment_leads_to_the_whole_program);
    assert_int_equal(modules_of((uintptr_t)&data), n);
    assert_int_equal(modules_of((uintptr_t)constant), n);
    const struct state_module *m = modules_at(n);
    assert_non_null(m);
    assert_int_equal(m->build_id_len, 20);
    assert_string_equal(m->path, table_head->exe);
    modules_check_unloaded(NULL);
    assert_int_equal(m->unloaded_ns, 0);

    struct frame frame = {.pc = (uintptr_t)&a_library_is_no_such_object + 1};
    const uint16_t number = (uint16_t)n;
    struct names_arena names = {NULL};
    struct state_view view = table_view();
    assert_true(names_resolve(&names, &view, &frame, &number, 1, true, false));
    assert_string_equal(frame.symbol, "a_library_is_no_such_object");
    names_free(&names);
}

static __attribute__((noinline)) unsigned descend(unsigned depth, uint64_t *pcs, unsigned *flags)
{
    unsigned n = depth ? descend(depth - 1, pcs, flags) : capture_stack(pcs, 64, flags);
    after++;
    return n;
}

static void its_stacks_need_no_libunwind(void **state)
{
    (void)state;
    struct capture_stats before, now;
    uint64_t pcs[64];
    unsigned flags, n = 0;
    program();
    capture_get_stats(&before);
    for (unsigned i = 0; i < 100; i++)
        n = descend(i % 20, pcs, &flags);
    capture_get_stats(&now);
    assert_true(n > 20);
    assert_int_equal(flags, 0);
    assert_int_equal(now.captures - before.captures, 100);
    assert_int_equal(now.fallbacks, before.fallbacks);
    assert_int_equal(now.broken, before.broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_that_cannot_be_read_are_left_alone),
        cmocka_unit_test(each_segment_leads_to_the_whole_program),
        cmocka_unit_test(a_library_is_no_such_object),
        cmocka_unit_test(it_is_one_module_with_its_build_id_and_names),
        cmocka_unit_test(its_stacks_need_no_libunwind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
