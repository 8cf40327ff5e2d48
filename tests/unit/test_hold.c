/* SPDX-License-Identifier: MIT */
/*
 * test_hold.c: a close is the last one also while a check looks at the socket: the peer has the FIN
 * when close returns, epoll reports nothing of it, its port is free, and SO_LINGER is waited for.
 *
 * Another thread checks all the time, in the program's descriptor table and from one of its own.
 * HOLD_CLOSES: how many closes; 100,000 take half a minute.
 */
#include "live_agent.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "agent/base/clock.h"
#include "agent/base/descriptors.h"
#include "agent/base/thread.h"
#include "agent/track/hold.h"
#include "agent/watch/wake.h"

static int leaves = -1;
static void before_hold(void)
{
    if (leaves >= 0)
        track_closing(leaves);
    leaves = -1;
}
#define hold_range(first, last) (before_hold(), (hold_range)(first, last))
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/watch/check.c"
#undef hold_range

static unsigned closes = 10000;
static _Atomic bool stop;
static _Atomic unsigned looks;
static pthread_t looker;

/* As the watcher does, from a descriptor table of its own. */
static bool apart;
static _Atomic bool ready;

static void *look_always(void *arg)
{
    (void)arg;
    thread_enter();
    if (apart && descriptors_leave() != DESCRIPTORS_OWN)
        abort();
    atomic_store(&ready, true);
    while (!atomic_load(&stop)) {
        if (watch_lock(10000)) {
            check_all(0);
            watch_unlock();
            atomic_fetch_add(&looks, 1);
        }
    }
    return NULL;
}

static unsigned overdue_before;
static void begin_looks(void)
{
    overdue_before = atomic_load(&hold_overdue);
    atomic_store(&looks, 0);
    atomic_store(&stop, false);
    atomic_store(&ready, false);
    assert_int_equal(pthread_create(&looker, NULL, look_always, NULL), 0);
    while (!atomic_load(&ready))
        usleep(100);
}
static void end_looks(void)
{
    atomic_store(&stop, true);
    pthread_join(looker, NULL);
}

/* On a busy machine the thread that looks may lose its processor for longer than a close waits. */
static void none_but_overdue(unsigned n)
{
    assert_true(atomic_load(&looks) > 0);
    assert_in_range(n, 0, atomic_load(&hold_overdue) - overdue_before);
}

static int listener;
static struct sockaddr_in address = {.sin_family = AF_INET};

static int setup(void **state)
{
    (void)state;
    socklen_t len = sizeof address;
    const char *wanted = getenv("HOLD_CLOSES");
    if (wanted)
        closes = (unsigned)atoi(wanted);
    alarm(600);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = 0;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    return listener >= 0 && live_start() && bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 64) == 0 &&
                   getsockname(listener, (struct sockaddr *)&address, &len) == 0
               ? 0
               : -1;
}
static int setup_apart(void **state)
{
    int r = setup(state);
    apart = true;
    return r;
}
static int teardown(void **state)
{
    (void)state;
    apart = false;
    alarm(0);
    live_forget_all();
    close(listener); /* the search for unseen sockets may have found it */
    return 0;
}

struct connection {
    int ours, peers;
};
static struct connection connection(void)
{
    struct linger reset = {1, 0}; /* no TIME_WAIT stays of so many */
    struct connection c = {.peers = socket(AF_INET, SOCK_STREAM, 0)};
    setsockopt(c.peers, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    assert_int_equal(connect(c.peers, (struct sockaddr *)&address, sizeof address), 0);
    c.ours = accept(listener, NULL, NULL);
    assert_true(c.ours >= 0);
    track_accepted(listener, c.ours, 0);
    return c;
}

/* A while of any length, so that the close comes at any moment of a look. */
static void spin(void)
{
    for (volatile int i = rand() % 4000; i > 0; i--)
        ;
}

static void close_plain(int fd) { live_close(fd); }
static void close_by_range(int fd)
{
    bool any = track_closing_range_by((unsigned)fd, (unsigned)fd, 0, (struct closer){NULL, NULL});
    syscall(SYS_close_range, fd, fd, 0);
    if (any)
        track_range_closed((unsigned)fd, (unsigned)fd, false);
}

static bool has_fin(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) == 1 && p.revents & POLLRDHUP;
}

static void count_late_fins(void (*close_it)(int), unsigned n)
{
    unsigned late = 0;
    begin_looks();
    for (unsigned i = 0; i < n; i++) {
        struct connection c = connection();
        spin();
        close_it(c.ours);
        late += !has_fin(c.peers);
        close(c.peers);
    }
    end_looks();
    none_but_overdue(late);
}

static void the_peer_has_the_fin_when_close_returns(void **state)
{
    (void)state;
    count_late_fins(close_plain, closes);
}

static void the_peer_has_the_fin_when_close_range_returns(void **state)
{
    (void)state;
    count_late_fins(close_by_range, closes / 2);
}

