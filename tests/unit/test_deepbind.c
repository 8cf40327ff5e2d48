/* SPDX-License-Identifier: MIT */
/*
 * test_deepbind.c: the C library's own symbol table is led to the wrappers: which names, which
 * versions of them, and that the table is read-only again.
 *
 * The code is compiled in, over targets of the test's own. What it does to the C library lasts as
 * long as the test's process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/sys.h"
#include "agent/inject/redirect.h"
#include "agent/inject/targets.h"

static const struct target *known_target(const char *name, uint32_t hash);
#define target_named known_target
static bool refused; /* to write into the table */
static long protect(void *p, size_t n, int how) { return refused ? -EACCES : sys_mprotect(p, n, how); }
#define sys_mprotect protect
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/inject/deepbind.c"
#undef target_named
#undef sys_mprotect

const struct wrapped wrapped_table[1];
const unsigned wrapped_count = 0;

static pid_t our_getppid(void) { return 4711; }
static char *our_realpath(const char *path, char *to) { return (void)path, to; }

static struct target targets[] = {
    {.name = "getppid", .wrapper = (void *)our_getppid},
    {.name = "realpath", .wrapper = (void *)our_realpath},                               /* of which the C library has two versions */
    {.name = "getuid", .wrapper = (void *)our_getppid, .original = (void *)our_getppid}, /* as if another library defined it */
    {.name = "getgid", .wrapper = (void *)our_getppid},                                  /* no original is known */
};

static const struct target *known_target(const char *name, uint32_t hash)
{
    (void)hash;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(name, targets[i].name) == 0)
            return &targets[i];
    return NULL;
}

static void *now(const char *name) { return dlsym(RTLD_DEFAULT, name); }

static struct dynamic libc;
static int find_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
    static struct dl_phdr_info kept;
    (void)size, (void)arg;
    kept = *info; /* until 2.34 other parts come before it */
    return (strstr(info->dlpi_name, "/libc.so") || strstr(info->dlpi_name, "/libc-")) && read_part(&libc, &kept);
}

/* How the page of ADDR is mapped, as in "r--p". */
static const char *mapped_as(const void *addr)
{
    static char how[8];
    unsigned long from, to;
    char line[512];
    FILE *f = fopen("/proc/self/maps", "re");
    how[0] = '\0';
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, how) == 3 && (uintptr_t)addr >= from && (uintptr_t)addr < to)
            break;
    fclose(f);
    return how;
}

static int setup(void **state)
{
    (void)state;
    if (!dl_iterate_phdr(find_libc, NULL))
        return -1;
    targets[0].original = now("getppid");
    targets[1].original = now("realpath");
    return 0;
}

static void the_c_library_is_the_object_that_names_its_version_and_until_2_34_some_more(void **state)
{
    (void)state;
    struct dynamic none = {0};
    static const char *const names[] = {"/lib/libpthread.so.0", "/lib/libpthread-2.31.so", "/lib/libdl.so.2", "/lib/libdl-2.31.so"};
    static const char *const others[] = {"/lib/libdlm.so", "/lib/libm.so.6", "libdl.so.2", ""};
    assert_true(is_part(libc.info, &libc));
    for (unsigned i = 0; i < 4; i++)
        assert_true(is_part(&(struct dl_phdr_info){.dlpi_name = names[i]}, &none));
    for (unsigned i = 0; i < 4; i++)
        assert_false(is_part(&(struct dl_phdr_info){.dlpi_name = others[i]}, &none));
    assert_false(is_part(&(struct dl_phdr_info){.dlpi_name = NULL}, &none));
}

