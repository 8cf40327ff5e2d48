/* SPDX-License-Identifier: MIT */
/*
 * test_gate.c: whether an event may be recorded, and the table that the first one makes.
 *
 * What begins in a process, or ends one, happens in children of the test. The making of the table
 * is compiled in, so that a test can step in between.
 */
#include "live_agent.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "agent/base/sys.h"
#include "agent/base/thread.h"
#include "agent/table/state_file.h"
#include "agent/watch/watcher.h"

/* ---- the moment at which the table is made ---- */

static void (*while_starting)(void);
static bool table_fails;
static uint64_t mask_while_starting;

static bool make_file_and_stop(const struct state_header *parent)
{
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask_while_starting, 8);
    if (while_starting)
        while_starting();
    return !table_fails && state_file_make(parent);
}

#define state_file_make make_file_and_stop
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/process/start.c"
#undef state_file_make

/* ---- before the first event ---- */

static int in_sandbox(void)
{
    sys_enter_sandbox();
    return gate_ready() || table_head;
}

static void in_a_sandbox_no_table_is_made(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(in_sandbox), 0);
}

static int inside(void)
{
    thread_enter();
    return gate_ready() || table_head;
}

static void what_the_agent_opens_itself_makes_no_table(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(inside), 0);
}

static int in_vfork(void)
{
    this_thread.in_vfork = 1;
    return gate_ready() || table_head;
}

static void a_vfork_child_makes_no_table(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(in_vfork), 0);
}

static _Atomic int others_answer;
static _Atomic bool other_asks;
static pthread_t other;
static void *ask(void *arg)
{
    (void)arg;
    other_asks = true;
    others_answer = gate_ready() ? 1 : 2;
    return NULL;
}

static void let_another_ask(void)
{
    pthread_create(&other, NULL, ask, NULL);
    while (!other_asks)
        sched_yield();
    for (int i = 0; i < 200 && !others_answer; i++) /* it has to wait: one that does not has answered by then */
        usleep(1000);
}

static int starts_for_two(void)
{
    while_starting = let_another_ask;
    bool mine = gate_ready();
    pthread_join(other, NULL);
    return mine && others_answer == 1 ? 0 : 1;
}

static void a_thread_whose_event_comes_while_the_table_is_made_waits_for_it(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(starts_for_two), 0);
}

static _Atomic int grandchild;
static void *fork_now(void *arg)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        while_starting = NULL;
        _exit(gate_ready() && table_head->pid == (uint32_t)getpid() ? 0 : 1);
    }
    /* One that waits for the other thread, which did not come along, waits for ever, with its
     * signals blocked. */
    for (int i = 0; i < 20000 && waitpid(pid, &status, WNOHANG) == 0; i++)
        usleep(1000);
    if (status == -1) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    grandchild = status;
    return arg;
}

static void let_another_fork(void)
{
    pthread_create(&other, NULL, fork_now, NULL);
    pthread_join(other, NULL);
}

static int starts_while_another_forks(void)
{
    while_starting = let_another_fork;
    grandchild = -1;
    return gate_ready() && grandchild == 0 ? 0 : 1;
}

static void a_child_forked_while_another_thread_makes_the_table_makes_its_own(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(starts_while_another_forks), 0);
}

static unsigned starts;
static void count_starts(void) { starts++; }

static int cannot_start(void)
{
    table_fails = true;
    while_starting = count_starts;
    live_capture();
    if (gate_ready() || gate_ready() || gate_has_table() || start_wake(NULL) == 0 || starts != 1)
        return 1;
    /* The end says so, once, if it is the process' own. */
    this_thread.in_vfork = 1;
    if (exit_begins(3, END_EXIT) != 3 || live_said()[0])
        return 2;
    this_thread.in_vfork = 0;
    if (exit_begins(3, END_EXIT) != 3)
        return 3;
    const char *at = strstr(live_said(), "warning: no memory for a table");
    if (!at || exit_begins(3, END_EXIT) != 3)
        return 4;
    return strstr(strstr(live_said(), "no memory for a table") + 1, "no memory for a table") ? 5 : 0;
}

static void a_table_that_cannot_be_made_is_not_tried_again_and_the_end_says_so(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(cannot_start), 0);
}

static int sleeps_before_its_first_event(void)
{
    start_sleep();
    return table_head ? 1 : 0;
}

static void a_process_without_a_table_can_be_sent_to_sleep(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(sleeps_before_its_first_event), 0);
}

static void the_first_event_keeps_the_programs_signal_mask(void **state)
{
    (void)state;
    uint64_t before, after;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &before, 8);
    assert_true(live_start());
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &after, 8);
    assert_true(before == after);
    assert_true(mask_while_starting == ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1))); /* no handler finds it half made */
    assert_false(thread_inside());
    assert_int_equal(table_head->pid, getpid());
    assert_true(gate_owns_table());
}

/* ---- with a table ---- */

static int records_in_vfork(void)
{
    live_hung_up();
    this_thread.in_vfork = 1;
    return gate_is_vfork_child() && !gate_ready() && !gate_owns_table() ? 0 : 1;
}

static void a_vfork_child_records_nothing_and_owns_no_table(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(records_in_vfork), 0);
}

static int shares(void)
{
    live_hung_up();
    gate_shares_memory();
    if (gate_is_vfork_child() || !gate_ready())
        return 1;
    table_head->pid++; /* as seen by a child of clone(CLONE_VM) */
    bool other_process = gate_is_vfork_child() && !gate_ready() && !gate_owns_table();
    table_head->pid--;
    return other_process ? 0 : 2;
}

static void a_child_that_shares_the_memory_is_told_by_its_number(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(shares), 0);
}

static void a_sleeping_agent_records_nothing_until_it_is_woken(void **state)
{
    (void)state;
    start_sleep();
    assert_false(gate_ready());
    assert_true(watcher_running()); /* parked: attach wakes it */
    assert_false(gate_has_table());
    assert_true(gate_owns_table());
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    track_opened(fd, AF_UNIX, SOCK_STREAM, 0, ORIGIN_SOCKET);
    assert_false(live_is_known(fd));
    assert_int_equal(start_wake("grace=7s:interval=0"), 0);
    assert_int_equal(table_head->grace_ns, 7000000000u);
    assert_int_equal(table_head->attached, 1);
    assert_true(gate_ready());
    track_opened(fd, AF_UNIX, SOCK_STREAM, 0, ORIGIN_SOCKET);
    assert_true(live_is_known(fd));
    thread_enter();
    assert_false(gate_ready());
    thread_leave();
    atomic_store(&table_head->attached, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* Before there is a table: */
        cmocka_unit_test(in_a_sandbox_no_table_is_made),
        cmocka_unit_test(what_the_agent_opens_itself_makes_no_table),
        cmocka_unit_test(a_vfork_child_makes_no_table),
        cmocka_unit_test(a_thread_whose_event_comes_while_the_table_is_made_waits_for_it),
        cmocka_unit_test(a_child_forked_while_another_thread_makes_the_table_makes_its_own),
        cmocka_unit_test(a_table_that_cannot_be_made_is_not_tried_again_and_the_end_says_so),
        cmocka_unit_test(a_process_without_a_table_can_be_sent_to_sleep),
        cmocka_unit_test(the_first_event_keeps_the_programs_signal_mask),
        /* With one: */
        LIVE(a_vfork_child_records_nothing_and_owns_no_table),
        LIVE(a_child_that_shares_the_memory_is_told_by_its_number),
        LIVE(a_sleeping_agent_records_nothing_until_it_is_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
