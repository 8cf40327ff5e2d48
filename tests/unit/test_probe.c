/* SPDX-License-Identifier: MIT */
/*
 * test_probe.c: the kernel's word on one descriptor: what is asked, what is taken from the slot,
 * and that nothing is changed by asking.
 */
#include "tracked_agent.h"

#include <linux/filter.h>
#include <linux/vm_sockets.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>

#include "agent/track/probe.h"
#include "core/address.h"
#include "agent/track/dup.h"
#include "agent/track/gate.h"
#include "agent/track/open_close.h"
#include "agent/track/outcome.h"
#include "agent/track/slot.h"
#include "core/judge.h"

static struct observation seen;

static const struct observation *ask(int fd)
{
    memset(&seen, 0xff, sizeof seen);
    assert_int_equal(probe(fd, NULL, -1, &seen), 0);
    return &seen;
}

/* Until the kernel has done its part: what happens on loopback is nearly always there at once. */
static void await(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    assert_int_equal(poll(&p, 1, 20000), 1);
}

static void shut(int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

/* ---- what it is ---- */

static void a_socket_says_what_it_is_and_another_file_that_it_is_none(void **state)
{
    (void)state;
    struct identity id;
    int pair[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(probe_identity(pair[0], &id), 0);
    assert_int_equal(id.family, AF_UNIX);
    assert_int_equal(id.type, SOCK_SEQPACKET);
    assert_true(id.cookie && id.cookie == probe_cookie(pair[0]));
    assert_true(probe_cookie(pair[1]) != id.cookie);
    errno = ENOTUNIQ;
    assert_int_equal(probe_identity(file, &id), -ENOTSOCK);
    assert_int_equal(probe_identity(-1, &id), -EBADF);
    assert_int_equal(probe_cookie(file), 0);
    assert_int_equal(probe(file, NULL, -1, &seen), -ENOTSOCK);
    assert_int_equal(errno, ENOTUNIQ);
    shut(pair);
    close(file);
}

static void a_number_that_was_closed_is_said_to_be_even_if_its_kind_is_known(void **state)
{
    (void)state;
    struct state_slot s = {.family = AF_INET, .type_origin = SOCK_STREAM};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    close(fd);
    assert_int_equal(probe(fd, NULL, -1, &seen), -EBADF);
    assert_int_equal(probe(fd, &s, -1, &seen), -EBADF);
    assert_int_equal(probe(fd, &s, POLLNVAL, &seen), -EBADF);
}

static int without_poll(void *arg)
{
    const int *pair = arg;
    struct rlimit none = {0, 4096};
    getrlimit(RLIMIT_NOFILE, &none);
    none.rlim_cur = 0;
    WANT(setrlimit(RLIMIT_NOFILE, &none) == 0);
    WANT(probe(pair[0], NULL, -1, &seen) == 0);
    WANT(seen.tcp_state == ST_CLOSE_WAIT);
    return 0;
}

static void a_process_that_may_not_poll_learns_the_state_all_the_same(void **state)
{
    (void)state;
    int pair[2];
    live_connect(pair);
    shutdown(pair[1], SHUT_WR);
    await(pair[0], POLLRDHUP);
    assert_int_equal(in_child(without_poll, pair), 0);
    shut(pair);
}

static void the_slot_says_what_the_kernel_does_not_know(void **state)
{
    (void)state;
    struct state_slot s = {.family = AF_UNIX, .type_origin = SOCK_STREAM};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    atomic_store(&s.flags, SLOT_SHUT_WR | SLOT_SHUT_RD | SLOT_TOLD_EOF | SLOT_CONNECTED | SLOT_CONNECTING);
    atomic_store(&s.told_errno, EPIPE);
    assert_int_equal(probe(pair[0], &s, 0, &seen), 0);
    assert_true(seen.shut_wr && seen.shut_rd && seen.told_eof && seen.was_connected && seen.connecting);
    assert_int_equal(seen.told_errno, EPIPE);
    assert_false(seen.pollhup || seen.pollerr || seen.pollrdhup);
    assert_int_equal(probe(pair[0], &s, POLLHUP | POLLERR | POLLRDHUP, &seen), 0);
    assert_true(seen.pollhup && seen.pollerr && seen.pollrdhup);
    ask(pair[0]);
    assert_false(seen.shut_wr || seen.shut_rd || seen.told_eof || seen.connecting || seen.told_errno);
    shut(pair);
}

static void a_shutdown_by_another_descriptor_is_known_from_what_they_share(void **state)
{
    (void)state;
    int pair[2], second;
    live_connect(pair);
    second = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
    track_opened(pair[0], AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    track_duped(pair[0], second);
    track_shutdown(second, SHUT_WR);
    assert_int_equal(probe(pair[0], slot_of(pair[0]), -1, &seen), 0);
    assert_true(seen.shut_wr);
    track_closing(second);
    track_closing(pair[0]);
    close(second);
    shut(pair);
}

static void a_slot_without_family_or_type_leaves_the_question_to_the_kernel(void **state)
{
    (void)state;
    struct state_slot s = {0};
    int pair[2];
    live_connect(pair);
    assert_int_equal(probe(pair[0], &s, -1, &seen), 0);
    assert_int_equal(seen.family, AF_INET);
    assert_int_equal(seen.type, SOCK_STREAM);
    assert_int_equal(seen.protocol, IPPROTO_TCP);
    assert_int_equal(seen.tcp_state, ST_ESTABLISHED);
    s.family = AF_INET; /* accepted from a listener that is not known */
    assert_int_equal(probe(pair[0], &s, -1, &seen), 0);
    assert_int_equal(seen.tcp_state, ST_ESTABLISHED);
    /* As socket(2) was called: with protocol 0. */
    s.type_origin = SOCK_STREAM;
    assert_int_equal(probe(pair[0], &s, -1, &seen), 0);
    assert_int_equal(seen.protocol, IPPROTO_TCP);
    assert_int_equal(seen.tcp_state, ST_ESTABLISHED);
    shut(pair);
}

static void the_protocol_of_mptcp_comes_from_the_flag(void **state)
{
    (void)state;
    struct state_slot s = {.family = AF_INET, .type_origin = SOCK_STREAM, .protocol = 262 & 255};
    int pair[2];
    live_connect(pair);
    atomic_store(&s.flags, SLOT_MPTCP);
    assert_int_equal(probe(pair[0], &s, -1, &seen), 0);
    assert_int_equal(seen.protocol, 262);
    assert_int_equal(seen.tcp_state, ST_ESTABLISHED);
    shut(pair);
}

static void a_unix_socket_with_a_peer_was_connected(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ask(pair[0]);
    assert_true(seen.has_peer && seen.was_connected && !seen.listening);
    assert_int_equal(seen.tcp_state, ST_NONE);
    close(pair[1]);
    close(pair[0]);
    pair[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ask(pair[0]);
    assert_false(seen.has_peer || seen.was_connected);
    close(pair[0]);
}

/* ---- TCP ---- */

static void the_states_of_a_connection_are_tcps(void **state)
{
    (void)state;
    int pair[2];
    live_connect(pair);
    ask(pair[0]);
    assert_int_equal(seen.tcp_state, ST_ESTABLISHED);
    assert_true(seen.has_peer && seen.was_connected && !seen.listening && !seen.connecting && !seen.pollrdhup);
    assert_int_equal(send(pair[1], "seven b", 7, 0), 7);
    shutdown(pair[1], SHUT_WR);
    await(pair[0], POLLRDHUP);
    ask(pair[0]);
    assert_int_equal(seen.tcp_state, ST_CLOSE_WAIT);
    assert_int_equal(seen.unread, 7); /* without the FIN */
    assert_true(seen.pollrdhup);
    for (int i = 0; i < 4000 && ask(pair[1])->tcp_state == ST_FIN_WAIT_1; i++) /* the acknowledgement may be a little late */
        usleep(5000);
    assert_int_equal(seen.tcp_state, ST_FIN_WAIT_2);
    shut(pair);
}

/* In the slot's own words, with the kernel's: whether the FIN was taken by a call that nobody saw. */
static bool read_unseen(int fd, unsigned flags)
{
    struct state_slot s = {.family = AF_INET, .type_origin = SOCK_STREAM};
    atomic_store(&s.flags, (uint16_t)flags);
    assert_int_equal(probe(fd, &s, -1, &seen), 0);
    return seen.read_unseen;
}

static void a_fin_that_was_taken_without_a_call_of_the_wrappers_is_read_unseen(void **state)
{
    (void)state;
    char buf[16];
    int pair[2];
    track_data_came();
    for (int bytes = 0; bytes < 6; bytes += 5) { /* the FIN alone, and bytes before it */
        live_connect(pair);
        assert_int_equal(send(pair[1], "bytes", (size_t)bytes, 0), bytes);
        assert_false(read_unseen(pair[0], 0));
        shutdown(pair[1], SHUT_WR);
        await(pair[0], POLLRDHUP);
        assert_false(read_unseen(pair[0], 0)); /* it waits */
        while (syscall(SYS_recvfrom, pair[0], buf, sizeof buf, 0, NULL, NULL) > 0)
            ;
        assert_true(read_unseen(pair[0], 0) == !bytes); /* with bytes it may have come along */
        assert_false(read_unseen(pair[0], SLOT_TOLD_EOF));
        assert_false(read_unseen(pair[0], SLOT_SHUT_RD));
        track_expect_data(); /* and who has read the bytes? */
        assert_true(read_unseen(pair[0], 0));
        track_data_came();
        shutdown(pair[0], SHUT_WR);
        await(pair[0], POLLHUP);
        assert_true(read_unseen(pair[0], SLOT_SHUT_WR) == !bytes);
        assert_false(read_unseen(pair[0], 0)); /* CLOSE, and no FIN of ours: a reset */
        shut(pair);
    }
}

static void who_reads_is_not_known_of_a_socket_that_others_had(void **state)
{
    (void)state;
    int pair[2];
    struct state_slot s = {.family = AF_INET, .type_origin = SOCK_STREAM | ORIGIN_SOCKET << 4, .opened_ns = clock_now()};
    live_connect(pair);
    assert_int_equal(probe(pair[0], &s, -1, &seen), 0);
    assert_false(seen.unwatched);
    atomic_store(&s.flags, SLOT_UNWATCHED);
    assert_int_equal(probe(pair[0], &s, -1, &seen), 0);
    assert_true(seen.unwatched);
    assert_true(ask(pair[0])->unwatched); /* it has no slot */
    shut(pair);
}

static struct tcp_info info_of(int fd)
{
    struct tcp_info t = {0};
    socklen_t len = sizeof t;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &len), 0);
    return t;
}

static unsigned tries(struct tcp_info t) { return (unsigned)t.tcpi_retransmits + t.tcpi_backoff + t.tcpi_probes; }

/* The peer is silent from now on. */
static void drop_all(int fd)
{
    struct sock_filter none = {BPF_RET | BPF_K, 0, 0, 0};
    struct sock_fprog program = {1, &none};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

static void what_is_sent_again_and_again_is_counted(void **state)
{
    (void)state;
    int pair[2], one = 1;
    for (int data = 0; data < 2; data++) { /* a keepalive probe, and bytes */
        live_connect(pair);
        assert_int_equal(ask(pair[0])->retransmits, 0);
        drop_all(pair[1]);
        setsockopt(pair[0], IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one);
        setsockopt(pair[0], SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
        if (data)
            assert_int_equal(send(pair[0], "bytes", 5, 0), 5);
        for (int i = 0; i < 4000 && !tries(info_of(pair[0])); i++)
            usleep(5000);
        unsigned before, after;
        do { /* the kernel may try once more meanwhile */
            before = tries(info_of(pair[0]));
            ask(pair[0]);
            after = tries(info_of(pair[0]));
        } while (before != after);
        assert_true(data ? info_of(pair[0]).tcpi_retransmits : info_of(pair[0]).tcpi_probes);
        assert_int_equal(seen.retransmits, before);
        shut(pair);
    }
}

static void one_that_was_connected_says_so_when_it_is_over(void **state)
{
    (void)state;
    int pair[2], one = 1;
    struct linger now = {1, 0};
    live_connect(pair);
    assert_int_equal(send(pair[0], &one, 1, 0), 1);
    await(pair[1], POLLIN);
    setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(pair[1]);
    await(pair[0], POLLIN);
    ask(pair[0]);
    assert_int_equal(seen.tcp_state, ST_CLOSE);
    assert_false(seen.has_peer);
    assert_true(seen.was_connected && seen.pollhup && seen.pollerr);
    /* The error is the program's: asking has not eaten it. */
    socklen_t len = sizeof one;
    assert_int_equal(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &one, &len), 0);
    assert_int_equal(one, ECONNRESET);
    close(pair[0]);
}

static void one_that_was_refused_was_never_connected(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(taken, (struct sockaddr *)&at, sizeof at), 0); /* and nobody listens */
    getsockname(taken, (struct sockaddr *)&at, &len);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, len), -1);
    ask(fd);
    assert_int_equal(seen.tcp_state, ST_CLOSE);
    assert_false(seen.was_connected || seen.has_peer || seen.connecting);
    close(fd);
    close(taken);
}

