/* SPDX-License-Identifier: MIT */
/*
 * test_fork.c: what happens to the table, the lock and the numbers of a process at a fork.
 *
 * The children of the test say by their status what they found.
 */
#include "live_agent.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "agent/base/thread.h"
#include "agent/watch/wake.h"

/* ---- what is so between the fork handlers ---- */

static bool lock_was_free, watching_forks;

/* Registered before the agent's, so it runs after it, right before the fork. */
static void right_before_fork(void)
{
    if (!watching_forks)
        return;
    lock_was_free = watch_lock(0);
    if (lock_was_free)
        watch_unlock();
}

__attribute__((constructor(101))) static void come_first(void) { pthread_atfork(right_before_fork, NULL, NULL); }

static int lock_is_free(void)
{
    bool is = watch_lock(0);
    if (is)
        watch_unlock();
    return is;
}

static void a_fork_before_the_first_socket_takes_no_lock(void **state)
{
    (void)state;
    watching_forks = true;
    lock_was_free = false;
    assert_false(gate_owns_table());
    assert_int_equal(live_in_child(lock_is_free), 1);
    assert_true(lock_was_free);
    watching_forks = false;
}

static void nobody_checks_while_a_thread_forks(void **state)
{
    (void)state;
    watching_forks = true;
    lock_was_free = true;
    assert_int_equal(live_in_child(lock_is_free), 1);
    watching_forks = false;
    assert_false(lock_was_free); /* a check would have a file open for a moment, which the child would get */
    assert_int_equal(lock_is_free(), 1);
    assert_false(this_thread.fork_holds);
}

static _Atomic bool held, let_go;
static void *hold(void *arg)
{
    (void)arg;
    watch_lock(60000);
    held = true;
    while (!let_go)
        sched_yield();
    watch_unlock();
    return NULL;
}

static void a_check_that_takes_long_does_not_hold_up_a_fork_and_keeps_its_lock(void **state)
{
    (void)state;
    pthread_t t;
    held = let_go = false;
    assert_int_equal(pthread_create(&t, NULL, hold, NULL), 0);
    while (!held)
        sched_yield();
    assert_int_equal(live_in_child(lock_is_free), 1); /* its own, whoever held the parents */
    assert_int_equal(lock_is_free(), 0);
    let_go = true;
    pthread_join(t, NULL);
    assert_int_equal(lock_is_free(), 1);
}

static int with_a_leak_of_its_own(void)
{
    agent_options.exitcode = 23;
    live_hung_up();
    return exit_begins(0, END_EXIT);
}

static int inherited_fd;
static int own_table(void)
{
    const struct state_header *parents = table_head;
    if (gate_owns_table() || gate_has_table() || table_head)
        return 1;
    if (thread_tid() != (uint32_t)syscall(SYS_gettid))
        return 2;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    track_opened(fd, AF_UNIX, SOCK_STREAM, 0, ORIGIN_SOCKET);
    if (!gate_owns_table() || table_head == parents || table_head->pid != (uint32_t)getpid())
        return 3;
    if (table_head->inherited_from != (uint32_t)getppid())
        return 4;
    const struct state_slot *s = slot_of(inherited_fd);
    if (!s || SLOT_PHASE(s->word) != SLOT_LIVE || !(s->flags & SLOT_INHERITED) || SLOT_ORIGIN(s) != ORIGIN_INHERITED)
        return 5;
    return lock_is_free() ? 0 : 6;
}

static void a_forked_child_gets_a_table_of_its_own_with_its_first_event(void **state)
{
    (void)state;
    inherited_fd = live_hung_up();
    thread_tid();
    assert_int_equal(live_in_child(own_table), 0);
    assert_int_equal(table_head->pid, getpid());
    assert_true(live_is_known(inherited_fd));
}

static void a_child_that_no_handler_of_fork_saw_is_noticed_by_its_first_event(void **state)
{
    (void)state;
    int status = 0;
    const struct state_header *parents = table_head;
    uint64_t opened = table_head->sockets_opened;
    fflush(NULL);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
        track_opened(fd, AF_UNIX, SOCK_STREAM, 0, ORIGIN_SOCKET);
        syscall(SYS_exit_group, table_head != parents && table_head->pid == (uint32_t)syscall(SYS_getpid) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(table_head->sockets_opened, opened);
}

static int out_of_vfork(void) { return this_thread.in_vfork; }

static void a_child_that_a_vfork_child_forks_is_a_process_of_its_own(void **state)
{
    (void)state;
    this_thread.in_vfork = 1;
    int in = live_in_child(out_of_vfork);
    this_thread.in_vfork = 0;
    assert_int_equal(in, 0);
}

static int ends_again(void)
{
    live_hung_up();
    if (!gate_owns_table() || exit_begins(0, END_EXIT) != 0)
        return 1;
    return live_in_child(with_a_leak_of_its_own);
}

static void a_child_of_a_process_that_has_ended_reports_by_itself(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(ends_again), 23);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_before_the_first_socket_takes_no_lock),
        LIVE(nobody_checks_while_a_thread_forks),
        LIVE(a_check_that_takes_long_does_not_hold_up_a_fork_and_keeps_its_lock),
        LIVE(a_forked_child_gets_a_table_of_its_own_with_its_first_event),
        LIVE(a_child_that_no_handler_of_fork_saw_is_noticed_by_its_first_event),
        LIVE(a_child_that_a_vfork_child_forks_is_a_process_of_its_own),
        LIVE(a_child_of_a_process_that_has_ended_reports_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
