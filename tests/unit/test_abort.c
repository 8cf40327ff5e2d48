/* SPDX-License-Identifier: MIT */
/*
 * test_abort.c: abort_on_error ends the process like abort(3), and the watcher runs none of the
 * program's code for that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/abort.h"
#include "agent/base/thread.h"

/* How a child ends that runs WORK. */
static int ends(void (*work)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        alarm(60);
        work();
        _exit(1);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static pthread_t the_first;
static void on_abort(int number)
{
    (void)number;
    _exit(pthread_equal(pthread_self(), the_first) ? 7 : 8);
}
static void returns(int number) { (void)number; }

static void block_abort(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGABRT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void plain(void) { abort_process(); }
static void ignored_and_blocked(void)
{
    signal(SIGABRT, SIG_IGN);
    block_abort();
    abort_process();
}
static void with_a_handler(void)
{
    the_first = pthread_self();
    signal(SIGABRT, on_abort);
    abort_process();
}
static void with_a_handler_and_blocked(void)
{
    block_abort();
    with_a_handler();
}
static void with_a_handler_that_returns(void)
{
    signal(SIGABRT, returns);
    abort_process();
}

static void *as_the_watcher(void *arg)
{
    (void)arg;
    block_abort();
    this_thread.is_watcher = true;
    abort_process();
}
static void from_the_watcher(void)
{
    pthread_t t;
    the_first = pthread_self();
    signal(SIGABRT, on_abort);
    pthread_create(&t, NULL, as_the_watcher, NULL);
    pthread_join(t, NULL);
}

static void the_process_ends_by_sigabrt_whatever_the_program_does_with_it(void **state)
{
    (void)state;
    assert_int_equal(ends(plain), 1000 + SIGABRT);
    assert_int_equal(ends(ignored_and_blocked), 1000 + SIGABRT);
    assert_int_equal(ends(with_a_handler_that_returns), 1000 + SIGABRT);
}

static void a_handler_of_the_programs_runs_first(void **state)
{
    (void)state;
    assert_int_equal(ends(with_a_handler), 7);
    assert_int_equal(ends(with_a_handler_and_blocked), 7);
}

static void the_watcher_leaves_the_handler_to_a_thread_of_the_program(void **state)
{
    (void)state;
    assert_int_equal(ends(from_the_watcher), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_ends_by_sigabrt_whatever_the_program_does_with_it),
        cmocka_unit_test(a_handler_of_the_programs_runs_first),
        cmocka_unit_test(the_watcher_leaves_the_handler_to_a_thread_of_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
