/* SPDX-License-Identifier: MIT */
/*
 * test_sockdiag.c: the kernel's socket tables: messages made by hand, and the running kernel's
 * answers about sockets of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/kernel/sockdiag.c"

static unsigned char buffer[4096] __attribute__((aligned(8)));

static struct nlmsghdr *begin(const void *payload, size_t len)
{
    memset(buffer, 0, sizeof buffer);
    struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
    memcpy(mnl_nlmsg_put_extra_header(h, len), payload, len);
    return h;
}

static struct nlmsghdr *an_inet_message(void)
{
    struct inet_diag_msg m = {.idiag_family = AF_INET,
                              .idiag_state = TCP_CLOSE_WAIT,
                              .idiag_inode = 4711,
                              .idiag_uid = 1000,
                              .idiag_rqueue = 6,
                              .idiag_wqueue = 1};
    struct tcp_info info = {.tcpi_last_data_recv = 700, .tcpi_last_data_sent = 900, .tcpi_last_ack_recv = 500};
    m.id.idiag_sport = htons(50000);
    m.id.idiag_dport = htons(1433);
    memcpy(m.id.idiag_src, "\x7f\0\0\1", 4);
    memcpy(m.id.idiag_dst, "\x0a\0\0\5", 4);
    m.id.idiag_cookie[0] = 7;
    m.id.idiag_cookie[1] = 1;
    struct nlmsghdr *h = begin(&m, sizeof m);
    mnl_attr_put(h, INET_DIAG_INFO, sizeof info, &info);
    return h;
}

static void a_tcp_message_is_read_whole(void **state)
{
    struct sockdiag_socket s;
    (void)state;
    assert_true(sockdiag_parse_inet(an_inet_message(), &s));
    assert_int_equal(s.state, TCP_CLOSE_WAIT);
    assert_int_equal(s.local_port, 50000);
    assert_int_equal(s.peer_port, 1433);
    assert_int_equal(s.inode, 4711);
    assert_int_equal(s.uid, 1000);
    assert_int_equal(s.unread, 5); /* of the 6 one is the FIN */
    assert_false(s.drained);
    assert_true(s.cookie == (1ull << 32 | 7));
    assert_int_equal(s.idle_ms, 500); /* the latest movement counts */
    assert_int_equal(s.info_len, sizeof(struct tcp_info));
    assert_int_equal(((const struct tcp_info *)s.info)->tcpi_last_data_sent, 900);
    assert_true(s.unsent);
    assert_memory_equal(s.peer, "\x0a\0\0\5", 4);
}

static struct nlmsghdr *a_unix_message(const void *name, size_t len)
{
    struct unix_diag_msg m = {.udiag_family = AF_UNIX, .udiag_type = SOCK_STREAM, .udiag_state = TCP_ESTABLISHED, .udiag_ino = 99};
    struct unix_diag_rqlen q = {.udiag_rqueue = 12};
    struct nlmsghdr *h = begin(&m, sizeof m);
    mnl_attr_put(h, UNIX_DIAG_NAME, len, name);
    mnl_attr_put_u32(h, UNIX_DIAG_PEER, 0);
    mnl_attr_put(h, UNIX_DIAG_RQLEN, sizeof q, &q);
    mnl_attr_put_u8(h, UNIX_DIAG_SHUTDOWN, 3);
    return h;
}

static void a_unix_message_is_read_whole(void **state)
{
    struct sockdiag_socket s;
    char path[SOCKDIAG_PATH];
    (void)state;
    assert_true(sockdiag_parse_unix(a_unix_message("/run/x.sock\0", 12), &s, path));
    assert_string_equal(s.path, "/run/x.sock");
    assert_true(s.peer_known);
    assert_int_equal(s.peer_inode, 0);
    assert_int_equal(s.shutdown, 3);
    assert_int_equal(s.unread, 12);
    assert_true(sockdiag_parse_unix(a_unix_message("\0a\033b\0c", 6), &s, path));
    assert_string_equal(s.path, "@a?b@c");
    /* UTF-8 passes where it is valid and printable */
    assert_true(sockdiag_parse_unix(a_unix_message("\0\303\244\303", 4), &s, path));
    assert_string_equal(s.path, "@\303\244?");
}

