/* SPDX-License-Identifier: MIT */
/*
 * test_outcome.c: what the program learns of a socket: connected, shut down, at its end, in error.
 */
#include "tracked_agent.h"

#include "agent/stacks/sites.h"
#include "agent/base/sys.h"

#define FD 300
#define TOLD (SLOT_TOLD_EOF | SLOT_TOLD_ERROR)

static unsigned told(int fd) { return flags_of(fd) & TOLD; }
static int told_errno(int fd) { return atomic_load(&slot_of(fd)->told_errno); }

static int fresh(void **state)
{
    (void)state;
    agent_options.native_frames = 0;
    track_opened(FD, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    return phase_of(FD) == SLOT_LIVE ? 0 : -1;
}
static int done(void **state)
{
    (void)state;
    track_closing(FD);
    agent_options.native_frames = 0;
    return 0;
}

/* ---- connect ---- */

static const struct sockaddr_in somewhere = {.sin_family = AF_INET};
static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

static void connect_at(int result, int err) { track_connected(FD, result, err, (const struct sockaddr *)&somewhere, sizeof somewhere); }

static void a_connect_that_fails_is_told_with_its_stack_and_errno(void **state)
{
    (void)state;
    agent_options.native_frames = 32;
    uint64_t before = clock_now();
    errno = ENOTUNIQ;
    connect_at(-1, ECONNREFUSED);
    assert_int_equal(errno, ENOTUNIQ);
    const struct state_slot *s = slot_of(FD);
    assert_int_equal(flags_of(FD), SLOT_TOLD_ERROR);
    assert_int_equal(told_errno(FD), ECONNREFUSED);
    assert_non_null(sites_at(atomic_load(&s->told_site)));
    assert_true(atomic_load(&s->told_ns) >= before);
}

/* One call site may do both: a loop over syscall(2), an interpreter's calls through libffi. */
static void being_told_of_an_end_counts_as_no_opening(void **state)
{
    (void)state;
    uint64_t opened = n_opened();
    agent_options.native_frames = 32;
    connect_at(-1, ECONNREFUSED);
    const struct state_site *site = sites_at(atomic_load(&slot_of(FD)->told_site));
    assert_non_null(site);
    assert_int_equal(atomic_load(&site->opened), 0);
    agent_options.native_frames = 0;
    track_received(FD, 0, 0, 1, 0);
    assert_int_equal(n_opened(), opened);
}

static void a_connect_that_goes_on_is_connecting(void **state)
{
    (void)state;
    static const int errors[] = {EINPROGRESS, EINTR, EALREADY};
    for (int i = 0; i < 3; i++) {
        fresh(state);
        connect_at(-1, errors[i]);
        assert_int_equal(flags_of(FD), SLOT_CONNECTING);
    }
    connect_at(-1, EISCONN);
    assert_int_equal(flags_of(FD), SLOT_CONNECTED);
}

static void an_error_of_the_call_itself_is_none_of_the_connection(void **state)
{
    (void)state;
    static const int errors[] = {EBADF, ENOTSOCK, EFAULT};
    for (int i = 0; i < 3; i++)
        connect_at(-1, errors[i]);
    assert_int_equal(flags_of(FD), 0);
    assert_int_equal(told_errno(FD), 0);
}

static void what_an_attempt_before_told_is_forgotten_when_one_succeeds(void **state)
{
    (void)state;
    agent_options.native_frames = 32;
    connect_at(-1, ECONNREFUSED);
    connect_at(-1, EINPROGRESS);
    connect_at(0, 0);
    const struct state_slot *s = slot_of(FD);
    assert_int_equal(flags_of(FD), SLOT_CONNECTED);
    assert_int_equal(told_errno(FD), 0);
    assert_int_equal(atomic_load(&s->told_site), 0);
    assert_int_equal(atomic_load(&s->told_ns), 0);
}

static void a_connect_to_no_address_undoes_the_connection(void **state)
{
    (void)state;
    connect_at(0, 0);
    track_received(FD, 0, 0, 1, 0);
    track_connected(FD, -1, ECONNRESET, &nowhere, sizeof nowhere);
    assert_int_equal(flags_of(FD), SLOT_CONNECTED | SLOT_TOLD_EOF);
    track_connected(FD, 0, 0, &nowhere, 1); /* too short to say which family */
    assert_int_equal(flags_of(FD) & SLOT_CONNECTED, SLOT_CONNECTED);
    track_received(FD, 0, 0, 1, 0);
    track_connected(FD, 0, 0, &nowhere, sizeof nowhere);
    assert_int_equal(flags_of(FD), 0);
    track_connected(FD, 0, 0, NULL, 16);
    assert_int_equal(flags_of(FD), SLOT_CONNECTED);
}

static void a_call_without_an_address_keeps_none_of_the_call_before(void **state)
{
    (void)state;
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    track_attempt_failed(FD, false, EADDRINUSE, (const struct sockaddr *)&at, sizeof at);
    const struct state_attempt *a = attempt_of(FD);
    assert_non_null(a);
    assert_int_equal(a->call, ATTEMPT_BIND);
    assert_string_equal(a->address, "127.0.0.1:80");
    track_attempt_failed(FD, true, EADDRINUSE, NULL, 0);
    assert_int_equal(a->call, ATTEMPT_LISTEN);
    assert_string_equal(a->address, "");
}

/* ---- the end ---- */

static void the_end_is_told_once_by_the_call_that_saw_it_first(void **state)
{
    (void)state;
    track_received(FD, 0, 0, 1, 0);
    uint64_t at = atomic_load(&slot_of(FD)->told_ns);
    assert_int_equal(flags_of(FD), SLOT_TOLD_EOF);
    track_received(FD, 0, 0, 1, 0);
    assert_true(at && atomic_load(&slot_of(FD)->told_ns) == at);
}

static void nothing_is_told_by_what_is_no_end(void **state)
{
    (void)state;
    track_received(FD, 0, 0, 0, 0);            /* an empty buffer */
    track_received(FD, 0, 0, 1, MSG_ERRQUEUE); /* the queue of errors */
    track_received(FD, 5, 0, 5, 0);            /* data */
    track_received(FD, -1, EAGAIN, 5, 0);      /* an error of the call */
    track_sent(FD, -1, EAGAIN);
    track_sent(FD, -1, EBADF);
    track_told_error(FD, EAGAIN);
    assert_int_equal(flags_of(FD), 0);
    track_opened(FD, AF_INET, SOCK_DGRAM, 0, ORIGIN_SOCKET); /* an empty datagram, and an error of one of many peers */
    track_received(FD, 0, 0, 1, 0);
    track_received(FD, -1, ECONNREFUSED, 1, 0);
    track_told_error(FD, ECONNREFUSED);
    assert_int_equal(flags_of(FD), 0);
}

static void a_read_of_nothing_after_an_own_shutdown_tells_nothing_of_the_peer(void **state)
{
    (void)state;
    track_shutdown(FD, SHUT_RD);
    track_received(FD, 0, 0, 1, 0);
    assert_int_equal(flags_of(FD), SLOT_SHUT_RD);
    /* The shutdown is one of the socket, by whichever of its descriptors it came. */
    fresh(state);
    track_duped(FD, FD + 1);
    track_shutdown(FD + 1, SHUT_RD);
    track_received(FD, 0, 0, 1, 0);
    assert_int_equal(told(FD), 0);
    track_closing(FD + 1);
}

static void a_shutdown_is_of_the_side_that_it_names(void **state)
{
    (void)state;
    track_shutdown(FD, SHUT_WR);
    assert_int_equal(flags_of(FD), SLOT_SHUT_WR);
    track_shutdown(FD, SHUT_RDWR);
    assert_int_equal(flags_of(FD), SLOT_SHUT_WR | SLOT_SHUT_RD);
}

/* ---- errors ---- */

static void every_error_that_ends_a_connection_is_told(void **state)
{
    (void)state;
    static const int errors[] = {ECONNRESET,  ECONNREFUSED, ECONNABORTED, ETIMEDOUT, EPIPE, EHOSTUNREACH,
                                 ENETUNREACH, EHOSTDOWN,    ENETDOWN,     ENETRESET, ENONET};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        fresh(state);
        track_received(FD, -1, errors[i], 1, 0);
        assert_int_equal(told_errno(FD), errors[i]);
        fresh(state);
        track_sent(FD, -1, errors[i]);
        assert_int_equal(told_errno(FD), errors[i]);
        fresh(state);
        track_told_error(FD, errors[i]);
        assert_int_equal(told_errno(FD), errors[i]);
        assert_int_equal(flags_of(FD), SLOT_TOLD_ERROR);
    }
}

