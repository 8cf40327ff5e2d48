/* SPDX-License-Identifier: MIT */
/*
 * test_advice.c: each rule of advice where it holds, and that there is no line where it is not sure.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "core/advice.h"
#include "core/json.h"
#include "core/program_frame.h"
#include "core/text.h"

#define N 10 /* sockets in the group */
#define MAX_DEPTH 8

static struct finding findings[N];
static struct group group;
static struct frame frames[GROUP_TOLD + 1][MAX_DEPTH];
static char line[4096];

/* Parses "read_reply src/db.c:77 < login src/web.c:88": a stack of /srv/app. */
static size_t parse(struct frame *f, const char *stack)
{
    static char room[16384];
    static size_t used;
    size_t n = 0, len = strlen(stack) + 1;
    used = used + len > sizeof room ? 0 : used;
    char *copy = memcpy(room + used, stack, len), *save = NULL;
    used += len;
    for (char *at = strtok_r(copy, "<", &save); at; at = strtok_r(NULL, "<", &save)) {
        char *inner = NULL, *symbol = strtok_r(at, " ", &inner), *file = strtok_r(NULL, ": ", &inner),
             *number = strtok_r(NULL, " ", &inner);
        f[n] = (struct frame){.symbol = symbol, .file = file, .line = number ? (uint32_t)atoi(number) : 0, .module = "/srv/app"};
        for (const char *s = symbol; *s; s++)
            f[n].offset = f[n].offset * 31 + (unsigned char)*s;
        n++;
    }
    return n;
}

/* COUNT of the group's sockets had EVENT in STACK, by CALL. */
static struct told *add(enum event event, uint64_t count, enum call call, const char *stack)
{
    struct told *t = &group.told[group.n_told];
    struct frame *f = frames[group.n_told++];
    *t = (struct told){.event = (uint8_t)event, .call = (uint8_t)call, .count = count, .frames = f};
    t->n_frames = parse(f, stack);
    if (event == EVENT_SIBLINGS) {
        group.n_siblings += count;
        group.closed += count;
    }
    return t;
}

/* A group of N sockets of KIND, accepted in a loop. */
static int begin_as(enum kind kind)
{
    group = (struct group){.kind = (uint8_t)kind, .siteid = 7, .count = N, .descriptors = N, .n_findings = N, .findings = findings};
    for (int i = 0; i < N; i++)
        findings[i] = (struct finding){.fd = 4 + i, .kind = (uint8_t)kind, .origin = ORIGIN_ACCEPT};
    group.frames = frames[GROUP_TOLD];
    group.n_frames = parse(frames[GROUP_TOLD], "take src/loop.c:20 < loop src/loop.c:30 < main src/main.c:5 < _start");
    return 0;
}

static int begin(void **state)
{
    (void)state;
    return begin_as(KIND_CLOSE_WAIT);
}

static const char *advice(void)
{
    struct out o = {.buf = line, .cap = sizeof line - 1};
    bool is = advice_of(&o, "", &group);
    line[o.len] = 0;
    assert_true(is == (o.len > 0));
    return line;
}
#define SAYS(text) assert_string_equal(advice(), text)
#define IS_SILENT() assert_string_equal(advice(), "")

static void unread(void) { group.n_unread = N; }

/* ---- the end was seen ---- */

#define READ_REPLY "read_reply src/db.c:77 < login src/web.c:88 < main src/main.c:6 < _start"
#define CLOSE_THERE "read_reply (src/db.c:77) saw EOF and returned without closing; close there"

static void who_saw_eof_and_returned_is_named(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY);
    SAYS(CLOSE_THERE);
    group.told[0].count = N - 1;
    SAYS(CLOSE_THERE);
    group.told[0].count = N - 2; /* what became of the others is not known */
    IS_SILENT();
    group.kind = KIND_HANGUP;
    group.told[0].count = N;
    SAYS(CLOSE_THERE);
    group.kind = KIND_OPEN;
    IS_SILENT();
}

static void who_saw_the_error_is_named_with_it(void **state)
{
    (void)state;
    begin_as(KIND_DEAD);
    add(EVENT_ERROR, N, CALL_SEND, READ_REPLY)->error = ECONNRESET;
    SAYS("read_reply (src/db.c:77) saw ECONNRESET and returned without closing; close there");
    group.told[0].count = N - 4;
    add(EVENT_ERROR, 4, CALL_SEND, READ_REPLY)->error = EPIPE;
    SAYS("read_reply (src/db.c:77) saw the error and returned without closing; close there");
    group.told[1].frames = group.frames; /* another function's */
    IS_SILENT();
}

