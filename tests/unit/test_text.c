/* SPDX-License-Identifier: MIT */
/*
 * test_text.c: the text report, byte for byte.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/judge.h"
#include "core/report.h"
#include "core/text.h"
#include "core/textstack.h"

#define S 1000000000ull

static char buf[16384];

static const char *rendered(const struct report *r)
{
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    text_report(&o, r);
    assert_int_equal(o.lost, 0);
    buf[o.len] = 0;
    return buf;
}

static const struct frame allocated[] = {
    {.module = "/srv/app", .offset = 0x1234, .symbol = "db_connect", .file = "src/db.c", .line = 42},
    {.module = "/srv/app", .offset = 0x1a00, .symbol = "login", .file = "src/web.c", .line = 88},
};
static const struct frame eof_frames[] = {{.module = "/srv/app", .offset = 0x1456, .symbol = "read_reply", .file = "src/db.c", .line = 77}};

static struct finding findings[8];
static struct group group;

/* The example that the documentation shows. */
static struct report example(void)
{
    for (int i = 0; i < 8; i++)
        findings[i] = (struct finding){.fd = 14 + i,
                                       .kind = KIND_CLOSE_WAIT,
                                       .family = AF_INET,
                                       .tcp_state = ST_CLOSE_WAIT,
                                       .eof = EOF_READ,
                                       .call = CALL_SOCKET,
                                       .told_site = 9,
                                       .since_ns = 188 * S,
                                       .local = "10.0.0.7:51222",
                                       .peer = "10.0.0.5:1433"};
    group = (struct group){.kind = KIND_CLOSE_WAIT,
                           .eof = EOF_READ,
                           .siteid = 0x5f3a9c01d2e4b678,
                           .n_read = 36,
                           .n_unread = 1,
                           .opener = {4243, "worker-3", "epoll_wait", false},
                           .opened = 1240,
                           .closed = 1203,
                           .live = 37,
                           .count = 37,
                           .growing = true,
                           .rate_milli = 3010,
                           .fd_limit = 1024,
                           .fd_limit_in_s = 19205,
                           .n_findings = 8,
                           .findings = findings,
                           .n_frames = 2,
                           .frames = allocated,
                           .n_told = 1,
                           .told = {{.event = EVENT_EOF, .call = CALL_RECV, .count = 36, .n_frames = 1, .frames = eof_frames}}};
    return (struct report){.pid = 4242,
                           .now_ns = 1000 * S,
                           .n_groups = 1,
                           .groups = &group,
                           .leaks = 37,
                           .sites = 1,
                           .by_kind = {37},
                           .print_summary = true,
                           .max_sockets = 8};
}

static void the_documented_example_comes_out_byte_for_byte(void **state)
{
    (void)state;
    struct report r = example();
    r.max_sockets = 2;
    assert_string_equal(rendered(&r),
                        "==4242==WARNING: sockleak: 37 sockets stuck in CLOSE_WAIT: the peer has closed, this process never did\n"
                        "site 5f3a9c01d2e4b678: opened 1240, closed 1203, stuck 37 and growing (about 3 a minute; descriptor limit 1024 "
                        "in 5 h 20 min)\n"
                        "  opened by socket (thread 4243 \"worker-3\", now in epoll_wait)\n"
                        "    #0 db_connect  src/db.c:42\n"
                        "    #1 login       src/web.c:88\n"
                        "  saw EOF in (recv returned 0; 36 of 37, 1 never did)\n"
                        "    #0 read_reply  src/db.c:77\n"
                        "  fd 14  10.0.0.7:51222 -> 10.0.0.5:1433  CLOSE_WAIT 812 s  unread 0\n"
                        "  fd 15  10.0.0.7:51222 -> 10.0.0.5:1433  CLOSE_WAIT 812 s  unread 0\n"
                        "  and 35 more\n"
                        "  fix: read_reply (src/db.c:77) saw EOF and returned without closing; close there\n"
                        "==4242==SUMMARY: sockleak: 37 sockets leaked at 1 site (37 close_wait); most: 37 at db_connect "
                        "(src/db.c:42)\n");
}

static void the_stacks_that_closed_the_others_follow_what_the_sockets_were_told(void **state)
{
    (void)state;
    struct report r = example();
    group.n_told = 3;
    group.told[1] = (struct told){.event = EVENT_SIBLINGS, .call = CALL_CLOSE, .count = 1000, .n_frames = 1, .frames = allocated + 1};
    group.told[2] = (struct told){.event = EVENT_SIBLINGS, .call = CALL_FCLOSE, .count = 203, .n_frames = 1, .frames = allocated};
    group.n_siblings = 1203;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "    #0 read_reply  src/db.c:77\n"
                                 "  the 1203 that were closed: closed by close (1000 of 1203)\n"
                                 "    #0 login       src/web.c:88\n"
                                 "  closed by fclose (203 of 1203)\n"
                                 "    #0 db_connect  src/db.c:42\n"
                                 "  fd 14"));
    group.about = true;
    assert_non_null(strstr(rendered(&r), "closed: closed by close (about 1000 of 1203)\n"));
    group.n_told = 2;
    group.told[1].count = group.n_siblings = 1000;
    assert_non_null(strstr(rendered(&r), "\n  1000 of the 1203 that were closed: closed by close\n"));
    group.cousins = true;
    assert_non_null(strstr(rendered(&r), "\n  1000 sockets of other sites, opened under the same calls, were closed: closed by close\n"));
    group.cousins = false;
    group.closed = group.n_siblings = group.told[1].count = 1;
    group.told[1].call = CALL_UNKNOWN;
    assert_non_null(strstr(rendered(&r), "\n  the 1 that was closed: closed by close\n"));
}

static void what_a_closed_one_did_is_told_below_the_stack_that_closed_it(void **state)
{
    (void)state;
    static const struct frame no_line = {.module = "/srv/app", .offset = 0x1500};
    struct report r = example();
    group.count = 37;
    group.n_told = 6;
    group.told[0].count = 37;
    group.told[1] =
        (struct told){.event = EVENT_FIRST_RECEIVE, .call = CALL_RECV, .siteid = 2, .count = 37, .n_frames = 1, .frames = allocated};
    group.told[2] =
        (struct told){.event = EVENT_EPOLL_DEL, .call = CALL_EPOLL_CTL, .siteid = 3, .count = 37, .n_frames = 1, .frames = allocated};
    group.told[3] = (struct told){.event = EVENT_SIBLINGS,
                                  .call = CALL_CLOSE,
                                  .siteid = 50,
                                  .count = 1203,
                                  .n_frames = 1,
                                  .frames = allocated + 1,
                                  .compared = true,
                                  .same = 1u << EVENT_EOF | 1u << EVENT_FIRST_RECEIVE};
    group.told[4] = (struct told){.event = EVENT_PARTED,
                                  .was = EVENT_EPOLL_DEL,
                                  .call = CALL_EPOLL_CTL,
                                  .siteid = 4,
                                  .closer = 50,
                                  .n_frames = 1,
                                  .frames = allocated + 1};
    group.told[5] = (struct told){
        .event = EVENT_PARTED, .was = EVENT_LAST_SEND, .call = CALL_SEND, .siteid = 5, .closer = 50, .n_frames = 1, .frames = &no_line};
    group.n_siblings = 1203;
    const char *text = rendered(&r);
    assert_non_null(strstr(text,
                           "  the 1203 that were closed: closed by close\n"
                           "    #0 login       src/web.c:88\n"
                           "    one of them, in the same stacks as the stuck: first received, saw EOF\n"
                           "    and, unlike what is known of the stuck: taken off epoll by login (src/web.c:88), last sent in app+0x1500\n"
                           "  fd 14"));
    group.n_told = 4;
    group.told[3].count = group.n_siblings = group.closed = 1;
    group.told[3].same = 0;
    group.told[3].lacks = 1u << EVENT_EPOLL_DEL | 1u << EVENT_EOF;
    group.kind = KIND_OPEN;
    assert_non_null(strstr(rendered(&r), "\n    known of the open, and not of it: saw EOF, taken off epoll\n"));
}

