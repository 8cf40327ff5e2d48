/* SPDX-License-Identifier: MIT */
/*
 * test_real.c: the originals are found before, while and after they are looked up, and where libc
 * lacks them.
 *
 * The program has a dlsym of its own, which real.c uses: it can hide names, and can call
 * wrapped calls while a look-up is running, as an allocator in another preload library does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/libc/libdl.h"
#include "agent/libc/next_symbol.h"
#include "agent/libc/real.h"

static struct real untouched; /* the table as the loader leaves it */
static const char *hidden;    /* dlsym knows no name that begins so */
static void *decoy;           /* what RTLD_DEFAULT finds for close */
static void (*inside)(void);  /* called once in the middle of a look-up */
static unsigned lookups;

void *dlsym(void *restrict handle, const char *restrict name)
{
    static void *(*libc_dlsym)(void *, const char *);
    if (!libc_dlsym)
        libc_dlsym = (__typeof__(libc_dlsym))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    if (!libc_dlsym) /* an older one */
        libc_dlsym = (__typeof__(libc_dlsym))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
    lookups++;
    errno = EIO;
    void (*call)(void) = inside;
    inside = NULL;
    if (call)
        call();
    if (decoy && handle == RTLD_DEFAULT && strcmp(name, "close") == 0)
        return decoy;
    if (hidden && strncmp(name, hidden, strlen(hidden)) == 0) {
        libc_dlsym(RTLD_DEFAULT, "no such name"); /* for the text that it leaves behind */
        return NULL;
    }
    return libc_dlsym(handle == RTLD_DEFAULT ? RTLD_DEFAULT : RTLD_NEXT, name);
}

/* real.c is bound to it here, for a look-up would find the C library's. */
void *libdl_loaded(const char *name)
{
    return strcmp(name, "dlsym") == 0 ? (void *)dlsym : strcmp(name, "dlerror") == 0 ? (void *)dlerror : NULL;
}
void *libdl_function(const char *name) { return libdl_loaded(name); }

static int setup(void **state)
{
    (void)state;
    memcpy(&real, &untouched, sizeof real);
    hidden = NULL;
    decoy = NULL;
    inside = NULL;
    lookups = 0;
    setenv("LD_AUDIT", "none", 1); /* every name is asked of dlsym */
    return 0;
}

static int setup_tables(void **state)
{
    setup(state);
    unsetenv("LD_AUDIT");
    return 0;
}

/* Until glibc 2.34 the library has parts, and the version in the names of their files. */
static bool in_libc(const void *p)
{
    Dl_info info;
    return p && dladdr(p, &info) &&
           (strstr(info.dli_fname, "/libc.so") || strstr(info.dli_fname, "/libc-") || strstr(info.dli_fname, "/libpthread") ||
            strstr(info.dli_fname, "/libdl"));
}

/* This C library has the function. */
static bool has(const char *name)
{
    unsigned before = lookups;
    bool found = dlsym(RTLD_NEXT, name) != NULL;
    lookups = before;
    return found;
}

