/* SPDX-License-Identifier: MIT */
/*
 * test_finding.c: a finding says what its slot and its detail say, and which slots count is decided
 * in one place.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/finding.h"
#include "image.h"

static struct image im;
static struct state_view view;

static int setup(void **state)
{
    (void)state;
    image_make(&im, 2);
    image_extent(&im, 0, EXTENT_SITES, 0);
    ((struct state_header *)(void *)im.base)->enabled = 1;
    view = (struct state_view){im.base, im.size, 2};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    image_free(&im);
    return 0;
}

static void ignored_and_unused_inherited_sockets_do_not_count(void **state)
{
    (void)state;
    struct state_slot s = {.family = AF_INET};
    assert_true(finding_counts(&s));
    s.flags = SLOT_IGNORED;
    assert_false(finding_counts(&s));
    s.flags = SLOT_INHERITED;
    assert_false(finding_counts(&s));
    s.flags = SLOT_INHERITED | SLOT_USED;
    assert_true(finding_counts(&s));
    s.flags = SLOT_INHERITED | SLOT_USED | SLOT_IGNORED;
    assert_false(finding_counts(&s));
}

static void a_slot_gives_an_open_socket_with_its_site(void **state)
{
    (void)state;
    const struct state_site *site = image_site(&im, 0, 0, 3);
    struct state_slot s = {.family = AF_INET6,
                           .type_origin = SOCK_STREAM | ORIGIN_ACCEPT << 4,
                           .tid = 77,
                           .tag = 3,
                           .opened_ns = 1234,
                           .site = image_ref(0, 0),
                           .told_site = 9,
                           .told_errno = 104,
                           .flags = SLOT_ADOPTED};
    struct finding f;
    memset(&f, 0xff, sizeof f);
    finding_from_slot(&f, 14, &s, &view);
    assert_int_equal(f.fd, 14);
    assert_int_equal(f.kind, KIND_OPEN);
    assert_int_equal(f.origin, ORIGIN_ACCEPT);
    assert_int_equal(f.family, AF_INET6);
    assert_int_equal(f.tid, 77);
    assert_int_equal(f.tag_number, 3);
    assert_int_equal(f.opened_ns, 1234);
    assert_int_equal(f.since_ns, 1234);
    assert_int_equal(f.site, s.site);
    assert_int_equal(f.siteid, site->siteid);
    assert_int_equal(f.told_site, 9);
    assert_int_equal(f.told_errno, 104);
    assert_true(f.adopted);
    assert_false(f.past_grace);
    assert_null(f.local);
    assert_null(f.peer);
    assert_null(f.tag);
}

static void what_a_damaged_slot_says_is_bounded(void **state)
{
    (void)state;
    struct state_slot s = {.type_origin = 0xf0, .site = UINT32_MAX};
    struct finding f;
    finding_from_slot(&f, 3, &s, &view);
    assert_int_equal(f.origin, ORIGIN_UNSEEN);
    assert_int_equal(f.site, 0);
    assert_int_equal(f.siteid, 0);
}

static void a_detail_adds_the_condition(void **state)
{
    (void)state;
    struct state_detail d = {.kind = KIND_DEAD,
                             .how = HOW_RESET,
                             .eof = EOF_READ,
                             .tcp_state = 7,
                             .past_grace = 1,
                             .since_ns = 99,
                             .unread = 5,
                             .local = "10.0.0.7:1",
                             .peer = "10.0.0.5:2"};
    struct finding f = {.fd = 3, .kind = KIND_OPEN, .siteid = 42};
    finding_from_detail(&f, &d);
    assert_int_equal(f.kind, KIND_DEAD);
    assert_int_equal(f.how, HOW_RESET);
    assert_int_equal(f.eof, EOF_READ);
    assert_int_equal(f.tcp_state, 7);
    assert_true(f.past_grace);
    assert_int_equal(f.since_ns, 99);
    assert_int_equal(f.unread, 5);
    assert_ptr_equal(f.local, d.local);
    assert_ptr_equal(f.peer, d.peer);
    assert_int_equal(f.siteid, 42);
}

static struct finding of_slot(const struct state_slot *s)
{
    struct finding f;
    finding_from_slot(&f, 14, s, &view);
    return f;
}

static void the_call_stands_beside_the_stack_and_says_what_it_saw(void **state)
{
    (void)state;
    struct state_site *site = image_site(&im, 0, 0, 3), *eof = image_site(&im, 0, 1024, 2);
    site->call = CALL_ACCEPT4;
    eof->call = CALL_READ;
    struct state_slot s = {.opened_ns = 5, .site = image_ref(0, 0), .told_site = image_ref(0, 1024), .flags = SLOT_TOLD_EOF};
    struct finding f = of_slot(&s);
    assert_int_equal(f.call, CALL_ACCEPT4);
    assert_int_equal(f.told_call, CALL_READ);
    assert_int_equal(f.told_id, eof->siteid);
    assert_int_equal(finding_event(&f), EVENT_EOF);
    s.flags = SLOT_TOLD_EOF | SLOT_TOLD_ERROR;
    eof->call = CALL_SEND | CALL_FAILED;
    f = of_slot(&s);
    assert_int_equal(f.told_call, CALL_SEND);
    assert_int_equal(finding_event(&f), EVENT_ERROR);
    assert_true(f.told_eof);
    s.flags = SLOT_TOLD_ERROR;
    eof->call = CALL_CONNECT | CALL_FAILED;
    f = of_slot(&s);
    assert_int_equal(finding_event(&f), EVENT_CONNECT_FAILED);
    s.flags = 0;
    f = of_slot(&s);
    assert_int_equal(finding_event(&f), EVENT_NONE);
}

static void of_a_file_that_does_not_say_the_call_no_stack_is_called_what_it_may_not_be(void **state)
{
    (void)state;
    image_site(&im, 0, 0, 3);
    struct state_slot s = {.opened_ns = 5, .told_site = image_ref(0, 0), .flags = SLOT_TOLD_EOF};
    struct finding f = of_slot(&s);
    assert_int_equal(finding_event(&f), EVENT_EOF);
    assert_int_equal(f.told_call, CALL_UNKNOWN);
    assert_int_equal(f.told_site, s.told_site);
    s.flags = SLOT_TOLD_ERROR;
    f = of_slot(&s);
    assert_int_equal(finding_event(&f), EVENT_ERROR);
    s.flags = SLOT_TOLD_EOF | SLOT_TOLD_ERROR; /* the stack of one of the two */
    f = of_slot(&s);
    assert_int_equal(f.told_site, 0);
    assert_int_equal(f.told_id, 0);
    assert_true(f.told_eof && f.told_error);
}

