/* SPDX-License-Identifier: MIT */
/*
 * test_names.c: function names from symbol tables and separate debug files, and no name where none
 * is certain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/stacks/modules.h"
#include "agent/symbolize/names.h"
#include "agent/symbolize/unchanged.h"
#include "agent/table/table.h"
#include "objects.h"

uint64_t clock_now(void) { return 1; }

/* cmocka's skip() does not return; the analyzer does not know it. */
#define SKIP    \
    do {        \
        skip(); \
        return; \
    } while (0)

static struct names_arena arena;

static int fresh_table(void **state)
{
    (void)state;
    int error;
    struct state_view old;
    if (table_head)
        table_forget(&old);
    if (table_open(-1, NULL, &error) != 0)
        return -1;
    modules_dlclose_begin(); /* as in another process: the libraries of the tests before lay at the same places */
    modules_dlclose_end();
    modules_reset();
    return readlink("/proc/self/exe", table_head->exe, sizeof table_head->exe - 1) > 0 ? 0 : -1;
}

static int give_back(void **state)
{
    (void)state;
    names_free(&arena);
    return arena.chunks == NULL ? 0 : -1;
}

/* The symbol of the function that a return address of PC lies in, "-" for none. */
static struct frame resolved;
static const char *name_of(const void *pc)
{
    resolved = (struct frame){.pc = (uint64_t)(uintptr_t)pc + 1};
    uint16_t number = (uint16_t)modules_of((uint64_t)(uintptr_t)pc);
    struct state_view view = table_view();
    assert_true(names_resolve(&arena, &view, &resolved, &number, 1, true, true));
    return resolved.symbol ? resolved.symbol : "-";
}

/* Loads NAME from the folder, notes the addresses that its table "where" holds. */
static void *library;
static void *const *where;
static void load(const char *name)
{
    table_head->start_ticks = (uint64_t)1 << 38; /* the process' start is no bound for files that are made here */
    unchanged_begin();
    library = dlopen(objects_path(name), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    where = dlsym(library, "where");
    assert_non_null(where);
}

static void unload(void) { dlclose(library); }

static const char source[] = "static int hidden(int x) { __asm__ volatile(\"\"); return x * 3; }\n"
                             "__attribute__((noinline)) int shown(int x) { __asm__ volatile(\"\"); return x * 5; }\n"
                             "int __alias(int) __attribute__((alias(\"shown\"))); int _shown(int) __attribute__((alias(\"shown\")));\n"
                             "static int local_alias(int) __attribute__((alias(\"shown\"), used));\n"
                             "void *const where[] = {(void *)hidden, (void *)shown};\n";

/*
 * Each run's objects have a build-id of their own: debug files below /usr/lib/debug are found by
 * it, and another run may have left one there.
 */
static int make(const char *name, const char *flags)
{
    char text[2048];
    snprintf(text, sizeof text, "%s__attribute__((used)) static const char run[] = \"%s/%s\";\n", source, objects_dir, name);
    objects_write("s.c", text);
    return objects_run("cc -O1 -shared -fPIC -Wl,--build-id %s -o %s s.c", flags, name);
}

/* ---- which table ----------------------------------------------------------------------------- */

static __attribute__((noinline)) void a_static_function(void) { __asm__ volatile(""); }

static void a_static_function_of_the_program_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(name_of((void *)(uintptr_t)&a_static_function), "a_static_function");
    assert_string_equal(resolved.module, table_head->exe);
    assert_int_equal(strlen(resolved.build_id), 40);
    assert_int_equal(resolved.offset, (uintptr_t)&a_static_function + 1 - modules_at(0)->bias);
}

static void the_look_up_address_is_the_return_address_minus_one(void **state)
{
    (void)state;
    assert_int_equal(make("minus.so", ""), 0);
    load("minus.so");
    /*
     * A call that never returns may be the last instruction of its function: the return address is
     * the next function's first byte.
     */
    struct frame f = {.pc = (uint64_t)(uintptr_t)where[1]};
    uint16_t number = (uint16_t)modules_of(f.pc);
    struct state_view view = table_view();
    assert_true(names_resolve(&arena, &view, &f, &number, 1, true, false));
    assert_true(f.symbol == NULL || strcmp(f.symbol, "shown") != 0);
    unload();
}