static void a_listener_is_neither_connected_nor_connecting(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), path = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(listen(fd, 1), 0);
    ask(fd);
    assert_true(seen.listening);
    assert_false(seen.was_connected || seen.connecting || seen.has_peer);
    assert_int_equal(seen.unread + seen.unsent, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    assert_int_equal(bind(path, (struct sockaddr *)&at, sizeof at.sun_family), 0);
    assert_int_equal(listen(path, 1), 0);
    ask(path);
    assert_true(seen.listening);
    close(path);
    close(fd);
}

/* A byte that moves, either way, is a sign of life; an address that is sent to in vain is none. */
static void the_signature_changes_when_a_byte_moves(void **state)
{
    (void)state;
    int pair[2];
    char c = 0;
    live_connect(pair);
    uint64_t first = ask(pair[0])->signature;
    assert_true(ask(pair[0])->signature == first);
    assert_int_equal(send(pair[1], &c, 1, 0), 1);
    await(pair[0], POLLIN);
    uint64_t second = ask(pair[0])->signature;
    assert_true(second != first);
    assert_int_equal(recv(pair[0], &c, 1, 0), 1);
    uint64_t third = ask(pair[0])->signature;
    assert_true(third != second && third != first);
    assert_int_equal(send(pair[0], &c, 1, 0), 1);
    await(pair[1], POLLIN);
    assert_true(ask(pair[0])->signature != third);
    shut(pair);
    /* Unix: what waits is all that is known. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    first = ask(pair[0])->signature;
    assert_int_equal(send(pair[1], "abc", 3, 0), 3);
    assert_true(ask(pair[0])->signature != first);
    assert_int_equal(seen.unread, 3);
    assert_true(ask(pair[1])->unsent > 0);
    shut(pair);
}

static void how_long_nothing_moved_is_the_least_of_three_times(void **state)
{
    (void)state;
    int pair[2];
    live_connect(pair);
    for (int i = 0; i < 400 && ask(pair[0])->idle_ns < 50000000u; i++)
        usleep(5000);
    assert_in_range(seen.idle_ns, 50000000u, 20000000000u);
    uint64_t idle = seen.idle_ns;
    assert_int_equal(send(pair[0], "x", 1, 0), 1);
    assert_true(ask(pair[0])->idle_ns < idle);
    for (int i = 0; i < 400 && ask(pair[1])->idle_ns < 50000000u; i++)
        usleep(5000);
    idle = seen.idle_ns;
    assert_int_equal(send(pair[0], "x", 1, 0), 1); /* arrives: nothing was sent from there */
    await(pair[1], POLLIN);
    assert_true(ask(pair[1])->idle_ns < idle);
    shut(pair);
}

