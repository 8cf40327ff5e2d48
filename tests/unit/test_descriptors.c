/* SPDX-License-Identifier: MIT */
/*
 * test_descriptors.c: a thread that leaves the program's descriptor table sees the program's
 * descriptors by copies, takes no number from the program, and knows when it cannot see them.
 *
 * The code is compiled in, over a kernel that refuses the call of the test's choice. What ends a
 * process' first thread or its limits runs in a child.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/descriptors.h"
#include "agent/base/environ.h"
#include "agent/base/sys.h"

static _Atomic long refused_call = -1, refused_with, unshared;

static long call(long number, long a, long b, long c, long d, long e)
{
    unshared += number == SYS_close_range && b > a;
    return number == refused_call ? refused_with : arch_syscall(number, a, b, c, d, e, 0);
}

#undef SYS2
#undef SYS3
#undef SYS4
#undef SYS5
#define SYS2(n, a, b) call((n), (long)(a), (long)(b), 0, 0, 0)
#define SYS3(n, a, b, c) call((n), (long)(a), (long)(b), (long)(c), 0, 0)
#define SYS4(n, a, b, c, d) call((n), (long)(a), (long)(b), (long)(c), (long)(d), 0)
#define SYS5(n, a, b, c, d, e) call((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/base/descriptors.c"

static int setup(void **state)
{
    (void)state;
    refused_call = -1;
    unshared = 0;
    refused = false;
    sys_sandboxed = false;
    alarm(60);
    return 0;
}

/* ---- a thread that leaves ---- */

static enum descriptors_way way;
static bool (*after_leaving)(void);
static bool after_was;

static void *leave_and_look(void *arg)
{
    way = descriptors_leave();
    after_was = after_leaving && after_leaving();
    return arg;
}

static void in_a_thread_that_leaves(bool (*then)(void))
{
    pthread_t t;
    after_leaving = then;
    after_was = false;
    assert_int_equal(pthread_create(&t, NULL, leave_and_look, NULL), 0);
    pthread_join(t, NULL);
}

static int subject = -1; /* of the program's, at a high number */
static int open_subject(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), high = fcntl(fd, F_DUPFD_CLOEXEC, 300);
    close(fd);
    assert_int_equal(high, 300);
    return high;
}

static bool is_root(int fd)
{
    struct stat st, root;
    return fstat(fd, &st) == 0 && stat("/", &root) == 0 && st.st_ino == root.st_ino && st.st_dev == root.st_dev;
}

static bool sees_by_copies(void)
{
    long copy = descriptors_copy(subject);
    bool same = copy >= 0 && copy != subject && is_root((int)copy) && copies == 1;
    descriptors_drop((int)copy);
    return same && fcntl((int)copy, F_GETFD) < 0 && copies == 0 && !descriptors_are_lost();
}

static void a_copy_is_of_the_programs_file_and_leaves_with_its_drop(void **state)
{
    (void)state;
    subject = open_subject();
    in_a_thread_that_leaves(sees_by_copies);
    assert_int_equal(way, DESCRIPTORS_OWN);
    assert_true(after_was);
    assert_true(is_root(subject)); /* the program's is still open */
    assert_false(descriptors_are_own());
    close(subject);
}

static bool knows_open_from_closed(void)
{
    return descriptors_has(subject) && !descriptors_has(subject + 1) && descriptors_copy(subject + 1) == -EBADF && !descriptors_are_lost();
}

static void a_closed_number_is_known_to_be(void **state)
{
    (void)state;
    subject = open_subject();
    assert_true(descriptors_has(subject)); /* asked of the table itself */
    assert_false(descriptors_has(subject + 1));
    in_a_thread_that_leaves(knows_open_from_closed);
    assert_true(after_was);
    close(subject);
}

static int its_numbers[3];
static bool opens_three(void)
{
    for (int i = 0; i < 3; i++)
        its_numbers[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct stat st;
    int before = -1;
    for (int i = 0; i < 3; i++) { /* the program's table has something else there, or nothing */
        char path[40];
        snprintf(path, sizeof path, "/proc/self/fd/%d", its_numbers[i]);
        before = stat(path, &st) == 0 && S_ISCHR(st.st_mode) && its_numbers[i] > 2 ? its_numbers[i] : before;
    }
    return before < 0;
}

static void what_it_opens_takes_no_number_of_the_programs(void **state)
{
    (void)state;
    int next = dup(0);
    close(next);
    in_a_thread_that_leaves(opens_three);
    assert_true(after_was);
    assert_in_range(its_numbers[0], 0, 2); /* nothing of the program's is there */
    int again = dup(0);
    assert_int_equal(again, next);
    close(again);
}

/* ---- where it must stay ---- */

static void a_kernel_that_refuses_one_of_the_calls_is_not_asked_for_a_table(void **state)
{
    (void)state;
    static const long calls[] = {SYS_pidfd_getfd, SYS_pidfd_open, SYS_close_range, SYS_kcmp};
    static const long errors[] = {-ENOSYS, -EPERM};
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
        for (unsigned k = 0; k < 2; k++) {
            refused_call = calls[i];
            refused_with = errors[k];
            in_a_thread_that_leaves(descriptors_are_lost);
            assert_int_equal(way, DESCRIPTORS_SHARED);
            assert_int_equal(unshared, 0);
            assert_false(after_was);
        }
}

static void under_valgrind_and_in_a_sandbox_the_table_is_shared(void **state)
{
    (void)state;
    sys_sandboxed = true;
    in_a_thread_that_leaves(NULL);
    assert_int_equal(way, DESCRIPTORS_SHARED);
    sys_sandboxed = false;
    setenv("LD_PRELOAD", "/x/vgpreload_core-amd64-linux.so", 1);
    descriptors_init();
    unsetenv("LD_PRELOAD");
    in_a_thread_that_leaves(NULL);
    assert_int_equal(way, DESCRIPTORS_SHARED);
    assert_int_equal(unshared, 0);
    descriptors_init();
    in_a_thread_that_leaves(NULL);
    assert_int_equal(way, DESCRIPTORS_OWN);
}

static void *unshare_and_leave(void *arg)
{
    if (unshare(CLONE_FILES) == 0)
        way = descriptors_leave();
    return arg;
}

static void a_thread_whose_table_is_not_the_first_threads_keeps_it(void **state)
{
    (void)state;
    pthread_t t;
    way = DESCRIPTORS_NONE;
    assert_int_equal(pthread_create(&t, NULL, unshare_and_leave, NULL), 0);
    pthread_join(t, NULL);
    assert_int_equal(way, DESCRIPTORS_SHARED);
}

static int status_of_child(void (*run)(void))
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(30);
        run();
        _exit(99);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

/* A filter that lets all by but kills for what this file would try. */
static void filtered(void)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_getfd, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog p = {sizeof f / sizeof *f, f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) < 0)
        _exit(77);
    in_a_thread_that_leaves(NULL);
    _exit(way == DESCRIPTORS_SHARED ? 0 : 1);
}

