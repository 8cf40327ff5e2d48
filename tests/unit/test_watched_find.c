/* SPDX-License-Identifier: MIT */
/*
 * test_watched_find.c: the agent asks which epolls of its own process hold the sockets of a report.
 */
#include "live_agent.h"

#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "agent/base/sys.h"
#include "agent/base/thread.h"
#include "agent/report/watched.h"
#include "agent/table/header.h"
#include "agent/watch/check.h"

static struct finding findings[2];
static struct group group;
static int pair[2], epoll, other;

static void watch(int epfd, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = 0x1000u + (unsigned)fd};
    assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e), 0);
}

static int setup(void **state)
{
    int r = live_setup(state);
    int listener = live_listener();
    live_connection(listener, pair);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    other = epoll_create1(EPOLL_CLOEXEC);
    check_all(0);
    table_set_watcher((uint32_t)sys_gettid()); /* no thread that polls when the report is done */
    return r;
}

static int teardown(void **state)
{
    table_set_watcher(0);
    close(epoll);
    close(other);
    return live_teardown(state);
}

/* What is known of the two ends of the connection. */
static void find(void)
{
    struct scratch *scratch = NULL;
    struct report r = {.n_groups = 1, .groups = &group};
    for (int i = 0; i < 2; i++)
        findings[i] = (struct finding){.fd = pair[i], .descriptors = 1, .opened_ns = slot_of(pair[i])->opened_ns};
    group = (struct group){.n_findings = 2, .findings = findings};
    watched_find(&r, &scratch);
    scratch_free(&scratch);
}

static void each_epoll_that_holds_a_socket_is_found(void **state)
{
    (void)state;
    watch(epoll, pair[0], EPOLLIN | EPOLLET);
    watch(other, pair[0], EPOLLOUT);
    find();
    assert_int_equal(findings[0].watch, WATCH_EPOLL);
    assert_int_equal(findings[0].n_watches, 2);
    assert_int_equal(findings[0].watches[0].epfd, epoll);
    assert_int_equal(findings[0].watches[0].events, EPOLLIN | EPOLLET | EPOLLERR | EPOLLHUP);
    assert_true(findings[0].watches[0].data == 0x1000u + (unsigned)pair[0]);
    assert_int_equal(findings[0].watches[1].epfd, other);
    assert_int_equal(findings[1].watch, WATCH_NOBODY);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], NULL), 0);
    close(other);
    find();
    assert_int_equal(findings[0].watch, WATCH_NOBODY);
}

static void a_registration_outlives_its_number_while_there_is_a_copy(void **state)
{
    (void)state;
    int number = fcntl(pair[0], F_DUPFD_CLOEXEC, 700);
    watch(epoll, number, EPOLLIN);
    close(number);
    find();
    assert_int_equal(findings[0].watch, WATCH_EPOLL);
    assert_int_equal(findings[0].watches[0].fd, number);
    assert_int_equal(findings[1].watch, WATCH_NOBODY);
    /* the number is the other socket's by now: that one is watched by nobody */
    assert_int_equal(dup2(pair[1], number), number);
    find();
    assert_int_equal(findings[0].watch, WATCH_EPOLL);
    assert_int_equal(findings[1].watch, WATCH_NOBODY);
    close(number);
}

static void more_registrations_than_one_piece_of_text_are_read_whole(void **state)
{
    (void)state;
    static int copies[600];
    for (unsigned i = 0; i < 600; i++) {
        copies[i] = fcntl(pair[1], F_DUPFD_CLOEXEC, 20);
        assert_true(copies[i] >= 0);
        watch(epoll, copies[i], EPOLLIN);
    }
    watch(epoll, pair[0], EPOLLIN);
    find();
    assert_int_equal(findings[0].n_watches, 1);
    assert_int_equal(findings[1].n_watches, 600);
    for (unsigned i = 0; i < 600; i++)
        close(copies[i]);
}

static void of_a_number_that_was_given_away_nothing_is_said(void **state)
{
    (void)state;
    struct scratch *scratch = NULL;
    struct report r = {.n_groups = 1, .groups = &group};
    watch(epoll, pair[0], EPOLLIN);
    find();
    findings[0].opened_ns++; /* another generation */
    watched_find(&r, &scratch);
    assert_int_equal(findings[0].inode, 0);
    findings[0].opened_ns--;
    int copy = dup(pair[0]); /* closed and opened again where no wrapper saw it */
    assert_int_equal(dup2(pair[1], pair[0]), pair[0]);
    watched_find(&r, &scratch);
    assert_int_equal(findings[0].inode, 0);
    dup2(copy, pair[0]);
    close(copy);
    findings[0].until_exit = true;
    watched_find(&r, &scratch);
    assert_int_equal(findings[0].inode, 0);
    findings[0].until_exit = false;
    findings[0].kind = KIND_HELD_BY_CHILD;
    watched_find(&r, &scratch);
    assert_int_equal(findings[0].inode, 0);
    scratch_free(&scratch);
}

static void without_a_descriptor_to_read_with_nothing_is_known(void **state)
{
    (void)state;
    struct rlimit limit, none;
    watch(epoll, pair[0], EPOLLIN);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    find();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(findings[0].watch, WATCH_UNKNOWN);
    assert_int_equal(findings[1].watch, WATCH_UNKNOWN);
    /* one is enough to list the descriptors, and not for the epoll */
    int next = dup(2);
    close(next);
    none.rlim_cur = (rlim_t)next + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    find();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(findings[0].watch, WATCH_UNKNOWN);
    assert_int_equal(findings[1].watch, WATCH_UNKNOWN);
}

