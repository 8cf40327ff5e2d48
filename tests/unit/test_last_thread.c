/* SPDX-License-Identifier: MIT */
/*
 * test_last_thread.c: the watcher among the threads of the process: when it is the last one, and
 * when it has to look whether it is.
 *
 * The code is compiled in, over a kernel whose answers the tests choose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/base/clock.h"
#include "agent/base/thread.h"
#include "agent/track/gate.h"
#include "agent/watch/last_thread.h"
#include "agent/watch/wake.h"
#include "agent/base/sys.h"

static unsigned threads;
static bool no_proc;
static long exe_says; /* readlink's result for /proc/self/exe */
static uint64_t mask;
static int unmasked;

static long stat_call(const char *path, void *p)
{
    struct stat *st = p;
    assert_string_equal(path, "/proc/self/task");
    memset(st, 0, sizeof *st);
    st->st_nlink = 2 + threads;
    return no_proc ? -ENOENT : 0;
}

static long call(long number, long a, const void *b, const void *c, long d)
{
    (void)d;
    if (number == SYS_readlinkat) {
        assert_int_equal(a, AT_FDCWD);
        assert_string_equal(b, "/proc/self/exe");
        return exe_says;
    }
    assert_int_equal(number, SYS_rt_sigprocmask);
    assert_null(c);
    memcpy(&mask, b, sizeof mask);
    unmasked++;
    return 0;
}

static uint32_t pid = 10, tid = 10;
static long pid_call(void) { return pid; }

#undef SYS4
#define SYS4(n, a, b, c, d) call((n), (long)(a), (b), (const void *)(c), (long)(d))
#define sys_stat stat_call
#define sys_getpid pid_call
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/watch/last_thread.c"

static unsigned pokes;
static bool in_vfork;
__thread struct this_thread this_thread __attribute__((tls_model("initial-exec")));
uint32_t thread_tid(void) { return tid; }
uint64_t clock_now(void) { return 1000; }
bool gate_is_vfork_child(void) { return in_vfork; }
void watch_poke(void) { pokes++; }

static int setup(void **state)
{
    (void)state;
    last_thread_forked_child();
    threads = 2;
    exe_says = -ENOENT;
    pid = tid = 10;
    pokes = 0;
    unmasked = 0;
    in_vfork = false;
    memset(&this_thread, 0, sizeof this_thread);
    return 0;
}

static void the_watcher_wakes_when_it_means_to_while_the_first_thread_is_there(void **state)
{
    (void)state;
    assert_int_equal(last_thread_wake(5), 5);
    assert_int_equal(last_thread_wake(UINT64_MAX), UINT64_MAX);
}

static void the_watcher_wakes_early_once_the_first_thread_leaves(void **state)
{
    (void)state;
    last_thread_ends();
    assert_int_equal(pokes, 1);
    assert_int_equal(last_thread_wake(UINT64_MAX), 1000 + LOOK_NS);
    assert_int_equal(last_thread_wake(1500), 1500); /* but not later than it means to */
}

static void the_end_of_another_thread_is_nothing_to_wake_for(void **state)
{
    (void)state;
    tid = 11;
    last_thread_ends();
    assert_int_equal(pokes, 0);
    assert_int_equal(last_thread_wake(UINT64_MAX), UINT64_MAX);
    assert_false(last_thread_of_all());
}

static void the_watchers_own_end_and_a_vfork_childs_are_nothing_to_wake_for(void **state)
{
    (void)state;
    thread_enter();
    last_thread_ends();
    thread_leave();
    in_vfork = true;
    last_thread_ends();
    assert_int_equal(pokes, 0);
    assert_int_equal(last_thread_wake(UINT64_MAX), UINT64_MAX);
}

static void the_watcher_is_the_last_when_the_first_thread_has_ended_and_no_third_is_there(void **state)
{
    (void)state;
    assert_false(last_thread_of_all()); /* it has not begun to leave, so nobody asks the kernel */
    last_thread_ends();
    assert_true(last_thread_of_all());
    threads = 3;
    assert_false(last_thread_of_all());
    threads = 1;
    assert_false(last_thread_of_all());
    threads = 2;
    exe_says = 1; /* it is still running its destructors */
    assert_false(last_thread_of_all());
    exe_says = -EACCES;
    assert_false(last_thread_of_all());
}

static void a_forked_child_has_a_first_thread_of_its_own(void **state)
{
    (void)state;
    last_thread_ends();
    last_thread_forked_child();
    assert_int_equal(last_thread_wake(UINT64_MAX), UINT64_MAX);
    assert_false(last_thread_of_all());
}

static void the_watcher_that_goes_is_a_thread_of_the_program_with_no_signal_blocked(void **state)
{
    (void)state;
    mask = 1;
    thread_enter();
    last_thread_goes();
    assert_false(thread_inside());
    assert_int_equal(unmasked, 1);
    assert_int_equal(mask, 0);
}

static void the_watcher_and_one_more_are_told_from_a_program_with_threads(void **state)
{
    (void)state;
    assert_true(last_thread_with_one_other());
    threads = 3;
    assert_false(last_thread_with_one_other());
    threads = 2;
    no_proc = true; /* whatever is in the answer */
    assert_false(last_thread_with_one_other());
    no_proc = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_watcher_wakes_when_it_means_to_while_the_first_thread_is_there, setup),
        cmocka_unit_test_setup(the_watcher_wakes_early_once_the_first_thread_leaves, setup),
        cmocka_unit_test_setup(the_end_of_another_thread_is_nothing_to_wake_for, setup),
        cmocka_unit_test_setup(the_watchers_own_end_and_a_vfork_childs_are_nothing_to_wake_for, setup),
        cmocka_unit_test_setup(the_watcher_is_the_last_when_the_first_thread_has_ended_and_no_third_is_there, setup),
        cmocka_unit_test_setup(a_forked_child_has_a_first_thread_of_its_own, setup),
        cmocka_unit_test_setup(the_watcher_that_goes_is_a_thread_of_the_program_with_no_signal_blocked, setup),
        cmocka_unit_test_setup(the_watcher_and_one_more_are_told_from_a_program_with_threads, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