static void a_stripped_library_names_what_it_exports_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(make("stripped.so", "-s"), 0);
    load("stripped.so");
    assert_string_equal(name_of(where[1]), "shown");
    assert_string_equal(name_of(where[0]), "-");
    assert_string_equal(resolved.module, objects_path("stripped.so"));
    assert_non_null(resolved.build_id);
    unload();
}

static void a_separate_debug_file_is_found_beside_the_library_and_in_dot_debug(void **state)
{
    (void)state;
    static const char *const places[] = {".", ".debug"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(make("full.so", ""), 0);
        assert_int_equal(objects_run("mkdir -p .debug; rm -f *.dbg .debug/*; objcopy --only-keep-debug full.so %s/split.dbg && cp full.so "
                                     "split%d.so && strip split%d.so && "
                                     "cd %s && objcopy --add-gnu-debuglink=split.dbg \"$DIR\"/split%d.so",
                                     places[i], i, i, places[i], i),
                         0);
        char name[32];
        snprintf(name, sizeof name, "split%d.so", i);
        load(name);
        assert_string_equal(name_of(where[0]), "hidden");
        assert_int_equal(objects_run("printf x >> %s/split.dbg", places[i]), 0); /* the CRC is of no weight where a build-id agrees */
        assert_string_equal(name_of(where[0]), "hidden");
        /* The debug file of another build of the same library. */
        objects_write("s.c", "static int wrong(int x) { return x; } void *const where[] = {(void *)wrong};");
        assert_int_equal(
            objects_run("cc -O1 -shared -fPIC -Wl,--build-id -o other.so s.c && objcopy --only-keep-debug other.so %s/split.dbg",
                        places[i]),
            0);
        assert_string_equal(name_of(where[0]), "-");
        unload();
    }
}

static void a_debug_file_without_build_id_must_have_the_right_crc(void **state)
{
    (void)state;
    assert_int_equal(make("crc.so", "-Wl,--build-id=none"), 0);
    assert_int_equal(objects_run("objcopy --only-keep-debug crc.so crc.dbg && strip crc.so && objcopy --add-gnu-debuglink=crc.dbg crc.so"),
                     0);
    load("crc.so");
    assert_string_equal(name_of(where[0]), "hidden");
    assert_null(resolved.build_id);
    assert_int_equal(objects_run("printf x >> crc.dbg"), 0);
    assert_string_equal(name_of(where[0]), "-");
    unload();
}

static int give_back_packed(void **state)
{
    int done = objects_run("[ ! -f place ] || { f=$(cat place); rm -f $f; rmdir -p ${f%%/*} 2>/dev/null; rm place; }");
    return give_back(state) == 0 ? done : -1;
}

static void the_debug_file_of_a_build_id_is_found_where_packages_put_it(void **state)
{
    (void)state;
    if (geteuid() != 0)
        SKIP;
    assert_int_equal(make("packed.so", ""), 0);
    assert_int_equal(objects_run("id=$(readelf -n packed.so | sed -n 's/.*Build ID: //p'); f=/usr/lib/debug/.build-id/$(echo $id | cut "
                                 "-c1-2)/$(echo $id | cut -c3-).debug; "
                                 "echo $f > place; mkdir -p ${f%%/*} && objcopy --only-keep-debug packed.so $f && strip packed.so"),
                     0);
    load("packed.so");
    assert_string_equal(name_of(where[0]), "hidden");
    unload();
}

static void the_vdso_is_named_from_memory(void **state)
{
    (void)state;
    void *vdso = (void *)getauxval(AT_SYSINFO_EHDR), *f = NULL;
    void *h = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
    if (!vdso || !h || !(f = dlsym(h, "clock_gettime")))
        SKIP;
    assert_string_equal(name_of(f), "clock_gettime");
    assert_string_equal(resolved.module, "[vdso]");
    dlclose(h);
}

/* ---- which symbol ---------------------------------------------------------------------------- */

static void of_several_names_the_visible_and_plain_one_is_taken(void **state)
{
    (void)state;
    assert_int_equal(make("alias.so", ""), 0);
    load("alias.so");
    assert_string_equal(name_of(where[1]), "shown");
    unload();
}