static void epoll_reports_nothing_of_a_socket_that_is_closed(void **state)
{
    (void)state;
    int ep = epoll_create1(0);
    unsigned stale = 0;
    begin_looks();
    for (unsigned i = 0; i < closes / 2; i++) {
        struct connection c = connection();
        struct epoll_event e = {.events = EPOLLIN};
        assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, c.ours, &e), 0);
        assert_int_equal(send(c.peers, "x", 1, 0), 1);
        spin();
        live_close(c.ours);
        bool told = false; /* a close that is overdue is told of until the look is over */
        while (epoll_wait(ep, &e, 1, 0) > 0)
            told = true;
        stale += told;
        close(c.peers);
    }
    end_looks();
    close(ep);
    none_but_overdue(stale);
}

static void a_listeners_port_is_free_at_once(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    unsigned busy = 0;
    begin_looks();
    for (unsigned i = 0; i < closes / 5; i++) {
        int fd = live_socket(AF_INET, SOCK_STREAM), one = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 5) == 0) {
            getsockname(fd, (struct sockaddr *)&at, &len);
            spin();
        } else {
            busy++;
        }
        live_close(fd);
    }
    end_looks();
    none_but_overdue(busy);
}

/* Data that the peer does not take: close waits for it, or returns at once when it is not the last. */
static void a_close_that_lingers_waits(void **state)
{
    (void)state;
    static char data[65536];
    struct linger second = {1, 1};
    unsigned at_once = 0;
    begin_looks();
    for (unsigned i = 0; i < 2; i++) {
        struct connection c = connection();
        setsockopt(c.ours, SOL_SOCKET, SO_LINGER, &second, sizeof second);
        while (send(c.ours, data, sizeof data, MSG_DONTWAIT) > 0)
            ;
        spin();
        uint64_t begin = clock_now();
        live_close(c.ours);
        at_once += clock_now() - begin < 500u * (uint64_t)NS_PER_MS;
        close(c.peers);
    }
    end_looks();
    none_but_overdue(at_once);
}

/* ---- the wait -------------------------------------------------------------------------------- */

static _Atomic bool released;
static void *release_later(void *arg)
{
    (void)arg;
    usleep(2000);
    atomic_store(&released, true);
    hold_end();
    return NULL;
}

static void a_close_waits_for_whoever_holds_its_number_and_for_no_other(void **state)
{
    (void)state;
    pthread_t t;
    atomic_store(&released, false);
    hold_range(100, 131);
    hold_await(0, 99); /* returns: these are others */
    hold_await(132, UINT32_MAX);
    hold_closing(99);
    hold_closing(132);
    hold_closing(-1);
    pthread_create(&t, NULL, release_later, NULL);
    hold_closing(131);
    assert_true(atomic_load(&released));
    pthread_join(t, NULL);
    hold_closing(131);
}

static void a_close_does_not_wait_for_ever(void **state)
{
    (void)state;
    uint32_t before = atomic_load(&hold_overdue);
    hold_range(5, 5);
    alarm(20);
    hold_closing(5); /* nobody ends it */
    assert_int_equal(atomic_load(&hold_overdue), before + 1);
    thread_enter();
    hold_closing(5); /* by the thread that checks: not at all */
    thread_leave();
    assert_int_equal(atomic_load(&hold_overdue), before + 1);
    hold_reset();
}

static void a_socket_that_leaves_its_slot_before_it_is_held_is_not_polled(void **state)
{
    (void)state;
    int fd = leaves = live_socket(AF_UNIX, SOCK_DGRAM);
    memset(polled, 0, sizeof polled);
    assert_true(watch_lock(10000));
    check_all(0);
    watch_unlock();
    assert_int_equal(leaves, -1);
    for (unsigned i = 0; i < BATCH; i++)
        assert_int_not_equal(polled[i].fd, fd);
    close(fd);
}

static void what_has_left_its_slot_is_not_held(void **state)
{
    (void)state;
    int fd = live_socket(AF_INET, SOCK_STREAM);
    uint64_t word = atomic_load(&slot_of(fd)->word);
    assert_true(hold_live(fd, word));
    assert_int_equal((uint32_t)atomic_load(&hold_numbers), fd);
    hold_end();
    track_closing(fd);
    assert_false(hold_live(fd, word));
    assert_int_equal(atomic_load(&hold_numbers), 0);
    close(fd);
}

#define BOTH_WAYS(name) \
    cmocka_unit_test_setup_teardown(name, setup, teardown), { #name "_also_by_copies", name, setup_apart, teardown, NULL }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(the_peer_has_the_fin_when_close_returns),
        BOTH_WAYS(the_peer_has_the_fin_when_close_range_returns),
        BOTH_WAYS(epoll_reports_nothing_of_a_socket_that_is_closed),
        BOTH_WAYS(a_listeners_port_is_free_at_once),
        BOTH_WAYS(a_close_that_lingers_waits),
        cmocka_unit_test_setup_teardown(a_close_waits_for_whoever_holds_its_number_and_for_no_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_close_does_not_wait_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_left_its_slot_is_not_held, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_that_leaves_its_slot_before_it_is_held_is_not_polled, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