static void a_variant_has_its_name_and_how_many_its_site_has(void **state)
{
    (void)state;
    struct report r = example();
    group.variants = 3;
    group.variant = 0x1a2b3c4;
    group.site_count = 50;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "\nsite 5f3a9c01d2e4b678 variant 01a2b3c4: opened 1240, closed 1203, stuck 37 of 50 and growing ("));
    assert_non_null(strstr(text, "; most: 50 at db_connect (src/db.c:42)\n"));
    group.variant = 0;
    assert_non_null(strstr(rendered(&r), "\nsite 5f3a9c01d2e4b678 other variants: opened 1240, closed 1203, stuck 37 of 50 and "));
    group.variants = 1;
    assert_non_null(strstr(rendered(&r), "\nsite 5f3a9c01d2e4b678: opened 1240, closed 1203, stuck 37 and growing ("));
}

static void a_use_after_the_close_is_told_in_the_order_of_time(void **state)
{
    (void)state;
    struct report r = example();
    group.kind = findings[0].kind = KIND_USE_AFTER_CLOSE;
    group.count = group.n_findings = 1;
    group.growing = false;
    group.opener = (struct opener){0};
    findings[0].tcp_state = ST_NONE;
    findings[0].closed_tid = 7;
    findings[0].used_tid = 8;
    findings[0].victim_tid = 9;
    group.n_told = 4;
    group.told[0] = (struct told){.event = EVENT_CLOSED, .call = CALL_CLOSE, .count = 1, .n_frames = 1, .frames = allocated};
    group.told[1] = (struct told){.event = EVENT_REOPENED, .call = CALL_ACCEPT4, .count = 1};
    group.told[2] = (struct told){.event = EVENT_REOPENED_EPOLL_ADD, .call = CALL_EPOLL_CTL, .count = 1};
    group.told[3] = (struct told){.event = EVENT_USED, .call = CALL_FCLOSE, .count = 1, .n_frames = 1, .frames = allocated + 1};
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "==4242==WARNING: sockleak: 1 socket used after close: a call on a descriptor that was closed before\n"
                                 "site 5f3a9c01d2e4b678: opened 1240, closed 1203, used after close 1\n"
                                 "  opened by socket\n"));
    assert_non_null(strstr(text, "  closed first by close (1 of 1)\n"
                                 "    #0 db_connect  src/db.c:42\n"
                                 "  its number was opened again by accept4 (1 of 1)\n"
                                 "  that was put on epoll by (1 of 1)\n"
                                 "  closed again by fclose, which has closed that other socket (1 of 1)\n"
                                 "    #0 login       src/web.c:88\n"));
    assert_non_null(strstr(text, "\n  fd 14  10.0.0.7:51222 -> 10.0.0.5:1433  CLOSED 812 s"
                                 "  closed by thread 7, then called by thread 8 on thread 9's\n"));
    group.told[3].error = EBADF;
    assert_non_null(strstr(rendered(&r), "\n  closed again by fclose (EBADF; 1 of 1)\n"));
    group.told[3].call = CALL_RECV;
    assert_non_null(strstr(rendered(&r), "\n  used after that in recv (EBADF; 1 of 1)\n"));
    group.told[3].error = 0;
    assert_non_null(strstr(rendered(&r), "\n  inside recv while it was closed, so that its end is not sent until that returns (1 of 1)\n"));
}

static void the_default_list_ends_in_how_many_more(void **state)
{
    (void)state;
    struct report r = example();
    assert_non_null(strstr(rendered(&r), "\n  and 29 more\n"));
    group.count = 8;
    assert_null(strstr(rendered(&r), " more\n"));
    r.max_sockets = 0;
    assert_null(strstr(rendered(&r), "fd 14"));
    assert_non_null(strstr(rendered(&r), "\n  none listed (max_sockets), and 8 more\n"));
}

static void one_socket_is_singular(void **state)
{
    (void)state;
    struct report r = example();
    group.count = group.n_findings = 1;
    group.growing = false;
    r.leaks = 1;
    r.by_kind[KIND_CLOSE_WAIT] = 1;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "sockleak: 1 socket stuck in CLOSE_WAIT: "));
    assert_non_null(strstr(text, "stuck 1\n"));
    assert_non_null(strstr(text, "SUMMARY: sockleak: 1 socket leaked at 1 site (1 close_wait); most: 1 at db_connect (src/db.c:42)\n"));
}

static void no_groups_make_no_report(void **state)
{
    (void)state;
    struct report r = example();
    r.n_groups = 0;
    assert_string_equal(rendered(&r), "");
}

static void every_kind_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind, how;
        const char *headline;
    } rows[] = {
        {KIND_FIN_WAIT_2, 0,
         "2 sockets stuck in FIN_WAIT_2: this process shut down its side and still holds the descriptor, the peer has not finished\n"},
        {KIND_DEAD, HOW_FINISHED, "2 sockets dead (finished): both sides have finished"},
        {KIND_DEAD, HOW_RESET, "2 sockets dead (reset): "},
        {KIND_DEAD, HOW_TIMEOUT, "2 sockets dead (timeout): "},
        {KIND_DEAD, HOW_NONE, "2 sockets dead: the connection is over, this process still holds the descriptor\n"},
        {KIND_NEVER_CONNECTED, 0, "2 sockets never connected: "},
        {KIND_HANGUP, 0, "2 sockets hung up: the peer has closed, this process never did\n"},
        {KIND_OPEN, 0, "2 sockets still open: "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report r = example();
        group.kind = rows[i].kind;
        group.how = rows[i].how;
        group.count = group.n_findings = 2;
        for (int f = 0; f < 2; f++) {
            findings[f].kind = rows[i].kind;
            findings[f].how = rows[i].how;
        }
        const char *text = rendered(&r);
        assert_non_null(strstr(text, rows[i].headline));
    }
}