static void what_came_by_another_descriptor_is_the_sockets(void **state)
{
    (void)state;
    struct state_site *eof = image_site(&im, 0, 0, 2);
    eof->call = CALL_RECV;
    image_extent(&im, 1, EXTENT_SHARES, 0);
    struct state_share *share = image_at(&im, 1, 0);
    struct state_slot s = {.opened_ns = 5, .share = image_ref(1, 0)};
    *share = (struct state_share){.refs = 2};
    struct finding f = of_slot(&s);
    assert_int_equal(finding_event(&f), EVENT_NONE);
    assert_false(f.unwatched);
    *share = (struct state_share){.refs = 2, .told = SLOT_TOLD_EOF, .told_site = image_ref(0, 0)};
    f = of_slot(&s);
    assert_int_equal(finding_event(&f), EVENT_EOF);
    assert_int_equal(f.told_id, eof->siteid);
    share->told = SLOT_UNWATCHED;
    f = of_slot(&s);
    assert_true(f.unwatched);
}

static void what_may_have_been_read_unseen_is_not_called_unread(void **state)
{
    (void)state;
    struct state_header *h = (void *)im.base;
    struct state_slot s = {.opened_ns = 50};
    h->unwatched_ns = 49;
    for (unsigned origin = 0; origin < ORIGIN_COUNT; origin++) {
        s.type_origin = (uint8_t)(SOCK_STREAM | origin << 4);
        struct finding f = of_slot(&s);
        assert_int_equal(f.unwatched, origin > ORIGIN_SOCKETPAIR);
    }
    s.type_origin = SOCK_STREAM;
    h->unwatched_ns = 50; /* a fork, after it was opened */
    struct finding f = of_slot(&s);
    assert_true(f.unwatched);
    h->unwatched_ns = 0;
    s.flags = SLOT_UNWATCHED;
    f = of_slot(&s);
    assert_true(f.unwatched);
    s.flags = SLOT_ADOPTED;
    f = of_slot(&s);
    assert_true(f.unwatched);
    s.flags = 0;
    f = of_slot(&s);
    assert_false(f.unwatched);
    h->enabled = 0; /* detached, or not yet awake */
    f = of_slot(&s);
    assert_true(f.unwatched);

    struct state_detail d = {.kind = KIND_CLOSE_WAIT, .eof = EOF_UNREAD};
    finding_from_detail(&f, &d); /* the look did not know it yet */
    assert_int_equal(f.eof, EOF_NONE);
    d.unread = 3;
    finding_from_detail(&f, &d);
    assert_int_equal(f.eof, EOF_UNREAD);
    f.told_eof = true; /* since that look */
    finding_from_detail(&f, &d);
    assert_int_equal(f.eof, EOF_READ);
    d.kind = KIND_FIN_WAIT_2;
    d.eof = EOF_NONE;
    finding_from_detail(&f, &d);
    assert_int_equal(f.eof, EOF_NONE);
}