static void under_a_filter_no_call_is_tried(void **state)
{
    (void)state;
    int status = status_of_child(filtered);
    if (status == 77)
        skip();
    assert_int_equal(status, 0);
}

/* ---- where no copy can be had ---- */

static void no_number_left(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_NOFILE, &none);
    in_a_thread_that_leaves(descriptors_are_lost);
    _exit(way == DESCRIPTORS_NONE && after_was ? 0 : 1);
}

static void a_thread_that_has_left_and_gets_no_number_says_so(void **state)
{
    (void)state;
    assert_int_equal(status_of_child(no_number_left), 0);
}

static bool loses_its_numbers(void)
{
    struct rlimit few = {SPARE - 1, SPARE - 1}, two = {SPARE, SPARE};
    setrlimit(RLIMIT_NOFILE, &two);
    bool kept = !descriptors_are_lost();
    setrlimit(RLIMIT_NOFILE, &few);
    return kept && descriptors_are_lost();
}
static void a_limit_that_is_lowered(void)
{
    in_a_thread_that_leaves(loses_its_numbers);
    _exit(way == DESCRIPTORS_OWN && after_was ? 0 : 1);
}

static bool runs_out_of_numbers(void)
{
    long copy = -1;
    while ((copy = descriptors_copy(subject)) >= 0)
        ;
    bool with_others = copy == -EMFILE && !lost;
    copies = 0; /* as if all numbers were taken by something else */
    copy = descriptors_copy(subject);
    return with_others && copy == -EMFILE && lost;
}
static void many_copies(void)
{
    struct rlimit few = {20, 20};
    subject = dup(0);
    setrlimit(RLIMIT_NOFILE, &few);
    in_a_thread_that_leaves(runs_out_of_numbers);
    _exit(way == DESCRIPTORS_OWN && after_was ? 0 : 1);
}

static void too_low_a_limit_is_noticed_and_too_many_copies_are_not_one(void **state)
{
    (void)state;
    assert_int_equal(status_of_child(a_limit_that_is_lowered), 0);
    assert_int_equal(status_of_child(many_copies), 0);
}

static void *outlive_the_first_thread(void *arg)
{
    char c;
    bool own = descriptors_leave() == DESCRIPTORS_OWN;
    *(_Atomic bool *)arg = true; /* the first thread may go */
    while (readlink("/proc/self/exe", &c, 1) > 0)
        sched_yield();
    bool knows = descriptors_are_lost() && descriptors_copy(subject) == -ESRCH && lost && descriptors_has(subject + 1);
    _exit(own && knows ? 0 : 1);
}
static void first_thread_that_ends(void)
{
    static _Atomic bool may_go;
    pthread_t t;
    subject = dup(0);
    pthread_create(&t, NULL, outlive_the_first_thread, (void *)&may_go);
    while (!may_go)
        sched_yield();
    arch_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
}

static void without_the_first_thread_no_number_is_taken_for_closed(void **state)
{
    (void)state;
    assert_int_equal(status_of_child(first_thread_that_ends), 0);
}

static bool full_system(void)
{
    refused_call = SYS_pidfd_getfd;
    refused_with = -ENFILE; /* for now */
    bool for_now = descriptors_copy(subject) == -ENFILE && !descriptors_are_lost();
    refused_with = -EPERM; /* a filter that was added */
    return for_now && descriptors_copy(subject) == -EPERM && descriptors_are_lost();
}

static void what_passes_is_told_from_what_stays(void **state)
{
    (void)state;
    subject = 0;
    in_a_thread_that_leaves(full_system);
    assert_true(after_was);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_copy_is_of_the_programs_file_and_leaves_with_its_drop),
        CASE(a_closed_number_is_known_to_be),
        CASE(what_it_opens_takes_no_number_of_the_programs),
        CASE(a_kernel_that_refuses_one_of_the_calls_is_not_asked_for_a_table),
        CASE(under_valgrind_and_in_a_sandbox_the_table_is_shared),
        CASE(a_thread_whose_table_is_not_the_first_threads_keeps_it),
        CASE(under_a_filter_no_call_is_tried),
        CASE(a_thread_that_has_left_and_gets_no_number_says_so),
        CASE(too_low_a_limit_is_noticed_and_too_many_copies_are_not_one),
        CASE(without_the_first_thread_no_number_is_taken_for_closed),
        CASE(what_passes_is_told_from_what_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