/* As KNOWN says of the peer's bytes and of ours. */
static void assert_transfer(const char *known, uint64_t received, uint64_t sent)
{
    assert_int_equal(seen.transfer.has_received, known[0] == 'r');
    assert_int_equal(seen.transfer.received, received);
    assert_int_equal(seen.transfer.has_sent, 1);
    assert_int_equal(seen.transfer.sent, sent);
    assert_true(seen.transfer.moved_ns > 0 && seen.transfer.moved_ns <= clock_now());
}

static void the_bytes_of_a_connection_are_the_programs(void **state)
{
    (void)state;
    char buf[16];
    int pair[2];
    live_connect(pair);
    ask(pair[0]);
    assert_transfer("r", 0, 0); /* the SYN is no byte */
    assert_int_equal(send(pair[1], "sixteen bytes...", 16, 0), 16);
    await(pair[0], POLLIN);
    ask(pair[0]);
    assert_transfer("r", 16, 0);
    ask(pair[1]);
    assert_transfer("r", 0, 16);
    assert_int_equal(send(pair[0], "seven b", 7, 0), 7);
    await(pair[1], POLLIN);
    assert_int_equal(recv(pair[1], buf, sizeof buf, 0), 7); /* else its close is a reset */
    shutdown(pair[1], SHUT_WR);
    await(pair[0], POLLRDHUP);
    ask(pair[0]);
    assert_int_equal(seen.tcp_state, ST_CLOSE_WAIT);
    assert_transfer("r", 16, 7);
    for (int i = 0; i < 4000 && ask(pair[1])->tcp_state == ST_FIN_WAIT_1; i++)
        usleep(5000);
    assert_int_equal(seen.tcp_state, ST_FIN_WAIT_2);
    assert_transfer("r", 7, 16);
    while (recv(pair[0], buf, sizeof buf, 0) > 0)
        ;
    shutdown(pair[0], SHUT_WR);
    struct state_slot s = {.family = AF_INET, .type_origin = SOCK_STREAM | ORIGIN_SOCKET << 4, .opened_ns = clock_now()};
    atomic_store(&s.flags, SLOT_CONNECTED | SLOT_SHUT_WR);
    for (int i = 0; i < 4000 && (probe(pair[0], &s, -1, &seen) < 0 || seen.tcp_state != ST_CLOSE); i++)
        usleep(5000);
    assert_transfer("r", 16, 7); /* both have finished */
    atomic_store(&s.flags, SLOT_CONNECTED | SLOT_SHUT_WR | SLOT_UNWATCHED);
    assert_int_equal(probe(pair[0], &s, -1, &seen), 0);
    assert_transfer("?", 0, 7); /* it may have been reset before the FIN, and that told elsewhere */
    shut(pair);
}

