/* SPDX-License-Identifier: MIT */
/*
 * test_watched.c: which epolls hold a socket, from the text of their fdinfo; and whether a thread may
 * wait for it otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "core/watched.h"

/* As Linux 6.18 writes it. */
static const char fdinfo[] = "pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t1039\n"
                             "tfd:        7 events: c0000019 data:     7fd0000010  pos:0 ino:ca4a9c0 sdev:9\n"
                             "tfd:       12 events:     2019 data: ffffffff0000000c  pos:0 ino:ca4a9c1 sdev:9\n"
                             "tfd:        5 events:       1c data:                5  pos:0 ino:ca4a9c0 sdev:9\n";

static struct finding findings[4];
static struct watched_socket sockets[4];
static struct watched w;

/* Four sockets, out of order: fd 7, 12, 13 and one whose inode is not known. */
static void begin(void)
{
    static const uint64_t inodes[] = {0xca4a9c0, 0xca4a9c1, 0xca4a9c2, 0};
    static const int fds[] = {7, 12, 13, 14};
    for (unsigned i = 0; i < 4; i++) {
        findings[i] = (struct finding){.fd = fds[i], .descriptors = 1};
        sockets[3 - i] = (struct watched_socket){inodes[i], &findings[i]};
    }
    watched_begin(&w, sockets, 4);
}

static void a_line_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char line[] = "tfd:       12 events: 80002019 data: ffffffff0000000c  pos:0 ino:ca4a9c1 sdev:9";
    struct watched_line l;
    assert_true(watched_parse(line, sizeof line - 1, &l));
    assert_int_equal(l.fd, 12);
    assert_int_equal(l.events, 0x80002019);
    assert_true(l.data == 0xffffffff0000000cu);
    assert_true(l.has_inode);
    assert_int_equal(l.inode, 0xca4a9c1);
    assert_true(watched_parse(line, 54, &l)); /* before Linux 4.13 */
    assert_int_equal(l.fd, 12);
    assert_false(l.has_inode);
    assert_true(watched_parse("tfd: 1 events: 1 data: 1  pos:-5 ino:f", 38, &l));
    assert_int_equal(l.inode, 15);
    static const char *const bad[] = {"",
                                      "tfd:",
                                      "tfd: x events: 1 data: 1",
                                      "tfd: 1",
                                      "tfd: 1 events:",
                                      "tfd: 1 events: 1",
                                      "tfd: 1 events: 1 data:",
                                      "tfd: 1 events: 1 data: g",
                                      "tfd: -1 events: 1 data: 1",
                                      "tfd: 2147483648 events: 1 data: 1",
                                      "tfd: 1 events: 100000000 data: 1",
                                      "tfd: 1 events: 1 data: 10000000000000000",
                                      "tfd: 1x events: 1 data: 1",
                                      "pos:\t0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (watched_parse(bad[i], strlen(bad[i]), &l))
            fail_msg("%s", bad[i]);
}

static void no_byte_beyond_the_text_is_read(void **state)
{
    (void)state;
    static const char pieces[] = "0123456789abcdef \ntfd:events:data:pos:ino:sdev:-";
    unsigned seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        size_t n = 0, cap = (size_t)(rand_r(&seed) % 160);
        char *text = malloc(cap + 1);
        assert_non_null(text);
        if (round % 2) { /* a good one, with a few bytes damaged */
            n = cap < sizeof fdinfo - 1 ? cap : sizeof fdinfo - 1;
            memcpy(text, fdinfo + (round % (sizeof fdinfo - n)), n);
            for (unsigned k = 0; n && k < round % 5; k++)
                text[(size_t)rand_r(&seed) % n] = pieces[(size_t)rand_r(&seed) % (sizeof pieces - 1)];
        } else {
            for (; n < cap; n++)
                text[n] = pieces[(size_t)rand_r(&seed) % (sizeof pieces - 1)];
        }
        char *exact = malloc(n ? n : 1); /* the sanitizers see a read beyond it */
        assert_non_null(exact);
        memcpy(exact, text, n);
        struct watched_line l;
        watched_parse(exact, n, &l);
        begin();
        w.epolls = 1;
        assert_true(watched_take(&w, 5, exact, n) <= n);
        watched_thread(&w, exact, n);
        watched_end(&w, round % 3);
        for (unsigned i = 0; i < 4; i++)
            assert_true((findings[i].watch == WATCH_EPOLL) == (findings[i].n_watches > 0));
        free(exact);
        free(text);
    }
}