static void a_symbol_version_is_cut_off(void **state)
{
    (void)state;
    objects_write("v.c", "int old(int x) { return x; } __asm__(\".symver old,versioned@V1\");\nint new(int x) { return x + 1; } "
                         "__asm__(\".symver new,versioned@@V2\");\n"
                         "void *const where[] = {(void *)old, (void *)new};");
    objects_write("v.map", "V1 { global: where; local: old; new; }; V2 { } V1;");
    assert_int_equal(objects_run("cc -O1 -shared -fPIC -Wl,--build-id -Wl,--version-script=v.map -o v.so v.c"), 0);
    load("v.so");
    assert_string_equal(name_of(where[0]), "versioned");
    assert_string_equal(name_of(where[1]), "versioned");
    unload();
}

static void a_function_without_a_size_counts_up_to_the_next_one_in_its_section(void **state)
{
    (void)state;
    objects_write("a.c", "__asm__(\".text\\n.type sizeless,@function\\nsizeless: nop\\nnop\\nbehind: nop\\nret\\n\"\n"
                         "        \".type sized,@function\\nsized: nop\\n.size sized,1\\ngap: nop\\nnop\\nret\\n\"\n"
                         "        \".section .text.far,\\\"ax\\\"\\nfar: nop\\nret\\n.text\\n\");\n"
                         "extern char sizeless[], behind[], sized[], gap[], far[];\n"
                         "void *const where[] = {sizeless, behind, sized, gap, far};");
    assert_int_equal(objects_run("cc -O1 -shared -fPIC -Wl,--build-id -Wl,--unique=.text.far -o a.so a.c"), 0);
    load("a.so");
    assert_string_equal(name_of(where[0]), "sizeless");
    assert_string_equal(name_of(where[1]), "sizeless");
    assert_string_equal(name_of(where[2]), "sized");
    assert_string_equal(name_of(where[3]), "-");
    assert_string_equal(name_of(where[4]), "-");
    unload();
}

static void cpp_names_are_demangled_once_the_process_has_what_it_takes(void **state)
{
    (void)state;
    objects_write("m.c", "int _ZN3foo3barEi(int x) { return x; } int _ZN4core3fmt5write17h0123456789abcdefE(int x) { return x + 1; }\n"
                         "int _Zbad(int x) { return x + 2; }\n"
                         "void *const where[] = {(void *)_ZN3foo3barEi, (void *)_ZN4core3fmt5write17h0123456789abcdefE, (void *)_Zbad};");
    assert_int_equal(objects_run("cc -O1 -shared -fPIC -Wl,--build-id -o m.so m.c"), 0);
    load("m.so");
    if (!dlsym(RTLD_DEFAULT, "__cxa_demangle")) { /* a sanitizer's library has one */
        dlerror();
        assert_string_equal(name_of(where[0]), "_ZN3foo3barEi");
        assert_null(dlerror());
    }
    assert_string_equal(name_of(where[1]), "core::fmt::write");
    void *cpp = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
    if (!cpp)
        SKIP;
    assert_string_equal(name_of(where[0]), "foo::bar(int)");
    assert_string_equal(name_of(where[1]), "core::fmt::write");
    assert_string_equal(name_of(where[2]), "_Zbad");
    dlclose(cpp);
    unload();
}

/* ---- never a wrong one ----------------------------------------------------------------------- */

/* The kernel leads root to the file that is mapped. */
static bool is_right_or_none(const char *name) { return strcmp(name, "-") == 0 || strcmp(name, "hidden") == 0; }

static void a_library_that_was_replaced_on_disk_gives_no_name_of_the_new_one(void **state)
{
    (void)state;
    for (int with_id = 0; with_id < 2; with_id++) {
        assert_int_equal(make("live.so", with_id ? "" : "-Wl,--build-id=none"), 0);
        load("live.so");
        assert_string_equal(name_of(where[0]), "hidden");
        objects_write("s.c",
                      "int more(int x) { return x * 7; } static int wrong(int x) { return x * 9; } void *const where[] = {(void *)wrong};");
        assert_int_equal(
            objects_run("cc -O1 -shared -fPIC %s -o new.so s.c && mv new.so live.so", with_id ? "-Wl,--build-id" : "-Wl,--build-id=none"),
            0);
        assert_true(is_right_or_none(name_of(where[0])));
        assert_string_equal(resolved.module, objects_path("live.so"));
        assert_int_equal(objects_run("rm live.so && mkfifo live.so"), 0);
        assert_true(is_right_or_none(name_of(where[0])));
        assert_int_equal(objects_run("rm live.so && ln -s /dev/zero live.so"), 0);
        assert_true(is_right_or_none(name_of(where[0])));
        assert_int_equal(objects_run("rm live.so"), 0);
        assert_true(is_right_or_none(name_of(where[0])));
        unload();
        modules_check_unloaded(NULL);
    }
}