static void of_a_reset_connection_the_fin_is_not_known(void **state)
{
    (void)state;
    int pair[2];
    struct linger now = {1, 0};
    for (int fin = 0; fin < 2; fin++) {
        live_connect(pair);
        assert_int_equal(send(pair[1], "sixteen bytes...", 16, 0), 16);
        if (fin) {
            shutdown(pair[1], SHUT_WR);
            await(pair[0], POLLRDHUP);
        }
        setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(pair[1]);
        await(pair[0], POLLHUP);
        struct state_slot s = {.family = AF_INET, .type_origin = SOCK_STREAM | ORIGIN_SOCKET << 4, .opened_ns = clock_now()};
        atomic_store(&s.flags, SLOT_CONNECTED | SLOT_SHUT_WR);
        assert_int_equal(probe(pair[0], &s, -1, &seen), 0);
        assert_int_equal(seen.tcp_state, ST_CLOSE);
        assert_transfer("?", 0, 0);
        close(pair[0]);
    }
    live_connect(pair); /* nothing came: there is nothing to be in doubt about */
    setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(pair[1]);
    await(pair[0], POLLHUP);
    ask(pair[0]);
    assert_transfer("r", 0, 0);
    close(pair[0]);
}

static void what_is_not_acknowledged_waits(void **state)
{
    (void)state;
    int pair[2];
    live_connect(pair);
    assert_false(ask(pair[0])->transfer.waits);
    drop_all(pair[1]);
    assert_int_equal(send(pair[0], "bytes", 5, 0), 5);
    for (int i = 0; i < 4000 && !tries(info_of(pair[0])); i++)
        usleep(5000);
    ask(pair[0]);
    assert_transfer("r", 0, 5); /* sent twice */
    assert_true(seen.transfer.waits);
    shut(pair);
}