static void a_socket_is_known_by_its_inode_whatever_the_number(void **state)
{
    (void)state;
    begin();
    w.epolls = 1;
    assert_int_equal(watched_take(&w, 5, fdinfo, sizeof fdinfo - 1), sizeof fdinfo - 1);
    watched_end(&w, false);
    assert_int_equal(findings[0].watch, WATCH_EPOLL);
    assert_int_equal(findings[0].n_watches, 2);
    assert_int_equal(findings[0].watches[0].fd, 7);
    assert_int_equal(findings[0].watches[0].events, EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLET | EPOLLONESHOT);
    assert_true(findings[0].watches[0].data == 0x7fd0000010);
    assert_int_equal(findings[0].watches[1].fd, 5); /* a stale number: its copy 7 is still watched by it */
    assert_int_equal(findings[1].watch, WATCH_EPOLL);
    assert_int_equal(findings[1].watches[0].epfd, 5);
    assert_int_equal(findings[2].watch, WATCH_NONE);
    assert_int_equal(findings[3].watch, WATCH_UNKNOWN);
    /* the number 7 is another socket's by now */
    begin();
    w.epolls = 1;
    sockets[3].inode = 0xdddd;
    watched_take(&w, 5, fdinfo, sizeof fdinfo - 1);
    watched_end(&w, false);
    assert_int_equal(findings[sockets[3].finding - findings].watch, WATCH_NONE);
}

static void a_line_that_is_cut_waits_for_its_rest(void **state)
{
    (void)state;
    for (size_t size = 90; size < 130; size++) {
        char buf[256];
        size_t kept = 0;
        begin();
        w.epolls = 1;
        for (size_t at = 0; at < sizeof fdinfo - 1;) {
            size_t n = sizeof fdinfo - 1 - at < size - kept ? sizeof fdinfo - 1 - at : size - kept;
            memcpy(buf + kept, fdinfo + at, n);
            at += n;
            size_t used = watched_take(&w, 5, buf, kept + n);
            kept = kept + n - used;
            memmove(buf, buf + used, kept);
        }
        assert_int_equal(kept, 0);
        watched_end(&w, false);
        assert_int_equal(findings[0].n_watches, 2);
        assert_int_equal(findings[1].n_watches, 1);
    }
}

static void what_could_not_be_read_leaves_the_others_unknown(void **state)
{
    (void)state;
    begin();
    w.epolls = 2;
    watched_take(&w, 5, fdinfo, sizeof fdinfo - 1);
    w.unknown = true;
    watched_end(&w, true);
    assert_int_equal(findings[0].watch, WATCH_EPOLL);
    assert_int_equal(findings[2].watch, WATCH_UNKNOWN);
    /* a kernel that does not tell the inode: nothing is known */
    static const char old[] = "tfd:       12 events:     2019 data: c\n";
    begin();
    w.epolls = 1;
    watched_take(&w, 5, old, sizeof old - 1);
    watched_end(&w, true);
    assert_int_equal(findings[1].watch, WATCH_UNKNOWN);
    assert_int_equal(findings[2].watch, WATCH_UNKNOWN);
}

static void a_process_without_an_epoll_is_told_from_one_that_has_some(void **state)
{
    (void)state;
    begin();
    watched_end(&w, false);
    assert_int_equal(findings[0].watch, WATCH_WITHOUT);
    begin();
    w.epolls = 1;
    watched_end(&w, false);
    assert_int_equal(findings[0].watch, WATCH_NONE);
}

/* What is said of fd 7 and fd 12 when a thread is in call NUMBER with ARGUMENT. */
static void in_call(long number, long argument)
{
    char text[160];
    begin();
    snprintf(text, sizeof text, "%ld 0x%lx 0x7ffc0000 0x10 0xffffffff 0x0 0x0 0x7ffc12345678 0x7f0012345678\n", number, argument);
    watched_thread(&w, text, strlen(text));
    watched_end(&w, true);
}

