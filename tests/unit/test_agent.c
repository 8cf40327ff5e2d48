/* SPDX-License-Identifier: MIT */
/*
 * test_agent.c: the agent's life in a process: its first event, fork, sleep and wake, and the end.
 *
 * What ends a process, or begins in one, happens in children of the test.
 */
#define LIVE_OPTIONS "interval=0:max_frames=0:grace=30s:signal=10"
#include "live_agent.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/base/log.h"
#include "agent/base/options.h"
#include "agent/base/sys.h"
#include "agent/base/thread.h"
#include "agent/process/start.h"
#include "agent/table/state_file.h"
#include "agent/track/gate.h"
#include "agent/track/open_close.h"
#include "agent/watch/wake.h"
#include "agent/watch/watcher.h"

/* ---- the moment at which the table is made ---- */

static void (*while_starting)(void);
static bool table_fails;
static uint64_t mask_while_starting;

static bool make_table_and_stop(void)
{
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask_while_starting, 8);
    if (while_starting)
        while_starting();
    return !table_fails && state_file_make();
}

static bool no_malloc_then;
static void note_and_request(void)
{
    no_malloc_then = this_thread.no_malloc;
    watcher_request_signal();
}

#define state_file_make make_table_and_stop
#define watcher_request_signal note_and_request
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/load.c"
#undef state_file_make
#undef watcher_request_signal

/* ---- what is so between the agent's own handlers of fork ---- */

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

/* ---- before the first event ---- */

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

static int finish_without_table(void) { return exit_finish(3, END_EXIT, true); }

static void the_end_of_a_process_without_sockets_is_nothing_to_look_at(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(finish_without_table), 3);
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
    return !gate_ready() && !gate_ready() && !gate_has_table() && start_wake(NULL) < 0 && exit_finish(3, END_EXIT, true) == 3 &&
                   starts == 1
               ? 0
               : 1;
}

static void a_table_that_cannot_be_made_is_not_tried_again(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(cannot_start), 0);
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

/* ---- fork ---- */

static void nobody_looks_while_a_thread_forks(void **state)
{
    (void)state;
    watching_forks = true;
    lock_was_free = true;
    assert_int_equal(live_in_child(lock_is_free), 1);
    watching_forks = false;
    assert_false(lock_was_free); /* a look would have a file open for a moment, which the child would get */
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

static void a_look_that_takes_long_does_not_hold_up_a_fork_and_keeps_its_lock(void **state)
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
    return exit_finish(0, END_EXIT, true);
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

static int ends_again(void)
{
    live_hung_up();
    if (!gate_owns_table() || exit_finish(0, END_EXIT, true) != 0)
        return 1;
    return live_in_child(with_a_leak_of_its_own);
}

static void a_child_of_a_process_that_has_ended_reports_by_itself(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(ends_again), 23);
}

/* ---- the signal ---- */

static void a_signal_reports_at_once_and_leaves_the_thread_as_it_was(void **state)
{
    (void)state;
    struct sigaction sa;
    live_capture();
    live_hung_up();
    assert_false(watcher_running());
    raise(SIGUSR1);
    assert_non_null(strstr(live_said(), "1 socket hung up"));
    assert_true(no_malloc_then); /* the program may be inside its allocator */
    assert_false(this_thread.no_malloc);
    this_thread.no_malloc = true; /* it comes into a report at the end */
    raise(SIGUSR1);
    bool still = this_thread.no_malloc;
    this_thread.no_malloc = false;
    assert_true(still);
    /* The program's calls go on, and no handler of its own comes into ours. */
    assert_int_equal(sigaction(SIGUSR1, NULL, &sa), 0);
    assert_true(sa.sa_flags & SA_RESTART);
    assert_true(sigismember(&sa.sa_mask, SIGTERM));
}

/* ---- sleep and wake ---- */

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

/* ---- the end ---- */

static int status_of(int status, enum state_end how, unsigned leaks)
{
    for (unsigned i = 0; i < leaks; i++)
        live_hung_up();
    return exit_finish(status, how, true);
}

static int with_a_leak(void)
{
    agent_options.exitcode = 23;
    return status_of(0, END_EXIT, 1);
}
static int without_a_leak(void)
{
    agent_options.exitcode = 23;
    return status_of(0, END_EXIT, 0);
}
static int that_fails(void)
{
    agent_options.exitcode = 23;
    return status_of(5, END_EXIT, 1);
}
static int by_abort(void)
{
    agent_options.exitcode = 23;
    return status_of(0, END_ABORT, 1);
}
static int without_a_check(void)
{
    agent_options.exitcode = 23;
    agent_options.leak_check_at_exit = false;
    return status_of(0, END_EXIT, 1);
}
static int with_some_allowed(void)
{
    agent_options.exitcode = 23;
    agent_options.max_allowed = 1;
    return status_of(0, END_EXIT, 1);
}
static int with_more_than_allowed(void)
{
    agent_options.exitcode = 23;
    agent_options.max_allowed = 1;
    return status_of(0, END_EXIT, 2);
}
static int in_the_sandbox(void)
{
    agent_options.exitcode = 23;
    live_hung_up();
    sys_enter_sandbox();
    return exit_finish(0, END_EXIT, true);
}