static void a_function_that_goes_on_has_not_returned(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_READ, "loop src/loop.c:33 < main src/main.c:5 < _start");
    SAYS("loop (src/loop.c:33) saw EOF and went on without closing; close there");
    begin(NULL);
    add(EVENT_EOF, N, CALL_READ, "works src/pool.c:9 < _start");
    SAYS("works (src/pool.c:9) saw EOF and went on without closing; close there");
    begin(NULL);
    add(EVENT_EOF, N, CALL_EPOLL_WAIT, "waits src/wait.c:9 < main src/main.c:6 < _start");
    SAYS("waits (src/wait.c:9) saw EOF and went on without closing; close there");
    begin(NULL);
    add(EVENT_EOF, N, CALL_READ, "reads src/wait.c:9"); /* who has called it is not known */
    SAYS("reads (src/wait.c:9) saw EOF and returned without closing; close there");
}

static void several_stacks_have_no_advice_unless_they_are_of_one_function(void **state)
{
    (void)state;
    add(EVENT_EOF, 5, CALL_RECV, READ_REPLY);
    add(EVENT_EOF, 5, CALL_RECV, "read_banner src/db.c:60 < login src/web.c:80 < main src/main.c:6 < _start");
    IS_SILENT();
    group.n_told--;
    add(EVENT_EOF, 5, CALL_RECV, "read_reply src/db.c:79 < login src/web.c:89 < main src/main.c:6 < _start");
    SAYS("read_reply (src/db.c) saw EOF and returned without closing; close there");
    group.told[0].count = 9;
    add(EVENT_EOF, 2, CALL_RECV, "read_banner src/db.c:60 < main src/main.c:6 < _start"); /* more than there are: it may be either */
    IS_SILENT();
}

static void without_a_file_the_name_stands_alone(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_RECV, "read_reply < login < main");
    SAYS("read_reply saw EOF and returned without closing; close there");
    frames[0][0].symbol = NULL;
    IS_SILENT();
    frames[0][0].symbol = "";
    IS_SILENT();
}

static void the_line_of_a_functions_beginning_is_not_told_as_the_calls(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY);
    frames[0][0].line_of_function = true;
    SAYS("read_reply (src/db.c) saw EOF and returned without closing; close there");
}

static void nothing_is_said_of_a_pool_or_of_what_this_program_did_not_open(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY);
    group.steady = true;
    IS_SILENT();
    group.steady = false;
    group.of_eof = true;
    IS_SILENT();
    group.of_eof = false;
    static const enum origin strange[] = {ORIGIN_INHERITED, ORIGIN_BEFORE_ATTACH, ORIGIN_UNSEEN, ORIGIN_BEFORE_EXEC};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        findings[3].origin = (uint8_t)strange[i];
        IS_SILENT();
    }
    findings[3].origin = ORIGIN_RECEIVED;
    SAYS(CLOSE_THERE);
    findings[3].adopted = true;
    IS_SILENT();
    findings[3].adopted = false;
    findings[9].parent = 12;
    IS_SILENT();
    findings[9].parent = 0;
    group.n_findings = 0;
    IS_SILENT();
}

/* ---- put aside ---- */

static void who_took_an_unread_one_off_epoll_is_named(void **state)
{
    (void)state;
    unread();
    add(EVENT_EPOLL_DEL, N, CALL_EPOLL_CTL, "conn_forget src/loop.c:120 < loop src/loop.c:31 < main src/main.c:5 < _start");
    SAYS("nobody reads this socket any more; close it where it is put aside (conn_forget, src/loop.c:120), or watch it for EPOLLRDHUP");
    frames[0][0].file = NULL;
    SAYS("nobody reads this socket any more; close it where it is put aside (conn_forget), or watch it for EPOLLRDHUP");
    group.n_unread = 8; /* whether it has been read is not known of two */
    IS_SILENT();
    group.n_unread = N;
    group.told[0].n_inferred = 1; /* it was taken off again, perhaps elsewhere */
    IS_SILENT();
    group.told[0].n_inferred = 0;
    group.told[0].count = 8;
    IS_SILENT();
}

static void who_saw_eof_comes_before_who_took_it_off_epoll(void **state)
{
    (void)state;
    group.n_read = N;
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY);
    add(EVENT_EPOLL_DEL, N, CALL_EPOLL_CTL, "conn_forget src/loop.c:120 < loop src/loop.c:31 < main src/main.c:5 < _start");
    SAYS(CLOSE_THERE);
    frames[0][0].module = "/usr/lib/x86_64-linux-gnu/libevent-2.1.so.7"; /* it read of its own accord */
    SAYS("nobody watches this socket any more; close it where it is taken off epoll (conn_forget, src/loop.c:120)");
}