static void the_table_is_read_to_its_last_symbol_and_no_further(void **state)
{
    (void)state;
    uint32_t n = count_symbols(&libc);
    assert_true(n > 2000 && n <= libc.n_symbols);
    for (uint32_t i = libc.gnu_hash[1]; i < n; i++)
        assert_non_null(dynamic_name(&libc, i));
    uint32_t found = 0; /* each of the chains ends within it, the last one at its end */
    for (uint32_t i = libc.gnu_hash[1]; i < n; i++)
        if (strcmp(dynamic_name(&libc, i), "realpath") == 0)
            found++;
    assert_int_equal(found, 2);
    assert_true(libc.gnu_hash[4 + 2 * libc.gnu_hash[2] + libc.gnu_hash[0] + (n - 1 - libc.gnu_hash[1])] & 1);
    /* A table that is cut is read as far as it goes, and one without symbols not at all. */
    struct dynamic cut = libc;
    cut.n_symbols = n - 1;
    assert_int_equal(count_symbols(&cut), 0);
    static const uint32_t empty[] = {1, 5, 1, 0, 0, 0, 0};
    cut.gnu_hash = empty;
    cut.gnu_hash_room = 7;
    assert_int_equal(count_symbols(&cut), 0);
}

static void the_names_of_the_c_library_lead_to_the_wrappers_in_their_default_version_alone(void **state)
{
    (void)state;
    void *old = dlvsym(RTLD_DEFAULT, "realpath", "GLIBC_2.2.5"), *uid = now("getuid"), *gid = now("getgid"), *pid = now("getpid");
    const char *before = mapped_as(libc.symbols);
    assert_string_equal(before, "r--p");
    assert_true(old != targets[1].original);
    dl_iterate_phdr(note_part, NULL);
    assert_true(n_parts >= 1 && in_a_part((void *)uid) && !in_a_part(&libc));
    dl_iterate_phdr(lead_part, NULL);
    assert_ptr_equal(now("getppid"), our_getppid);
    assert_ptr_equal(now("realpath"), our_realpath);
    assert_ptr_equal(dlvsym(RTLD_DEFAULT, "realpath", "GLIBC_2.2.5"), old);
    assert_ptr_equal(now("getuid"), uid);
    assert_ptr_equal(now("getgid"), gid);
    assert_ptr_equal(now("getpid"), pid);
    assert_string_equal(mapped_as(libc.symbols), "r--p");
    assert_string_equal(mapped_as(libc.symbols + count_symbols(&libc) - 1), "r--p");
}

/* Before the table has been written to. */
static void where_the_table_may_not_be_written_what_is_loaded_must_be_redirected(void **state)
{
    (void)state;
    void *pid = now("getppid");
    refused = true;
    assert_false(redirect_is_required());
    dl_iterate_phdr(note_part, NULL);
    dl_iterate_phdr(lead_part, NULL);
    assert_ptr_equal(now("getppid"), pid);
    assert_true(redirect_is_required());
    refused = false;
    n_parts = 0;
}

static void the_table_is_protected_again_as_its_own_segment_is(void **state)
{
    (void)state;
    Elf64_Phdr headers[32];
    struct dl_phdr_info turned = *libc.info;
    assert_true(turned.dlpi_phnum <= 32);
    for (unsigned i = 0; i < turned.dlpi_phnum; i++)
        headers[turned.dlpi_phnum - 1 - i] = turned.dlpi_phdr[i];
    for (unsigned i = 0; i < turned.dlpi_phnum; i++)
        if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_W) {
            Elf64_Phdr writable = headers[i];
            headers[i] = headers[turned.dlpi_phnum - 1];
            headers[turned.dlpi_phnum - 1] = writable;
        }
    turned.dlpi_phdr = headers;
    lead_part(&turned, sizeof turned, NULL);
    assert_string_equal(mapped_as(libc.symbols), "r--p");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_c_library_is_the_object_that_names_its_version_and_until_2_34_some_more),
        cmocka_unit_test(the_table_is_read_to_its_last_symbol_and_no_further),
        cmocka_unit_test(where_the_table_may_not_be_written_what_is_loaded_must_be_redirected),
        cmocka_unit_test(the_names_of_the_c_library_lead_to_the_wrappers_in_their_default_version_alone),
        cmocka_unit_test(the_table_is_protected_again_as_its_own_segment_is),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