static void the_first_error_stands_and_one_without_a_number_gets_it_later(void **state)
{
    (void)state;
    track_told_error(FD, 0);
    assert_int_equal(flags_of(FD), SLOT_TOLD_ERROR);
    assert_int_equal(told_errno(FD), 0);
    uint64_t at = atomic_load(&slot_of(FD)->told_ns);
    track_told_error(FD, 0);
    assert_true(atomic_load(&slot_of(FD)->told_ns) == at);
    track_sent(FD, -1, ECONNRESET);
    assert_int_equal(told_errno(FD), ECONNRESET);
    track_sent(FD, -1, EPIPE); /* what every send after it says */
    assert_int_equal(told_errno(FD), ECONNRESET);
    track_received(FD, 0, 0, 1, 0);
    assert_int_equal(told_errno(FD), ECONNRESET);
    assert_int_equal(told(FD), TOLD);
}

/* ---- sockets that nobody saw opened ---- */

static void a_read_of_nothing_on_an_unknown_number_finds_a_socket_that_nobody_saw(void **state)
{
    (void)state;
    int pair[2], fd[4];
    live_connect(pair);
    for (int i = 0; i < 4; i++)
        fd[i] = fcntl(pair[0], F_DUPFD_CLOEXEC, 1000 + i);
    close(pair[1]);
    track_received(fd[0], 0, 0, 1, 0);
    assert_int_equal(phase_of(fd[0]), SLOT_LIVE);
    assert_int_equal(SLOT_ORIGIN(slot_of(fd[0])), ORIGIN_UNSEEN);
    assert_int_equal(flags_of(fd[0]) & (SLOT_ADOPTED | SLOT_INHERITED | SLOT_TOLD_EOF), SLOT_ADOPTED | SLOT_TOLD_EOF);
    atomic_store(&table_head->attached, 1);
    track_received(fd[1], 0, 0, 1, 0);
    assert_int_equal(SLOT_ORIGIN(slot_of(fd[1])), ORIGIN_BEFORE_ATTACH);
    /* What was open before has been found by the first look. */
    atomic_store(&table_head->looks, 1);
    track_received(fd[2], -1, ECONNRESET, 1, 0);
    atomic_store(&table_head->looks, 0);
    atomic_store(&table_head->attached, 0);
    assert_int_equal(SLOT_ORIGIN(slot_of(fd[2])), ORIGIN_UNSEEN);
    assert_int_equal(told_errno(fd[2]), ECONNRESET);
    /* Not by the agent's own calls. */
    thread_enter();
    track_received(fd[3], 0, 0, 1, 0);
    thread_leave();
    assert_int_not_equal(phase_of(fd[3]), SLOT_LIVE);
    for (int i = 0; i < 4; i++) {
        track_closing(fd[i]);
        close(fd[i]);
    }
    close(pair[0]);
}