static void the_heading_of_a_stack_names_the_call_that_was_made(void **state)
{
    (void)state;
    static const struct {
        struct told told;
        const char *heading;
    } rows[] = {
        {{EVENT_EOF, CALL_READ, 0, 0, 0, 37, 1, .frames = eof_frames},
         "  saw EOF in (read returned 0; 37 of 37)\n    #0 read_reply  src/db.c:77\n"},
        {{EVENT_EOF, CALL_RECVMSG, 0, 0, 0, 2, 1, .frames = eof_frames}, "  saw EOF in (recvmsg returned 0; 2 of 37)\n    #0"},
        {{EVENT_EOF, CALL_EPOLL_WAIT, 0, 0, 0, 2, 1, .frames = eof_frames},
         "  saw EOF in (epoll_wait returned RDHUP or HUP; 2 of 37)\n    #0"},
        {{EVENT_EOF, CALL_UNKNOWN, 0, 0, 0, 2, 1, .frames = eof_frames}, "  saw EOF in (2 of 37)\n    #0"},
        {{EVENT_EOF, CALL_UNKNOWN, 0, 0, 0, 2, 0, .frames = NULL}, "  saw EOF (2 of 37)\n  fd 14"},
        {{EVENT_ERROR, CALL_SEND, EPIPE, 0, 0, 3, 1, .frames = eof_frames}, "  saw the error in (send: EPIPE; 3 of 37)\n    #0"},
        {{EVENT_ERROR, CALL_GETSOCKOPT, 250, 0, 0, 3, 1, .frames = eof_frames},
         "  saw the error in (getsockopt: error 250; 3 of 37)\n    #0"},
        {{EVENT_ERROR, CALL_POLL, 0, 0, 0, 3, 1, .frames = eof_frames}, "  saw the error in (poll returned ERR; 3 of 37)\n    #0"},
        {{EVENT_ERROR, CALL_UNKNOWN, ECONNRESET, 0, 0, 3, 1, .frames = eof_frames}, "  saw the error in (ECONNRESET; 3 of 37)\n    #0"},
        {{EVENT_ERROR, CALL_UNKNOWN, 0, 0, 0, 3, 0, .frames = NULL}, "  saw the error (3 of 37)\n  fd 14"},
        {{EVENT_CONNECT_FAILED, CALL_CONNECT, ECONNREFUSED, 0, 0, 37, 1, .frames = eof_frames},
         "  connect failed in (ECONNREFUSED; 37 of 37)\n    #0"},
        {{EVENT_CONNECT_FAILED, CALL_GETSOCKOPT, ECONNREFUSED, 0, 0, 37, 1, .frames = eof_frames},
         "  connect failed; seen in (getsockopt: ECONNREFUSED; 37 of 37)\n    #0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report r = example();
        group.n_unread = 0;
        group.told[0] = rows[i].told;
        if (!strstr(rendered(&r), rows[i].heading))
            fail_msg("%s not in\n%s", rows[i].heading, buf);
    }
    struct report r = example();
    for (int i = 0; i < 8; i++)
        findings[i].call = CALL_ACCEPT4;
    assert_non_null(strstr(rendered(&r), "  opened by accept4 (thread"));
    findings[3].call = CALL_ACCEPT; /* one stack, two calls: a function pointer */
    assert_non_null(strstr(rendered(&r), "  opened in (thread"));
    for (int i = 0; i < 8; i++)
        findings[i].call = CALL_RECVMSG;
    assert_non_null(strstr(rendered(&r), "  received by recvmsg (thread"));
}

static void a_life_is_told_in_order_and_each_stack_once(void **state)
{
    (void)state;
    static const struct frame in_loop[] = {{.symbol = "loop_turn", .file = "src/loop.c", .line = 120}};
    static const struct {
        struct told told;
        const char *heading;
    } rows[] = {
        {{EVENT_EPOLL_ADD, CALL_EPOLL_CTL, 0, 0, 0, 37, 1, .frames = in_loop}, "  put on epoll by (37 of 37)\n    #0"},
        {{EVENT_FIRST_RECEIVE, CALL_RECV, 0, 0, 0, 37, 1, .frames = in_loop, .n_inferred = 36},
         "  first received in (recv; 37 of 37)\n    #0"},
        {{EVENT_FIRST_SEND, CALL_WRITE, 0, 0, 0, 36, 1, .frames = in_loop, .n_elsewhere = 36},
         "  first sent in (write; 36 of 37; handed to another thread)\n    #0"},
        {{EVENT_FIRST_SEND, CALL_UNKNOWN, 0, 0, 0, 36, 1, .frames = in_loop, .n_elsewhere = 2},
         "  first sent in (36 of 37; 2 handed to another thread)\n    #0"},
        {{EVENT_DUP, CALL_DUP2, 0, 0, 0, 1, 1, .frames = in_loop, .descriptors = 50},
         "  copied by dup2 in (1 of 37; 50 descriptors are left)\n    #0"},
        {{EVENT_DUP, CALL_UNKNOWN, 0, 0, 0, 1, 1, .frames = in_loop, .descriptors = 1},
         "  copied by dup in (1 of 37; 1 descriptor is left)\n    #0"},
        {{EVENT_SHUTDOWN, CALL_SHUTDOWN, 0, 0, 0, 37, 1, .frames = in_loop}, "  shut down by (37 of 37)\n    #0"},
        {{EVENT_LAST_RECEIVE, CALL_READ, 0, 0, 0, 37, 1, .frames = in_loop, .n_inferred = 37},
         "  last received in (read; 37 of 37; as known from an earlier call)\n    #0"},
        {{EVENT_EOF, CALL_READ, 0, 0, 0, 37, 1, .frames = in_loop, .n_elsewhere = 37},
         "  saw EOF in (read returned 0; 37 of 37; handed to another thread)\n    #0"},
        {{EVENT_ERROR, CALL_READ, 104, 0, 0, 37, 1, .frames = in_loop, .n_elsewhere = 3},
         "  saw the error in (read: ECONNRESET; 37 of 37; 3 handed to another thread)\n    #0"},
        {{EVENT_LAST_SEND, CALL_SEND, 0, 0, 0, 37, 1, .frames = in_loop}, "  last sent in (send; 37 of 37)\n    #0"},
        {{EVENT_LAST_SEND, CALL_SEND, 0, 0, 0, 37, 1, .frames = in_loop, .n_inferred = 37, .n_elsewhere = 37, .tid = 77},
         "  last sent in (send; 37 of 37; as known from an earlier call; by thread 77 \"flusher\", now in poll)\n    #0"},
        {{EVENT_LAST_RECEIVE, CALL_READ, 0, 0, 0, 37, 1, .frames = in_loop, .n_elsewhere = 2, .n_opener = 35, .tid = 78},
         "  last received in (read; 37 of 37; 2 by thread 78, which has ended)\n    #0"},
        {{EVENT_LAST_RECEIVE, CALL_READ, 0, 0, 0, 37, 1, .frames = in_loop, .n_elsewhere = 37, .tid = 79},
         "  last received in (read; 37 of 37; by thread 79)\n    #0"},
        {{EVENT_LAST_RECEIVE, CALL_READ, 0, 0, 0, 37, 1, .frames = in_loop, .n_elsewhere = 37},
         "  last received in (read; 37 of 37; by other threads)\n    #0"},
        {{EVENT_LAST_RECEIVE, CALL_READ, 0, 0, 0, 37, 1, .frames = in_loop, .n_elsewhere = 1},
         "  last received in (read; 37 of 37; 1 by another thread)\n    #0"},
        {{EVENT_LAST_RECEIVE, CALL_READ, 0, 0, 0, 37, 1, .frames = in_loop, .n_opener = 37}, "  last received in (read; 37 of 37)\n"},
        {{EVENT_EPOLL_DEL, CALL_EPOLL_CTL, 0, 0, 0, 36, 1, .frames = in_loop}, "  taken off epoll by (36 of 37)\n    #0"},
        {{EVENT_EPOLL_DEL, CALL_EPOLL_CTL, 0, 0, 0, 36, 0, .frames = NULL}, "  taken off epoll (36 of 37)\n  fd 14"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report r = example();
        group.n_unread = 0;
        group.n_users = 2;
        group.users[0] = (struct opener){77, "flusher", "poll", false};
        group.users[1] = (struct opener){78, "", "", true};
        group.told[0] = rows[i].told;
        if (!strstr(rendered(&r), rows[i].heading))
            fail_msg("%s not in\n%s", rows[i].heading, buf);
    }
    struct report r = example();
    struct told eof = group.told[0];
    group.n_told = 5;
    group.told[0] = (struct told){EVENT_FIRST_RECEIVE, CALL_RECV, 0, 0, 0, 37, 1, .frames = eof_frames};
    group.told[1] = (struct told){EVENT_FIRST_SEND, CALL_SEND, 0, 0, 0, 37, 1, .frames = in_loop};
    group.told[2] = eof;
    group.told[3] = (struct told){EVENT_LAST_SEND, CALL_SEND, 0, 0, 0, 37, 1, .frames = in_loop, .n_inferred = 37};
    group.told[4] = (struct told){EVENT_EPOLL_DEL, CALL_EPOLL_CTL, 0, 0, 0, 37, 1, .frames = in_loop};
    assert_non_null(strstr(rendered(&r), "  first received in (recv; 37 of 37): the stack that saw EOF\n"
                                         "  first and last sent in (send; 37 of 37)\n"
                                         "    #0 loop_turn "));
    assert_non_null(strstr(buf, "  taken off epoll by (37 of 37): the stack that first sent\n  fd 14"));
    assert_null(strstr(buf, "last sent in (send; 37 of 37; as"));
    group.told[3].n_elsewhere = 36;
    group.told[3].tid = 79;
    assert_non_null(strstr(rendered(&r), "  first and last sent in (send; 37 of 37; 36 last by thread 79)\n"));
    group.told[3].n_elsewhere = 0;
    group.told[3].n_opener = 37;
    assert_non_null(strstr(rendered(&r), "  first and last sent in (send; 37 of 37)\n"));
    group.told[1].n_elsewhere = 37;
    group.told[2].n_elsewhere = 36; /* no news any more */
    assert_null(strstr(rendered(&r), "; 36 handed"));
    assert_non_null(strstr(rendered(&r), "in (send; 37 of 37; handed to another thread; last by the one that opened it)\n"));
    group.told[3].n_opener = 36;
    assert_non_null(strstr(rendered(&r), "in (send; 37 of 37; handed to another thread)\n"));
}

static void of_more_handlers_than_are_told_their_number_is(void **state)
{
    (void)state;
    static const struct frame on_data[] = {{.symbol = "onData", .file = "app.js", .line = 7, .on = "socket 'data'"}};
    static const struct told all[] = {{EVENT_HANDLED_BY, 0, 0, 0, 1, 20, 1, .frames = on_data},
                                      {EVENT_HANDLED_BY, 0, 0, 0, 2, 9, 1, .frames = on_data},
                                      {EVENT_HANDLED_BY, 0, 0, 0, 3, 5, 1, .frames = on_data},
                                      {EVENT_HANDLED_BY, 0, 0, 0, 4, 2, 1, .frames = on_data},
                                      {EVENT_HANDLED_BY, 0, 0, 0, 5, 1, 1, .frames = on_data}};
    static const char *const want[] = {NULL, "\n  and 1 more kind (2 of 37)\n", "\n  and 2 more kinds (3 of 37)\n"};
    struct report r = example();
    group.handlers = all;
    for (unsigned n = 0; n < 3; n++) {
        group.n_told = 4;
        group.n_handlers = 3 + n;
        for (unsigned i = 0; i < 3; i++)
            group.told[1 + i] = all[i];
        const char *text = rendered(&r), *more = strstr(text, " more kind");
        assert_int_equal(more != NULL, n > 0);
        if (!more)
            continue;
        const char *at = strstr(text, want[n]);
        assert_non_null(at);
        assert_true(at > strstr(text, "  handled by (5 of 37)"));
        assert_null(strstr(more + 1, " more kind"));
    }
}

static void of_the_thread_that_opened_them_only_what_is_known_is_said(void **state)
{
    (void)state;
    static const struct {
        struct opener opener;
        const char *words;
    } rows[] = {
        {{4243, "worker-3", "running", false}, "  opened by socket (thread 4243 \"worker-3\", now running)\n"},
        {{4243, "worker-3", "", false}, "  opened by socket (thread 4243 \"worker-3\")\n"},
        {{4243, "", "", true}, "  opened by socket (thread 4243, which has ended)\n"},
        {{4243, "", "", false}, "  opened by socket\n"},
        {{0, "worker-3", "", true}, "  opened by socket\n"},
        {{4243, "a\033b", "", false}, "  opened by socket (thread 4243 \"a?b\")\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report r = example();
        group.opener = rows[i].opener;
        if (!strstr(rendered(&r), rows[i].words))
            fail_msg("%s not in\n%s", rows[i].words, buf);
    }
}

static void an_end_that_nobody_read_is_said(void **state)
{
    (void)state;
    struct report r = example();
    group.n_told = 0;
    group.eof = EOF_UNREAD;
    group.n_read = 0;
    group.n_unread = 37;
    findings[0].unread = 77;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "\n  never saw EOF (37 of 37): no call has read that far\n  fd 14"));
    assert_non_null(strstr(text, "  unread 77\n"));
    group.kind = KIND_FIN_WAIT_2;
    group.eof = EOF_NONE;
    group.n_unread = 0;
    assert_null(strstr(rendered(&r), "EOF"));
}

static void what_cannot_be_known_is_not_guessed(void **state)
{
    (void)state;
    struct report r = example();
    group.n_told = 0;
    group.eof = EOF_NONE;
    group.n_read = group.n_unread = 0;
    group.n_unknown = 37;
    assert_non_null(strstr(rendered(&r), "\n  not known whether EOF was seen (37 of 37)\n  fd 14"));
    group.n_unknown = 35;
    group.n_unread = 2;
    assert_non_null(strstr(rendered(&r), "\n  never saw EOF (2 of 37): no call has read that far\n"
                                         "  not known whether EOF was seen (35 of 37)\n"));
    r = example();
    group.eof = EOF_MIXED;
    group.n_unknown = 4;
    findings[1].eof = EOF_UNREAD;
    findings[2].eof = EOF_NONE;
    assert_non_null(strstr(rendered(&r), "  saw EOF in (recv returned 0; 36 of 37, 1 never did, 4 not known)\n"));
    assert_non_null(strstr(buf, "CLOSE_WAIT 812 s  unread 0  saw EOF\n  fd 15"));
    assert_non_null(strstr(buf, "CLOSE_WAIT 812 s  unread 0  EOF not seen\n  fd 16"));
    assert_non_null(strstr(buf, "CLOSE_WAIT 812 s  unread 0\n  fd 17"));
}

static void a_second_stack_is_counted_for_itself(void **state)
{
    (void)state;
    struct report r = example();
    group.n_told = 2;
    group.told[0].count = 30;
    group.told[1] = (struct told){EVENT_EOF, CALL_READ, 0, 0, 0, 6, 2, .frames = allocated};
    assert_non_null(strstr(rendered(&r), "  saw EOF in (recv returned 0; 30 of 37, 1 never did)\n"
                                         "    #0 read_reply  src/db.c:77\n"
                                         "  saw EOF in (read returned 0; 6 of 37)\n"
                                         "    #0 db_connect  src/db.c:42\n"));
}

static void a_site_of_those_that_nothing_opened_is_said_to_be_of_eof(void **state)
{
    (void)state;
    struct report r = example();
    group.of_eof = true;
    group.n_frames = 0;
    group.growing = false;
    assert_non_null(strstr(rendered(&r), "site 5f3a9c01d2e4b678 (of the stack that saw EOF; no stack of an opening is known): stuck 37\n"
                                         "  saw EOF in (recv"));
}

static void a_protocol_is_named_where_it_is_not_tcp(void **state)
{
    (void)state;
    struct report r = example();
    findings[0] = (struct finding){.fd = 3, .kind = KIND_OPEN, .family = AF_INET, .type = SOCK_DGRAM, .local = "0.0.0.0:55674"};
    findings[1].type = SOCK_STREAM;
    assert_non_null(strstr(rendered(&r), "  fd 3  udp 0.0.0.0:55674  OPEN"));
    assert_non_null(strstr(buf, "  fd 15  10.0.0.7"));
}

static void what_was_there_before_it_was_first_seen_has_lasted_at_least_since(void **state)
{
    (void)state;
    struct report r = example();
    findings[0].adopted = true;
    findings[0].opened_ns = 990 * S;
    assert_non_null(strstr(rendered(&r), "  fd 14  10.0.0.7:51222 -> 10.0.0.5:1433  CLOSE_WAIT 812 s  unread 0\n")); /* the kernel knows */
    findings[0].since_ns = 990 * S;
    assert_non_null(strstr(rendered(&r), "  fd 14  10.0.0.7:51222 -> 10.0.0.5:1433  CLOSE_WAIT at least 10 s  unread 0\n"));
}

static void frames_say_what_is_known_and_no_more(void **state)
{
    (void)state;
    static const struct frame plain[] = {{.module = "/srv/app", .offset = 0x1234, .symbol = "db_connect"},
                                         {.module = "/usr/lib/libc.so.6", .offset = 0x99, .symbol = "start"}};
    static const struct frame bare[] = {{.module = "/srv/app", .offset = 0x1234}, {.pc = 0x7f12345678}};
    static const struct frame mixed[] = {{.symbol = "inner", .file = "a.h", .line = 7, .module = "/srv/app", .offset = 5, .inlined = true},
                                         {.symbol = "outer_function", .file = "b.c", .module = "/srv/app", .offset = 5},
                                         {.module = "/opt/x.so", .offset = 6},
                                         {.pc = 0xabc}};
    struct report r = example();
    group.n_told = group.n_unread = 0;
    group.opener.tid = 0;
    group.frames = plain;
    assert_non_null(strstr(rendered(&r), "  opened by socket\n    #0 db_connect  (app+0x1234)\n    #1 start       (libc.so.6+0x99)\n  fd"));
    group.frames = bare;
    assert_non_null(strstr(rendered(&r), "  opened by socket\n    #0 (app+0x1234)\n    #1 (0x7f12345678)\n  fd"));
    group.frames = mixed;
    group.n_frames = 4;
    assert_non_null(strstr(rendered(&r), "    #0 inner           a.h:7 (inlined)\n"
                                         "    #1 outer_function  b.c (app+0x5)\n"
                                         "    #2 ??              (x.so+0x6)\n"
                                         "    #3 ??              (0xabc)\n"));
    group.n_frames = 0;
    assert_null(strstr(rendered(&r), "opened by"));
}

static void one_long_name_does_not_push_the_others(void **state)
{
    (void)state;
    static const char name[] = "boost::asio::detail::a_function_with_a_name_of_more_than_forty_letters";
    static const struct frame frames[] = {{.module = "a", .symbol = name}, {.module = "a", .symbol = "main"}};
    struct frame many[12];
    for (int i = 0; i < 12; i++)
        many[i] = frames[i == 0 ? 0 : 1];
    struct report r = example();
    group.n_told = 0;
    group.frames = many;
    group.n_frames = 12;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "    #0  boost::asio::detail::a_function_with_a_name_of_more_than_forty_letters  (a+0x0)\n"));
    assert_non_null(strstr(text, "    #11 main                            (a+0x0)\n"));
}

