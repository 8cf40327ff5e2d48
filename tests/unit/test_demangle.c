/* SPDX-License-Identifier: MIT */
/* test_demangle.c: readable names, in little room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/thread.h"
#include "agent/symbolize/demangle.h"

/* cmocka's skip() does not return; the analyzer does not know it. */
#define SKIP    \
    do {        \
        skip(); \
        return; \
    } while (0)

static void rust_names_are_read_without_help_and_lose_their_hash(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
        {"_ZN62_$LT$std..net..TcpStream$u20$as$u20$app..Pool$LT$T$C$$RF$u8$GT$$GT$4open17hfedcba9876543210E.llvm.42", NULL},
        {"_ZN67_$LT$std..net..TcpStream$u20$as$u20$app..Pool$LT$T$C$$RF$u8$GT$$GT$4open17hfedcba9876543210E.llvm.42",
         "<std::net::TcpStream as app::Pool<T,&u8>>::open.llvm.42"},
        {"_ZN4core99999999999999999999999999write17h0123456789abcdefE", NULL},
        {"_ZN4core17h0123456789abcdeXE", NULL},
        {"_ZN17h0123456789abcdefE", NULL},
        {"_ZN4core", NULL},
        {"_ZN", NULL},
        {"main", NULL},
    };
    struct demangler d = {.searched = true}; /* and found nothing */
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[128];
        size_t n = demangle(&d, names[i][0], text, sizeof text);
        assert_int_equal(n, names[i][1] ? strlen(names[i][1]) : 0);
        if (names[i][1])
            assert_string_equal(text, names[i][1]);
        for (size_t cap = 4; cap < sizeof text; cap++) {
            char *tight = malloc(cap); /* a sanitizer sees one byte too many */
            assert_true(demangle(&d, names[i][0], tight, cap) < cap);
            free(tight);
        }
    }
}

/* Long and deeply nested names, in a thread with the smallest stack that there is. */
static void *demangle_deep(void *arg)
{
    static const char *const shapes[][2] = {{"P", ""}, {"1AI", "E"}, {"PFi", "E"}, {"N1aI", "E"}, {"M1AF", "vE"}, {"KPRO", ""}};
    static char name[DEMANGLE_MAX + 1], text[4096];
    struct demangler *d = arg;
    for (unsigned i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        size_t each = strlen(shapes[i][0]) + strlen(shapes[i][1]), n = (DEMANGLE_MAX - 5) / each;
        size_t at = (size_t)snprintf(name, sizeof name, "_Z1f");
        for (size_t k = 0; k < n; k++)
            at += (size_t)snprintf(name + at, sizeof name - at, "%s", shapes[i][0]);
        at += (size_t)snprintf(name + at, sizeof name - at, "i");
        for (size_t k = 0; k < n; k++)
            at += (size_t)snprintf(name + at, sizeof name - at, "%s", shapes[i][1]);
        demangle(d, name, text, sizeof text);
    }
    return NULL;
}

static void demangling_needs_next_to_no_stack_of_its_caller(void **state)
{
    (void)state;
    void *cpp = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
    pthread_attr_t attr;
    pthread_t t;
    struct demangler d;
    if (!cpp)
        SKIP;
    demangle_begin(&d);
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstacksize(&attr, (size_t)sysconf(_SC_THREAD_STACK_MIN) + 8192), 0);
    assert_int_equal(pthread_create(&t, &attr, demangle_deep, &d), 0);
    pthread_join(t, NULL);
    pthread_attr_destroy(&attr);
    assert_non_null(d.stack);
    demangle_end(&d);
    assert_null(d.stack);
    dlclose(cpp);
}

