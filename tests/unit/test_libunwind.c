/* SPDX-License-Identifier: MIT */
/*
 * test_libunwind.c: the second tier's locks around fork.
 *
 * libunwind's set_caching_policy is replaced by one that stops in the middle, where libunwind holds
 * locks of its own.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../lib/agent/unwind/libunwind_walk.h"
#include "../../lib/agent/unwind/libunwind_load.h"

static _Atomic bool prepared, prepared_inside;
static _Atomic long forker_tid;
static pthread_t forker;

static void *forks(void *arg)
{
    atomic_store(&forker_tid, syscall(SYS_gettid));
    unwind_fork_prepare();
    atomic_store(&prepared, true);
    unwind_fork_done(false);
    return arg;
}

/* Whether the thread that forks sleeps on a futex. */
static bool forker_waits(void)
{
    char path[64], text[16] = "";
    snprintf(path, sizeof path, "/proc/self/task/%ld/syscall", atomic_load(&forker_tid));
    int fd = open(path, O_RDONLY);
    if (fd >= 0) {
        if (read(fd, text, sizeof text - 1) < 0)
            text[0] = '\0';
        close(fd);
    }
    return strtol(text, NULL, 10) == SYS_futex;
}

static int stops_inside(unw_addr_space_t as, unw_caching_policy_t policy)
{
    (void)as, (void)policy;
    pthread_create(&forker, NULL, forks, NULL);
    while (!atomic_load(&prepared) && !(atomic_load(&forker_tid) && forker_waits()))
        sched_yield();
    atomic_store(&prepared_inside, atomic_load(&prepared));
    return 0;
}

static void a_fork_waits_until_no_thread_is_in_libunwind_for_the_first_time(void **state)
{
    (void)state;
    assert_true(unwind_lib_load());
    unwind_lib.set_caching_policy = stops_inside;
    assert_true(unwind_load((uintptr_t)__builtin_frame_address(0)));
    pthread_join(forker, NULL);
    assert_false(atomic_load(&prepared_inside));
    assert_true(atomic_load(&prepared));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_waits_until_no_thread_is_in_libunwind_for_the_first_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
