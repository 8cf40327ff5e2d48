/* SPDX-License-Identifier: MIT */
/*
 * test_waiters.c: who waits for a connect: the epolls of the process, and the calls that its
 * threads are in.
 *
 * The code is compiled in, over reads that end early, and over texts of the tests' own for threads.
 */
#include "tracked_agent.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/uio.h>

#include "agent/base/proc_files.h"
#include "agent/base/sys.h"

static size_t most; /* that a read gives; 0: all */
static long read_in_pieces(int fd, void *to, size_t n) { return sys_read(fd, to, most && most < n ? most : n); }
static const char *call; /* that a thread is in */
static long error;       /* instead of that */
static long read_call(char *buf, size_t cap, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    assert_string_equal(fmt, "/proc/self/task/%u/syscall");
    assert_int_equal(va_arg(ap, unsigned), 7);
    va_end(ap);
    buf[0] = 0;
    return call ? snprintf(buf, cap, "%s", call) : error;
}

#define sys_read read_in_pieces
#define proc_read read_call
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/watch/proc_call.c"
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/watch/waiters.c"
#undef sys_read
#undef proc_read

static int fresh(void **state)
{
    (void)state;
    struct state_view old;
    int r;
    if (table_head)
        table_forget(&old);
    memset(watched, 0, sizeof watched);
    asked = unknown = false;
    most = 0;
    waiters_reset();
    return table_open(-1, NULL, &r);
}

static bool is_watched(unsigned fd) { return watched[fd / 8] >> fd % 8 & 1; }

static unsigned count_watched(void)
{
    unsigned n = 0;
    for (unsigned fd = 0; fd < MAX_FD; fd++)
        n += is_watched(fd);
    return n;
}

static void all_that_an_epoll_watches_is_found_however_its_list_is_read(void **state)
{
    static const size_t pieces[] = {0, 1, 7, 100};
    enum { MANY = 150, FIRST = 95 };
    int epoll = epoll_create1(EPOLL_CLOEXEC), fd = eventfd(0, EFD_CLOEXEC);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        fresh(state);
        most = pieces[i];
        assert_true(proc_call_epoll(0, (unsigned)epoll, &into_set));
        assert_int_equal(count_watched(), 0);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(dup2(fd, FIRST + i), FIRST + i);
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, FIRST + i, &(struct epoll_event){.events = EPOLLIN}), 0);
    }
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        fresh(state);
        most = pieces[i];
        assert_true(proc_call_epoll(0, (unsigned)epoll, &into_set));
        assert_int_equal(count_watched(), MANY);
        assert_true(is_watched(FIRST) && is_watched(FIRST + MANY - 1));
    }
    for (int i = 0; i < MANY; i++)
        close(FIRST + i);
    close(fd);
    close(epoll);
    assert_false(proc_call_epoll(0, (unsigned)epoll, &into_set)); /* it is not there any more */
}

/* What thread 7, which is in NUMBER with these arguments, waits for. */
static bool ask(long number, const void *a, unsigned long b, const void *c, const void *d, const void *e)
{
    char text[256];
    unsigned left = 1;
    snprintf(text, sizeof text, "%ld 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x0 0x7ffc 0x7f12\n", number, (unsigned long)(uintptr_t)a, b,
             (unsigned long)(uintptr_t)c, (unsigned long)(uintptr_t)d, (unsigned long)(uintptr_t)e);
    call = text;
    memset(watched, 0, sizeof watched);
    bool known = ask_thread(&left, 7);
    call = NULL;
    return known;
}

static void a_thread_in_connect_waits_for_that_descriptor(void **state)
{
    (void)state;
    assert_true(ask(SYS_connect, (void *)0x3ab, 0, NULL, NULL, NULL));
    assert_true(is_watched(0x3ab));
    assert_int_equal(count_watched(), 1);
    assert_true(ask(SYS_futex, (void *)0x3ab, 0, NULL, NULL, NULL));
    assert_int_equal(count_watched(), 0);
    assert_true(ask(SYS_connect, (void *)(uintptr_t)MAX_FD, 0, NULL, NULL, NULL)); /* has no place */
    assert_int_equal(count_watched(), 0);
}

static void a_thread_in_poll_waits_for_all_of_its_array_but_what_is_switched_off(void **state)
{
    (void)state;
    enum { N = 70 }; /* read in two pieces */
    struct pollfd *v = calloc(MAX_POLLED + 1, sizeof *v);
    for (int i = 0; i < N; i++)
        v[i].fd = i % 10 == 5 ? -1 - i : 100 + i;
    assert_true(ask(SYS_ppoll, v, N, NULL, NULL, NULL));
    assert_int_equal(count_watched(), N - N / 10);
    assert_true(is_watched(100) && is_watched(163) && is_watched(164) && is_watched(169) && !is_watched(165) && !is_watched(105));
    assert_true(ask(SYS_ppoll, v, 64, NULL, NULL, NULL));
    assert_true(is_watched(163) && !is_watched(164));
    assert_true(ask(SYS_ppoll, v, 0, NULL, NULL, NULL));
    assert_true(ask(SYS_ppoll, v, MAX_POLLED, NULL, NULL, NULL));
    assert_false(ask(SYS_ppoll, v, MAX_POLLED + 1, NULL, NULL, NULL)); /* too many to read */
    assert_false(ask(SYS_ppoll, (void *)8, 1, NULL, NULL, NULL));      /* unmapped meanwhile */
    free(v);
}