static void what_is_no_connection_has_transferred_nothing(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_false(ask(fd)->transfer.has_received || seen.transfer.has_sent || seen.transfer.moved_ns);
    close(fd);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_false(ask(pair[0])->transfer.has_received || seen.transfer.has_sent || seen.transfer.moved_ns);
    shut(pair);
}

/* ---- addresses ---- */

static const char *text(const void *address, unsigned len)
{
    static char out[97];
    memset(out, 'x', sizeof out);
    address_text(out, address, len);
    assert_int_equal(out[96], 'x');
    assert_in_range(strlen(out), 0, 95);
    return out;
}

static const char *text6(const char *hex)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    for (int i = 0; i < 16; i++) {
        unsigned v = 0;
        sscanf(hex + 2 * i, "%2x", &v);
        a.sin6_addr.s6_addr[i] = (uint8_t)v;
    }
    return text(&a, sizeof a);
}

static void addresses_are_written_as_their_rfcs_say(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a00fe07), .sin_port = htons(51222)};
    assert_string_equal(text(&a, sizeof a), "10.0.254.7:51222");
    assert_string_equal(text(&a, sizeof a - 1), "");
    assert_string_equal(text(&a, 1), "");
    assert_string_equal(text6("00000000000000000000000000000001"), "[::1]:80");
    assert_string_equal(text6("00000000000000000000000000000000"), "[::]:80");
    assert_string_equal(text6("20010db8000000000000000000000000"), "[2001:db8::]:80");
    assert_string_equal(text6("20010db8000000010001000100010001"), "[2001:db8:0:1:1:1:1:1]:80"); /* one group of zeros stays */
    assert_string_equal(text6("20010000000000010000000000000001"), "[2001:0:0:1::1]:80");        /* the longest run */
    assert_string_equal(text6("20010db8000000000001000000000001"), "[2001:db8::1:0:0:1]:80");    /* of two the first */
    assert_string_equal(text6("00000000000000000000ffff0a000007"), "[::ffff:10.0.0.7]:80");
    struct sockaddr_in6 short6 = {.sin6_family = AF_INET6};
    assert_string_equal(text(&short6, sizeof short6 - 1), "");
    struct sockaddr_vm vm = {.svm_family = AF_VSOCK, .svm_cid = 2, .svm_port = 1024};
    assert_string_equal(text(&vm, sizeof vm), "VMADDR_CID_HOST:1024");
    vm.svm_cid = 1;
    assert_string_equal(text(&vm, sizeof vm), "VMADDR_CID_LOCAL:1024");
    vm.svm_cid = 3;
    assert_string_equal(text(&vm, sizeof vm), "3:1024");
    vm.svm_cid = VMADDR_CID_ANY;
    vm.svm_port = VMADDR_PORT_ANY;
    assert_string_equal(text(&vm, sizeof vm), "VMADDR_CID_ANY:VMADDR_PORT_ANY");
    assert_string_equal(text(&vm, sizeof vm - 1), "");
}