/* ---- the siblings ---- */

static void the_line_where_the_siblings_part_is_named(void **state)
{
    (void)state;
    /* one line further, in the function that saw EOF */
    add(EVENT_EOF, N, CALL_READ, "turns src/loop.c:60 < loop src/loop.c:31 < main src/main.c:5 < _start");
    add(EVENT_EPOLL_DEL, N, CALL_EPOLL_CTL, "drops src/loop.c:70 < turns src/loop.c:62 < loop src/loop.c:31 < main src/main.c:5 < _start");
    add(EVENT_SIBLINGS, 1203, CALL_CLOSE,
        "conn_free src/loop.c:101 < turns src/loop.c:64 < loop src/loop.c:31 < main src/main.c:5 < _start");
    SAYS("the 1203 others were closed in conn_free (src/loop.c:101), called by turns (src/loop.c:64); these never got there");
    group.about = true;
    group.closed++;
    SAYS("about 1203 of the 1204 others were closed in conn_free (src/loop.c:101), called by turns (src/loop.c:64); these never got there");
}

static void the_way_to_the_close_is_named_with_the_function_where_they_part(void **state)
{
    (void)state;
    unread();
    add(EVENT_EPOLL_DEL, N, CALL_EPOLL_CTL, "do_disconnect src/loop.c:667 < loop src/loop.c:31 < main src/main.c:5 < _start");
    add(EVENT_SIBLINGS, 3, CALL_CLOSE,
        "net_close src/net.c:211 < context_disconnect src/context.c:258 < do_disconnect src/loop.c:673 < loop src/loop.c:31 < main "
        "src/main.c:5 "
        "< _start");
    SAYS("the 3 others were closed in net_close (src/net.c:211), called by context_disconnect (src/context.c:258), under do_disconnect "
         "(src/loop.c:673); these never got there");
    add(EVENT_SIBLINGS, 3, CALL_CLOSE, "net_close src/net.c:211 < expires src/timer.c:9 < loop src/loop.c:35 < main src/main.c:5 < _start");
    SAYS("the 6 others were closed in net_close (src/net.c:211); these never got there"); /* by several ways */
}

static void a_helper_that_reads_is_not_blamed_where_its_caller_closes(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_RECV, "read_all src/io.c:7 < login src/web.c:88 < main src/main.c:6 < _start");
    add(EVENT_SIBLINGS, 3, CALL_CLOSE, "login src/web.c:95 < main src/main.c:6 < _start");
    SAYS("the 3 others were closed in login (src/web.c:95); these never got there");
}

static void siblings_that_were_closed_on_another_way_do_not_speak_for_who_saw_eof(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY);
    add(EVENT_SIBLINGS, 1203, CALL_CLOSE, "conn_free src/loop.c:101 < expires src/timer.c:9 < main src/main.c:7 < _start");
    SAYS(CLOSE_THERE); /* main alone is in both */
    group.told[0].n_frames = 0;
    SAYS("the 1203 others were closed in conn_free (src/loop.c:101), called by expires (src/timer.c:9); these never got there");
    add(EVENT_SIBLINGS, 800, CALL_CLOSE, "conn_abort src/loop.c:130 < main src/main.c:7 < _start");
    IS_SILENT(); /* no majority */
    group.n_told--;
    group.n_siblings = group.closed = group.told[1].count = 1;
    IS_SILENT(); /* one may be a chance */
}

static void siblings_that_were_closed_far_from_there_do_not_speak_for_who_saw_eof(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_RECV,
        "read_reply src/db.c:77 < login src/web.c:88 < serves src/web.c:9 < turn src/loop.c:5 < main src/main.c:6 < _start");
    add(EVENT_SIBLINGS, 9, CALL_CLOSE, "conn_free src/loop.c:101 < turn src/loop.c:8 < main src/main.c:6 < _start");
    SAYS(CLOSE_THERE); /* the loop is in every stack */
}

