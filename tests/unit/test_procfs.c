/* SPDX-License-Identifier: MIT */
/*
 * test_procfs.c: what the command reads from /proc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "cli/kernel/procfs.c"
#include "cli/kernel/procfs_parse.c"

#define STAT_TAIL " S 17 4242 4242 34816 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654321 1 2 3"

static bool parse_stat(const char *text, struct procfs_stat *st) { return procfs_parse_stat(text, strlen(text), st); }

static void a_process_is_known_by_its_start_time(void **state)
{
    struct procfs_stat st;
    (void)state;
    assert_true(parse_stat("4242 (app)" STAT_TAIL, &st));
    assert_string_equal(st.comm, "app");
    assert_int_equal(st.state, 'S');
    assert_int_equal(st.ppid, 17);
    assert_int_equal(st.start_ticks, 987654321);
    assert_false(st.kernel_thread);
}

static void a_name_with_brackets_and_blanks_does_not_shift_the_fields(void **state)
{
    struct procfs_stat st;
    (void)state;
    assert_true(parse_stat("1 (a) R 1 (b)" STAT_TAIL, &st));
    assert_string_equal(st.comm, "a) R 1 (b");
    assert_int_equal(st.start_ticks, 987654321);
}

static void a_name_cannot_send_escapes_to_the_terminal(void **state)
{
    struct procfs_stat st;
    (void)state;
    assert_true(parse_stat("1 (\033[2Jx\n)" STAT_TAIL, &st));
    assert_string_equal(st.comm, "?[2Jx?");
}

static void kernel_threads_and_what_is_on_its_way_out_are_told_by_their_flags(void **state)
{
    struct procfs_stat st;
    (void)state;
    assert_true(parse_stat("3 (app) R 1 3 3 0 -1 4194308 0 0 0 0 0 0 0 0 20 0 1 0 5 0", &st));
    assert_true(st.ending);
    assert_true(parse_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0", &st));
    assert_true(st.kernel_thread);
}

static void every_cut_of_a_stat_line_is_refused_or_read_within_bounds(void **state)
{
    static const char whole[] = "4242 (app) S 17 4242 4242 34816 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654321 ";
    struct procfs_stat st;
    (void)state;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *copy = malloc(n ? n : 1); /* exactly as long: the sanitizer sees one byte too many */
        memcpy(copy, whole, n);
        bool ok = procfs_parse_stat(copy, n, &st);
        assert_true(!ok || n > strlen(whole) - 10);
        free(copy);
    }
}