static void a_unix_path_is_cut_cleaned_and_ended(void **state)
{
    (void)state;
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    const unsigned before = offsetof(struct sockaddr_un, sun_path);
    assert_string_equal(text(&u, before), ""); /* has no name */
    memcpy(u.sun_path, "/run/x\0rest", 11);
    assert_string_equal(text(&u, before + 11), "/run/x");
    memcpy(u.sun_path, "/a\nb\x7f", 6);
    assert_string_equal(text(&u, before + 6), "/a\\x0ab\\x7f");
    memcpy(u.sun_path, "/\xc3\xa9\xff", 5);
    assert_string_equal(text(&u, before + 4), "/\xc3\xa9\\xff");
    memcpy(u.sun_path, "\0ab\0c", 5);
    assert_string_equal(text(&u, before + 5), "@ab@c");
    memset(u.sun_path, 'p', sizeof u.sun_path);
    assert_int_equal(strlen(text(&u, sizeof u)), 95);
    assert_int_equal(strlen(text(&u, 4000)), 95); /* the kernel tells the length that it would have liked */
    assert_string_equal(text(&u, before + 3), "ppp");
}

static void both_ends_have_their_names_and_a_connection_that_is_over_keeps_its_peers(void **state)
{
    (void)state;
    int pair[2];
    char local[96], peer[96], local1[96], peer1[96];
    struct linger now = {1, 0};
    live_connect(pair);
    probe_addresses(pair[0], local, peer);
    probe_addresses(pair[1], local1, peer1);
    assert_string_equal(local, peer1);
    assert_string_equal(peer, local1);
    assert_int_equal(strncmp(peer, "127.0.0.1:", 10), 0);
    setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(pair[1]);
    await(pair[0], POLLIN);
    memset(peer1, 'x', sizeof peer1);
    probe_addresses(pair[0], local1, peer1);
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    assert_int_equal(getpeername(pair[0], (struct sockaddr *)&a, &len), -1);
    len = sizeof(struct sockaddr_in);
    if (getsockopt(pair[0], SOL_SOCKET, SO_PEERNAME, &a, &len) == 0)
        assert_string_equal(peer1, peer);
    else
        assert_string_equal(peer1, "");
    close(pair[0]);
    probe_addresses(-1, local, peer);
    assert_string_equal(local, "");
    assert_string_equal(peer, "");
}