static void a_port_that_nobody_saw_given_is_not_said_to_be_bound(void **state)
{
    (void)state;
    struct state_detail d = {.kind = KIND_NEVER_CONNECTED, .never = NEVER_BOUND, .local = "0.0.0.0:4711"};
    struct finding f = {.unwatched = true};
    finding_from_detail(&f, &d);
    assert_int_equal(f.never, NEVER_ADDRESS);
    strcpy(d.local, "[::]:4711");
    finding_from_detail(&f, &d);
    assert_int_equal(f.never, NEVER_ADDRESS);
    strcpy(d.local, "127.0.0.1:4711"); /* a connect that fails takes the address back */
    finding_from_detail(&f, &d);
    assert_int_equal(f.never, NEVER_BOUND);
    strcpy(d.local, "0.0.0.0:4711");
    f.unwatched = false;
    finding_from_detail(&f, &d);
    assert_int_equal(f.never, NEVER_BOUND);
}

static void an_error_that_was_not_read_is_inferred(void **state)
{
    (void)state;
    struct state_detail d = {.kind = KIND_NEVER_CONNECTED, .never = NEVER_REFUSED};
    struct finding f = {0};
    finding_from_detail(&f, &d);
    assert_int_equal(f.never, NEVER_FAILED);
    assert_int_equal(finding_error(&f), ECONNREFUSED);
    assert_true(f.error_inferred);
}

static void standard_descriptors_from_outside_are_told_apart(void **state)
{
    (void)state;
    struct finding f = {.fd = 2, .origin = ORIGIN_INHERITED};
    assert_true(finding_is_from_outside(&f));
    f.past_grace = true;
    assert_false(finding_is_from_outside(&f));
    f = (struct finding){.fd = 3, .origin = ORIGIN_INHERITED};
    assert_false(finding_is_from_outside(&f));
    f = (struct finding){.fd = 0, .origin = ORIGIN_SOCKET};
    assert_false(finding_is_from_outside(&f));
}

