/* SPDX-License-Identifier: MIT */
/*
 * test_object_list.c: which object holds an address, by the agent's own table, as on a C library
 * before glibc 2.35. The code is compiled in, with a list of its own where a test needs one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

static struct r_debug list; /* which the tests may set */
#define _r_debug list
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/elf/object_list.c"
#undef _r_debug

/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/elf/object.c"

#include "agent/stacks/capture.h"
#include "agent/stacks/modules.h"
#include "agent/table/table.h"
#include "agent/unwind/walk.h"

#define PAGE 4096u
#define LIBRARY "libm.so.6" /* which the tests load and unload */

static int here;

static int fresh(void **state)
{
    (void)state;
    list = _r_debug;
    object_list_forget();
    atomic_store(&version, 0);
    return 0;
}

static bool is_of(const char *part, uint64_t addr)
{
    struct listed_object o;
    return object_list_at(addr, &o) && o.name && strstr(o.name, part) && addr - o.range.start < o.range.end - o.range.start;
}

/* ---- the same answers as glibc's ------------------------------------------------------------- */

static void expect_same(uint64_t addr)
{
    struct object o = {0}, same = {0};
    bool found = object_at(addr, &o); /* by _dl_find_object, where there is one */
    assert_int_equal(take_listed(addr, &same), found);
    if (!found)
        return;
    assert_int_equal(same.start, o.start);
    assert_int_equal(same.end, o.end);
    assert_int_equal(same.bias, o.bias);
    assert_int_equal(same.holes, o.holes);
    assert_int_equal(same.eh_frame_hdr, o.eh_frame_hdr);
    assert_ptr_equal(same.name, o.name);
    assert_ptr_equal(same.key[0], o.key[0]);
    assert_ptr_equal(same.key[1], o.key[1]);
}

static int compare_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        uint64_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, last = at + info->dlpi_phdr[i].p_memsz - 1;
        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        expect_same(at);
        expect_same(last);
        assert_true(is_of("", at) && is_of("", last));
    }
    ++*(unsigned *)arg;
    return 0;
}

static void each_loaded_object_is_found_as_the_c_library_finds_it(void **state)
{
    (void)state;
    unsigned n = 0;
    dl_iterate_phdr(compare_object, &n);
    assert_true(n >= 4);
    expect_same((uint64_t)(uintptr_t)&n); /* the stack */
    expect_same(0);
    expect_same(UINT64_MAX);
    expect_same(getauxval(AT_SYSINFO_EHDR));
}

/* ---- dlopen and dlclose ---------------------------------------------------------------------- */

static void an_object_is_found_as_long_as_it_is_loaded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        void *lib = dlopen(LIBRARY, RTLD_NOW);
        uint64_t at = (uint64_t)(uintptr_t)dlsym(lib, "cbrt");
        assert_true(is_of("libm", at));
        expect_same(at);
        dlclose(lib);
        assert_false(is_of("", at));
    }
}

/* What the linker writes of a library: its header, its segments, its dynamic section. */
struct image {
    ElfW(Ehdr) head;
    ElfW(Phdr) p[12];
    ElfW(Dyn) dynamic[2];
};

static struct image *make_image(unsigned pages)
{
    struct image *m = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    m->head = (ElfW(Ehdr)){.e_ident = ELFMAG, .e_phoff = offsetof(struct image, p), .e_phentsize = sizeof m->p[0], .e_phnum = 3};
    m->p[0] = (ElfW(Phdr)){.p_type = PT_LOAD, .p_memsz = pages * PAGE};
    m->p[1] = (ElfW(Phdr)){.p_type = PT_DYNAMIC, .p_vaddr = offsetof(struct image, dynamic)};
    m->p[2] = (ElfW(Phdr)){.p_type = PT_GNU_EH_FRAME, .p_vaddr = PAGE};
    return m;
}

/* A list of the program and one library. */
static struct link_map *list_with(struct image *m)
{
    static struct link_map first, second;
    first = *(struct link_map *)dlopen(NULL, RTLD_NOW);
    second = (struct link_map){.l_addr = (uintptr_t)m, .l_name = (char *)(uintptr_t) "made", .l_ld = m->dynamic};
    first.l_next = &second;
    list.r_map = &first;
    return &second;
}

static void another_object_in_the_memory_of_the_one_before_is_seen_when_dlclose_has_ended(void **state)
{
    (void)state;
    struct image *m = make_image(4);
    uint64_t at = (uint64_t)(uintptr_t)m;
    struct listed_object o;
    list_with(m);
    assert_true(object_list_at(at, &o));
    assert_int_equal(o.range.end, at + 4ul * PAGE);
    m->p[0].p_memsz = 2ul * PAGE;
    object_list_forget();
    assert_true(object_list_at(at, &o));
    assert_int_equal(o.range.end, at + 2ul * PAGE);
    munmap(m, 4ul * PAGE);
}

