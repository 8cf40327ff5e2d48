/* SPDX-License-Identifier: MIT */
/*
 * test_asked.c: who watches the sockets of a group and what they have transferred, as text and JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "core/asked.h"

#define S 1000000000ull
#define ALWAYS (EPOLLERR | EPOLLHUP)

static char buf[4096];
static struct finding findings[40];
static struct group group;
static const struct report report = {.pid = 4242, .now_ns = 1000 * S};

/* N accepted sockets in CLOSE_WAIT for 12 s. */
static void begin(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        findings[i] = (struct finding){.fd = 14 + (int)i, .kind = KIND_CLOSE_WAIT, .origin = ORIGIN_ACCEPT, .since_ns = 988 * S};
    group = (struct group){.kind = KIND_CLOSE_WAIT, .count = n, .n_findings = n, .findings = findings};
}

static void watch(unsigned i, int epfd, uint32_t events)
{
    struct finding *f = &findings[i];
    f->watch = WATCH_EPOLL;
    f->watches[f->n_watches++] = (struct watch){.epfd = epfd, .fd = (uint32_t)f->fd, .events = events | ALWAYS, .data = 0x7f00 + i};
}

static void moved(unsigned i, uint64_t received, uint64_t sent)
{
    findings[i].transfer = (struct transfer){.received = received, .sent = sent, .has_received = true, .has_sent = true};
}

static const char *ended(struct out *o)
{
    assert_int_equal(o->lost, 0);
    buf[o->len] = 0;
    return buf;
}
static const char *text(void)
{
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    asked_text(&o, &report, &group);
    return ended(&o);
}
static const char *json(void)
{
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    asked_json(&o, &report, &group);
    return ended(&o);
}
static const char *line(unsigned i)
{
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    asked_text_socket(&o, &report, &findings[i]);
    return ended(&o);
}
static const char *object(unsigned i)
{
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    asked_json_socket(&o, &report, &findings[i]);
    return ended(&o);
}

static void what_is_not_known_is_not_told(void **state)
{
    (void)state;
    begin(3);
    assert_string_equal(text(), "");
    assert_string_equal(json(), ",\"watched\":null");
    assert_string_equal(line(0), "");
    assert_string_equal(object(0), ",\"received\":null,\"sent\":null,\"idle_s\":null,\"watched\":null");
    for (unsigned i = 0; i < 3; i++)
        findings[i].watch = WATCH_WITHOUT; /* nobody expects one there */
    assert_string_equal(text(), "");
    assert_string_equal(json(), ",\"watched\":[]");
    group.n_findings = 0;
    assert_string_equal(text(), "");
}