/*
 * Cut, the message ends inside its fixed part or inside an attribute. The copy is exactly as long,
 * so that a sanitizer sees one byte too many.
 */
static void every_cut_of_a_message_is_refused_or_read_within_bounds(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct nlmsghdr *h = which ? a_unix_message("/run/x.sock", 12) : an_inet_message();
        uint32_t whole = h->nlmsg_len;
        for (uint32_t n = NLMSG_HDRLEN; n <= whole; n++) {
            struct sockdiag_socket s;
            char path[SOCKDIAG_PATH];
            struct nlmsghdr *copy = malloc(n);
            memcpy(copy, h, n);
            copy->nlmsg_len = n;
            bool ok = which ? sockdiag_parse_unix(copy, &s, path) : sockdiag_parse_inet(copy, &s);
            assert_int_equal(ok, n >= NLMSG_HDRLEN + (which ? sizeof(struct unix_diag_msg) : sizeof(struct inet_diag_msg)));
            free(copy);
        }
    }
}

static void messages_of_other_families_are_passed_over(void **state)
{
    struct inet_diag_msg m = {.idiag_family = AF_UNIX};
    struct unix_diag_msg u = {.udiag_family = AF_INET};
    struct sockdiag_socket s;
    char path[SOCKDIAG_PATH];
    (void)state;
    assert_false(sockdiag_parse_inet(begin(&m, sizeof m), &s));
    assert_false(sockdiag_parse_unix(begin(&u, sizeof u), &s, path));
}

static void addresses_are_written_as_people_write_them(void **state)
{
    static const unsigned char loopback6[16] = {[15] = 1}, mapped[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 5};
    char buf[SOCKDIAG_ADDRESS];
    (void)state;
    assert_string_equal(sockdiag_address(buf, AF_INET, (const unsigned char *)"\x0a\0\0\5", 1433), "10.0.0.5:1433");
    assert_string_equal(sockdiag_address(buf, AF_INET6, loopback6, 80), "[::1]:80");
    assert_string_equal(sockdiag_address(buf, AF_INET6, loopback6, 0), "::1");
    assert_string_equal(sockdiag_address(buf, AF_INET6, mapped, 1433), "10.0.0.5:1433");
}

struct wanted {
    uint32_t inode;
    struct sockdiag_socket found;
    int times;
};

static void look_for(void *arg, const struct sockdiag_socket *s)
{
    struct wanted *w = arg;
    if (s->inode == w->inode) {
        w->found = *s;
        w->times++;
    }
}

static uint32_t inode_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return (uint32_t)st.st_ino;
}

static void a_close_wait_socket_of_ours_is_in_the_table(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    char byte;
    (void)state;
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(server, 1), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof a), 0);
    int accepted = accept(server, NULL, NULL);
    assert_int_equal(send(accepted, "hello", 5, 0), 5);
    close(accepted);
    assert_int_equal(recv(client, &byte, 1, 0), 1);
    assert_int_equal(recv(client, &byte, 1, MSG_PEEK), 1);
    struct mnl_socket *nl = sockdiag_open();
    assert_non_null(nl);
    struct wanted w = {.inode = inode_of(client)};
    for (int i = 0; i < 5000 && w.found.state != TCP_CLOSE_WAIT; i++) { /* the FIN is on its way */
        w.times = 0;
        assert_int_equal(sockdiag_inet(nl, AF_INET, IPPROTO_TCP, ~0u, true, look_for, &w), 0);
        usleep(1000);
    }
    assert_int_equal(w.times, 1);
    assert_int_equal(w.found.state, TCP_CLOSE_WAIT);
    assert_int_equal(w.found.unread, 4); /* "ello"; the kernel counts the FIN as one more */
    assert_false(w.found.drained);
    char rest[8];
    assert_int_equal(recv(client, rest, sizeof rest, 0), 4);
    assert_int_equal(recv(client, rest, sizeof rest, 0), 0);
    assert_int_equal(sockdiag_inet(nl, AF_INET, IPPROTO_TCP, ~0u, false, look_for, &w), 0);
    assert_int_equal(w.found.unread, 0);
    assert_true(w.found.drained);
    assert_int_equal(w.found.peer_port, ntohs(a.sin_port));
    struct wanted none = {.inode = w.inode};
    assert_int_equal(sockdiag_inet(nl, AF_INET, IPPROTO_TCP, 1u << TCP_ESTABLISHED, false, look_for, &none), 0);
    assert_int_equal(none.times, 0);
    sockdiag_close(nl);
    close(client);
    close(server);
}