static void names_from_outside_cannot_steer_the_terminal(void **state)
{
    (void)state;
    static const struct frame evil[] = {{.module = "/srv/\033[2Japp", .symbol = "f\033]0;x\a", .file = "a\nb.c", .line = 1}};
    struct report r = example();
    group.frames = evil;
    group.n_frames = 1;
    findings[0].peer = "@\033[31m";
    findings[0].local = "\x9b";
    findings[0].tag = "t\r";
    const char *text = rendered(&r);
    for (const char *p = text; *p; p++)
        assert_true(*p == '\n' || ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f));
}

static void a_socket_line_shows_what_is_known_of_it(void **state)
{
    (void)state;
    static const struct {
        struct finding f;
        const char *line;
    } rows[] = {
        {{.fd = 3,
          .kind = KIND_NEVER_CONNECTED,
          .family = AF_INET,
          .tcp_state = ST_CLOSE,
          .told_errno = ECONNREFUSED,
          .peer = "10.0.0.5:1"},
         "  fd 3  ? -> 10.0.0.5:1  CLOSE 16 min  ECONNREFUSED\n"},
        {{.fd = 8, .kind = KIND_CLOSE_WAIT, .family = AF_INET, .tcp_state = ST_ESTABLISHED},
         "  fd 8  inet  CLOSE_WAIT 16 min  unread 0\n"}, /* MPTCP */
        {{.fd = 9, .kind = KIND_FIN_WAIT_2, .family = AF_INET, .tcp_state = ST_FIN_WAIT_1}, "  fd 9  inet  FIN_WAIT_1 16 min  unread 0\n"},
        {{.fd = 4, .kind = KIND_HANGUP, .family = AF_UNIX, .unread = 5}, "  fd 4  unix  HANGUP 16 min  unread 5\n"},
        {{.fd = 5, .kind = KIND_HANGUP, .family = AF_UNIX, .local = "/run/x.sock", .origin = ORIGIN_INHERITED, .tag = "my test"},
         "  fd 5  /run/x.sock  HANGUP 16 min  unread 0  inherited  tag my test\n"},
        {{.fd = 6,
          .kind = KIND_DEAD,
          .how = HOW_TIMEOUT,
          .family = AF_INET6,
          .tcp_state = ST_CLOSE,
          .local = "[::1]:80",
          .pid = 99,
          .since_ns = 2000 * S},
         "  pid 99  fd 6  [::1]:80  CLOSE 0 s  unread 0  timeout\n"},
        /* nobody has asked the kernel */
        {{.fd = 7, .kind = KIND_OPEN, .family = AF_INET, .type = SOCK_STREAM}, "  fd 7  tcp  OPEN 16 min\n"},
        {{.fd = 7, .kind = KIND_OPEN, .family = AF_INET, .type = SOCK_STREAM, .tcp_state = ST_ESTABLISHED},
         "  fd 7  tcp  ESTABLISHED 16 min  unread 0\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report r = example();
        findings[0] = rows[i].f;
        if (strstr(rendered(&r), rows[i].line) == NULL)
            fail_msg("%s not in\n%s", rows[i].line, buf);
    }
}

static void growth_is_told_in_the_unit_that_fits(void **state)
{
    (void)state;
    static const struct {
        bool growing, steady;
        uint32_t rate_milli;
        uint64_t limit_s, ports_s;
        const char *words;
    } rows[] = {
        {false, false, 0, 0, 0, "stuck 37\n"},
        {false, true, 0, 0, 0, "stuck 37, steady (a pool?)\n"},
        {true, true, 1000, 0, 0, "stuck 37 and growing (about 1 a minute)\n"},
        {true, false, 0, 0, 0, "stuck 37 and growing\n"},
        {true, false, 100, 0, 0, "stuck 37 and growing (about 6 an hour)\n"},
        {true, false, 5, 0, 0, "stuck 37 and growing (about 7 a day)\n"},
        {true, false, 599000, 0, 0, "stuck 37 and growing (about 599 a minute)\n"},
        {true, false, 600000, 0, 0, "stuck 37 and growing (about 10 a second)\n"},
        {true, false, 0xffffffff, 0, 0, "stuck 37 and growing (about 71583 a second)\n"},
        {true, false, 3000, 60, 7200,
         "stuck 37 and growing (about 3 a minute; descriptor limit 1024 in 60 s; 28232 local ports towards 10.0.0.5:1433 in 2 h)\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report r = example();
        group.growing = rows[i].growing;
        group.steady = rows[i].steady;
        group.rate_milli = rows[i].rate_milli;
        group.fd_limit_in_s = rows[i].limit_s;
        group.ports = 28232;
        group.ports_in_s = rows[i].ports_s;
        group.ports_peer = "10.0.0.5:1433";
        if (strstr(rendered(&r), rows[i].words) == NULL)
            fail_msg("%s not in\n%s", rows[i].words, buf);
    }
}

static void a_limit_that_is_reached_is_said_to_be(void **state)
{
    (void)state;
    struct report r = example();
    group.growing = true;
    group.rate_milli = 3000;
    group.fd_limit = 1024;
    group.fd_limit_in_s = 0;
    group.fd_limit_reached = true;
    group.ports = 28232;
    group.ports_in_s = 0;
    group.ports_reached = true;
    group.ports_peer = "10.0.0.5:1433";
    assert_non_null(strstr(rendered(&r), "and growing (about 3 a minute; descriptor limit 1024 reached; "
                                         "28232 local ports towards 10.0.0.5:1433 used up)\n"));
}

static void why_a_socket_never_connected_is_said(void **state)
{
    (void)state;
    static const struct {
        uint8_t never, error;
        const char *headline, *socket;
    } rows[] = {
        {NEVER_FAILED, ECONNREFUSED, "never connected: connect failed", "fd 14  tcp to 10.0.0.5:1433 (ECONNREFUSED)  "},
        {NEVER_UNTRIED, 0, "never connected: connect was never tried", "fd 14  10.0.0.7:51222"},
        {NEVER_BOUND, 0, "bound to an address, neither connected nor listening", "fd 14  bound to 10.0.0.7:51222  "},
        {NEVER_CONNECTING, 0, "still connecting", "fd 14  tcp to 10.0.0.5:1433  "},
        {NEVER_UNSEEN, 0, "not connected: what was tried is not known", "fd 14  10.0.0.7:51222"},
        {NEVER_DISSOLVED, 0, "not connected any more: a connect to AF_UNSPEC undid it", "fd 14  10.0.0.7:51222"},
        {NEVER_NONE, 0, "never connected: this process still holds the descriptor", "fd 14  10.0.0.7:51222"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report r = example();
        group.kind = findings[0].kind = KIND_NEVER_CONNECTED;
        group.never = findings[0].never = rows[i].never;
        findings[0].protocol = 6;
        findings[0].told_errno = rows[i].error;
        const char *text = rendered(&r);
        if (!strstr(text, rows[i].headline) || !strstr(text, rows[i].socket))
            fail_msg("%s and %s not in\n%s", rows[i].headline, rows[i].socket, text);
    }
}

static void what_was_left_out_is_counted_before_the_summary(void **state)
{
    (void)state;
    struct report r = example();
    r.groups_left_out = 2;
    r.sockets_left_out = 15;
    r.suppressed = 1;
    r.dropped = 5;
    r.unwritten = 2;
    r.sites = 3;
    r.by_kind[KIND_DEAD] = 4;
    assert_non_null(
        strstr(rendered(&r),
               "  and 29 more\n"
               "  fix: read_reply (src/db.c:77) saw EOF and returned without closing; close there\n"
               "==4242==sockleak: 2 more groups with 15 sockets left out (max_leaks)\n"
               "==4242==sockleak: 1 socket suppressed\n"
               "==4242==sockleak: 3 events could not be recorded: the counts may be too low\n"
               "==4242==sockleak: 2 pieces of the log could not be written\n"
               "==4242==SUMMARY: sockleak: 37 sockets leaked at 3 sites (37 close_wait, 4 dead); most: 37 at db_connect (src/db.c:42)\n"));
    r.print_summary = false;
    assert_null(strstr(rendered(&r), "SUMMARY"));
}

static void a_stretched_period_is_said(void **state)
{
    (void)state;
    struct report r = example();
    r.stretched_ms = 2050;
    assert_non_null(strstr(rendered(&r), "\n==4242==sockleak: looks take long: the watcher looks every 2.050 s now, less often than its "
                                         "interval, to stay within its budget\n==4242==SUMMARY"));
}

static void sockets_that_ended_a_moment_before_the_exit_are_counted_in_one_line(void **state)
{
    (void)state;
    struct report r = example();
    r.young = 1;
    assert_non_null(strstr(rendered(&r),
                           "\n==4242==sockleak: and 1 socket that ended within the last second: leak_check_at_exit=all lists it\n"
                           "==4242==SUMMARY"));
    r.young = 12;
    assert_non_null(strstr(rendered(&r),
                           "\n==4242==sockleak: and 12 sockets that ended within the last second: leak_check_at_exit=all lists "
                           "them\n==4242==SUMMARY"));
}

static void idle_sockets_are_noted_with_their_site_and_the_age_of_the_youngest(void **state)
{
    (void)state;
    struct report r = example();
    group.youngest_ns = 7200 * S;
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    text_idle_note(&o, &r, &group);
    group.n_frames = 0; /* no name is known */
    text_idle_note(&o, &r, &group);
    buf[o.len] = 0;
    assert_string_equal(
        buf, "==4242==sockleak: note: 37 open sockets of site 5f3a9c01d2e4b678 (db_connect), which has closed none, have all been "
             "idle for 2 h: kinds=all lists them\n"
             "==4242==sockleak: note: 37 open sockets of site 5f3a9c01d2e4b678, which has closed none, have all been idle for 2 h: "
             "kinds=all lists them\n");
}

static void sockets_without_a_stack_say_so(void **state)
{
    (void)state;
    struct report r = example();
    group.siteid = 0;
    group.n_frames = group.told[0].n_frames = group.n_unread = 0;
    group.growing = false;
    assert_non_null(strstr(rendered(&r), "site unknown (no stack was recorded): opened 1240, closed 1203, stuck 37\n"
                                         "  saw EOF (recv returned 0; 36 of 37)\n"
                                         "  fd 14"));
    group.n_told = 0;
    for (size_t i = 0; i < group.n_findings; i++)
        findings[i].adopted = true; /* open before an attach: nobody has counted what was closed */
    assert_non_null(strstr(rendered(&r), "site unknown (no stack was recorded): stuck 37\n  fd 14"));
    findings[0].adopted = false;
    group.opened = group.closed = 0; /* not known: of a stack at least one was opened */
    assert_non_null(strstr(rendered(&r), "site unknown (no stack was recorded): stuck 37\n  fd 14"));
}

static void colour_only_wraps_and_is_off_by_default(void **state)
{
    (void)state;
    struct report r = example();
    assert_null(strchr(rendered(&r), '\033'));
    static char plain[16384];
    rendered(&r);
    memcpy(plain, buf, sizeof plain);
    r.color = true;
    const char *from = rendered(&r);
    assert_non_null(strchr(from, '\033'));
    char without[16384], *to = without;
    while (*from) {
        if (*from == '\033')
            from = strchr(from, 'm') + 1;
        else
            *to++ = *from++;
    }
    *to = 0;
    assert_string_equal(without, plain);
    assert_non_null(strstr(buf,
                           "\033[1;31m==4242==WARNING: sockleak: 37 sockets stuck in CLOSE_WAIT: the peer has closed, this process never "
                           "did\033[0m\n\033[1msite 5f3a9c01d2e4b678: "));
}

static void a_release_is_one_line(void **state)
{
    (void)state;
    struct report r = example();
    struct release rel = {.fd = 14,
                          .kind = KIND_CLOSE_WAIT,
                          .siteid = 0x5f3a9c01d2e4b678,
                          .stuck_ns = 812 * S,
                          .count = 37,
                          .n_fds = 3,
                          .fds = (const int[]){14, 15, 16}};
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    text_release(&o, &r, &rel);
    rel = (struct release){.fd = 3, .kind = KIND_NEVER_CONNECTED, .count = 1, .n_fds = 1, .fds = (const int[]){3}};
    text_release(&o, &r, &rel);
    buf[o.len] = 0;
    assert_string_equal(
        buf,
        "==4242==sockleak: released: 37 of site 5f3a9c01d2e4b678 after up to 812 s: they were stuck in CLOSE_WAIT (fd 14, 15, 16 ...)\n"
        "==4242==sockleak: released: 1 of an unknown site after 0 s: it was never connected (fd 3)\n");
}

static void the_base_name_of_a_path_is_its_last_part_and_of_none_is_empty(void **state)
{
    (void)state;
    assert_string_equal(text_base_name("/srv/app"), "app");
    assert_string_equal(text_base_name("app"), "app");
    assert_string_equal(text_base_name("/srv/"), "/srv/");
    assert_string_equal(text_base_name(NULL), "");
}

static void frames_of_a_runtime_have_file_and_line_and_say_when_it_is_not_the_calls(void **state)
{
    (void)state;
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    struct text_columns c = {0};
    const struct frame frames[] = {
        {.symbol = "login", .file = "app/web.py", .line = 88, .runtime = RUNTIME_PYTHON},
        {.symbol = "Db::__destruct", .file = "db.php", .line = 7, .line_of_function = true, .runtime = RUNTIME_PHP},
        {.symbol = "Shop.Main", .file = "shop.exe", .runtime = RUNTIME_DOTNET},
    };
    text_measure(&c, frames, 3);
    text_stack(&o, &c, frames, 3, NULL);
    buf[o.len] = 0;
    assert_string_equal(buf, "    #0 login           app/web.py:88\n"
                             "    #1 Db::__destruct  db.php:7 (where it begins)\n"
                             "    #2 Shop.Main       shop.exe (dotnet)\n");
}

/* What stands below a frame of line LINE whose source is TEXT. */
static const char *below(uint32_t line, const char *text)
{
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    struct text_columns c = {0};
    const struct frame f = {.symbol = "f", .file = "f.c", .line = line, .source = text};
    text_measure(&c, &f, 1);
    text_stack(&o, &c, &f, 1, NULL);
    buf[o.len] = 0;
    return strchr(buf, '\n') + 1;
}

static void the_source_line_stands_below_its_frame_cut_to_the_window_and_harmless(void **state)
{
    (void)state;
    char line[200], want[260];
    assert_string_equal(below(42, "    int fd = socket(1);"), "         42 |     int fd = socket(1);\n");
    assert_string_equal(below(1234567, "x"), "    1234567 | x\n");
    assert_string_equal(below(4, "\tif (a)\treturn;"), "          4 |     if (a)  return;\n");
    assert_string_equal(below(4, "a\033[31mb\x80\xc2\x9b"
                                 "c"),
                        "          4 | a?[31mb\?\?\?c\n");
    memset(line, 'x', sizeof line);
    line[66] = 0;
    snprintf(want, sizeof want, "          4 | %s\n", line);
    assert_string_equal(below(4, line), want);
    line[66] = 'x';
    line[67] = 0;
    snprintf(want, sizeof want, "          4 | %.63s...\n", line);
    assert_string_equal(below(4, line), want);
    for (unsigned i = 0; i < 70; i++)
        memcpy(line + 2 * i, "\xc3\xa9", 3);
    snprintf(want, sizeof want, "          4 | %.126s...\n", line);
    assert_string_equal(below(4, line), want);
}

static void colour_marks_the_first_frame_of_the_program(void **state)
{
    (void)state;
    struct report r = example();
    const struct frame frames[] = {{.symbol = "getaddrinfo", .module = "/lib/x86_64-linux-gnu/libcurl.so.4"},
                                   {.symbol = "login", .module = "/srv/app", .file = "web.c", .line = 88, .source = "    curl();"},
                                   {.symbol = "main", .module = "/srv/app"}};
    group.frames = frames;
    group.n_frames = 3;
    group.n_told = 0;
    r.color = true;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "\033[1m    #1 login        web.c:88\033[0m\n         88 |     curl();\n    #2 main"));
    r.color = false;
    assert_non_null(strstr(rendered(&r), "\n    #1 login        web.c:88\n"));
}

static void what_an_assertion_has_reported_is_brief_at_the_end_alone(void **state)
{
    (void)state;
    struct report r = example();
    r.brief = true;
    group.asserted = group.count - 1;
    assert_null(strstr(rendered(&r), "of an assertion"));
    group.asserted = group.count;
    assert_non_null(strstr(rendered(&r), "  with its stacks in the report of an assertion\n"));
    assert_null(strstr(rendered(&r), "#0 "));
    r.brief = false;
    assert_non_null(strstr(rendered(&r), "#0 "));
}

static void who_holds_a_closed_socket_is_named_with_what_to_do(void **state)
{
    (void)state;
    static struct state_holder holder[2] = {{.pid = 812, .fd = 14, .exe = "/bin/sleep"}, {.pid = 813, .fd = 14, .exe = ""}};
    struct report r = example();
    for (int i = 0; i < 8; i++) {
        findings[i].kind = KIND_HELD_BY_CHILD;
        findings[i].tcp_state = ST_ESTABLISHED;
        findings[i].eof = EOF_NONE;
        findings[i].holder = holder;
        findings[i].n_holders = 2;
        findings[i].holders = 5;
    }
    group.kind = KIND_HELD_BY_CHILD;
    group.eof = EOF_NONE;
    group.n_read = group.n_unread = 0;
    group.told[0].event = EVENT_FORKED;
    group.told[0].call = CALL_POPEN;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "sockleak: 37 sockets held by a child: this process has closed it, "));
    assert_non_null(strstr(text, "\n  forked to a child by popen (36 of 37)\n    #0 read_reply  src/db.c:77\n"));
    assert_non_null(strstr(text, "  fd 14  10.0.0.7:51222 -> 10.0.0.5:1433  ESTABLISHED 812 s  unread 0  held by sleep (pid 812, fd 14), "
                                 "a process (pid 813, fd 14) and 3 more\n"));
    assert_non_null(strstr(text, "\n  fix: open it with SOCK_CLOEXEC (src/db.c:42): /bin/sleep inherited it\n"));
    assert_null(strstr(text, "saw EOF"));
    findings[0].call = CALL_ACCEPT;
    assert_non_null(strstr(rendered(&r), "\n  fix: take it by accept4 with SOCK_CLOEXEC (src/db.c:42): /bin/sleep inherited it\n"));
    holder[0].flags = HOLDER_SAME_PROGRAM; /* one of each: neither is enough */
    assert_null(strstr(rendered(&r), "fix:"));
    holder[1].flags = HOLDER_SAME_PROGRAM;
    assert_non_null(strstr(rendered(&r), "\n  fix: close it in the child, after the fork (src/db.c:77)\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documented_example_comes_out_byte_for_byte),
        cmocka_unit_test(the_stacks_that_closed_the_others_follow_what_the_sockets_were_told),
        cmocka_unit_test(what_a_closed_one_did_is_told_below_the_stack_that_closed_it),
        cmocka_unit_test(a_variant_has_its_name_and_how_many_its_site_has),
        cmocka_unit_test(a_use_after_the_close_is_told_in_the_order_of_time),
        cmocka_unit_test(the_default_list_ends_in_how_many_more),
        cmocka_unit_test(one_socket_is_singular),
        cmocka_unit_test(no_groups_make_no_report),
        cmocka_unit_test(every_kind_says_what_is_wrong),
        cmocka_unit_test(the_heading_of_a_stack_names_the_call_that_was_made),
        cmocka_unit_test(a_life_is_told_in_order_and_each_stack_once),
        cmocka_unit_test(of_more_handlers_than_are_told_their_number_is),
        cmocka_unit_test(of_the_thread_that_opened_them_only_what_is_known_is_said),
        cmocka_unit_test(what_cannot_be_known_is_not_guessed),
        cmocka_unit_test(a_second_stack_is_counted_for_itself),
        cmocka_unit_test(a_site_of_those_that_nothing_opened_is_said_to_be_of_eof),
        cmocka_unit_test(a_protocol_is_named_where_it_is_not_tcp),
        cmocka_unit_test(an_end_that_nobody_read_is_said),
        cmocka_unit_test(what_was_there_before_it_was_first_seen_has_lasted_at_least_since),
        cmocka_unit_test(frames_say_what_is_known_and_no_more),
        cmocka_unit_test(one_long_name_does_not_push_the_others),
        cmocka_unit_test(names_from_outside_cannot_steer_the_terminal),
        cmocka_unit_test(a_socket_line_shows_what_is_known_of_it),
        cmocka_unit_test(growth_is_told_in_the_unit_that_fits),
        cmocka_unit_test(a_limit_that_is_reached_is_said_to_be),
        cmocka_unit_test(why_a_socket_never_connected_is_said),
        cmocka_unit_test(what_was_left_out_is_counted_before_the_summary),
        cmocka_unit_test(a_stretched_period_is_said),
        cmocka_unit_test(sockets_that_ended_a_moment_before_the_exit_are_counted_in_one_line),
        cmocka_unit_test(idle_sockets_are_noted_with_their_site_and_the_age_of_the_youngest),
        cmocka_unit_test(sockets_without_a_stack_say_so),
        cmocka_unit_test(colour_only_wraps_and_is_off_by_default),
        cmocka_unit_test(a_release_is_one_line),
        cmocka_unit_test(who_holds_a_closed_socket_is_named_with_what_to_do),
        cmocka_unit_test(the_source_line_stands_below_its_frame_cut_to_the_window_and_harmless),
        cmocka_unit_test(colour_marks_the_first_frame_of_the_program),
        cmocka_unit_test(what_an_assertion_has_reported_is_brief_at_the_end_alone),
        cmocka_unit_test(frames_of_a_runtime_have_file_and_line_and_say_when_it_is_not_the_calls),
        cmocka_unit_test(the_base_name_of_a_path_is_its_last_part_and_of_none_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
