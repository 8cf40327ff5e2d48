/* SPDX-License-Identifier: MIT */
/*
 * test_raw_thread.c: a thread that the C library does not know: what it finds, and what libc and the
 * kernel say of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/sys.h"
#include "agent/base/thread.h"
#include "agent/watch/raw_thread.h"

static bool no_memory;
static void *map(size_t size, int protection, int flags)
{
    return no_memory ? (void *)(intptr_t)-ENOMEM : mmap(NULL, size, protection, flags, -1, 0);
}
#define sys_mmap(at, size, protection, flags, fd, offset) map((size), (protection), (flags))
#include "agent/watch/raw_thread.c" /* NOLINT(bugprone-suspicious-include) */
#undef sys_mmap

__thread struct this_thread this_thread __attribute__((tls_model("initial-exec")));
extern char __libc_single_threaded __attribute__((weak));

#define SECOND ((uint64_t)1000000000u)

static _Atomic bool ends, blocked_all, starts_zeroed, has_control_block;
static _Atomic int tid, error_of_mine;
static _Atomic unsigned runs;
static uintptr_t pointer_there, canary_there;
static unsigned char *stack_there;

static void work(void)
{
    unsigned char here;
    uint64_t mask = 0;
    stack_there = &here;
    arch_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mask, 8, 0, 0);
    blocked_all = mask == ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1));
    tid = (int)arch_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
    starts_zeroed = this_thread.is_raw && !this_thread.tid && !this_thread.inside && !this_thread.own_table && errno == 0;
    this_thread.inside = 5;
    errno = 44;
    pointer_there = arch_thread_pointer();
    canary_there = arch_thread_word(0x28);
    has_control_block = arch_thread_word(0x10) == pointer_there && arch_thread_word(0x30) != 0;
    runs++;
    while (!ends)
        sched_yield();
    error_of_mine = errno;
}

static int setup(void **state)
{
    (void)state;
    if (!raw_thread_is_possible())
        skip();
    memset(&this_thread, 0, sizeof this_thread);
    ends = no_memory = false;
    runs = 0;
    tid = 0;
    alarm(60);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ends = true;
    while (!raw_thread_await(SECOND))
        ;
    alarm(0);
    return 0;
}

static void begin_one(void)
{
    errno = 33;
    assert_true(raw_thread_start(work));
    while (!runs)
        sched_yield();
}

static void it_finds_its_own_storage_and_no_signal(void **state)
{
    (void)state;
    this_thread.inside = 1;
    begin_one();
    assert_true(starts_zeroed);
    assert_true(blocked_all);
    assert_true(has_control_block);
    assert_int_equal(canary_there, arch_thread_word(0x28));
    assert_int_not_equal(pointer_there, arch_thread_pointer());
    assert_int_equal(this_thread.inside, 1);
    assert_false(this_thread.is_raw);
    assert_int_equal(errno, 33);
    assert_int_not_equal(tid, gettid());
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d", tid);
    assert_int_equal(access(path, F_OK), 0);
    ends = true;
    while (!raw_thread_await(SECOND))
        ;
    assert_int_equal(error_of_mine, 44);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* gdb's libthread_db looks for the number of a thread in struct pthread. */
static void its_number_is_where_libc_has_that_of_each_thread(void **state)
{
    (void)state;
    size_t at = place_of_tid();
    assert_true(at >= LIBC_TID_FROM);
    assert_int_equal(*(int *)(arch_thread_pointer() + at), gettid());
    begin_one();
    assert_int_equal(*(int *)(pointer_there + at), tid);
}

static void libc_does_not_know_it(void **state)
{
    (void)state;
    if (!&__libc_single_threaded)
        skip(); /* before glibc 2.32 */
    char before = __libc_single_threaded;
    begin_one();
    assert_int_equal(before, 1);
    assert_int_equal(__libc_single_threaded, 1);
}

static void its_end_is_waited_for_with_a_limit(void **state)
{
    (void)state;
    assert_true(raw_thread_await(0));
    begin_one();
    assert_false(raw_thread_await(0));
    assert_false(raw_thread_await(1000000));
    ends = true;
    while (!raw_thread_await(SECOND))
        ;
    assert_true(raw_thread_await(0));
}

static void there_is_one_at_a_time_and_the_next_one_gets_its_memory(void **state)
{
    (void)state;
    begin_one();
    unsigned char *first = stack_there;
    assert_false(raw_thread_start(work));
    ends = true;
    while (!raw_thread_await(SECOND))
        ;
    runs = 0;
    ends = false;
    begin_one();
    assert_ptr_equal(stack_there, first);
    assert_true(starts_zeroed); /* the one before left something there */
}

static void where_its_memory_is_locked_it_gets_other(void **state)
{
    (void)state;
    begin_one();
    ends = true;
    while (!raw_thread_await(SECOND))
        ;
    if (mlock(block.at + PAGE_BYTES, block.size - PAGE_BYTES) != 0)
        skip(); /* RLIMIT_MEMLOCK */
    runs = 0;
    ends = false;
    begin_one();
    assert_true(starts_zeroed);
}

static void below_its_stack_is_a_page_that_nobody_may_touch(void **state)
{
    (void)state;
    begin_one();
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], block.at + PAGE_BYTES, 1), 1);
    assert_int_equal(write(pipes[1], block.at + PAGE_BYTES - 1, 1), -1);
    close(pipes[0]);
    close(pipes[1]);
}

static void without_memory_there_is_none(void **state)
{
    (void)state;
    sys_munmap(block.at, block.size);
    block.at = NULL;
    no_memory = true;
    assert_false(raw_thread_start(work));
    no_memory = false;
    begin_one();
}

/* The kernel refuses: too many processes, or a filter. */
static void refused_it_can_be_tried_again(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
        struct sock_fprog filter = {4, code};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
            _exit(77);
        _exit(raw_thread_start(work) || !raw_thread_await(0) || raw_thread_start(work));
    }
    int status = -1;
    waitpid(pid, &status, 0);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void a_forked_child_may_have_its_own(void **state)
{
    (void)state;
    begin_one();
    pid_t pid = fork();
    if (pid == 0) {
        raw_thread_forked_child();
        runs = 0;
        bool ok = raw_thread_await(0) && raw_thread_start(work);
        while (ok && !runs)
            sched_yield();
        ends = true;
        while (ok && !raw_thread_await(SECOND))
            ;
        _exit(!(ok && starts_zeroed));
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_false(raw_thread_await(0));
}

/* Last: after it libc knows a second thread for good. */
static void *sleep_for_it(void *arg)
{
    assert_true(raw_thread_start(work));
    return arg;
}
static void any_thread_may_make_it(void **state)
{
    (void)state;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, sleep_for_it, NULL), 0);
    pthread_join(t, NULL);
    while (!runs)
        sched_yield();
    assert_true(starts_zeroed);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_finds_its_own_storage_and_no_signal),
        CASE(its_number_is_where_libc_has_that_of_each_thread),
        CASE(libc_does_not_know_it),
        CASE(its_end_is_waited_for_with_a_limit),
        CASE(there_is_one_at_a_time_and_the_next_one_gets_its_memory),
        CASE(where_its_memory_is_locked_it_gets_other),
        CASE(below_its_stack_is_a_page_that_nobody_may_touch),
        CASE(without_memory_there_is_none),
        CASE(refused_it_can_be_tried_again),
        CASE(a_forked_child_may_have_its_own),
        CASE(any_thread_may_make_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