static void a_library_of_the_same_layout_in_its_place_gives_no_name(void **state)
{
    (void)state;
    char text[2048];
    assert_int_equal(make("same.so", "-Wl,--build-id=none"), 0);
    load("same.so");
    /* a name of the same length: nothing that is mapped differs */
    snprintf(text, sizeof text, "#define hidden forged\n%s__attribute__((used)) static const char run[] = \"%s/same.so\";\n", source,
             objects_dir);
    objects_write("s.c", text);
    usleep(20000); /* the clock of files is a coarse one */
    assert_int_equal(objects_run("cc -O1 -shared -fPIC -Wl,--build-id=none -o new.so s.c && mv new.so same.so"), 0);
    assert_true(is_right_or_none(name_of(where[0])));
    unload();
    modules_check_unloaded(NULL);
}

static void a_truncated_library_gives_no_name_and_no_fault(void **state)
{
    (void)state;
    assert_int_equal(make("cut.so", ""), 0);
    assert_int_equal(objects_run("cp cut.so whole.so"), 0);
    load("cut.so");
    /* The copy is cut, not the file that is mapped. */
    for (int size = 0; size < 16384; size += 97) {
        assert_int_equal(objects_run("rm -f cut.so; head -c %d whole.so > cut.so", size), 0);
        const char *name = name_of(where[0]);
        assert_true(strcmp(name, "-") == 0 || strcmp(name, "hidden") == 0);
    }
    unload();
}

/*
 * The program is deleted while it runs: /proc/self/exe still leads to it. Runs in a copy of this
 * test program.
 */
static int deleted_program(const char *path)
{
    void *state = NULL;
    if (fresh_table(&state) != 0 || unlink(path) != 0)
        return 2;
    const char *name = name_of((void *)(uintptr_t)&a_static_function);
    return strcmp(name, "a_static_function") == 0 && strcmp(resolved.module, path) == 0 ? 0 : 1;
}

static void a_program_that_was_deleted_while_it_runs_keeps_its_names(void **state)
{
    (void)state;
    assert_int_equal(objects_run("cp /proc/%d/exe copy && ./copy --deleted \"$DIR\"/copy", (int)getpid()), 0);
}

/* ---- cost and manners ------------------------------------------------------------------------ */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define FUNCTIONS 50000
#define FRAMES 20000

static void twenty_thousand_frames_in_fifty_thousand_functions_take_little_time_and_get_the_right_names(void **state)
{
    (void)state;
    FILE *f = fopen(objects_path("big.s"), "w");
    assert_non_null(f);
    fprintf(f, ".section .note.GNU-stack,\"\",@progbits\n.text\n.globl where\nwhere:\n");
    for (int i = 0; i < FUNCTIONS; i++)
        fprintf(f, ".type function_number_%d,@function\nfunction_number_%d: .skip 16\n.size function_number_%d,16\n", i, i, i);
    fclose(f);
    assert_int_equal(objects_run("cc -shared -Wl,--build-id -o big.so big.s"), 0);
    load("big.so");
    struct frame *frames = calloc(FRAMES, sizeof *frames);
    uint16_t *numbers = calloc(FRAMES, sizeof *numbers);
    assert_true(frames && numbers);
    uint16_t number = (uint16_t)modules_of((uint64_t)(uintptr_t)where);
    unsigned seed = 1;
    for (int i = 0; i < FRAMES; i++) {
        seed = seed * 1103515245 + 12345;
        frames[i].pc = (uint64_t)(uintptr_t)where + (seed >> 8) % (FUNCTIONS * 16) + 1;
        numbers[i] = number;
    }
    struct state_view view = table_view();
    double begin = seconds();
    assert_true(names_resolve(&arena, &view, frames, numbers, FRAMES, true, true));
    double took = seconds() - begin;
    for (int i = 0; i < FRAMES; i++) {
        char want[64];
        snprintf(want, sizeof want, "function_number_%d", (int)((frames[i].pc - 1 - (uint64_t)(uintptr_t)where) / 16));
        assert_string_equal(frames[i].symbol, want);
    }
    print_message("# %d frames, %d functions: %.0f ms\n", FRAMES, FUNCTIONS, took * 1000);
    assert_true(took < 5);
    free(frames);
    free(numbers);
    unload();
}