static void each_change_of_the_list_is_seen(void **state)
{
    (void)state;
    struct image *m = make_image(4), *other = make_image(4);
    struct link_map third = {0}, *made = list_with(m);
    assert_true(is_of("made", (uintptr_t)m));
    third = (struct link_map){.l_addr = (uintptr_t)other, .l_name = (char *)(uintptr_t) "third", .l_ld = other->dynamic};
    made->l_next = &third; /* one more */
    assert_true(is_of("third", (uintptr_t)other));
    assert_true(is_of("made", (uintptr_t)m));
    third.l_name = (char *)(uintptr_t) "named anew";
    assert_true(is_of("anew", (uintptr_t)other));
    made->l_next = NULL; /* the last one is gone, and its memory as it was */
    assert_false(is_of("", (uintptr_t)other));
    list.r_map->l_next = &third; /* another in its place */
    assert_false(is_of("", (uintptr_t)m));
    assert_true(is_of("anew", (uintptr_t)other));
    munmap(m, 4ul * PAGE);
    munmap(other, 4ul * PAGE);
}

static void what_is_unmapped_is_no_fault_and_no_object(void **state)
{
    (void)state;
    struct image *m = make_image(4);
    struct link_map *made = list_with(m);
    assert_true(is_of("made", (uintptr_t)m));
    made->l_next = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(is_of("made", (uintptr_t)m));
    assert_false(is_of("", (uintptr_t)made->l_next));
    munmap(made->l_next, PAGE);
    made->l_next = NULL;
    munmap(m, 4ul * PAGE);
    object_list_forget();
    assert_false(is_of("", (uintptr_t)m)); /* the header cannot be read */
}

/* ---- where the headers are ------------------------------------------------------------------- */

static void a_library_that_was_linked_to_another_address_begins_before_its_dynamic_section(void **state)
{
    (void)state;
    struct image *m = make_image(4), *dynamic_page = (void *)((char *)m + 2ul * PAGE);
    struct link_map *made = list_with(m);
    struct listed_object o;
    made->l_addr = 0;
    made->l_ld = dynamic_page->dynamic;
    for (unsigned i = 0; i < 3; i++)
        m->p[i].p_vaddr += (uintptr_t)m;
    m->p[1].p_vaddr = (uintptr_t)made->l_ld;
    assert_true(object_list_at((uintptr_t)m + 3ul * PAGE, &o));
    assert_int_equal(o.range.start, (uintptr_t)m);
    assert_int_equal(o.range.end, (uintptr_t)m + 4ul * PAGE);
    assert_int_equal(o.bias, 0);
    assert_int_equal(o.eh_frame_hdr, (uintptr_t)m + PAGE);
    m->p[1].p_vaddr += 8; /* the headers of something else */
    object_list_forget();
    assert_false(object_list_at((uintptr_t)m + 3ul * PAGE, &o));
    munmap(m, 4ul * PAGE);
}

static void between_segments_there_is_no_object_and_many_headers_are_read(void **state)
{
    (void)state;
    struct image *m = make_image(12);
    struct listed_object o;
    list_with(m);
    m->head.e_phnum = 12; /* more than are read at once; the last of them ends the object */
    m->p[0].p_memsz = PAGE;
    m->p[11] = (ElfW(Phdr)){.p_type = PT_LOAD, .p_vaddr = 8ul * PAGE, .p_memsz = 3ul * PAGE};
    assert_true(object_list_at((uintptr_t)m + 8ul * PAGE, &o));
    assert_true(o.range.holes);
    assert_int_equal(o.range.start, (uintptr_t)m);
    assert_int_equal(o.range.end, (uintptr_t)m + 11ul * PAGE);
    assert_true(is_of("made", (uintptr_t)m + PAGE - 1));
    assert_false(is_of("", (uintptr_t)m + PAGE));
    assert_false(is_of("", (uintptr_t)m + 8ul * PAGE - 1));
    assert_true(is_of("made", (uintptr_t)m + 11ul * PAGE - 1));
    munmap(m, 12ul * PAGE);
}

/* ---- while another writes -------------------------------------------------------------------- */

static void while_the_table_is_written_the_list_itself_gives_the_answers(void **state)
{
    (void)state;
    uint64_t libc = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "getppid");
    assert_true(is_of("libc", libc));
    atomic_store(&version, 7);
    assert_true(is_of("libc", libc));
    expect_same((uint64_t)(uintptr_t)&here);
    expect_same((uint64_t)(uintptr_t)&libc);
    assert_int_equal(version, 7);
    object_list_forked_child();
    assert_true(is_of("libc", libc));
    assert_int_equal(version % 2, 0);
    assert_int_not_equal(version, 8); /* and it has been made anew */
}

static _Atomic bool ends;
static _Atomic unsigned long turns, found, wrong;
static _Atomic uint64_t library_at;
static uint64_t libc_at;