static void the_exit_status_changes_where_a_leak_was_reported_and_the_program_was_content(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(with_a_leak), 23);
    assert_int_equal(live_in_child(without_a_leak), 0);
    assert_int_equal(live_in_child(that_fails), 5);
    assert_int_equal(live_in_child(by_abort), 0);
    assert_int_equal(live_in_child(without_a_check), 0);
    assert_int_equal(live_in_child(with_some_allowed), 0);
    assert_int_equal(live_in_child(with_more_than_allowed), 23);
    assert_int_equal(live_in_child(in_the_sandbox), 0);
}

static int by_exit(void)
{
    agent_options.exitcode = 23;
    live_hung_up();
    exit(0);
}
static int by_exit_without_a_leak(void)
{
    agent_options.exitcode = 23;
    live_close(live_hung_up());
    exit(0);
}

static void exit_ends_with_the_status_that_the_report_asks_for(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(by_exit), 23);
    assert_int_equal(live_in_child(by_exit_without_a_leak), 0);
}

static int reports_once(void)
{
    agent_options.exitcode = 23;
    live_hung_up();
    exit_finish(0, END_ABORT, false); /* caught */
    exit_finish(0, END_ABORT, false);
    if (table_head->end != END_RUNNING || thread_inside() || !lock_is_free())
        return 1;
    thread_enter();
    if (exit_finish(0, END_EXIT, true) != 0 || table_head->end != END_RUNNING)
        return 2;
    thread_leave();
    this_thread.in_vfork = 1;
    if (exit_finish(0, END_EXIT, true) != 0 || table_head->end != END_RUNNING)
        return 3;
    this_thread.in_vfork = 0;
    if (exit_finish(0, END_EXIT, true) != 23 || table_head->end != END_EXIT)
        return 4;
    if (exit_finish(0, END_ABORT, true) != 0 || exit_finish(0, END_ABORT, false) != 0 || table_head->end != END_EXIT) /* once */
        return 5;
    return this_thread.no_malloc ? 6 : 0;
}

static void an_abort_that_is_caught_goes_on_and_the_real_end_is_one(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(reports_once), 0);
}

/* What the report at the end may not do: run the allocator that has just called abort(). */
static int says_no_malloc(void)
{
    int p[2];
    char text[8192] = "";
    if (pipe(p) != 0)
        return 1;
    dup2(p[1], 2);
    log_init();
    live_hung_up();
    exit_finish(0, END_ABORT, true);
    ssize_t n = read(p[0], text, sizeof text - 1);
    return n > 0 && strstr(text, "hung up") && !this_thread.no_malloc ? 0 : 2;
}

static void at_an_abort_there_is_a_report_too(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(says_no_malloc), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* Before there is a table: */
        cmocka_unit_test(a_fork_before_the_first_socket_takes_no_lock),
        cmocka_unit_test(in_a_sandbox_no_table_is_made),
        cmocka_unit_test(what_the_agent_opens_itself_makes_no_table),
        cmocka_unit_test(a_vfork_child_makes_no_table),
        cmocka_unit_test(the_end_of_a_process_without_sockets_is_nothing_to_look_at),
        cmocka_unit_test(a_thread_whose_event_comes_while_the_table_is_made_waits_for_it),
        cmocka_unit_test(a_child_forked_while_another_thread_makes_the_table_makes_its_own),
        cmocka_unit_test(a_table_that_cannot_be_made_is_not_tried_again),
        cmocka_unit_test(the_first_event_keeps_the_programs_signal_mask),
        /* With one: */
        LIVE(nobody_looks_while_a_thread_forks),
        LIVE(a_look_that_takes_long_does_not_hold_up_a_fork_and_keeps_its_lock),
        LIVE(a_forked_child_gets_a_table_of_its_own_with_its_first_event),
        LIVE(a_child_that_no_handler_of_fork_saw_is_noticed_by_its_first_event),
        LIVE(a_child_that_a_vfork_child_forks_is_a_process_of_its_own),
        LIVE(a_child_that_shares_the_memory_is_told_by_its_number),
        LIVE(a_child_of_a_process_that_has_ended_reports_by_itself),
        LIVE(a_signal_reports_at_once_and_leaves_the_thread_as_it_was),
        LIVE(exit_ends_with_the_status_that_the_report_asks_for),
        LIVE(a_sleeping_agent_records_nothing_until_it_is_woken),
        LIVE(the_exit_status_changes_where_a_leak_was_reported_and_the_program_was_content),
        LIVE(an_abort_that_is_caught_goes_on_and_the_real_end_is_one),
        LIVE(at_an_abort_there_is_a_report_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