static void a_last_use_before_the_end_does_not_speak_for_the_siblings(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY);
    add(EVENT_LAST_SEND, N, CALL_SEND, "logout src/db.c:70 < bye src/web.c:40 < main src/main.c:6 < _start");
    add(EVENT_SIBLINGS, 9, CALL_CLOSE, "conn_free src/loop.c:101 < logout src/db.c:72 < bye src/web.c:40 < main src/main.c:6 < _start");
    SAYS(CLOSE_THERE);
    group.n_told = 1;
    group.n_siblings = group.closed = 0;
    group.told[0].n_frames = 0;
    add(EVENT_LAST_SEND, N, CALL_SEND, "logout src/db.c:70 < bye src/web.c:40 < main src/main.c:6 < _start");
    add(EVENT_SIBLINGS, 9, CALL_CLOSE, "conn_free src/loop.c:101 < logout src/db.c:72 < bye src/web.c:40 < main src/main.c:6 < _start");
    SAYS("the 9 others were closed in conn_free (src/loop.c:101), called by logout (src/db.c:72); these never got there");
}

static void cousins_are_called_what_they_are(void **state)
{
    (void)state;
    unread();
    add(EVENT_SIBLINGS, 3, CALL_CLOSE, "channel_close src/ipc.c:50 < main src/main.c:7 < _start");
    group.cousins = true;
    group.closed = 0;
    group.count = group.n_unread = 1;
    SAYS(
        "the 3 sockets of other sites, opened under the same calls, were closed in channel_close (src/ipc.c:50); this one never got there");
}

/* ---- watched ---- */

static void watch_all(uint32_t events)
{
    for (int i = 0; i < N; i++) {
        findings[i].watch = WATCH_EPOLL;
        findings[i].n_watches = 1;
        for (unsigned k = 0; k < FINDING_WATCHES; k++)
            findings[i].watches[k] = (struct watch){.epfd = 3, .fd = 4, .events = events};
    }
}

static void who_watches_edge_triggered_without_the_peers_end_is_named(void **state)
{
    (void)state;
    unread();
    watch_all(EPOLLIN | EPOLLET);
    add(EVENT_EPOLL_ADD, N, CALL_EPOLL_CTL, "watches src/loop.c:12 < main src/main.c:7 < _start");
    SAYS("it is on epoll edge-triggered and without EPOLLRDHUP (watches, src/loop.c:12): add that, or receive until EAGAIN");
    watch_all(EPOLLIN | EPOLLET | EPOLLRDHUP);
    IS_SILENT();
    watch_all(EPOLLIN);
    IS_SILENT();
    watch_all(EPOLLIN | EPOLLET);
    findings[0].n_watches = findings[1].n_watches = FINDING_WATCHES + 1; /* not all are known */
    IS_SILENT();
    watch_all(EPOLLIN | EPOLLET);
    findings[0].watch = findings[1].watch = WATCH_UNKNOWN;
    IS_SILENT();
    watch_all(EPOLLIN | EPOLLET);
    group.n_unread = 8;
    IS_SILENT();
}

static void what_an_epoll_holds_is_neither_put_aside_nor_done_with(void **state)
{
    (void)state;
    unread();
    add(EVENT_EPOLL_DEL, N, CALL_EPOLL_CTL, "conn_forget src/loop.c:120 < loop src/loop.c:31 < main src/main.c:5 < _start");
    watch_all(EPOLLIN); /* by another one */
    IS_SILENT();
    begin(NULL);
    unread();
    add(EVENT_LAST_SEND, N, CALL_SEND, "handshake src/tls.c:56 < serves src/pool.c:61 < works src/pool.c:70 < _start");
    watch_all(EPOLLIN); /* put there before it was recorded */
    IS_SILENT();
}

/* ---- the last use ---- */

#define HANDSHAKE "handshake src/tls.c:56 < serves src/pool.c:61 < works src/pool.c:70 < _start"

static void who_used_an_accepted_one_last_is_named_with_its_caller(void **state)
{
    (void)state;
    unread();
    add(EVENT_LAST_RECEIVE, N, CALL_RECV, "takes_bytes src/tls.c:40 < " HANDSHAKE);
    add(EVENT_LAST_SEND, N, CALL_SEND, HANDSHAKE);
    static const char words[] =
        "handshake (src/tls.c:56), called by serves (src/pool.c:61), was the last to use this socket; close it there "
        "when nothing follows";
    SAYS(words);
    findings[0].origin = ORIGIN_SOCKET; /* a client's may wait for its next request */
    IS_SILENT();
    findings[0].origin = ORIGIN_ACCEPT;
    group.n_unread = 8;
    IS_SILENT();
    group.n_unread = N;
    group.told[1].count = 5;
    add(EVENT_LAST_SEND, 5, CALL_SEND, "handshake src/tls.c:56 < greets src/pool.c:65 < works src/pool.c:70 < _start");
    SAYS("handshake (src/tls.c:56) was the last to use this socket; close it there when nothing follows");
    group.n_told--;
    group.told[1].count = N;
    add(EVENT_EPOLL_ADD, N, CALL_EPOLL_CTL, "watches src/loop.c:9 < main src/main.c:7 < _start"); /* it waits there */
    IS_SILENT();
    group.n_told--;
    group.told[1].count = 5;
    IS_SILENT();
}

