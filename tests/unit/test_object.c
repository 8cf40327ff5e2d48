/* SPDX-License-Identifier: MIT */
/*
 * test_object.c: which object an address lies in, from where to where, and where its file is. The
 * code is compiled in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/elf/object.c"

#define PAGE 4096u

static int here;

static void an_address_of_the_program_is_the_programs_and_another_librarys_is_not(void **state)
{
    (void)state;
    struct object o;
    uint64_t ours = (uint64_t)(uintptr_t)&here, libcs = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "getppid");
    assert_true(object_at(ours, &o));
    assert_true(ours >= o.start && ours < o.end);
    assert_true(object_is_program(o.start, o.end));
    assert_true(o.eh_frame_hdr > o.start && o.eh_frame_hdr < o.end);
    assert_true(object_at(libcs, &o));
    assert_true(libcs >= o.start && libcs < o.end);
    assert_false(object_is_program(o.start, o.end));
    assert_false(object_at((uint64_t)(uintptr_t)&o, &o)); /* the stack */
    uint64_t headers = getauxval(AT_PHDR);
    assert_true(object_is_program(headers, headers + 1));
    assert_false(object_is_program(headers - 1, headers));
    assert_false(object_is_program(headers + 1, headers + 2));
}

/* ---- a program with holes -------------------------------------------------------------------- */

/* What becomes of a range of the program's from START on, with the unwind tables at TABLES. */
static struct object whole_of(const struct link_map *map, uint64_t start, uint64_t tables)
{
    struct object o = {.start = start, .end = start + PAGE, .eh_frame_hdr = tables};
    take_whole_object(find_object(), &o, map);
    return o;
}

static void a_range_without_the_dynamic_section_or_the_unwind_tables_is_one_segment_of_the_program(void **state)
{
    (void)state;
    const struct link_map *map;
    struct object program;
    if (!find_object())
        skip();
    assert_true(object_at((uint64_t)(uintptr_t)&here, &program));
    assert_int_equal(dlinfo(dlopen(NULL, RTLD_NOW), RTLD_DI_LINKMAP, &map), 0);
    uint64_t dynamic = (uint64_t)(uintptr_t)map->l_ld & ~(uint64_t)(PAGE - 1);
    const uint64_t starts[] = {dynamic - PAGE, dynamic + PAGE, dynamic, dynamic}, tables[] = {0, 0, dynamic + PAGE, dynamic - 8};
    for (unsigned i = 0; i < 4; i++) {
        struct object o = whole_of(map, starts[i], tables[i]);
        assert_int_equal(o.start, program.start);
        assert_in_range(o.end, program.end - PAGE, program.end);
        assert_true(o.holes);
    }
    assert_int_equal(whole_of(map, dynamic, 0).end, dynamic + PAGE);
    assert_int_equal(whole_of(map, dynamic, dynamic).end, dynamic + PAGE);
    assert_int_equal(whole_of(map, dynamic, dynamic + PAGE - 8).end, dynamic + PAGE);
    assert_false(whole_of(map, dynamic, 0).holes);
    assert_true(whole_of(map, (uint64_t)(uintptr_t)map->l_ld - PAGE, 0).holes); /* it begins at the range's end */
    /* Of another object nothing is known: it stays. */
    atomic_store(&whole_program.map, NULL);
    assert_int_equal(whole_of(map->l_next, 8 * PAGE, 0).end, 9 * PAGE);
}

/* ---- paths ----------------------------------------------------------------------------------- */

static void the_file_of_a_mapping_is_the_one_that_begins_there(void **state)
{
    (void)state;
    char link[OBJECT_LINK], path[512], exe[512] = "";
    struct object o;
    assert_true(object_at((uint64_t)(uintptr_t)&here, &o));
    assert_true(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
    assert_true(object_mapping(o.start, link, path, sizeof path));
    assert_string_equal(path, exe);
    char cut[8];
    assert_true(object_mapping(o.start, link, cut, sizeof cut));
    assert_int_equal(strlen(cut), sizeof cut - 1);
    assert_memory_equal(cut, exe, sizeof cut - 1);
    char same[512] = "";
    assert_true(readlink(link, same, sizeof same - 1) > 0 || geteuid() != 0);
    if (same[0])
        assert_string_equal(same, exe);
    assert_false(object_mapping(o.start + 8, link, path, sizeof path));
    void *anonymous = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_false(object_mapping((uint64_t)(uintptr_t)anonymous, link, path, sizeof path));
    munmap(anonymous, PAGE);
}

static const char *path_of(const void *p, const char *exe, size_t cap)
{
    static char path[512];
    struct object o;
    assert_true(object_at((uint64_t)(uintptr_t)p, &o));
    object_path(&o, exe, path, cap);
    return path;
}

static void an_objects_path_is_the_loaders_and_the_programs_the_one_that_it_was_started_by(void **state)
{
    (void)state;
    char exe[512] = "";
    assert_true(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
    assert_string_equal(path_of(&here, "/given/program", 512), "/given/program");
    assert_string_equal(path_of(&here, "/given/program", 8), "/given/");
    assert_string_equal(path_of(&here, "not/from/the/root", 512), exe);
    assert_string_equal(path_of(&here, "", 512), exe);
    assert_string_equal(path_of(&here, NULL, 512), exe);
    struct link_map *map;
    const void *libc = dlsym(RTLD_DEFAULT, "getppid");
    struct object o;
    assert_true(object_at((uint64_t)(uintptr_t)libc, &o));
    map = (void *)(uintptr_t)o.key[0];
    assert_string_equal(path_of(libc, "/given/program", 512), map->l_name);
    uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
    if (vdso)
        assert_string_equal(path_of((void *)(uintptr_t)(vdso + 64), exe, 512), "[vdso]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_of_the_program_is_the_programs_and_another_librarys_is_not),
        cmocka_unit_test(a_range_without_the_dynamic_section_or_the_unwind_tables_is_one_segment_of_the_program),
        cmocka_unit_test(the_file_of_a_mapping_is_the_one_that_begins_there),
        cmocka_unit_test(an_objects_path_is_the_loaders_and_the_programs_the_one_that_it_was_started_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