static void where_no_file_may_be_opened_none_is(void **state)
{
    (void)state;
    watch(epoll, pair[0], EPOLLIN);
    this_thread.no_malloc = true; /* the program's signal handler */
    find();
    this_thread.no_malloc = false;
    assert_int_equal(findings[0].watch, WATCH_UNKNOWN);
    sys_enter_sandbox();
    find();
    atomic_store(&sys_sandboxed, false);
    assert_int_equal(findings[0].watch, WATCH_UNKNOWN);
    find();
    assert_int_equal(findings[0].watch, WATCH_EPOLL);
}

static void *finds_as_the_last(void *arg)
{
    char text[64] = "";
    for (int i = 0; i < 4000 && !strstr(text, ") Z"); i++) { /* until the first thread has ended */
        FILE *f = fopen("/proc/self/stat", "r");
        if (!f || !fgets(text, sizeof text, f))
            text[0] = 0;
        if (f)
            fclose(f);
        usleep(2000);
    }
    find();
    _exit(!strstr(text, ") Z") ? 2 : findings[0].watch != WATCH_UNKNOWN || findings[1].watch != WATCH_UNKNOWN);
    return arg;
}

static int first_thread_ends(void)
{
    pthread_t thread;
    if (!live_start())
        return 6;
    check_all(0);
    for (int i = 0; i < 2; i++) /* the child's table has them as inherited */
        if (!live_is_known(pair[i]))
            return 3;
    if (pthread_create(&thread, NULL, finds_as_the_last, NULL))
        return 4;
    syscall(SYS_exit, 0);
    return 5;
}

static void when_the_first_thread_has_ended_its_descriptors_cannot_be_listed(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(first_thread_ends), 0);
}

/* ---- by other means than epoll ---- */

static _Atomic uint32_t waiter_tid;
static int go[2];

static void *polls(void *arg)
{
    struct pollfd p[2] = {{.fd = pair[0], .events = POLLIN}, {.fd = go[0], .events = POLLIN}};
    atomic_store(&waiter_tid, (uint32_t)sys_gettid());
    poll(p, 2, 20000);
    return arg;
}

static void *reads(void *arg)
{
    char c;
    atomic_store(&waiter_tid, (uint32_t)sys_gettid());
    return recv(*(int *)arg, &c, 1, 0) == 1 ? arg : NULL;
}

/* Until the thread is in call NUMBER. */
static void await_call(long number)
{
    char path[64], text[64] = "";
    for (int i = 0; i < 4000 && strtol(text, NULL, 10) != number; i++) {
        snprintf(path, sizeof path, "/proc/self/task/%u/syscall", atomic_load(&waiter_tid));
        FILE *f = atomic_load(&waiter_tid) ? fopen(path, "r") : NULL;
        if (!f || !fgets(text, sizeof text, f))
            strcpy(text, "-1");
        if (f)
            fclose(f);
        usleep(2000);
    }
    assert_int_equal(strtol(text, NULL, 10), number);
}

static void a_thread_that_polls_may_watch_it(void **state)
{
    (void)state;
    pthread_t thread;
    atomic_store(&waiter_tid, 0);
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&thread, NULL, polls, NULL), 0);
#ifdef SYS_poll
    await_call(SYS_poll);
#else
    await_call(SYS_ppoll);
#endif
    find();
    assert_int_equal(findings[0].watch, WATCH_NONE);
    assert_int_equal(findings[1].watch, WATCH_NONE);
    assert_int_equal(write(go[1], "x", 1), 1);
    pthread_join(thread, NULL);
    find();
    assert_int_equal(findings[0].watch, WATCH_NOBODY);
    close(go[0]);
    close(go[1]);
}

static void a_thread_in_a_receive_watches_that_one_alone(void **state)
{
    (void)state;
    pthread_t thread;
    atomic_store(&waiter_tid, 0);
    assert_int_equal(pthread_create(&thread, NULL, reads, &pair[0]), 0);
    await_call(SYS_recvfrom);
    find();
    assert_int_equal(findings[0].watch, WATCH_NONE);
    assert_int_equal(findings[1].watch, WATCH_NOBODY);
    assert_int_equal(send(pair[1], "x", 1, 0), 1);
    pthread_join(thread, NULL);
}

static void the_thread_that_makes_the_report_may_poll_after_it(void **state)
{
    (void)state;
    table_set_watcher(0);
    find();
    assert_int_equal(findings[0].watch, WATCH_NONE);
    close(epoll);
    close(other);
    find();
    assert_int_equal(findings[0].watch, WATCH_WITHOUT);
}

static void an_io_uring_may_watch_it(void **state)
{
    (void)state;
    struct io_uring_params p = {.flags = 0};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
    if (ring < 0)
        skip();
    find();
    close(ring);
    assert_int_equal(findings[0].watch, WATCH_NONE);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(each_epoll_that_holds_a_socket_is_found),
        CASE(a_registration_outlives_its_number_while_there_is_a_copy),
        CASE(more_registrations_than_one_piece_of_text_are_read_whole),
        CASE(of_a_number_that_was_given_away_nothing_is_said),
        CASE(without_a_descriptor_to_read_with_nothing_is_known),
        CASE(where_no_file_may_be_opened_none_is),
        CASE(when_the_first_thread_has_ended_its_descriptors_cannot_be_listed),
        CASE(a_thread_that_polls_may_watch_it),
        CASE(a_thread_in_a_receive_watches_that_one_alone),
        CASE(the_thread_that_makes_the_report_may_poll_after_it),
        CASE(an_io_uring_may_watch_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