static void *load_and_unload(void *arg)
{
    while (!ends) {
        void *lib = dlopen(LIBRARY, RTLD_NOW);
        library_at = (uint64_t)(uintptr_t)dlsym(lib, "cbrt");
        struct listed_object o;
        wrong += !object_list_at(library_at, &o);
        dlclose(lib);
        object_list_forget();
        wrong += object_list_at(library_at, &o);
        turns++;
    }
    return arg;
}

static void look_both_up(int number)
{
    struct listed_object o;
    (void)number;
    wrong += !object_list_at(libc_at, &o) || !o.name || o.bias == 0;
    uint64_t at = library_at;
    bool there = object_list_at(at, &o);
    found += there;
    wrong += there && at - o.range.start >= o.range.end - o.range.start;
}

static void *look_up(void *arg)
{
    while (!ends)
        look_both_up(0);
    return arg;
}

static void answers_stay_right_while_others_load_and_unload_and_in_signal_handlers(void **state)
{
    (void)state;
    pthread_t loader, readers[3];
    libc_at = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, "getppid");
    signal(SIGUSR1, look_both_up);
    ends = false;
    wrong = found = turns = 0;
    pthread_create(&loader, NULL, load_and_unload, NULL);
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&readers[i], NULL, look_up, NULL);
    for (unsigned i = 0; i < 400 || turns < 50 || found < 50; i++) {
        pthread_kill(readers[i % 3], SIGUSR1);
        usleep(1000);
    }
    ends = true;
    pthread_join(loader, NULL);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(readers[i], NULL);
    signal(SIGUSR1, SIG_DFL);
    assert_int_equal(wrong, 0);
}

/* ---- what is made of it ---------------------------------------------------------------------- */

static uint64_t by_loader[64], by_list[64];
static unsigned n_by_loader, n_by_list;

static void forget_rules(void)
{
    capture_dlclose_begin();
    capture_dlclose_end();
}

static int take_both(const void *a, const void *b)
{
    (void)a;
    (void)b;
    if (n_by_loader)
        return 0;
    find_object_function *const f = find_object();
    struct capture_stats before, after;
    forget_rules();
    n_by_loader = capture_stack(by_loader, 64, NULL);
    atomic_store(&finder, NULL);
    forget_rules();
    capture_get_stats(&before);
    n_by_list = capture_stack(by_list, 64, NULL);
    capture_get_stats(&after);
    atomic_store(&finder, f);
    assert_int_equal(after.fallbacks, before.fallbacks); /* libunwind was not asked */
    assert_true(after.rules_parsed > before.rules_parsed);
    return 0;
}

/* Through the C library's own frames. */
static void a_stack_is_walked_by_the_same_rules(void **state)
{
    (void)state;
    int numbers[4] = {4, 3, 2, 1};
    if (!walk_available() || !find_object())
        skip();
    capture_init();
    qsort(numbers, 4, sizeof numbers[0], take_both);
    assert_true(n_by_loader >= 6);
    assert_int_equal(n_by_list, n_by_loader);
    assert_memory_equal(by_list + 1, by_loader + 1, (n_by_list - 1) * sizeof by_list[0]); /* [0]: two calls */
}

static void modules_are_those_of_the_objects(void **state)
{
    (void)state;
    int error;
    find_object_function *const f = find_object();
    assert_int_equal(table_open(-1, NULL, &error), 0);
    modules_reset();
    atomic_store(&finder, NULL);
    unsigned program = modules_of((uintptr_t)&here), libc = modules_of((uintptr_t)dlsym(RTLD_DEFAULT, "getppid"));
    assert_int_not_equal(program, STATE_NO_MODULE);
    assert_int_not_equal(libc, STATE_NO_MODULE);
    assert_int_not_equal(program, libc);
    assert_int_equal(modules_of((uintptr_t)&here), program);
    assert_int_equal(modules_of((uintptr_t)&program), STATE_NO_MODULE); /* the stack */
    atomic_store(&finder, f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_loaded_object_is_found_as_the_c_library_finds_it, fresh),
        cmocka_unit_test_setup(an_object_is_found_as_long_as_it_is_loaded, fresh),
        cmocka_unit_test_setup(another_object_in_the_memory_of_the_one_before_is_seen_when_dlclose_has_ended, fresh),
        cmocka_unit_test_setup(each_change_of_the_list_is_seen, fresh),
        cmocka_unit_test_setup(what_is_unmapped_is_no_fault_and_no_object, fresh),
        cmocka_unit_test_setup(a_library_that_was_linked_to_another_address_begins_before_its_dynamic_section, fresh),
        cmocka_unit_test_setup(between_segments_there_is_no_object_and_many_headers_are_read, fresh),
        cmocka_unit_test_setup(while_the_table_is_written_the_list_itself_gives_the_answers, fresh),
        cmocka_unit_test_setup(answers_stay_right_while_others_load_and_unload_and_in_signal_handlers, fresh),
        cmocka_unit_test_setup(a_stack_is_walked_by_the_same_rules, fresh),
        cmocka_unit_test_setup(modules_are_those_of_the_objects, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