static void nobody_is_said_only_where_every_thread_waits_for_something_else(void **state)
{
    (void)state;
    static const long harmless[] = {SYS_futex, SYS_epoll_pwait, 441, 449, SYS_wait4, SYS_waitid, SYS_rt_sigsuspend, SYS_rt_sigtimedwait};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        in_call(harmless[i], 7);
        assert_int_equal(findings[0].watch, WATCH_NOBODY);
        assert_int_equal(findings[3].watch, WATCH_UNKNOWN);
    }
    /* what polls, selects, sleeps between two looks, or is not known, may watch it */
    static const long others[] = {SYS_ppoll, SYS_pselect6, SYS_nanosleep, SYS_clock_nanosleep, 426, SYS_restart_syscall, 9999};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        in_call(others[i], 3);
        assert_int_equal(findings[0].watch, WATCH_WITHOUT);
    }
    static const long on_one[] = {SYS_recvfrom, SYS_sendmsg, SYS_accept, SYS_accept4};
    for (size_t i = 0; i < sizeof on_one / sizeof *on_one; i++) {
        in_call(on_one[i], 7);
        assert_int_equal(findings[0].watch, WATCH_WITHOUT);
        assert_int_equal(findings[1].watch, WATCH_NOBODY);
    }
    in_call(SYS_read, 0);
    assert_int_equal(findings[0].watch, WATCH_NOBODY);
    findings[0].descriptors = 2; /* it may be read by its other number */
    watched_end(&w, true);
    assert_int_equal(findings[0].watch, WATCH_WITHOUT);
    static const char *const unreadable[] = {"", "running\n", "-1 0x7ffc 0x7f\n", "0", "\n"};
    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
        begin();
        watched_thread(&w, unreadable[i], strlen(unreadable[i]));
        watched_end(&w, true);
        assert_int_equal(findings[0].watch, WATCH_WITHOUT);
    }
    in_call(SYS_futex, 0);
    watched_end(&w, false); /* there are more threads */
    assert_int_equal(findings[0].watch, WATCH_WITHOUT);
    in_call(SYS_read, 0);
    for (unsigned i = 0; i < WATCHED_BUSY; i++) {
        char text[64];
        snprintf(text, sizeof text, "%d 0x1 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x7f\n", (int)SYS_recvfrom);
        watched_thread(&w, text, strlen(text));
    }
    watched_end(&w, true);
    assert_int_equal(findings[0].watch, WATCH_WITHOUT); /* too many to compare */
}

static const char *next; /* that is read */
static long read_end;
static long read_next(void *arg, char *to, size_t n)
{
    size_t len = strlen(next);
    (void)arg;
    n = n < len ? n : len;
    memcpy(to, next, n);
    next += n;
    return n ? (long)n : read_end;
}

static void an_epoll_that_was_closed_meanwhile_watches_nothing_and_one_that_is_not_read_whole_may(void **state)
{
    (void)state;
    static const struct {
        long end;
        size_t left;
        int watch; /* of fd 12, which no line has by then */
    } rows[] = {{0, 4096, WATCH_NONE}, {-ENOENT, 4096, WATCH_NONE}, {-EACCES, 4096, WATCH_UNKNOWN}, {0, 60, WATCH_UNKNOWN}};
    char buf[128];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin();
        next = "pos:\t0\ntfd:        7 events: 19 data: 7  pos:0 ino:ca4a9c0 sdev:9\n";
        read_end = rows[i].end;
        struct pieces p = {read_next, NULL, buf, sizeof buf, rows[i].left};
        watched_epoll(&w, 5, &p);
        watched_end(&w, false);
        assert_int_equal(w.epolls, 1);
        assert_int_equal(findings[0].watch, WATCH_EPOLL);
        assert_int_equal(findings[0].watches[0].epfd, 5);
        assert_int_equal(findings[1].watch, rows[i].watch);
    }
}

static void events_have_the_names_of_their_header(void **state)
{
    (void)state;
    static const struct {
        uint32_t events;
        const char *names;
    } cases[] = {{EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLET, "IN|ET"},
                 {EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLONESHOT | EPOLLEXCLUSIVE, "IN|PRI|OUT|RDHUP|ONESHOT|EXCLUSIVE"},
                 {EPOLLRDNORM | EPOLLWRNORM | EPOLLRDBAND | EPOLLWRBAND | EPOLLMSG | EPOLLWAKEUP, "RDNORM|RDBAND|WRNORM|WRBAND|MSG|WAKEUP"},
                 {EPOLLERR | EPOLLHUP, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buf[80];
        struct out o = {.buf = buf, .cap = sizeof buf - 1};
        watched_events(&o, cases[i].events);
        buf[o.len] = 0;
        assert_string_equal(buf, cases[i].names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_read_whole_or_not_at_all),
        cmocka_unit_test(no_byte_beyond_the_text_is_read),
        cmocka_unit_test(a_socket_is_known_by_its_inode_whatever_the_number),
        cmocka_unit_test(a_line_that_is_cut_waits_for_its_rest),
        cmocka_unit_test(what_could_not_be_read_leaves_the_others_unknown),
        cmocka_unit_test(a_process_without_an_epoll_is_told_from_one_that_has_some),
        cmocka_unit_test(nobody_is_said_only_where_every_thread_waits_for_something_else),
        cmocka_unit_test(an_epoll_that_was_closed_meanwhile_watches_nothing_and_one_that_is_not_read_whole_may),
        cmocka_unit_test(events_have_the_names_of_their_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