static void one_stack_is_mapped_however_many_names_a_report_has(void **state)
{
    (void)state;
    char text[16];
    void *cpp = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
    struct demangler d;
    if (!cpp)
        SKIP;
    demangle_begin(&d);
    assert_int_equal(demangle(&d, "_Z5firstv", text, sizeof text), strlen("first()"));
    const void *mapped = d.stack;
    assert_non_null(mapped);
    assert_int_equal(demangle(&d, "_Z6secondv", text, sizeof text), strlen("second()"));
    assert_ptr_equal(d.stack, mapped);
    demangle_end(&d);
    dlclose(cpp);
}

static char text[DEMANGLE_MAX];

static void a_thread_that_libc_does_not_know_leaves_a_cpp_name_as_it_is(void **state)
{
    (void)state;
    struct demangler d;
    char readable[128];
    demangle_begin(&d);
    this_thread.is_raw = true;
    size_t cpp = demangle(&d, "_ZN4pool4takeEi", readable, sizeof readable);
    bool searched = d.searched;
    size_t rust = demangle(&d, "_ZN4core3fmt5write17h0123456789abcdefE", readable, sizeof readable);
    this_thread.is_raw = false;
    demangle_end(&d);
    assert_int_equal(cpp, 0);
    assert_false(searched);
    assert_int_equal(rust, strlen("core::fmt::write"));
}

static void a_length_that_lies_does_not_lead_behind_the_name(void **state)
{
    (void)state;
    static const char *const lies[] = {"_ZN9a", "_ZN900a", "_ZN3foo18h0123456789abcdefE", "_ZN99999999999999999999a"};
    struct demangler d;
    unsigned char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    demangle_begin(&d);
    d.searched = true; /* no C++ demangler */
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char *name = (char *)pages + 4096 - strlen(lies[i]) - 1;
        strcpy(name, lies[i]);
        assert_int_equal(demangle(&d, name, text, sizeof text), 0);
    }
    demangle_end(&d);
    munmap(pages, 8192);
}

static void only_a_whole_hash_is_cut_off(void **state)
{
    (void)state;
    struct demangler d;
    demangle_begin(&d);
    d.searched = true;
    assert_int_equal(demangle(&d, "_ZN3foo17h0123456789abcdefE", text, sizeof text), 3);
    assert_string_equal(text, "foo");
    assert_int_equal(demangle(&d, "_ZN3foo20h0123456789abcdefabcE", text, sizeof text), 0);
    assert_int_equal(demangle(&d, "_ZN3foo17h0123456789abcdegE", text, sizeof text), 0);
    assert_int_equal(demangle(&d, "_ZN17h0123456789abcdefE", text, sizeof text), 0);
    assert_int_equal(demangle(&d, "_ZN3foo17h0123456789abcdefE", text, 4), 0); /* has no room */
    demangle_end(&d);
}

static char *sets_errno(const char *name, char *buffer, size_t *length, int *status)
{
    (void)name, (void)buffer, (void)length;
    *status = 0;
    errno = ENOMEM;
    return strdup("a name");
}

static void errno_is_kept(void **state)
{
    (void)state;
    struct demangler d;
    demangle_begin(&d);
    d.searched = true;
    d.function = sets_errno;
    d.stack = mmap(NULL, 2u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = ENOTUNIQ;
    assert_int_equal(demangle(&d, "_Z1fv", text, sizeof text), 6);
    assert_int_equal(errno, ENOTUNIQ);
    assert_int_equal(demangle(&d, "_Z1fv", text, 3), 2);
    assert_string_equal(text, "a ");
    demangle_end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rust_names_are_read_without_help_and_lose_their_hash),
        cmocka_unit_test(demangling_needs_next_to_no_stack_of_its_caller),
        cmocka_unit_test(one_stack_is_mapped_however_many_names_a_report_has),
        cmocka_unit_test(a_thread_that_libc_does_not_know_leaves_a_cpp_name_as_it_is),
        cmocka_unit_test(a_length_that_lies_does_not_lead_behind_the_name),
        cmocka_unit_test(only_a_whole_hash_is_cut_off),
        cmocka_unit_test(errno_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