/* ---- shutdown, copies, connect ---- */

static void who_used_a_dead_one_last_is_named_where_nobody_was_told(void **state)
{
    (void)state;
    begin_as(KIND_DEAD);
    add(EVENT_LAST_SEND, N, CALL_SEND, HANDSHAKE);
    SAYS(
        "handshake (src/tls.c:56), called by serves (src/pool.c:61), was the last to use this socket; close it there when nothing follows");
    findings[2].unwatched = true; /* something else may have used it */
    IS_SILENT();
    findings[2].unwatched = false;
    add(EVENT_ERROR, 3, CALL_SEND, READ_REPLY);
    IS_SILENT();
}

static void shutdown_is_not_taken_for_close(void **state)
{
    (void)state;
    begin_as(KIND_FIN_WAIT_2);
    add(EVENT_SHUTDOWN, N, CALL_SHUTDOWN, "end_conversation src/smtp.c:90 < main src/main.c:7 < _start");
    SAYS("shutdown is no close; close it after end_conversation (src/smtp.c:90)");
    group.kind = KIND_DEAD;
    SAYS("shutdown is no close; close it after end_conversation (src/smtp.c:90)");
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY); /* before or after it: both are needed */
    SAYS("shutdown is no close; close it after end_conversation (src/smtp.c:90), once read_reply (src/db.c:77) has seen EOF");
    parse(frames[1], "end_conversation src/smtp.c:93 < main src/main.c:7 < _start");
    SAYS("shutdown is no close; close it after end_conversation (src/smtp.c:90), once end_conversation (src/smtp.c:93) has seen EOF");
    parse(frames[1], READ_REPLY);
    group.kind = KIND_CLOSE_WAIT; /* not for sending, then */
    SAYS(CLOSE_THERE);
    group.n_told = 1;
    IS_SILENT();
    group.kind = KIND_FIN_WAIT_2;
    group.told[0].count = 5;
    IS_SILENT();
}

static void who_made_copies_is_named_and_nobody_who_may_have_closed_one(void **state)
{
    (void)state;
    add(EVENT_DUP, N, CALL_FCNTL, "copy_of src/io.c:12 < main src/main.c:7 < _start")->descriptors = 5 * N;
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY);
    SAYS("copy_of (src/io.c:12) made copies by fcntl that are still open");
    group.told[0].descriptors = N; /* one each: it may be the first one */
    SAYS("copy_of (src/io.c:12) copied this socket by fcntl, and a descriptor of it is still open");
    group.told[0].count = 3; /* what read_reply has closed of these is not known */
    IS_SILENT();
    group.told[0].count = N;
    add(EVENT_DUP, N, CALL_DUP, "also src/io.c:20 < main src/main.c:7 < _start"); /* whose copies are left is not known */
    IS_SILENT();
}

static void who_failed_to_connect_is_named_with_the_error(void **state)
{
    (void)state;
    begin_as(KIND_NEVER_CONNECTED);
    group.never = NEVER_FAILED;
    for (int i = 0; i < N; i++)
        findings[i].origin = ORIGIN_SOCKET;
    add(EVENT_CONNECT_FAILED, N, CALL_CONNECT, "dial src/net.c:44 < main src/main.c:7 < _start")->error = ECONNREFUSED;
    SAYS("connect failed in dial (src/net.c:44) with ECONNREFUSED: close the socket on that path");
    group.told[0].call = CALL_GETSOCKOPT;
    SAYS("dial (src/net.c:44) saw that connect had failed with ECONNREFUSED: close the socket on that path");
    group.told[0].call = CALL_CONNECT;
    group.told[0].error = 0;
    SAYS("connect failed in dial (src/net.c:44): close the socket on that path");
    group.never = NEVER_CONNECTING;
    IS_SILENT();
    group.never = NEVER_FAILED;
    group.told[0].count = 5;
    IS_SILENT();
}

/* ---- those that are not open here ---- */