static void socket_and_namespace_links_give_their_inode(void **state)
{
    uint64_t inode;
    (void)state;
    assert_true(procfs_parse_link("socket:[4711]", 13, "socket", &inode));
    assert_int_equal(inode, 4711);
    assert_true(procfs_parse_link("net:[4026531992]", 16, "net", &inode));
    assert_int_equal(inode, 4026531992u);
    static const char *const bad[] = {"",
                                      "socket",
                                      "socket:",
                                      "socket:[",
                                      "socket:[]",
                                      "socket:[12",
                                      "socket:[12]x",
                                      "socket:[-1]",
                                      "pipe:[12]",
                                      "/tmp/socket:[12]",
                                      "socket:[99999999999999999999999]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(procfs_parse_link(bad[i], strlen(bad[i]), "socket", &inode));
}

static void the_descriptor_limit_is_the_soft_one(void **state)
{
    static const char text[] = "Limit                     Soft Limit           Hard Limit           Units\n"
                               "Max open files            1024                 524288               files\n";
    static const char unlimited[] = "Max open files            unlimited            unlimited            files\n";
    uint64_t soft;
    (void)state;
    assert_true(procfs_parse_nofile(text, sizeof text - 1, &soft));
    assert_int_equal(soft, 1024);
    assert_true(procfs_parse_nofile(unlimited, sizeof unlimited - 1, &soft));
    assert_true(soft == UINT64_MAX);
    assert_false(procfs_parse_nofile("Max open files   ", 17, &soft));
    assert_false(procfs_parse_nofile("", 0, &soft));
}

static void a_user_is_the_effective_one(void **state)
{
    static const char text[] = "Name:\tUid: 7\t7\nPid:\t4\nUid:\t1000\t33\t0\t0\nGid:\t5\t5\t5\t5\n";
    uint32_t uid;
    (void)state;
    assert_true(procfs_parse_user(text, sizeof text - 1, &uid));
    assert_int_equal(uid, 33);
    assert_false(procfs_parse_user("Name:\tx\nUid:\t1000\t", 19, &uid));
    assert_false(procfs_parse_user("Name:\tx\nUid:\t1\t4294967296\n", 27, &uid));
    assert_false(procfs_parse_user("", 0, &uid));
}

static void a_port_range_is_two_ports_in_order(void **state)
{
    uint16_t low, high;
    (void)state;
    assert_true(procfs_parse_port_range("32768\t60999\n", 12, &low, &high));
    assert_int_equal(low, 32768);
    assert_int_equal(high, 60999);
    assert_false(procfs_parse_port_range("60999\t32768\n", 12, &low, &high));
    assert_false(procfs_parse_port_range("1\t65536\n", 8, &low, &high));
    assert_false(procfs_parse_port_range("32768", 5, &low, &high));
}

static void a_line_of_proc_net_tcp_is_a_socket(void **state)
{
    static const char line[] = "   2: 0100007F:C001 0500000A:0599 08 00000000:00000007 00:00000000 00000000  1000        0 123456 1 "
                               "0000000000000000 20 4 0 10 -1\n";
    struct sockdiag_socket s;
    (void)state;
    assert_true(procfs_parse_tcp_line(line, sizeof line - 1, AF_INET, &s));
    assert_memory_equal(s.local, "\x7f\0\0\1", 4);
    assert_memory_equal(s.peer, "\x0a\0\0\5", 4);
    assert_int_equal(s.local_port, 49153);
    assert_int_equal(s.peer_port, 1433);
    assert_int_equal(s.state, 8);
    assert_int_equal(s.unread, 6); /* the FIN counts for one until it is read */
    assert_int_equal(s.uid, 1000);
    assert_int_equal(s.inode, 123456);
}

static void a_line_of_proc_net_tcp6_is_a_socket(void **state)
{
    static const char line[] = "   0: 00000000000000000000000001000000:1F90 B80D0120000000000000000001000000:C001 05 00000000:00000000 "
                               "00:00000000 00000000     0        0 9 1 0 20\n";
    static const unsigned char peer[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    struct sockdiag_socket s;
    (void)state;
    assert_true(procfs_parse_tcp_line(line, sizeof line - 1, AF_INET6, &s));
    assert_int_equal(s.local[15], 1);
    assert_memory_equal(s.peer, peer, 16);
    assert_int_equal(s.local_port, 8080);
    assert_int_equal(s.state, 5);
    assert_int_equal(s.inode, 9);
}

static void headings_and_cut_lines_are_no_sockets(void **state)
{
    static const char heading[] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    static const char line[] = "   2: 0100007F:C001 0500000A:0599 08 00000000:00000007 00:00000000 00000000  1000        0 ";
    struct sockdiag_socket s;
    (void)state;
    assert_false(procfs_parse_tcp_line(heading, sizeof heading - 1, AF_INET, &s));
    for (size_t n = 0; n < sizeof line; n++) {
        char *copy = malloc(n ? n : 1);
        memcpy(copy, line, n);
        assert_false(procfs_parse_tcp_line(copy, n, AF_INET, &s));
        free(copy);
    }
}

struct seen {
    int fd;
    uint32_t inode;
    bool found;
};

static void look_for(void *arg, int fd, uint32_t inode)
{
    struct seen *s = arg;
    if (fd == s->fd) {
        s->inode = inode;
        s->found = true;
    }
}

static void our_own_socket_is_found_with_its_protocol(void **state)
{
    char name[64];
    struct seen seen = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    uint64_t count = 0;
    (void)state;
    assert_true(seen.fd >= 0);
    assert_int_equal(procfs_each_socket(getpid(), look_for, &seen, &count), 0);
    assert_true(seen.found);
    assert_true(count >= 1);
    assert_true(procfs_holds(getpid(), seen.fd, seen.inode));
    assert_int_equal(procfs_protocol(getpid(), seen.fd, name, sizeof name), 0);
    assert_string_equal(name, "TCP");
    close(seen.fd);
    assert_false(procfs_holds(getpid(), seen.fd, seen.inode));
    assert_int_equal(procfs_protocol(getpid(), seen.fd, name, sizeof name), -ENOENT);
}

static void our_own_limit_and_start_time_are_read(void **state)
{
    struct rlimit limit;
    struct procfs_stat st;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(procfs_nofile(getpid()) == limit.rlim_cur);
    assert_int_equal(procfs_stat(getpid(), &st), 0);
    assert_int_equal(st.ppid, getppid());
    assert_true(st.start_ticks > 0);
    assert_true(procfs_netns(getpid()) != 0);
    uint32_t uid;
    assert_true(procfs_user(getpid(), &uid));
    assert_int_equal(uid, geteuid());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_known_by_its_start_time),
        cmocka_unit_test(a_name_with_brackets_and_blanks_does_not_shift_the_fields),
        cmocka_unit_test(a_name_cannot_send_escapes_to_the_terminal),
        cmocka_unit_test(kernel_threads_and_what_is_on_its_way_out_are_told_by_their_flags),
        cmocka_unit_test(every_cut_of_a_stat_line_is_refused_or_read_within_bounds),
        cmocka_unit_test(socket_and_namespace_links_give_their_inode),
        cmocka_unit_test(the_descriptor_limit_is_the_soft_one),
        cmocka_unit_test(a_user_is_the_effective_one),
        cmocka_unit_test(a_port_range_is_two_ports_in_order),
        cmocka_unit_test(a_line_of_proc_net_tcp_is_a_socket),
        cmocka_unit_test(a_line_of_proc_net_tcp6_is_a_socket),
        cmocka_unit_test(headings_and_cut_lines_are_no_sockets),
        cmocka_unit_test(our_own_socket_is_found_with_its_protocol),
        cmocka_unit_test(our_own_limit_and_start_time_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
