/* SPDX-License-Identifier: MIT */
/*
 * test_forecast.c: when the descriptors or the ephemeral ports run out, from the limits that the
 * kernel says.
 *
 * The code is compiled in, over a limit and a range of ports that the tests choose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/report/forecast.h"
#include "agent/base/clock.h"
#include "agent/base/proc_files.h"
#include "agent/base/thread.h"
#include "agent/base/sys.h"
#include "agent/table/table.h"

static const char *range_text; /* NULL: the file cannot be opened */
static unsigned opened, closed;
static uint64_t nofile;
static long limit_result;

static long open_call(int dir, const char *path, int flags, unsigned mode)
{
    (void)dir, (void)mode;
    assert_string_equal(path, "/proc/sys/net/ipv4/ip_local_port_range");
    assert_true(flags & O_CLOEXEC);
    opened++;
    if (!range_text)
        return -EACCES;
    int fd = memfd_create("range", MFD_CLOEXEC);
    assert_int_equal(write(fd, range_text, strlen(range_text)), strlen(range_text));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static long close_call(int fd)
{
    closed++;
    return close(fd);
}

static long limit_call(long number, long pid, int resource, long to, struct rlimit64 *r)
{
    assert_int_equal(number, SYS_prlimit64);
    assert_int_equal(pid | to, 0);
    assert_int_equal(resource, RLIMIT_NOFILE);
    r->rlim_cur = nofile;
    return limit_result;
}

/* The table: one socket, at HIGHEST; and which numbers are open: all below IN_USE. */
static int highest_socket;
static unsigned in_use, asked;
static int next_slot(int fd) { return fd <= highest_socket ? highest_socket : -1; }
static long get_flags(long number, uint64_t fd, int command)
{
    assert_int_equal(number, SYS_fcntl);
    assert_int_equal(command, F_GETFD);
    asked++;
    return fd < in_use ? 0 : -EBADF;
}
static bool each_call(unsigned from, bool (*call)(void *, unsigned), void *arg)
{
    for (unsigned fd = from; fd < in_use; fd++)
        call(arg, fd);
    return true;
}
static uint64_t now;
static uint64_t clock_call(void) { return now += 10 * 1000000000ull; }

#define slot_next next_slot
#define proc_each_descriptor each_call
#define clock_now clock_call
#undef SYS2
#define SYS2(n, a, b) get_flags((n), (a), (b))
#define sys_openat open_call
#define sys_close close_call
#undef SYS4
#define SYS4(n, a, b, c, d) limit_call((n), (a), (b), (c), (d))
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/report/forecast.c"

static struct state_header header;
struct state_header *table_head = &header;

static struct finding finding[64];
static struct group group;

static int setup(void **state)
{
    (void)state;
    memset(&header, 0, sizeof header);
    range_text = "32768\t60999\n";
    opened = closed = 0;
    limit_result = 0;
    highest_socket = 73;
    in_use = 74;
    asked = 0;
    for (int i = 0; i < 64; i++)
        finding[i] = (struct finding){.fd = 10 + i, .origin = ORIGIN_SOCKET, .family = AF_INET, .peer = "10.0.0.1:80"};
    group = (struct group){.rate_milli = 60000, .count = 64, .n_findings = 64, .findings = finding};
    return 0;
}

static void the_limit_is_asked_for_anew_and_fits_its_field(void **state)
{
    (void)state;
    nofile = 1024;
    forecast_refresh();
    assert_int_equal(header.nofile_limit, 1024);
    nofile = RLIM64_INFINITY;
    forecast_refresh();
    assert_int_equal(header.nofile_limit, UINT32_MAX);
    nofile = 5;
    limit_result = -EPERM;
    forecast_refresh();
    assert_int_equal(header.nofile_limit, UINT32_MAX);
}

static void descriptors_are_counted_and_not_guessed_from_a_number(void **state)
{
    (void)state;
    highest_socket = 900; /* dup2 put it there */
    forecast(&group);
    assert_int_equal(group.fd_limit, 0); /* unknown */
    header.nofile_limit = 1024;
    forecast(&group);
    assert_int_equal(group.fd_limit, 1024);
    assert_int_equal(group.fd_limit_in_s, 1024 - 74); /* one a second */
    in_use = 1000;                                    /* files, and copies by dup */
    forecast(&group);
    assert_int_equal(group.fd_limit_in_s, 24);
    in_use = 1024;
    forecast(&group);
    assert_int_equal(group.fd_limit_in_s, 0);
    assert_true(group.fd_limit_reached);
}

static void a_thread_with_a_table_of_its_own_counts_the_programs(void **state)
{
    (void)state;
    header.nofile_limit = 1024;
    in_use = 1000;
    this_thread.own_table = true;
    forecast(&group);
    this_thread.own_table = false;
    assert_int_equal(asked, 0); /* which would be its own numbers */
    assert_int_equal(group.fd_limit_in_s, 24);
}

static void far_up_the_highest_socket_says_how_many_there_are(void **state)
{
    (void)state;
    header.nofile_limit = 1000000;
    highest_socket = 70000;
    forecast(&group);
    assert_int_equal(asked, 0);
    assert_int_equal(group.fd_limit_in_s, 1000000 - 70001);
}

static uint64_t ports(const char *text)
{
    range_text = text;
    header.port_range = 0;
    group.ports = 0;
    forecast(&group);
    if (text)
        assert_int_equal(opened, closed);
    return group.ports;
}

static void the_range_of_ports_is_read_whatever_is_between_its_numbers(void **state)
{
    (void)state;
    assert_int_equal(ports("32768\t60999\n"), 28232);
    assert_int_equal(ports("1024 1024\n"), 0); /* no range */
    assert_int_equal(ports("1024   65535"), 64512);
    assert_int_equal(ports("32768:60999\n"), 28232);
    assert_int_equal(ports("10000\t60990\n"), 50991);
    assert_int_equal(ports("60999 32768\n"), 0);
    assert_int_equal(ports("32768"), 0);
    assert_int_equal(ports(" \n"), 0);
    assert_int_equal(ports(""), 0);
    assert_int_equal(ports(NULL), 0);
}

static void ports_are_read_once_and_only_for_clients_of_one_server(void **state)
{
    (void)state;
    forecast(&group);
    forecast(&group);
    assert_int_equal(opened, 1);
    assert_int_equal(closed, 1);
    assert_int_equal(group.ports, 28232);
    assert_string_equal(group.ports_peer, "10.0.0.1:80");
    header.port_range = 0;
    finding[5].peer = "10.0.0.2:80";
    forecast(&group);
    assert_int_equal(opened, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_limit_is_asked_for_anew_and_fits_its_field, setup),
        cmocka_unit_test_setup(descriptors_are_counted_and_not_guessed_from_a_number, setup),
        cmocka_unit_test_setup(a_thread_with_a_table_of_its_own_counts_the_programs, setup),
        cmocka_unit_test_setup(far_up_the_highest_socket_says_how_many_there_are, setup),
        cmocka_unit_test_setup(the_range_of_ports_is_read_whatever_is_between_its_numbers, setup),
        cmocka_unit_test_setup(ports_are_read_once_and_only_for_clients_of_one_server, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