static void a_descriptor_that_is_used_after_its_close_has_two_functions(void **state)
{
    (void)state;
    begin_as(KIND_USE_AFTER_CLOSE);
    add(EVENT_CLOSED, N, CALL_CLOSE, "on_eof src/conn.c:30 < reader src/conn.c:35");
    add(EVENT_USED, N, CALL_CLOSE, "on_error src/conn.c:50 < writer src/conn.c:55")->error = EBADF;
    SAYS("on_error (src/conn.c:50) closes a number that on_eof (src/conn.c:30) had closed: set it to -1 at on_eof");
    group.told[1].error = 0; /* it hit another's */
    SAYS("on_error (src/conn.c:50) closes a number that on_eof (src/conn.c:30) had closed: set it to -1 at on_eof");
    group.told[1].call = CALL_SEND;
    group.told[1].error = EBADF;
    SAYS("on_error (src/conn.c:50) calls send on a number that on_eof (src/conn.c:30) had closed: set it to -1 at on_eof");
    group.told[1].call = CALL_RECV;
    group.told[1].error = 0;
    SAYS(
        "on_eof (src/conn.c:30) closes the socket while on_error (src/conn.c:50) waits in recv: shut it down there, and close it when recv "
        "has returned");
    group.told[1].error = EBADF;
    group.told[1].call = CALL_CLOSE;
    parse(frames[1], "on_eof src/conn.c:32 < reader src/conn.c:36");
    SAYS("on_eof (src/conn.c:32) closes a number that it had closed at src/conn.c:30: set it to -1 there");
    frames[0][0].file = frames[1][0].file = NULL;
    SAYS("on_eof closes a number that it had closed: set it to -1 there");
    group.told[0].count = 5;
    IS_SILENT();
}

static void whoever_inherited_it_is_named(void **state)
{
    (void)state;
    static struct state_holder holder = {.pid = 812, .fd = 5, .exe = "/bin/sleep"};
    begin_as(KIND_HELD_BY_CHILD);
    IS_SILENT();
    for (int i = 0; i < N; i++) {
        findings[i].call = CALL_SOCKET;
        findings[i].holder = &holder;
        findings[i].n_holders = 1;
    }
    SAYS("open it with SOCK_CLOEXEC (src/loop.c:20): /bin/sleep inherited it");
    frames[GROUP_TOLD][0].file = NULL;
    SAYS("open it with SOCK_CLOEXEC (take): /bin/sleep inherited it");
}

/* ---- libraries ---- */

/* Is EOF by FIRST, called by read_reply of the program, advice for read_reply? */
static bool is_passed_over(struct frame first)
{
    begin(NULL);
    add(EVENT_EOF, N, CALL_READ, "x < " READ_REPLY);
    frames[0][0] = first;
    return strcmp(advice(), CLOSE_THERE) == 0;
}

static void libraries_that_pass_a_call_on_are_passed_over_and_others_are_not_sure(void **state)
{
    (void)state;
    static const char *const thin[] = {"/usr/lib/x86_64-linux-gnu/libssl.so.3", "/lib64/libcrypto.so.1.1", "/opt/libstdc++.so.6"};
    for (size_t i = 0; i < sizeof thin / sizeof *thin; i++)
        assert_true(is_passed_over((struct frame){.symbol = "SSL_read", .module = thin[i]}));
    assert_true(is_passed_over((struct frame){.symbol = "std::net::TcpStream::read", .module = "/srv/app"}));
    assert_true(is_passed_over((struct frame){.symbol = "recv", .file = "/rustc/abc/library/std/src/net.rs", .module = "/srv/app"}));
    assert_true(is_passed_over((struct frame){.symbol = "void std::call<int, (x)1>(int) const", .module = "/srv/app"}));
    assert_true(is_passed_over((struct frame){.symbol = "_RNvMNtNtCsjrHSEGnQ3l9_3std3net3udpNtB2_9UdpSocket4recv", .module = "/srv/app"}));
    static const char *const others[] = {"/usr/lib/x86_64-linux-gnu/libcurl.so.4",
                                         "/lib/libuv.so.1",
                                         "/usr/lib64/libevent.so",
                                         "/usr/bin/node",
                                         "/usr/bin/python3.11",
                                         "/lib/x86_64-linux-gnu/libc.so.6",
                                         "/nix/store/abc/lib/libuv.so.1",
                                         NULL};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(is_passed_over((struct frame){.symbol = "uv__read", .module = others[i]}));
        IS_SILENT();
    }
    assert_false(is_passed_over((struct frame){.symbol = "tokio::net::TcpStream::poll_read", .module = "/srv/app"}));
    IS_SILENT();
    assert_false(is_passed_over((struct frame){.symbol = "long boost::asio::recv<int>(int)", .module = "/srv/app"}));
    IS_SILENT();
    assert_false(is_passed_over((struct frame){.symbol = "_RNvCsjrHSEGnQ3l9_5tokio4read", .module = "/srv/app"}));
    IS_SILENT();
    assert_false(is_passed_over((struct frame){.symbol = "do_read", .file = "/usr/include/boost/asio/x.hpp", .module = "/srv/app"}));
    IS_SILENT();
}