static void a_unix_socket_whose_peer_is_gone_is_told_from_a_healthy_one(void **state)
{
    int pair[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct mnl_socket *nl = sockdiag_open();
    assert_non_null(nl);
    struct wanted w = {.inode = inode_of(pair[0])};
    uint32_t other = inode_of(pair[1]);
    assert_int_equal(sockdiag_unix(nl, look_for, &w), 0);
    assert_int_equal(w.times, 1);
    assert_int_equal(w.found.peer_inode, other);
    assert_int_equal(w.found.shutdown, 0);
    close(pair[1]);
    assert_int_equal(sockdiag_unix(nl, look_for, &w), 0);
    assert_true(w.found.peer_known);
    assert_int_equal(w.found.peer_inode, 0);
    assert_int_equal(w.found.shutdown, 3);
    sockdiag_close(nl);
    close(pair[0]);
}

/* The ID of FD, a socket of FAMILY, with its peer where it has one. */
static struct socket_id id_of(int fd, int family)
{
    struct socket_id id = {.family = (uint8_t)family};
    struct sockaddr_in6 a = {0};
    socklen_t size = sizeof a, eight = sizeof id.cookie;
    unsigned char *const to[2] = {id.local, id.peer};
    uint16_t *const port[2] = {&id.local_port, &id.peer_port};
    for (int i = 0; i < 2; i++) {
        size = sizeof a;
        if ((i ? getpeername : getsockname)(fd, (struct sockaddr *)&a, &size) != 0)
            continue;
        *port[i] = ntohs(a.sin6_port); /* at the same place in both */
        memcpy(to[i], family == AF_INET ? (void *)&((struct sockaddr_in *)&a)->sin_addr : (void *)&a.sin6_addr, family == AF_INET ? 4 : 16);
    }
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &id.cookie, &eight), 0);
    return id;
}

static void one_socket_is_found_by_its_addresses_and_its_cookie(void **state)
{
    (void)state;
    static const int families[] = {AF_INET, AF_INET6};
    struct mnl_socket *nl = sockdiag_open();
    assert_non_null(nl);
    for (unsigned i = 0; i < 2; i++) {
        struct sockaddr_in6 a = {.sin6_family = (sa_family_t)families[i]};
        socklen_t size = families[i] == AF_INET ? sizeof(struct sockaddr_in) : sizeof a;
        int listener = socket(families[i], SOCK_STREAM, 0), fd = socket(families[i], SOCK_STREAM, 0);
        if (bind(listener, (struct sockaddr *)&a, size) != 0) /* no IPv6 here */
            continue;
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, size), 0); /* to any address: loopback */
        int peer = accept(listener, NULL, NULL);
        struct socket_id l = id_of(listener, families[i]), c = id_of(fd, families[i]), other = c;
        assert_int_equal(sockdiag_state(nl, &l), TCP_LISTEN);
        assert_int_equal(sockdiag_state(nl, &c), TCP_ESTABLISHED);
        other.cookie++;
        assert_true(sockdiag_state(nl, &other) < 0);
        other = l;
        other.local_port ^= 1;
        assert_true(sockdiag_state(nl, &other) < 0);
        close(peer);
        assert_int_equal(sockdiag_state(nl, &c), TCP_CLOSE_WAIT);
        close(fd);
        assert_true(sockdiag_state(nl, &c) != TCP_ESTABLISHED);
        close(listener);
        assert_int_equal(sockdiag_state(nl, &l), -ENOENT);
    }
    sockdiag_close(nl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tcp_message_is_read_whole),
        cmocka_unit_test(a_unix_message_is_read_whole),
        cmocka_unit_test(every_cut_of_a_message_is_refused_or_read_within_bounds),
        cmocka_unit_test(messages_of_other_families_are_passed_over),
        cmocka_unit_test(addresses_are_written_as_people_write_them),
        cmocka_unit_test(a_close_wait_socket_of_ours_is_in_the_table),
        cmocka_unit_test(a_unix_socket_whose_peer_is_gone_is_told_from_a_healthy_one),
        cmocka_unit_test(one_socket_is_found_by_its_addresses_and_its_cookie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
