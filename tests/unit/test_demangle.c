/* SPDX-License-Identifier: MIT */
/* test_demangle.c: readable names, in little room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rust_names_are_read_without_help_and_lose_their_hash),
        cmocka_unit_test(demangling_needs_next_to_no_stack_of_its_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