static void a_programs_own_library_is_the_program(void **state)
{
    (void)state;
    static const char *const own[] = {"/srv/lib/libdb.so", "/usr/lib/postgresql/15/lib/x.so",
                                      "/usr/lib/app/app",  "/usr/lib/app/plugin.so",
                                      "/usr/libexec/app",  "/lib/app",
                                      "/usr/bin/nodelike", "/usr/bin/perlbal"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_true(program_frame_is_own(&(struct frame){.symbol = "f", .module = own[i]}));
    assert_true(program_frame_is_own(&(struct frame){.symbol = "std_reply", .module = "/srv/app"}));
    assert_true(program_frame_is_own(&(struct frame){.symbol = "app::read<std::string>(std::string)", .module = "/srv/app"}));
    assert_false(program_frame_is_own(&(struct frame){.symbol = "f", .module = "/usr/lib/x86_64-linux-gnu/libx.so.1"}));
    assert_false(program_frame_is_own(&(struct frame){.symbol = "f", .module = "/srv/app", .interpreter = true}));
}

static void a_call_that_led_to_the_opening_too_is_a_loop(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_READ, "main src/main.c:5 < _start"); /* an event loop's library, of which no frame is known */
    IS_SILENT();
    frames[0][0].line = 6;
    SAYS("main (src/main.c:6) saw EOF and went on without closing; close there");
}

static void of_a_runtime_the_programs_function_is_named(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_READ, "fetch app.py:7 < main app.py:20");
    for (int i = 0; i < 2; i++) {
        frames[0][i].runtime = RUNTIME_PYTHON;
        frames[0][i].module = NULL;
    }
    SAYS("fetch (app.py:7) saw EOF and returned without closing; close there");
    static struct frame whole[3];
    whole[0] = (struct frame){.symbol = "_run", .file = "/usr/lib/python3.11/asyncio/events.py", .line = 80, .runtime = RUNTIME_PYTHON};
    memcpy(whole + 1, frames[0], 2 * sizeof *whole);
    group.told[0].whole = whole;
    group.told[0].n_whole = 3;
    IS_SILENT(); /* asyncio reads when it likes to */
    group.told[0].whole = whole + 1;
    group.told[0].n_whole = 2;
    SAYS("fetch (app.py:7) saw EOF and returned without closing; close there");
    frames[0][0].file = "/usr/lib/python3/dist-packages/urllib3/connection.py"; /* a package's own code read it */
    IS_SILENT();
    frames[0][0] = (struct frame){.symbol = "psyco_read", .module = "/srv/psyco.so"}; /* an extension's */
    IS_SILENT();
}

/* ---- as text and JSON ---- */

static const char *rendered(void (*render)(struct out *o, const struct report *r, const struct group *g))
{
    static char text[16384];
    static const struct report r = {.pid = 1, .max_sockets = 1};
    struct out o = {.buf = text, .cap = sizeof text - 1};
    render(&o, &r, &group);
    text[o.len] = 0;
    return text;
}

static void it_is_the_last_line_of_a_group_and_a_field_of_json(void **state)
{
    (void)state;
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY);
    const char *text = rendered(text_group), *fix = strstr(text, "\n  fix: ");
    assert_non_null(fix);
    assert_string_equal(fix, "\n  fix: " CLOSE_THERE "\n");
    assert_non_null(strstr(rendered(json_group), ",\"advice\":\"" CLOSE_THERE "\"}\n"));
    group.steady = true;
    assert_null(strstr(rendered(text_group), "fix"));
    assert_null(strstr(rendered(json_group), "advice"));
}

static void a_long_or_strange_name_is_written_whole_and_safely(void **state)
{
    (void)state;
    static char name[2000];
    add(EVENT_EOF, N, CALL_RECV, READ_REPLY);
    memset(name, 'n', sizeof name - 1);
    memcpy(name + 600, "\"\\\033\xff", 4);
    frames[0][0].symbol = name;
    const char *text = rendered(text_group);
    assert_non_null(strstr(text, "nnn\"\\??nnn"));
    assert_non_null(strstr(text, "n (src/db.c:77) saw EOF and returned without closing; close there\n"));
    text = rendered(json_group);
    assert_non_null(strstr(text, "nnn\\\"\\\\??nnn"));
    assert_non_null(strstr(text, "n (src/db.c:77) saw EOF and returned without closing; close there\"}\n"));
}