static int first_table(void **state)
{
    (void)state;
    return gate_ready() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_says_what_it_is_and_another_file_that_it_is_none),
        cmocka_unit_test(a_number_that_was_closed_is_said_to_be_even_if_its_kind_is_known),
        cmocka_unit_test(a_process_that_may_not_poll_learns_the_state_all_the_same),
        cmocka_unit_test(the_slot_says_what_the_kernel_does_not_know),
        cmocka_unit_test(a_shutdown_by_another_descriptor_is_known_from_what_they_share),
        cmocka_unit_test(a_slot_without_family_or_type_leaves_the_question_to_the_kernel),
        cmocka_unit_test(the_protocol_of_mptcp_comes_from_the_flag),
        cmocka_unit_test(a_unix_socket_with_a_peer_was_connected),
        cmocka_unit_test(the_states_of_a_connection_are_tcps),
        cmocka_unit_test(a_fin_that_was_taken_without_a_call_of_the_wrappers_is_read_unseen),
        cmocka_unit_test(who_reads_is_not_known_of_a_socket_that_others_had),
        cmocka_unit_test(what_is_sent_again_and_again_is_counted),
        cmocka_unit_test(one_that_was_connected_says_so_when_it_is_over),
        cmocka_unit_test(one_that_was_refused_was_never_connected),
        cmocka_unit_test(a_listener_is_neither_connected_nor_connecting),
        cmocka_unit_test(the_signature_changes_when_a_byte_moves),
        cmocka_unit_test(how_long_nothing_moved_is_the_least_of_three_times),
        cmocka_unit_test(the_bytes_of_a_connection_are_the_programs),
        cmocka_unit_test(of_a_reset_connection_the_fin_is_not_known),
        cmocka_unit_test(what_is_not_acknowledged_waits),
        cmocka_unit_test(what_is_no_connection_has_transferred_nothing),
        cmocka_unit_test(addresses_are_written_as_their_rfcs_say),
        cmocka_unit_test(a_unix_path_is_cut_cleaned_and_ended),
        cmocka_unit_test(both_ends_have_their_names_and_a_connection_that_is_over_keeps_its_peers),
    };
    return live_end(cmocka_run_group_tests(tests, first_table, NULL));
}