static int open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void no_descriptor_stays_open_and_none_is_needed_to_go_on(void **state)
{
    (void)state;
    int before = open_descriptors();
    name_of((void *)(uintptr_t)&puts);
    name_of((void *)(uintptr_t)&a_static_function);
    assert_int_equal(open_descriptors(), before);
    struct rlimit old, none;
    getrlimit(RLIMIT_NOFILE, &old);
    none = old;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    const char *name = name_of((void *)(uintptr_t)&a_static_function);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_string_equal(name, "-");
    assert_string_equal(resolved.module, table_head->exe);
}

static void frames_of_jit_code_and_of_lying_numbers_stay_without_a_module(void **state)
{
    (void)state;
    struct frame f[4] = {{.pc = 1}, {.pc = 0}, {.pc = UINT64_MAX, .symbol = "x"}, {.pc = (uint64_t)(uintptr_t)&a_static_function + 1}};
    uint16_t numbers[4] = {STATE_NO_MODULE, 40000, 31, (uint16_t)modules_of((uint64_t)(uintptr_t)&a_static_function)};
    struct state_view view = table_view();
    assert_true(names_resolve(&arena, &view, f, numbers, 4, true, true));
    for (int i = 0; i < 3; i++)
        assert_true(!f[i].module && !f[i].symbol && !f[i].build_id);
    assert_string_equal(f[3].symbol, "a_static_function");
    assert_true(names_resolve(&arena, &view, f + 3, numbers + 3, 1, false, true));
    assert_null(f[3].symbol);
    assert_non_null(f[3].build_id);
    assert_true(names_resolve(&arena, &view, f, numbers, 0, true, true));
}

/* Leaves ADDRESS everywhere on the stack below its caller's frame. */
static __attribute__((noinline)) void leave_on_stack(const void *address)
{
    const void *volatile words[16384];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        words[i] = address;
}

/*
 * The demangler's stack is unmapped at the end; what is left of one that was never begun is no
 * address of ours.
 */
static void without_demangling_no_memory_of_the_program_is_unmapped(void **state)
{
    (void)state;
    const size_t size = 4u << 20;
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(mapped != MAP_FAILED);
    struct frame f = {.pc = (uint64_t)(uintptr_t)&a_static_function + 1};
    uint16_t number = (uint16_t)modules_of(f.pc);
    struct state_view view = table_view();
    leave_on_stack(mapped);
    assert_true(names_resolve(&arena, &view, &f, &number, 1, true, false));
    assert_int_equal(msync(mapped, size, MS_ASYNC), 0);
    munmap(mapped, size);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh_table, give_back)

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--deleted") == 0)
        return deleted_program(argv[2]);
    const struct CMUnitTest tests[] = {
        CASE(a_static_function_of_the_program_has_its_name),
        CASE(the_look_up_address_is_the_return_address_minus_one),
        CASE(a_stripped_library_names_what_it_exports_and_nothing_else),
        CASE(a_separate_debug_file_is_found_beside_the_library_and_in_dot_debug),
        CASE(a_debug_file_without_build_id_must_have_the_right_crc),
        cmocka_unit_test_setup_teardown(the_debug_file_of_a_build_id_is_found_where_packages_put_it, fresh_table, give_back_packed),
        CASE(the_vdso_is_named_from_memory),
        CASE(of_several_names_the_visible_and_plain_one_is_taken),
        CASE(a_symbol_version_is_cut_off),
        CASE(a_function_without_a_size_counts_up_to_the_next_one_in_its_section),
        CASE(cpp_names_are_demangled_once_the_process_has_what_it_takes),
        CASE(a_library_that_was_replaced_on_disk_gives_no_name_of_the_new_one),
        CASE(a_library_of_the_same_layout_in_its_place_gives_no_name),
        CASE(a_truncated_library_gives_no_name_and_no_fault),
        CASE(a_program_that_was_deleted_while_it_runs_keeps_its_names),
        CASE(twenty_thousand_frames_in_fifty_thousand_functions_take_little_time_and_get_the_right_names),
        CASE(no_descriptor_stays_open_and_none_is_needed_to_go_on),
        CASE(frames_of_jit_code_and_of_lying_numbers_stay_without_a_module),
        CASE(without_demangling_no_memory_of_the_program_is_unmapped),
    };
    return cmocka_run_group_tests(tests, objects_setup, objects_teardown);
}