static void a_thread_in_select_waits_for_what_is_in_one_of_its_sets(void **state)
{
    (void)state;
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(3, &in);
    FD_SET(70, &in);
    FD_SET(71, &out);
    FD_SET(1023, &out);
    assert_true(ask(SYS_pselect6, (void *)72, (unsigned long)(uintptr_t)&in, &out, NULL, NULL));
    assert_true(is_watched(3) && is_watched(70) && is_watched(71));
    assert_int_equal(count_watched(), 3); /* 1023 is beyond what it asks for */
    assert_true(ask(SYS_pselect6, (void *)1024, 0, NULL, &out, NULL));
    assert_true(is_watched(71) && is_watched(1023));
    assert_false(ask(SYS_pselect6, (void *)1025, 0, &out, NULL, NULL)); /* longer than is read */
    assert_false(ask(SYS_pselect6, (void *)1, 8, NULL, NULL, NULL));
}

static void what_a_thread_does_is_unknown_where_it_runs_or_cannot_be_read(void **state)
{
    (void)state;
    unsigned left = 10;
    static const char *const texts[] = {"running\n", "-1 0x7ffc 0x7f12\n", "202 0x1 0x2 0x3 0x4 0x5", "202"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        call = texts[i];
        assert_false(ask_thread(&left, 7));
    }
    call = NULL;
    assert_false(ask(SYS_restart_syscall, NULL, 0, NULL, NULL, NULL)); /* of what? */
    static const struct {
        long error;
        bool known;
    } rows[] = {{-ENOENT, true}, {-ESRCH, true}, {-EACCES, false}, {-EPERM, false}, {0, false}}; /* two: it has ended */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        error = rows[i].error;
        assert_int_equal(ask_thread(&left, 7), rows[i].known);
    }
    assert_true(ask_thread(&left, (unsigned)gettid())); /* the one that asks */
    assert_int_equal(left, 0);
    assert_false(ask_thread(&left, (unsigned)gettid())); /* there are more than are asked */
}

static bool at_a_check(int fd, uint32_t gen)
{
    waiters_begin();
    return waiters_none(fd, gen);
}

static void nobody_waits_when_that_was_so_at_two_checks(void **state)
{
    (void)state;
    int fd = eventfd(0, EFD_CLOEXEC), epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_non_null(slot_make(fd));
    assert_false(at_a_check(fd, 1));
    assert_true(at_a_check(fd, 1));
    assert_false(at_a_check(fd, 2)); /* another socket */
    assert_true(at_a_check(fd, 2));
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN}), 0);
    assert_true(waiters_none(fd, 2)); /* once a check */
    assert_false(at_a_check(fd, 2));
    close(epoll);
    assert_false(at_a_check(fd, 2));
    assert_true(at_a_check(fd, 2));
    slot_of(fd)->share = 1; /* by which number an epoll has it is not known */
    assert_false(at_a_check(fd, 2));
    slot_of(fd)->share = 0;
    assert_false(at_a_check(fd, 2));
    waiters_reset();
    assert_false(at_a_check(fd, 2));
    assert_false(waiters_none(fd + 64, 1)); /* has no slot */
    close(fd);
}

static void a_number_beyond_those_that_have_a_place_is_never_known(void **state)
{
    (void)state;
    static const int numbers[] = {MAX_FD - 1, MAX_FD};
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(slot_make(numbers[i]));
        assert_false(at_a_check(numbers[i], 1));
        assert_int_equal(at_a_check(numbers[i], 1), i == 0);
    }
}

static void of_no_more_than_256_sockets_it_is_known(void **state)
{
    (void)state;
    for (int i = 0; i <= (int)SUSPECTS; i++)
        assert_non_null(slot_make(1000 + i));
    for (int turn = 0; turn < 2; turn++) {
        waiters_begin();
        for (int i = 0; i <= (int)SUSPECTS; i++)
            assert_int_equal(waiters_none(1000 + i, 1), turn && i < (int)SUSPECTS);
    }
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_that_an_epoll_watches_is_found_however_its_list_is_read),
        TEST(a_thread_in_connect_waits_for_that_descriptor),
        TEST(a_thread_in_poll_waits_for_all_of_its_array_but_what_is_switched_off),
        TEST(a_thread_in_select_waits_for_what_is_in_one_of_its_sets),
        TEST(what_a_thread_does_is_unknown_where_it_runs_or_cannot_be_read),
        TEST(nobody_waits_when_that_was_so_at_two_checks),
        TEST(a_number_beyond_those_that_have_a_place_is_never_known),
        TEST(of_no_more_than_256_sockets_it_is_known),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