static void an_unknown_number_is_asked_for_once(void **state)
{
    (void)state;
    int pair[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(dup3(file, 1010, O_CLOEXEC), 1010);
    track_received(1010, 0, 0, 1, 0);
    assert_int_equal(dup3(pair[0], 1010, O_CLOEXEC), 1010);
    track_received(1010, 0, 0, 1, 0);
    assert_int_not_equal(phase_of(1010), SLOT_LIVE);
    /* Another number is another question, one that is no number at all included. */
    track_received(-1, 0, 0, 1, 0);
    track_received(-1, 0, 0, 1, 0);
    assert_int_equal(dup3(pair[0], 63, O_CLOEXEC), 63);
    track_received(63, 0, 0, 1, 0);
    assert_int_equal(phase_of(63), SLOT_LIVE);
    track_closing(63);
    assert_int_equal(dup3(pair[0], 1011, O_CLOEXEC), 1011);
    track_received(1011, 0, 0, 1, 0);
    assert_int_equal(phase_of(1011), SLOT_LIVE);
    track_closing(1011);
    close(63);
    close(1010);
    close(1011);
    close(pair[0]);
    close(pair[1]);
    close(file);
}

static void an_unknown_datagram_socket_is_left_to_the_watcher(void **state)
{
    (void)state;
    int fd = fcntl(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), F_DUPFD_CLOEXEC, 1020);
    track_received(fd, 0, 0, 1, 0);
    assert_int_not_equal(phase_of(fd), SLOT_LIVE);
    close(fd);
}

/* Those above 4096 are asked for each time; nothing lies behind the table of those that were. */
static void a_high_number_is_found_too(void **state)
{
    (void)state;
    struct rlimit limit;
    int pair[2];
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    live_connect(pair);
    int fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 4096);
    if (fd < 0)
        skip();
    track_received(fd, 0, 0, 1, 0);
    assert_int_equal(phase_of(fd), SLOT_LIVE);
    track_closing(fd);
    track_received(fd, 0, 0, 1, 0);
    assert_int_equal(phase_of(fd), SLOT_LIVE);
    track_closing(fd);
    close(fd);
    close(pair[0]);
    close(pair[1]);
}

static int first_table(void **state)
{
    (void)state;
    return gate_ready() ? 0 : -1;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_connect_that_fails_is_told_with_its_stack_and_errno),
        CASE(being_told_of_an_end_counts_as_no_opening),
        CASE(a_connect_that_goes_on_is_connecting),
        CASE(an_error_of_the_call_itself_is_none_of_the_connection),
        CASE(what_an_attempt_before_told_is_forgotten_when_one_succeeds),
        CASE(a_connect_to_no_address_undoes_the_connection),
        CASE(a_call_without_an_address_keeps_none_of_the_call_before),
        CASE(the_end_is_told_once_by_the_call_that_saw_it_first),
        CASE(nothing_is_told_by_what_is_no_end),
        CASE(a_read_of_nothing_after_an_own_shutdown_tells_nothing_of_the_peer),
        CASE(a_shutdown_is_of_the_side_that_it_names),
        CASE(every_error_that_ends_a_connection_is_told),
        CASE(the_first_error_stands_and_one_without_a_number_gets_it_later),
        CASE(a_read_of_nothing_on_an_unknown_number_finds_a_socket_that_nobody_saw),
        CASE(an_unknown_number_is_asked_for_once),
        CASE(an_unknown_datagram_socket_is_left_to_the_watcher),
        CASE(a_high_number_is_found_too),
    };
    return live_end(cmocka_run_group_tests(tests, first_table, NULL));
}