static void the_epoll_that_holds_them_is_named_with_mask_and_mode(void **state)
{
    (void)state;
    static const struct {
        uint32_t events;
        const char *words;
    } cases[] = {
        {EPOLLIN | EPOLLET | ALWAYS, "  watched: by epoll fd 5 for IN (edge-triggered, no EPOLLRDHUP)\n"},
        {EPOLLIN | EPOLLET | EPOLLRDHUP | ALWAYS, "  watched: by epoll fd 5 for IN|RDHUP (edge-triggered)\n"},
        {EPOLLIN | ALWAYS, "  watched: by epoll fd 5 for IN\n"},
        {EPOLLIN | EPOLLONESHOT | ALWAYS, "  watched: by epoll fd 5 for IN (one-shot)\n"},
        {EPOLLONESHOT, "  watched: by epoll fd 5 for nothing any more: its one shot was fired\n"},
        {EPOLLET | ALWAYS, "  watched: by epoll fd 5 for ERR and HUP alone (edge-triggered, no EPOLLRDHUP)\n"},
        {EPOLLOUT | EPOLLEXCLUSIVE | ALWAYS, "  watched: by epoll fd 5 for OUT\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(1);
        watch(0, 5, 0);
        findings[0].watches[0].events = cases[i].events;
        assert_string_equal(text(), cases[i].words);
    }
}

static void sockets_that_differ_are_counted(void **state)
{
    (void)state;
    begin(37);
    watch(0, 6, EPOLLOUT);
    for (unsigned i = 1; i < 36; i++)
        watch(i, 5, EPOLLIN | EPOLLET);
    findings[36].watch = WATCH_NONE;
    assert_string_equal(text(), "  watched: by epoll fd 5 for IN (edge-triggered, no EPOLLRDHUP; 35 of 37), "
                                "by epoll fd 6 for OUT (1 of 37); 1 of 37 by no epoll\n");
    assert_string_equal(json(), ",\"watched\":[{\"epfd\":5,\"events\":\"IN|ET\",\"data\":null,\"count\":35},"
                                "{\"epfd\":6,\"events\":\"OUT\",\"data\":\"0x7f00\",\"count\":1}]");
    findings[36].watch = WATCH_UNKNOWN; /* of which nothing is said */
    assert_string_equal(text(),
                        "  watched: by epoll fd 5 for IN (edge-triggered, no EPOLLRDHUP; 35 of 37), by epoll fd 6 for OUT (1 of 37)\n");
}

static void two_epolls_of_one_socket_are_both_named(void **state)
{
    (void)state;
    begin(2);
    for (unsigned i = 0; i < 2; i++) {
        watch(i, 5, EPOLLIN);
        watch(i, 9, EPOLLOUT);
        findings[i].watches[0].data = findings[i].watches[1].data = 1;
    }
    assert_string_equal(text(), "  watched: by epoll fd 5 for IN, by epoll fd 9 for OUT\n");
    assert_string_equal(json(), ",\"watched\":[{\"epfd\":5,\"events\":\"IN\",\"data\":\"0x1\",\"count\":2},"
                                "{\"epfd\":9,\"events\":\"OUT\",\"data\":\"0x1\",\"count\":2}]");
    findings[0].n_watches = 3; /* more than are kept */
    assert_string_equal(text(), "  watched: by epoll fd 5 for IN, by epoll fd 9 for OUT and more\n");
}

static void the_commonest_three_are_named(void **state)
{
    (void)state;
    begin(40);
    for (unsigned i = 0; i < 40; i++)
        watch(i, 100 + (int)(i < 20 ? 0 : i - 19), EPOLLIN);
    assert_string_equal(text(), "  watched: by epoll fd 100 for IN (20 of 40), by epoll fd 101 for IN (1 of 40), "
                                "by epoll fd 102 for IN (1 of 40) and more\n");
}

static void a_registration_under_another_number_says_so(void **state)
{
    (void)state;
    begin(2);
    watch(0, 5, EPOLLIN);
    watch(1, 5, EPOLLIN);
    findings[0].watches[0].fd = 99;
    assert_string_equal(text(), "  watched: by epoll fd 5 for IN (some under another number)\n");
    findings[1].watches[0].fd = 99;
    assert_string_equal(text(), "  watched: by epoll fd 5 for IN (under another number)\n");
    assert_string_equal(object(0), ",\"received\":null,\"sent\":null,\"idle_s\":null,"
                                   "\"watched\":[{\"epfd\":5,\"events\":\"IN\",\"data\":\"0x7f00\",\"fd\":99}]");
}

static void epolls_of_several_processes_are_told_apart(void **state)
{
    (void)state;
    begin(2);
    watch(0, 5, EPOLLIN);
    watch(1, 5, EPOLLIN);
    findings[0].pid = 4242;
    findings[1].pid = 4300;
    assert_string_equal(text(), "  watched: by epoll fd 5 for IN (1 of 2), by epoll fd 5 of process 4300 for IN (1 of 2)\n");
    assert_non_null(strstr(json(), "\"count\":1,\"pid\":4300}"));
    findings[0].watch = findings[1].watch = WATCH_NONE;
    assert_string_equal(text(), "  watched: by no epoll of their processes\n");
    findings[0].watch = findings[1].watch = WATCH_NOBODY;
    assert_string_equal(text(), "  not watched by anybody in their processes\n");
}

static void nobody_is_said_of_all_or_of_none(void **state)
{
    (void)state;
    begin(2);
    findings[0].watch = findings[1].watch = WATCH_NOBODY;
    assert_string_equal(text(), "  not watched by anybody in this process\n");
    assert_string_equal(json(), ",\"watched\":[]");
    findings[1].watch = WATCH_NONE;
    assert_string_equal(text(), "  watched: by no epoll of this process\n");
    findings[1].watch = WATCH_WITHOUT;
    assert_string_equal(text(), "");
    findings[0].watch = findings[1].watch = WATCH_NONE;
    assert_string_equal(text(), "  watched: by no epoll of this process\n");
    findings[1].watch = WATCH_UNKNOWN;
    assert_string_equal(text(), "");
}

static void bytes_are_told_as_they_agree(void **state)
{
    (void)state;
    begin(2);
    moved(0, 16, 512);
    moved(1, 16, 512);
    assert_string_equal(text(), "  received 16 bytes, sent 512\n");
    moved(1, 4096, 0);
    assert_string_equal(text(), "  received 16 to 4096 bytes, sent 0 to 512: 1 of 2 never answered\n");
    moved(0, 1, 1);
    moved(1, 1, 1);
    assert_string_equal(text(), "  received 1 byte, sent 1\n");
    findings[1].transfer.has_received = false;
    assert_string_equal(text(), "  received 1 byte (1 of 2), sent 1\n");
    findings[0].transfer.has_received = false;
    assert_string_equal(text(), "");
}

static void never_answered_is_said_only_where_it_is_proven(void **state)
{
    (void)state;
    begin(1);
    moved(0, 16, 0);
    assert_string_equal(text(), "  received 16 bytes, sent 0: never answered\n");
    assert_true(asked_is_unanswered(&findings[0]));
    findings[0].origin = ORIGIN_SOCKET; /* its own connect: whoever is asked is the peer */
    assert_string_equal(text(), "  received 16 bytes, sent 0\n");
    findings[0].origin = ORIGIN_ACCEPT;
    findings[0].transfer.waits = true; /* an answer, that is not sent yet */
    assert_false(asked_is_unanswered(&findings[0]));
    moved(0, 0, 0); /* nobody has asked anything */
    assert_false(asked_is_unanswered(&findings[0]));
    moved(0, 16, 0);
    findings[0].transfer.has_sent = false;
    assert_false(asked_is_unanswered(&findings[0]));
    moved(0, 16, 0);
    findings[0].n_events = 1;
    findings[0].events[0].event = EVENT_LAST_SEND; /* dropped with the connection */
    assert_false(asked_is_unanswered(&findings[0]));
    findings[0].events[0].event = EVENT_LAST_RECEIVE;
    assert_true(asked_is_unanswered(&findings[0]));
    findings[0].kind = KIND_DEAD;
    assert_true(asked_is_unanswered(&findings[0]));
    findings[0].unwatched = true; /* what was sent, and dropped, may not have been seen */
    assert_false(asked_is_unanswered(&findings[0]));
}

static void idle_is_told_where_it_is_more_than_the_state_says(void **state)
{
    (void)state;
    begin(1);
    findings[0].transfer.moved_ns = 188 * S;
    assert_string_equal(line(0), "  idle 812 s");
    assert_string_equal(object(0), ",\"received\":null,\"sent\":null,\"idle_s\":812.0,\"watched\":null");
    findings[0].transfer.moved_ns = 987 * S; /* 12 s and 13 s: the FIN came right behind the last byte */
    assert_string_equal(line(0), "");
    findings[0].transfer.moved_ns = 1001 * S;
    assert_string_equal(line(0), "  idle 0 s");
    assert_non_null(strstr(object(0), "\"idle_s\":0.0,"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_known_is_not_told),
        cmocka_unit_test(the_epoll_that_holds_them_is_named_with_mask_and_mode),
        cmocka_unit_test(sockets_that_differ_are_counted),
        cmocka_unit_test(two_epolls_of_one_socket_are_both_named),
        cmocka_unit_test(the_commonest_three_are_named),
        cmocka_unit_test(a_registration_under_another_number_says_so),
        cmocka_unit_test(epolls_of_several_processes_are_told_apart),
        cmocka_unit_test(nobody_is_said_of_all_or_of_none),
        cmocka_unit_test(bytes_are_told_as_they_agree),
        cmocka_unit_test(never_answered_is_said_only_where_it_is_proven),
        cmocka_unit_test(idle_is_told_where_it_is_more_than_the_state_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