static void the_first_call_is_passed_on(void **state)
{
    (void)state;
    int pair[2];
    char c = 0;
    assert_false(in_libc((void *)real.socketpair));
    assert_int_equal(real.socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(real.write(pair[0], "x", 1), 1);
    assert_int_equal(real.read(pair[1], &c, 1), 1);
    assert_int_equal(c, 'x');
    real.close(pair[0]);
    assert_int_equal(real.recv(pair[1], &c, 1, 0), 0);
    real.close(pair[1]);
}

static void one_call_finds_them_all(void **state)
{
    (void)state;
    real.close(-1);
    unsigned n = lookups;
#define WRAP(type, name, parameters, arguments, plain) assert_true(!has(#name) || in_libc((void *)real.name));
#include "agent/libc/wrapped.def"
    real.dup(-1);
    assert_int_equal(lookups, n);
}

static void errno_is_the_calls_own(void **state)
{
    (void)state;
    errno = ENOTUNIQ;
    real_resolve();
    assert_int_equal(errno, ENOTUNIQ);
    setup(state);
    assert_int_equal(real.close(-1), -1);
    assert_int_equal(errno, EBADF);
}

static int nested_results[8];
static unsigned lookups_within;

static void call_a_few(void)
{
    int pair[2] = {-1, -1};
    char c = 0;
    struct pollfd p = {.events = POLLIN};
    int *r = nested_results;
    unsigned before = lookups;
    r[0] = real.socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    r[1] = (int)real.write(pair[0], "x", 1);
    p.fd = pair[1];
    r[2] = real.poll(&p, 1, 1000);
    r[3] = (int)real.__read_chk(pair[1], &c, 1, 1);
    r[4] = real.fcntl(pair[0], F_GETFD, 0);
    r[5] = real.close(pair[0]);
    r[6] = (int)real.recv(pair[1], &c, 1, 0);
    r[7] = real.close(pair[1]);
    lookups_within = lookups - before;
}

static void a_call_from_within_the_look_up_is_served(void **state)
{
    (void)state;
    inside = call_a_few;
    real.close(-1);
    assert_null(inside);
    assert_int_equal(lookups_within, 0);
    static const int good[8] = {0, 1, 1, 1, 0, 0, 0, 0};
    assert_memory_equal(nested_results, good, sizeof good);
    assert_true(in_libc((void *)real.close));
}

static void bury_a_stream(void) { nested_results[0] = real.fclose(fopen("/dev/null", "r")); }

static void a_call_without_a_system_call_is_served_within_the_look_up_too(void **state)
{
    (void)state;
    inside = bury_a_stream;
    nested_results[0] = 99;
    real.close(-1);
    assert_int_equal(nested_results[0], 0);
}

static void names_that_libc_lacks_go_to_the_kernel(void **state)
{
    (void)state;
    hidden = "";
    call_a_few();
    static const int good[8] = {0, 1, 1, 1, 0, 0, 0, 0};
    assert_memory_equal(nested_results, good, sizeof good);
    assert_int_equal(real.recv(-1, NULL, 0, 0), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(real.dup2(1, 1), 1);
    assert_int_equal(real.dup2(200, 200), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(real.dup2(1, 200), 200);
    assert_int_equal(real.dup2(1, 201), 201);
    real.closefrom(200);
    assert_int_equal(real.fcntl(200, F_GETFD, 0), -1);
    assert_int_equal(real.fcntl(201, F_GETFD, 0), -1);
    assert_int_equal(real.close_range(300, 200, 0), -1);
    assert_int_equal(errno, EINVAL);
    struct timespec none = {0, 0};
    assert_int_equal(real.ppoll(NULL, 0, &none, NULL), 0);
    /* Without a limit it waits: for a child that writes a little later. */
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    if (fork() == 0) {
        usleep(50000);
        _exit(write(pipes[1], "x", 1) != 1);
    }
    struct pollfd later = {.fd = pipes[0], .events = POLLIN};
    assert_int_equal(real.ppoll(&later, 1, NULL, NULL), 1);
    close(pipes[0]);
    close(pipes[1]);
    wait(NULL);
    assert_int_equal(real.dlclose(NULL), -1);
    assert_int_equal(errno, ENOSYS);
    assert_int_equal(real.syscall(SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
}

static void a_name_that_libc_lacks_leaves_no_text_for_dlerror(void **state)
{
    (void)state;
    hidden = "";
    real.close(-1);
    assert_null(dlerror());
    setup(state);
    hidden = "close_range";
    real.close(-1);
    assert_true(!has("closefrom") || in_libc((void *)real.closefrom));
    assert_int_equal(real.close_range(UINT_MAX - 1, UINT_MAX, 0), 0);
}

static void the_programs_own_binding_is_taken_but_never_ourselves(void **state)
{
    (void)state;
    real_resolve_default();
    assert_true(in_libc((void *)real.close));
    decoy = (void *)setup; /* a function of this very module */
    real_resolve_default();
    assert_true(in_libc((void *)real.close));
    decoy = (void *)dlerror; /* stands for another preload library's */
    real_resolve_default();
    assert_ptr_equal((void *)real.close, (void *)dlerror);
}

static void *first_caller(void *gate)
{
    pthread_barrier_wait(gate);
    return (void *)(intptr_t)real.close(-1);
}

static void threads_that_look_up_at_once_agree(void **state)
{
    for (int round = 0; round < 200; round++) {
        pthread_t t[4];
        pthread_barrier_t gate;
        setup(state);
        pthread_barrier_init(&gate, NULL, 4);
        for (int i = 0; i < 4; i++)
            pthread_create(&t[i], NULL, first_caller, &gate);
        for (int i = 0; i < 4; i++) {
            void *result;
            pthread_join(t[i], &result);
            assert_int_equal((intptr_t)result, -1);
        }
        assert_true(in_libc((void *)real.recv));
    }
}

static void the_tables_say_what_dlsym_says(void **state)
{
    (void)state;
    struct next_symbol names[] = {
#define WRAP(type, name, parameters, arguments, plain) {#name, NULL},
#include "agent/libc/wrapped.def"
    };
    const size_t n = sizeof names / sizeof *names;
    next_symbol_find(names, n);
    for (size_t i = 0; i < n; i++) {
        void *by_dlsym = dlsym(RTLD_NEXT, names[i].name);
        if (names[i].found != by_dlsym)
            fail_msg("%s: %p, by dlsym %p", names[i].name, names[i].found, by_dlsym);
    }
    lookups = 0;
    real_resolve();
    assert_int_equal(lookups, 0);
    assert_ptr_equal(real.recv, dlsym(RTLD_NEXT, "recv"));
}

static void what_the_tables_cannot_say_is_left_to_dlsym(void **state)
{
    (void)state;
    struct next_symbol names[] = {
        {"no_such_function", NULL},
        {"memcpy", NULL},            /* chosen at run time, for this processor */
        {"__nss_next", NULL},        /* with a version for old programs only */
        {"__libc_start_main", NULL}, /* with one for old programs, and another */
        {"close", NULL},
    };
    next_symbol_find(names, 5);
    assert_null(names[0].found);
    assert_null(names[1].found);
    assert_ptr_equal(names[2].found, dlsym(RTLD_NEXT, names[2].name));
    assert_ptr_equal(names[3].found, dlsym(RTLD_NEXT, names[3].name));
    assert_non_null(names[3].found);
    assert_non_null(names[4].found);
    setenv("LD_AUDIT", "none", 1);
    next_symbol_find(names, 5);
    assert_null(names[4].found);
}

int main(void)
{
    memcpy(&untouched, &real, sizeof real);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_call_is_passed_on, setup),
        cmocka_unit_test_setup(one_call_finds_them_all, setup),
        cmocka_unit_test_setup(errno_is_the_calls_own, setup),
        cmocka_unit_test_setup(a_call_from_within_the_look_up_is_served, setup),
        cmocka_unit_test_setup(a_call_without_a_system_call_is_served_within_the_look_up_too, setup),
        cmocka_unit_test_setup(names_that_libc_lacks_go_to_the_kernel, setup),
        cmocka_unit_test_setup(a_name_that_libc_lacks_leaves_no_text_for_dlerror, setup),
        cmocka_unit_test_setup(the_programs_own_binding_is_taken_but_never_ourselves, setup),
        cmocka_unit_test_setup(threads_that_look_up_at_once_agree, setup),
        cmocka_unit_test_setup(the_tables_say_what_dlsym_says, setup_tables),
        cmocka_unit_test_setup(what_the_tables_cannot_say_is_left_to_dlsym, setup_tables),
        cmocka_unit_test_setup(the_first_call_is_passed_on, setup_tables),
        cmocka_unit_test_setup(threads_that_look_up_at_once_agree, setup_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