static void the_first_frame_of_the_program_is_past_the_libraries_that_made_the_call(void **state)
{
    (void)state;
    const struct frame curl = {.symbol = "Curl_connect", .module = "/lib/x86_64-linux-gnu/libcurl.so.4"};
    const struct frame libc = {.symbol = "getaddrinfo", .module = "/lib/x86_64-linux-gnu/libc.so.6"};
    const struct frame own = {.symbol = "login", .module = "/srv/app"}, nameless = {.module = "/srv/app"};
    const struct frame python = {.symbol = "login", .file = "app/web.py", .line = 1, .runtime = RUNTIME_PYTHON};
    const struct frame library = {.symbol = "open", .file = "/usr/lib/python3.11/socket.py", .line = 1, .runtime = RUNTIME_PYTHON};
    const struct frame native[] = {curl, libc, own}, mixed[] = {own, library, python}, none[] = {curl, libc}, unnamed[] = {libc, nameless};
    assert_ptr_equal(program_frame_first(native, 3), &native[2]);
    assert_ptr_equal(program_frame_first(mixed, 3), &mixed[2]);
    assert_ptr_equal(program_frame_first(unnamed, 2), &unnamed[1]);
    assert_null(program_frame_first(none, 2));
    assert_null(program_frame_first(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_frame_of_the_program_is_past_the_libraries_that_made_the_call),
        cmocka_unit_test_setup(who_saw_eof_and_returned_is_named, begin),
        cmocka_unit_test(who_saw_the_error_is_named_with_it),
        cmocka_unit_test_setup(a_function_that_goes_on_has_not_returned, begin),
        cmocka_unit_test_setup(several_stacks_have_no_advice_unless_they_are_of_one_function, begin),
        cmocka_unit_test_setup(without_a_file_the_name_stands_alone, begin),
        cmocka_unit_test_setup(the_line_of_a_functions_beginning_is_not_told_as_the_calls, begin),
        cmocka_unit_test_setup(nothing_is_said_of_a_pool_or_of_what_this_program_did_not_open, begin),
        cmocka_unit_test_setup(who_took_an_unread_one_off_epoll_is_named, begin),
        cmocka_unit_test_setup(who_saw_eof_comes_before_who_took_it_off_epoll, begin),
        cmocka_unit_test_setup(the_line_where_the_siblings_part_is_named, begin),
        cmocka_unit_test_setup(the_way_to_the_close_is_named_with_the_function_where_they_part, begin),
        cmocka_unit_test_setup(a_helper_that_reads_is_not_blamed_where_its_caller_closes, begin),
        cmocka_unit_test_setup(siblings_that_were_closed_on_another_way_do_not_speak_for_who_saw_eof, begin),
        cmocka_unit_test_setup(siblings_that_were_closed_far_from_there_do_not_speak_for_who_saw_eof, begin),
        cmocka_unit_test_setup(a_last_use_before_the_end_does_not_speak_for_the_siblings, begin),
        cmocka_unit_test_setup(cousins_are_called_what_they_are, begin),
        cmocka_unit_test_setup(who_watches_edge_triggered_without_the_peers_end_is_named, begin),
        cmocka_unit_test_setup(what_an_epoll_holds_is_neither_put_aside_nor_done_with, begin),
        cmocka_unit_test_setup(who_used_an_accepted_one_last_is_named_with_its_caller, begin),
        cmocka_unit_test(who_used_a_dead_one_last_is_named_where_nobody_was_told),
        cmocka_unit_test(shutdown_is_not_taken_for_close),
        cmocka_unit_test_setup(who_made_copies_is_named_and_nobody_who_may_have_closed_one, begin),
        cmocka_unit_test(who_failed_to_connect_is_named_with_the_error),
        cmocka_unit_test(a_descriptor_that_is_used_after_its_close_has_two_functions),
        cmocka_unit_test(whoever_inherited_it_is_named),
        cmocka_unit_test_setup(libraries_that_pass_a_call_on_are_passed_over_and_others_are_not_sure, begin),
        cmocka_unit_test(a_programs_own_library_is_the_program),
        cmocka_unit_test_setup(a_call_that_led_to_the_opening_too_is_a_loop, begin),
        cmocka_unit_test_setup(of_a_runtime_the_programs_function_is_named, begin),
        cmocka_unit_test_setup(it_is_the_last_line_of_a_group_and_a_field_of_json, begin),
        cmocka_unit_test_setup(a_long_or_strange_name_is_written_whole_and_safely, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
