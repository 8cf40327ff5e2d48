/* SPDX-License-Identifier: MIT */
/*
 * test_held.c: which closes are recorded because a process that was started may have a copy, what the
 * kernel says of such a connection, and which start a process comes from.
 */
#include "tracked_agent.h"

#include "agent/track/held.h"
#include "agent/watch/connection.h"
#include "core/calls.h"
#include "core/judge.h"

static int listener;
static struct sockaddr_in address;

static int fresh(void **state)
{
    (void)state;
    socklen_t len = sizeof address;
    held_reset();
    starts_reset();
    if (listener)
        return 0;
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM, 0);
    return bind(listener, (struct sockaddr *)&address, len) || listen(listener, 512) ||
           getsockname(listener, (struct sockaddr *)&address, &len);
}

static int connected(int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    track_opened(fd, AF_INET, SOCK_STREAM | flags, 0, ORIGIN_SOCKET);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int peer_of(int fd)
{
    (void)fd;
    return accept(listener, NULL, NULL);
}

static void close_it(int fd)
{
    track_closing(fd);
    close(fd);
}

static void start(unsigned call) { starts_end(starts_begin(call), 0); }

static unsigned count_held(void)
{
    unsigned n = 0;
    for (int i = -1; held_next(&i);)
        n++;
    return n;
}

static void a_close_is_recorded_only_when_a_process_was_started_since_the_opening(void **state)
{
    (void)state;
    close_it(connected(0));
    assert_int_equal(count_held(), 0);
    start(CALL_FORK);
    close_it(connected(0)); /* opened after it */
    assert_int_equal(count_held(), 0);
    int fd = connected(0), i = -1;
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
    start(CALL_FORK);
    close_it(fd);
    const struct state_held *h = held_next(&i);
    assert_non_null(h);
    assert_int_equal(h->fd, fd);
    assert_int_equal(h->cookie, cookie);
    assert_int_equal(h->phase, HELD_CLOSED);
    assert_int_equal(held_endpoints(i)->peer_port, address.sin_port);
    assert_memory_equal(held_endpoints(i)->peer, &address.sin_addr, 4);
    assert_null(held_next(&i));
}

static void a_program_that_is_executed_at_once_has_nothing_that_is_close_on_exec(void **state)
{
    (void)state;
    int kept = connected(SOCK_CLOEXEC), given = connected(0), changed = connected(SOCK_CLOEXEC);
    fcntl(changed, F_SETFD, 0);
    start(CALL_POPEN);
    close_it(kept);
    assert_int_equal(count_held(), 0);
    close_it(given);
    close_it(changed);
    assert_int_equal(count_held(), 2);
    kept = connected(SOCK_CLOEXEC);
    start(CALL_FORK); /* which has all */
    close_it(kept);
    assert_int_equal(count_held(), 3);
}

static void of_several_descriptors_the_last_one_is_recorded(void **state)
{
    (void)state;
    int fd = connected(0), second = dup(fd), i = -1;
    track_duped(fd, second);
    start(CALL_FORK);
    close_it(fd);
    assert_int_equal(count_held(), 0);
    close_it(second);
    const struct state_held *h = held_next(&i);
    assert_non_null(h);
    assert_int_equal(h->fd, second);
    assert_true(h->copied);
}

static void what_is_no_connection_of_its_own_is_not_recorded(void **state)
{
    (void)state;
    int unconnected = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), inherited = connected(0), pair[2];
    track_opened(unconnected, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    assert_int_equal(connect(udp, (struct sockaddr *)&address, sizeof address), 0);
    track_opened(udp, AF_INET, SOCK_DGRAM, 0, ORIGIN_SOCKET);
    track_opened(inherited, AF_INET, SOCK_STREAM, 0, ORIGIN_INHERITED);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    track_pair(pair, AF_UNIX, SOCK_STREAM, 0);
    start(CALL_FORK);
    int all[] = {unconnected, udp, inherited, pair[0], pair[1]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        close_it(all[i]);
    assert_int_equal(count_held(), 0);
}

static void what_was_passed_on_belongs_to_the_receiver_too(void **state)
{
    (void)state;
    int fd = connected(0), again;
    union {
        char room[CMSG_SPACE(sizeof fd)];
        struct cmsghdr align;
    } u;
    memset(&u, 0, sizeof u);
    u.align = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    struct msghdr m = {.msg_control = u.room, .msg_controllen = sizeof u.room};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof fd);
    held_passing(&m);
    start(CALL_FORK);
    close_it(fd);
    assert_int_equal(count_held(), 0);
    again = connected(0); /* another socket of that number */
    assert_int_equal(again, fd);
    start(CALL_FORK);
    close_it(again);
    assert_int_equal(count_held(), 1);
}

static void there_are_so_many_records_and_a_free_one_is_used_again(void **state)
{
    (void)state;
    int fds[HELD_MAX + 1], i = 99;
    for (unsigned k = 0; k <= HELD_MAX; k++) {
        fds[k] = connected(0);
        close(peer_of(fds[k]));
    }
    start(CALL_FORK);
    for (unsigned k = 0; k < HELD_MAX; k++)
        close_it(fds[k]);
    assert_int_equal(count_held(), HELD_MAX);
    track_closing_range((unsigned)fds[HELD_MAX], (unsigned)fds[HELD_MAX]);
    assert_int_equal(count_held(), HELD_MAX); /* none is free */
    track_range_closed((unsigned)fds[HELD_MAX], (unsigned)fds[HELD_MAX], true);
    held_free(i);
    assert_int_equal(count_held(), HELD_MAX - 1);
    track_closing_range((unsigned)fds[HELD_MAX], (unsigned)fds[HELD_MAX]);
    assert_int_equal(count_held(), HELD_MAX);
    close(fds[HELD_MAX]);
}

static void the_kernel_says_who_lives_on_and_when_bytes_have_moved(void **state)
{
    (void)state;
    int fd = connected(0), copy = dup(fd), i = -1, peer, netlink = connection_open();
    while ((peer = accept(listener, NULL, NULL)) >= 0) { /* those of other tests come first */
        struct sockaddr_in a = {0}, b = {0};
        socklen_t la = sizeof a, lb = sizeof b;
        if (!getpeername(peer, (struct sockaddr *)&a, &la) && !getsockname(fd, (struct sockaddr *)&b, &lb) && a.sin_port == b.sin_port)
            break;
        close(peer);
    }
    start(CALL_FORK);
    close_it(fd); /* COPY, which the agent does not know, is as another process' */
    struct state_held *h = held_next(&i);
    struct connection before, after;
    assert_non_null(h);
    assert_true(netlink >= 0);
    assert_int_equal(connection_ask(netlink, held_endpoints(i), h->cookie, &before), 1);
    assert_int_equal(before.state, ST_ESTABLISHED);
    assert_true(before.inode);
    assert_int_equal(before.unread, 0);
    assert_int_equal(connection_ask(netlink, held_endpoints(i), h->cookie, &after), 1);
    assert_int_equal(before.signature, after.signature);
    assert_int_equal(send(peer, "xy", 2, 0), 2);
    assert_int_equal(connection_ask(netlink, held_endpoints(i), h->cookie, &after), 1);
    assert_int_equal(after.unread, 2);
    assert_int_not_equal(before.signature, after.signature);
    before = after;
    shutdown(peer, SHUT_WR);
    assert_int_equal(connection_ask(netlink, held_endpoints(i), h->cookie, &after), 1);
    assert_int_equal(after.state, ST_CLOSE_WAIT);
    assert_int_equal(before.signature, after.signature); /* a FIN is no byte */
    assert_int_equal(connection_ask(netlink, held_endpoints(i), h->cookie + 1, &after), 0);
    close(copy);
    int r = connection_ask(netlink, held_endpoints(i), h->cookie, &after);
    assert_true(r == 0 || !after.inode);
    close(peer);
    close(netlink);
}

static __attribute__((noinline)) uint32_t begin_one(void) { return starts_begin(CALL_FORK); }
static __attribute__((noinline)) uint32_t begin_other(void) { return starts_begin(CALL_FORK) + 0u; }

static void a_process_comes_from_the_start_of_its_pid_or_of_its_moment(void **state)
{
    (void)state;
    const uint64_t tick = 1000000;
    agent_options.native_frames = 8;
    uint32_t one = begin_one();
    starts_end(one, 4711);
    state_ref first = starts_site(one);
    assert_int_not_equal(first, 0);
    assert_int_equal(starts_find(4711, clock_now(), tick), first);
    assert_int_equal(starts_find(4712, clock_now(), tick), 0); /* that was another process */
    assert_int_equal(starts_find(4711, clock_now() + 50 * tick, tick), 0);
    assert_int_equal(starts_find(4711, clock_now() - 50 * tick, tick), first); /* noted at its exec */
    uint32_t two = begin_other();
    starts_end(two, 0);
    state_ref second = starts_site(two);
    assert_int_not_equal(second, first);
    assert_int_equal(starts_find(4712, clock_now(), 1000 * tick), second);
    starts_end(begin_one(), 0);
    assert_int_equal(starts_find(4712, clock_now(), 1000 * tick), 0); /* one of two */
    agent_options.native_frames = 0;
}

static void a_child_has_closed_nothing_of_its_parents(void **state)
{
    (void)state;
    int fd = connected(0), status;
    start(CALL_FORK);
    close_it(fd);
    assert_int_equal(count_held(), 1);
    pid_t child = fork();
    if (child == 0)
        _exit((int)count_held() + (atomic_load(&starts_forked_ns) != 0));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(count_held(), 1);
}

#define CASE(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_close_is_recorded_only_when_a_process_was_started_since_the_opening),
        CASE(a_program_that_is_executed_at_once_has_nothing_that_is_close_on_exec),
        CASE(of_several_descriptors_the_last_one_is_recorded),
        CASE(what_is_no_connection_of_its_own_is_not_recorded),
        CASE(what_was_passed_on_belongs_to_the_receiver_too),
        CASE(there_are_so_many_records_and_a_free_one_is_used_again),
        CASE(the_kernel_says_who_lives_on_and_when_bytes_have_moved),
        CASE(a_process_comes_from_the_start_of_its_pid_or_of_its_moment),
        CASE(a_child_has_closed_nothing_of_its_parents),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