static void the_protocol_is_the_one_given_or_the_familys_default(void **state)
{
    (void)state;
    static const struct {
        uint8_t family, type, protocol;
        uint16_t flags;
        const char *name;
    } rows[] = {
        {AF_INET, SOCK_STREAM, 0, 0, "tcp"},
        {AF_INET6, SOCK_STREAM, 6, 0, "tcp"},
        {AF_INET, SOCK_DGRAM, 0, 0, "udp"},
        {AF_INET, SOCK_STREAM, 132, 0, "sctp"},
        {AF_INET, SOCK_STREAM, 6, SLOT_MPTCP, "mptcp"},
        {AF_UNIX, SOCK_STREAM, 0, 0, NULL},
        {AF_NETLINK, SOCK_RAW, 6, 0, NULL},
        {AF_INET, SOCK_RAW, 1, 0, "icmp"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct state_slot s = {.family = rows[i].family, .type_origin = rows[i].type, .protocol = rows[i].protocol, .flags = rows[i].flags};
        struct finding f;
        finding_from_slot(&f, 3, &s, &view);
        const char *name = protocol_name(f.family, f.type, f.protocol);
        assert_true(name == rows[i].name || (name && rows[i].name && strcmp(name, rows[i].name) == 0));
    }
}

static const char *target(uint8_t call, uint8_t never, int error, const char *peer)
{
    static char buf[128];
    struct state_attempt a = {.call = call, .error = (uint8_t)error, .address = "10.0.0.5:1433"};
    struct finding f = {.kind = KIND_NEVER_CONNECTED, .never = never, .peer = peer};
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    finding_from_attempt(&f, &a);
    finding_put_target(&o, &f);
    buf[o.len] = 0;
    return buf;
}

static void a_failed_call_gives_the_error_and_the_address_that_it_was_given(void **state)
{
    (void)state;
    assert_string_equal(target(ATTEMPT_CONNECT, NEVER_FAILED, 111, NULL), " to 10.0.0.5:1433 (ECONNREFUSED)");
    assert_string_equal(target(ATTEMPT_CONNECT, NEVER_FAILED, 111, "10.0.0.9:1"), " to 10.0.0.9:1 (ECONNREFUSED)");
    assert_string_equal(target(ATTEMPT_CONNECT, NEVER_FAILED, 250, ""), " to 10.0.0.5:1433 (error 250)");
    assert_string_equal(target(ATTEMPT_BIND, NEVER_BIND_FAILED, 98, NULL), " 10.0.0.5:1433 (EADDRINUSE)");
    assert_string_equal(target(ATTEMPT_DISCONNECT, NEVER_NONE, 0, NULL), "");
    /* What a stack has seen is another error: each keeps its own. */
    struct state_attempt a = {.call = ATTEMPT_BIND, .error = 98};
    struct finding f = {.kind = KIND_NEVER_CONNECTED, .told_error = true, .told_errno = 111};
    finding_from_attempt(&f, &a);
    assert_int_equal(f.told_errno, 111);
    assert_int_equal(finding_error(&f), 98);
}

/* What F's event EVENT is, or NULL; NTH: of several. */
static const struct finding_event *event_of(const struct finding *f, unsigned event, unsigned nth)
{
    for (unsigned i = 0; i < f->n_events; i++)
        if (f->events[i].event == event && nth-- == 0)
            return &f->events[i];
    return NULL;
}

static void a_life_gives_its_events_with_the_stacks_of_their_pairs(void **state)
{
    (void)state;
    struct image life_im;
    image_make(&life_im, 4);
    image_extent(&life_im, 0, EXTENT_SITES, 0);
    image_extent(&life_im, 1, EXTENT_LIVES, 0);
    image_extent(&life_im, 2, EXTENT_PAIRS, 0);
    image_extent(&life_im, 3, EXTENT_SHARES, 0);
    struct state_view v = {life_im.base, life_im.size, 4};
    state_ref site[5];
    for (unsigned i = 0; i < 5; i++) {
        image_site(&life_im, 0, i * 256, 1)->call = (uint8_t)(CALL_READ + i);
        ((struct state_site *)image_at(&life_im, 0, i * 256))->size = 256;
        site[i] = image_ref(0, i * 256);
    }
    struct state_pair *p = image_at(&life_im, 2, 0);
    p[0].number = 50; /* one stack, walked for this very socket */
    p[0].stack[0].site = site[0];
    p[0].stack[0].fd = 7;
    p[0].stack[0].gen = 3;
    p[1].number = 51;
    p[1].word = 1000; /* one, of another socket of the same number */
    p[1].stack[0].site = site[1];
    p[1].stack[0].fd = 7;
    p[1].stack[0].gen = 2;
    p[2].number = 52; /* two, of others */
    p[2].stack[0].site = site[1];
    p[2].stack[0].fd = 8;
    p[2].stack[0].gen = 3;
    p[2].stack[1].site = site[2];
    p[3].number = 53;
    p[3].word = 3000; /* two, the second of this one */
    p[3].stack[0].site = site[1];
    p[3].stack[1].site = site[3];
    p[3].stack[1].fd = 7;
    p[3].stack[1].gen = 3;
    struct state_life *l = image_at(&life_im, 1, 7 * sizeof *l);
    *l = (struct state_life){.gen = 3, .receive = LIFE_USE(1000 + LIFE_THREAD(812), 51, 50)};
    l->send = LIFE_USE(3000 + LIFE_THREAD(4243), 53, 52);
    l->rare = site[4] | LIFE_SENT_ELSEWHERE;
    l->epoll_add = site[0];
    l->epoll_del = site[1];
    struct state_share *share = image_at(&life_im, 3, 64);
    share->refs = 2;
    share->dup_site[0] = site[2];
    share->dup_site[2] = 1; /* no site */
    struct state_slot s = {.word = SLOT_WORD(3, SLOT_LIVE), .family = AF_INET, .share = image_ref(3, 64), .tid = 812};
    struct state_finder find = {0};
    struct finding f;
    finding_from_slot(&f, 7, &s, &v);
    finding_add_life(&f, &s, &v, &find);
    assert_int_equal(f.n_events, 9);
    const struct finding_event *e = event_of(&f, EVENT_FIRST_RECEIVE, 0);
    assert_true(e && e->site == site[0] && e->siteid == 0x1000 && e->call == CALL_READ && !e->inferred && !e->elsewhere);
    e = event_of(&f, EVENT_LAST_RECEIVE, 0);
    assert_true(e && e->site == site[1] && e->inferred && e->tid == 812 && !e->elsewhere);
    e = event_of(&f, EVENT_FIRST_SEND, 0);
    assert_true(e && e->site == site[1] && e->inferred && e->elsewhere && !e->tid);
    e = event_of(&f, EVENT_FIRST_SEND, 1); /* it was either */
    assert_true(e && e->site == site[2] && e->inferred);
    e = event_of(&f, EVENT_LAST_SEND, 0);
    assert_true(e && e->site == site[3] && !e->inferred && !event_of(&f, EVENT_LAST_SEND, 1));
    assert_true(e->tid == 4243 && e->elsewhere && f.receive_tid == 812 && f.send_tid == 4243);
    assert_true(event_of(&f, EVENT_SHUTDOWN, 0)->site == site[4] && event_of(&f, EVENT_EPOLL_ADD, 0)->site == site[0]);
    assert_true(event_of(&f, EVENT_DUP, 0)->site == site[2] && !event_of(&f, EVENT_DUP, 1));
    e = event_of(&f, EVENT_EPOLL_DEL, 0);
    assert_true(e && e->site == site[1] && !e->inferred);
    s.tid = 0; /* nobody knows who opened it: that the first thread uses it is no news */
    ((struct state_header *)(void *)life_im.base)->pid = 4243;
    finding_from_slot(&f, 7, &s, &v);
    finding_add_life(&f, &s, &v, &find);
    assert_true(event_of(&f, EVENT_LAST_RECEIVE, 0)->elsewhere && !event_of(&f, EVENT_LAST_SEND, 0)->elsewhere);
    l->rare |= LIFE_DELETED_AGAIN; /* the last DEL was another */
    finding_from_slot(&f, 7, &s, &v);
    finding_add_life(&f, &s, &v, &find);
    assert_true(event_of(&f, EVENT_EPOLL_DEL, 0)->inferred);
    l->rare |= LIFE_ON_EPOLL; /* it was put on again */
    finding_from_slot(&f, 7, &s, &v);
    finding_add_life(&f, &s, &v, &find);
    assert_null(event_of(&f, EVENT_EPOLL_DEL, 0));
    p[1].exact = 1; /* the word is this stack's own, of whatever socket */
    ((uint64_t *)(void *)((struct state_site *)image_at(&life_im, 0, 0) + 1))[0] = STATE_FRAME_BIT | 1;
    ((uint64_t *)(void *)((struct state_site *)image_at(&life_im, 0, 256) + 1))[0] = STATE_FRAME_BIT | 1;
    finding_from_slot(&f, 7, &s, &v);
    finding_add_life(&f, &s, &v, &find);
    e = event_of(&f, EVENT_LAST_RECEIVE, 0);
    assert_true(e && e->site == site[1] && !e->inferred);
    assert_null(event_of(&f, EVENT_FIRST_RECEIVE, 0)); /* a pair says too little of a runtime's frames */
    assert_non_null(event_of(&f, EVENT_EPOLL_ADD, 0));
    l->gen = 2;
    finding_from_slot(&f, 7, &s, &v);
    finding_add_life(&f, &s, &v, &find);
    assert_int_equal(f.n_events, 1); /* the dup is the share's */
    image_free(&life_im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life_gives_its_events_with_the_stacks_of_their_pairs),
        cmocka_unit_test(ignored_and_unused_inherited_sockets_do_not_count),
        cmocka_unit_test_setup_teardown(a_slot_gives_an_open_socket_with_its_site, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_damaged_slot_says_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(the_protocol_is_the_one_given_or_the_familys_default, setup, teardown),
        cmocka_unit_test(a_failed_call_gives_the_error_and_the_address_that_it_was_given),
        cmocka_unit_test(a_detail_adds_the_condition),
        cmocka_unit_test_setup_teardown(the_call_stands_beside_the_stack_and_says_what_it_saw, setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_file_that_does_not_say_the_call_no_stack_is_called_what_it_may_not_be, setup, teardown),
        cmocka_unit_test_setup_teardown(what_came_by_another_descriptor_is_the_sockets, setup, teardown),
        cmocka_unit_test_setup_teardown(what_may_have_been_read_unseen_is_not_called_unread, setup, teardown),
        cmocka_unit_test(a_port_that_nobody_saw_given_is_not_said_to_be_bound),
        cmocka_unit_test(an_error_that_was_not_read_is_inferred),
        cmocka_unit_test(standard_descriptors_from_outside_are_told_apart),
    };
    return cmocka_run_group_tests_name("finding", tests, NULL, NULL);
}
