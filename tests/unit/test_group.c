/* SPDX-License-Identifier: MIT */
/*
 * test_group.c: findings are grouped by kind and allocating stack, exactly, in any order and
 * number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/finding.h"
#include "core/group.h"
#include "core/users.h"
#include "core/group_told.h"
#include "core/report.h"

static uint64_t seed = 88172645463325252ull;
static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void three_sites_give_three_groups_with_exact_counts(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct finding *f = calloc(N, sizeof *f);
    struct group *g = calloc(N, sizeof *g);
    for (int i = 0; i < N; i++)
        f[i] = (struct finding){.fd = i,
                                .kind = KIND_CLOSE_WAIT,
                                .eof = EOF_READ,
                                .siteid = i % 10 < 5   ? 11
                                          : i % 10 < 8 ? 22
                                                       : 33,
                                .since_ns = (uint64_t)i};
    assert_int_equal(group_findings(f, N, g, 10000), 3);
    assert_int_equal(g[0].siteid, 11);
    assert_int_equal(g[0].count, 2500);
    assert_int_equal(g[1].siteid, 22);
    assert_int_equal(g[1].count, 1500);
    assert_int_equal(g[2].siteid, 33);
    assert_int_equal(g[2].count, 1000);
    assert_int_equal(g[2].n_findings, 1000);
    assert_int_equal(g[0].oldest_ns, 10000);
    assert_int_equal(g[0].youngest_ns, 10000 - 4994);
    for (size_t i = 1; i < g[1].n_findings; i++)
        assert_true(g[1].findings[i - 1].since_ns <= g[1].findings[i].since_ns);
    free(f);
    free(g);
}

static void kinds_of_one_site_and_sites_of_one_kind_stay_apart(void **state)
{
    (void)state;
    struct finding f[] = {
        {.fd = 3, .kind = KIND_DEAD, .siteid = 1, .how = HOW_RESET},
        {.fd = 4, .kind = KIND_CLOSE_WAIT, .siteid = 1},
        {.fd = 5, .kind = KIND_CLOSE_WAIT, .siteid = 2},
        {.fd = 6, .kind = KIND_DEAD, .siteid = 1, .how = HOW_FINISHED},
        {.fd = 7, .kind = KIND_DEAD, .siteid = 1, .how = HOW_FINISHED},
        {.fd = 8, .kind = KIND_CLOSE_WAIT},
        {.fd = 9, .kind = KIND_CLOSE_WAIT},
        {.fd = 10, .kind = KIND_CLOSE_WAIT, .site = 77},
    };
    struct group g[8];
    assert_int_equal(group_findings(f, 8, g, 100), 5);
    assert_int_equal(g[0].kind, KIND_DEAD);
    assert_int_equal(g[0].count, 3);
    assert_int_equal(g[0].how, HOW_FINISHED); /* of most of them */
    assert_int_equal(g[1].site, 77);          /* a stack whose name is not known is a stack */
    assert_int_equal(g[4].count, 2);          /* those without a stack, by kind alone, come last */
    assert_int_equal(g[4].siteid, 0);
    assert_int_equal(g[4].site, 0);
    /* also where they were told of the end by a stack that opened others */
    struct finding read[] = {{.fd = 3, .kind = KIND_CLOSE_WAIT},
                             {.fd = 4, .kind = KIND_CLOSE_WAIT, .told_site = 5, .told_id = 6, .told_eof = true}};
    assert_int_equal(group_findings(read, 2, g, 100), 2);
    assert_int_equal(g[0].findings[0].fd, 4);

    for (int i = 0; i < 8; i++)
        f[i] = (struct finding){.fd = i, .kind = KIND_HANGUP, .site = i % 2 ? 77 : 78, .since_ns = (uint64_t)i};
    assert_int_equal(group_findings(f, 8, g, 100), 2);
    assert_int_equal(g[0].count, 4);
}

/* Socket FD of one site, which saw EOF in the stack SITE; 0: it never did. */
static struct finding told(int fd, state_ref site)
{
    return (struct finding){.fd = fd,
                            .kind = KIND_CLOSE_WAIT,
                            .siteid = 1,
                            .site = 1,
                            .told_site = site,
                            .told_id = site * 100u,
                            .told_call = site ? CALL_READ : 0,
                            .told_eof = site != 0,
                            .eof = site ? EOF_READ : EOF_UNREAD,
                            .since_ns = (uint64_t)fd};
}

static void each_stack_is_counted_with_the_sockets_that_it_is_true_of(void **state)
{
    (void)state;
    struct finding f[9];
    static const state_ref sites[9] = {0, 5, 9, 0, 9, 5, 9, 0, 9};
    struct group g[9];
    for (int i = 0; i < 9; i++)
        f[i] = told(i, sites[i]);
    assert_int_equal(group_findings(f, 9, g, 100), 1);
    assert_int_equal(g[0].eof, EOF_MIXED);
    assert_int_equal(g[0].n_read, 6);
    assert_int_equal(g[0].n_unread, 3);
    assert_int_equal(g[0].n_told, 2);
    assert_int_equal(g[0].told[0].event, EVENT_EOF);
    assert_int_equal(g[0].told[0].call, CALL_READ);
    assert_int_equal(g[0].told[0].site, 9);
    assert_int_equal(g[0].told[0].count, 4);
    assert_int_equal(g[0].told[1].site, 5);
    assert_int_equal(g[0].told[1].count, 2);
    for (int i = 0; i < 9; i++) /* in their old order again */
        assert_int_equal(g[0].findings[i].fd, i);
    f[0] = told(0, 0); /* one of ten was read to its end, and not the first */
    for (int i = 1; i < 9; i++)
        f[i] = told(i, i == 4 ? 9 : 0);
    group_findings(f, 9, g, 100);
    assert_int_equal(g[0].eof, EOF_MIXED);
    assert_int_equal(g[0].told[0].count, 1);
    assert_ptr_equal(group_told_of(&g[0], &g[0].findings[4]), &g[0].told[0]);
    assert_null(group_told_of(&g[0], &g[0].findings[5]));
    g[0].told[1] = g[0].told[0]; /* first an entry of another name, another record, another event */
    g[0].told[0].siteid++;
    g[0].n_told = 2;
    assert_ptr_equal(group_told_of(&g[0], &g[0].findings[4]), &g[0].told[1]);
    g[0].told[0] = g[0].told[1];
    g[0].told[0].site++;
    assert_ptr_equal(group_told_of(&g[0], &g[0].findings[4]), &g[0].told[1]);
    g[0].told[0] = g[0].told[1];
    g[0].told[0].event = EVENT_ERROR;
    assert_ptr_equal(group_told_of(&g[0], &g[0].findings[4]), &g[0].told[1]);
}

static void the_eof_of_a_group_is_its_sockets_if_they_agree(void **state)
{
    (void)state;
    static const struct {
        uint8_t a, b, all;
    } rows[] = {{EOF_READ, EOF_READ, EOF_READ},    {EOF_UNREAD, EOF_UNREAD, EOF_UNREAD}, {EOF_NONE, EOF_NONE, EOF_NONE},
                {EOF_READ, EOF_UNREAD, EOF_MIXED}, {EOF_NONE, EOF_READ, EOF_MIXED},      {EOF_UNREAD, EOF_NONE, EOF_MIXED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct finding f[2] = {told(1, 0), told(2, 0)};
        struct group g[2];
        f[0].eof = rows[i].a;
        f[1].eof = rows[i].b;
        group_findings(f, 2, g, 100);
        assert_int_equal(g[0].eof, rows[i].all);
        assert_int_equal(g[0].n_unknown, (rows[i].a == EOF_NONE) + (rows[i].b == EOF_NONE));
    }
    struct finding f = {.kind = KIND_FIN_WAIT_2}; /* the peer has not ended: there is nothing to know */
    struct group g;
    group_findings(&f, 1, &g, 100);
    assert_int_equal(g.n_unknown, 0);
}

static void the_commonest_of_many_stacks_are_kept_exactly(void **state)
{
    (void)state;
    enum { N = 820 };
    static struct finding f[N];
    static struct group g[N];
    size_t n = 0;
    for (unsigned site = 1; site <= 40; site++) /* stack SITE told SITE of them, the rare ones first and last alike */
        for (unsigned k = 0; k < site; k++) {
            f[n] = told((int)((n * 389) % N), site);
            n++;
        }
    assert_int_equal(n, N);
    assert_int_equal(group_findings(f, N, g, 1000), 1);
    for (unsigned i = 0; i < TOLD_SHOWN; i++) {
        assert_int_equal(g[0].told[i].site, 40 - i);
        assert_int_equal(g[0].told[i].count, 40 - i);
    }
    group_told_named(&g[0]);
    assert_int_equal(g[0].n_told, 1); /* without names they are all the same */
}

static void an_error_is_another_event_than_eof_and_a_failed_connect_a_third(void **state)
{
    (void)state;
    struct finding f[5] = {told(0, 7), told(1, 7), told(2, 7), told(3, 8), told(4, 0)};
    struct group g[5];
    f[1].told_error = f[1].failed = true; /* the same code, an error there; EOF it had seen before */
    f[1].told_errno = 104;
    f[2].told_eof = false;
    f[2].told_error = f[2].failed = true;
    f[2].told_errno = 32;
    f[3].told_eof = false;
    f[3].told_error = f[3].failed = true;
    f[3].told_call = CALL_CONNECT;
    f[3].told_errno = 111;
    group_findings(f, 5, g, 100);
    assert_int_equal(g[0].n_told, 5);
    static const struct told want[5] = {{EVENT_CONNECT_FAILED, CALL_CONNECT, 111, 8, 800, 1, 0, .frames = NULL},
                                        {EVENT_EOF, CALL_UNKNOWN, 0, 0, 0, 1, 0, .frames = NULL}, /* its stack is the error's */
                                        {EVENT_EOF, CALL_READ, 0, 7, 700, 1, 0, .frames = NULL},
                                        {EVENT_ERROR, CALL_READ, 32, 7, 700, 1, 0, .frames = NULL},
                                        {EVENT_ERROR, CALL_READ, 104, 7, 700, 1, 0, .frames = NULL}};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(g[0].told[i].event, want[i].event);
        assert_int_equal(g[0].told[i].call, want[i].call);
        assert_int_equal(g[0].told[i].error, want[i].error);
        assert_int_equal(g[0].told[i].site, want[i].site);
        assert_int_equal(g[0].told[i].count, 1);
    }
    f[0] = told(0, 7);
    f[0].kind = KIND_NEVER_CONNECTED; /* told by getsockopt that its connect has failed */
    f[0].told_error = f[0].failed = true;
    assert_int_equal(finding_event(&f[0]), EVENT_CONNECT_FAILED);
    f[0].told_errno = 32; /* EPIPE, of a send: that says nothing of a connect */
    f[0].told_call = CALL_SEND;
    assert_int_equal(finding_event(&f[0]), EVENT_ERROR);
}

static void stacks_that_read_the_same_are_one_and_three_are_shown(void **state)
{
    (void)state;
    static const struct frame at[6] = {{.offset = 1, .symbol = "f", .file = "a.c", .line = 1},
                                       {.offset = 2, .symbol = "f", .file = "a.c", .line = 1},
                                       {.offset = 3, .symbol = "f", .file = "a.c", .line = 2},
                                       {.offset = 4, .symbol = "g", .file = "a.c", .line = 1},
                                       {.offset = 5, .symbol = "f"},
                                       {.offset = 6, .symbol = "f"}};
    struct group g = {.n_told = 6};
    for (unsigned i = 0; i < 6; i++)
        g.told[i] = (struct told){.event = EVENT_EOF, .call = CALL_READ, .count = 10 - i, .siteid = i, .frames = &at[i], .n_frames = 1};
    group_told_named(&g);
    assert_int_equal(g.n_told, TOLD_SHOWN);
    assert_int_equal(g.told[0].count, 10 + 9);
    assert_int_equal(g.told[1].count, 8); /* another line */
    assert_int_equal(g.told[2].count, 7); /* another function */
    for (unsigned i = 0; i < 2; i++)
        g.told[i] = (struct told){.event = EVENT_EOF, .call = i ? CALL_RECV : CALL_READ, .count = 1, .frames = at, .n_frames = 1};
    g.n_told = 2;
    group_told_named(&g);
    assert_int_equal(g.n_told, 2); /* another call */
    g.told[1] = g.told[0];
    g.told[1].n_frames = 0;
    group_told_named(&g);
    assert_int_equal(g.n_told, 2); /* and one of which nothing is known */
    assert_int_equal(group_commonest(&g)->n_frames, 1);
}

static void add_event(struct finding *f, unsigned event, state_ref site, bool inferred)
{
    f->events[f->n_events++] =
        (struct finding_event){.event = (uint8_t)event, .site = site, .siteid = site * 10u, .call = CALL_RECV, .inferred = inferred};
}

static void what_the_program_did_is_counted_for_each_stack(void **state)
{
    (void)state;
    struct finding f[40];
    struct group g[40];
    for (int i = 0; i < 40; i++) {
        f[i] = told(i, i < 4 ? 9 : 0);
        f[i].descriptors = 2;
        add_event(&f[i], EVENT_FIRST_RECEIVE, i < 30 ? 5 : (state_ref)i, i != 0);
        if (i == 3)
            add_event(&f[i], EVENT_DUP, 6, false);
        f[i].events[0].elsewhere = i < 7;
        f[i].told_elsewhere = i > 0; /* without a stack of that it means nothing */
    }
    assert_int_equal(group_findings(f, 40, g, 100), 1);
    assert_int_equal(g[0].n_told, TOLD_KEPT + 2); /* in the order of the events */
    assert_int_equal(g[0].told[0].event, EVENT_FIRST_RECEIVE);
    assert_int_equal(g[0].told[0].count, 30);
    assert_int_equal(g[0].told[0].n_inferred, 29);
    assert_int_equal(g[0].told[0].n_elsewhere, 7);
    assert_int_equal(g[0].told[0].call, CALL_RECV);
    assert_int_equal(g[0].told[0].siteid, 50);
    assert_int_equal(g[0].told[1].count, 1);
    assert_int_equal(g[0].told[TOLD_KEPT].event, EVENT_DUP);
    assert_int_equal(g[0].told[TOLD_KEPT].descriptors, 2);
    assert_int_equal(g[0].told[TOLD_KEPT + 1].event, EVENT_EOF);
    assert_int_equal(g[0].told[TOLD_KEPT + 1].count, 4);
    assert_int_equal(g[0].told[TOLD_KEPT + 1].n_elsewhere, 3);
    struct finding all = told(1, 9); /* more stacks than there is room for: the rarest give way */
    for (unsigned event = EVENT_EPOLL_ADD; event < EVENT_COUNT && all.n_events < FINDING_EVENTS; event++)
        if (event != EVENT_EOF && event != EVENT_ERROR)
            add_event(&all, event, 20 + event, false);
    for (int i = 0; i < 40; i++) {
        f[i] = all;
        for (unsigned k = 0; k < f[i].n_events; k++)
            f[i].events[k].siteid += i < 10 ? 0 : i < 18 ? 1000 : i < 25 ? 2000 : 3000;
    }
    assert_int_equal(group_findings(f, 40, g, 100), 1);
    assert_int_equal(g[0].n_told, GROUP_TOLD);
    bool eof = false;
    for (unsigned i = 0; i < GROUP_TOLD; i++) {
        eof |= g[0].told[i].event == EVENT_EOF;
        assert_true(g[0].told[i].count >= 8);
    }
    assert_true(eof);
}

static void a_stack_is_told_once_and_with_the_end_where_it_saw_that(void **state)
{
    (void)state;
    static const struct frame at[3] = {{.offset = 1, .symbol = "f", .file = "a.c", .line = 1},
                                       {.offset = 2, .symbol = "g", .file = "a.c", .line = 2},
                                       {.offset = 3, .symbol = "h", .file = "a.c", .line = 3}};
    static const struct {
        uint8_t event, call;
        uint64_t count;
        const struct frame *frames;
    } rows[] = {{EVENT_EPOLL_ADD, CALL_EPOLL_CTL, 4, &at[1]}, {EVENT_FIRST_RECEIVE, CALL_RECV, 4, &at[0]},
                {EVENT_FIRST_SEND, CALL_SEND, 4, &at[1]},     {EVENT_EOF, CALL_RECV, 3, &at[0]},
                {EVENT_LAST_RECEIVE, CALL_RECV, 4, &at[0]},   {EVENT_LAST_SEND, CALL_SEND, 3, &at[1]},
                {EVENT_EPOLL_DEL, CALL_EPOLL_CTL, 4, &at[2]}};
    struct group g = {.n_told = 7};
    for (unsigned i = 0; i < 7; i++)
        g.told[i] = (struct told){
            .event = rows[i].event, .call = rows[i].call, .count = rows[i].count, .frames = rows[i].frames, .n_frames = 1, .n_inferred = 1};
    assert_null(group_told_like(&g, 0));
    assert_ptr_equal(group_told_like(&g, 1), &g.told[3]);
    assert_ptr_equal(group_told_like(&g, 2), &g.told[0]);
    assert_null(group_told_like(&g, 3));
    assert_null(group_told_like(&g, 6));
    assert_ptr_equal(group_told_last(&g, 1), &g.told[4]);
    assert_true(group_told_is_within(&g, 4));
    assert_null(group_told_last(&g, 2)); /* of other sockets */
    assert_false(group_told_is_within(&g, 5));
    assert_null(group_told_last(&g, 0));
    g.told[4].call = CALL_READ;
    assert_null(group_told_last(&g, 1));
    g.told[1].n_frames = g.told[3].n_frames = 0; /* nothing is known of either */
    assert_null(group_told_like(&g, 1));
    struct group more = g;
    group_told_add(&g, &more);
    assert_int_equal(g.told[2].count, 8);
    assert_int_equal(g.told[2].n_inferred, 2);
    g.n_told = 1;
    assert_null(group_commonest(&g)); /* what it did says nothing of the end */
}

static void sockets_that_no_stack_opened_are_grouped_by_the_stack_that_saw_eof(void **state)
{
    (void)state;
    struct finding f[6];
    struct group g[6];
    for (int i = 0; i < 6; i++) {
        f[i] = told(i, i < 3 ? 7 : i < 5 ? 8 : 0);
        f[i].siteid = f[i].site = 0;
    }
    f[4].told_eof = false; /* it saw an error: that says nothing of EOF */
    f[4].told_error = f[4].failed = true;
    assert_int_equal(group_findings(f, 6, g, 100), 3);
    assert_int_equal(g[0].count, 3);
    assert_int_equal(g[0].siteid, 700);
    assert_int_equal(g[0].site, 0);
    assert_true(g[0].of_eof);
    assert_int_equal(g[1].count, 2);
    assert_int_equal(g[1].siteid, 0);
    assert_false(g[1].of_eof);
    assert_int_equal(g[2].siteid, 800);
    f[0].siteid = 700; /* a stack that opened one is never joined with one that saw EOF */
    f[0].site = 3;
    assert_int_equal(group_findings(f, 6, g, 100), 4);
    for (int i = 0; i < 6; i++) {
        f[i] = told(i, 7);
        f[i].siteid = i ? 5 : 0; /* its name alone says that a stack opened it */
        f[i].site = 0;
    }
    assert_int_equal(group_findings(f, 6, g, 100), 2);
    assert_int_equal(g[0].siteid, 5);
    assert_false(g[0].of_eof);
    assert_true(g[1].of_eof);
}

static void the_thread_that_opened_them_is_named_when_it_is_one(void **state)
{
    (void)state;
    struct finding f[2] = {told(0, 0), told(1, 0)};
    struct group g[2];
    f[0].tid = f[1].tid = 42;
    group_findings(f, 2, g, 100);
    assert_int_equal(g[0].opener.tid, 42);
    f[1].tid = 43;
    group_findings(f, 2, g, 100);
    assert_int_equal(g[0].opener.tid, 0);
}

static void the_thread_that_used_them_last_is_named_when_it_is_one(void **state)
{
    (void)state;
    struct finding f[4];
    struct group g[4];
    for (int i = 0; i < 4; i++) {
        f[i] = told(i, 0);
        f[i].opened_ns = 50u - (unsigned)i;
        add_event(&f[i], EVENT_LAST_RECEIVE, 5, false);
        f[i].events[0].tid = i ? 77 : 42;
        f[i].events[0].elsewhere = i != 0;
    }
    assert_int_equal(group_findings(f, 4, g, 100), 1);
    assert_int_equal(g[0].told[0].n_elsewhere, 3);
    assert_int_equal(g[0].told[0].n_opener, 1);
    assert_int_equal(g[0].told[0].tid, 77);
    assert_int_equal(users_since(g), 47);
    users_want(g);
    assert_int_equal(g[0].n_users, 1);
    assert_int_equal(users_find(g, 77)->tid, 77);
    assert_null(users_find(g, 42));
    assert_null(users_find(g, 0));
    struct group other = {.n_told = 1, .told = {{.event = EVENT_LAST_SEND, .tid = 78}, {.tid = 79}}};
    users_want(&other);
    assert_int_equal(other.n_users, 1);
    users_add(&other, g);
    users_add(&other, g);
    assert_int_equal(other.n_users, 2);
    for (uint32_t i = 0; i < 2 * GROUP_USERS; i++)
        users_add(&other, &(struct group){.n_users = 1, .users = {{.tid = 100 + i}}});
    assert_int_equal(other.n_users, GROUP_USERS);
    for (int i = 0; i < 4; i++)
        if (f[i].fd == 2)
            f[i].events[0].tid = 78; /* several have */
    group_findings(f, 4, g, 100);
    assert_int_equal(g[0].told[0].n_elsewhere, 3);
    assert_int_equal(g[0].told[0].tid, 0);
    users_want(g);
    assert_int_equal(g[0].n_users, 0);
}

static void no_finding_is_lost_or_doubled_in_random_heaps(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        size_t n = any() % 200;
        struct finding *f = calloc(n + 1, sizeof *f);
        struct group *g = calloc(n + 1, sizeof *g);
        unsigned want[KIND_COUNT][5] = {{0}}, want_groups = 0;
        for (size_t i = 0; i < n; i++) {
            unsigned kind = any() % KIND_COUNT, site = any() % 5;
            f[i] = (struct finding){.fd = (int)i, .kind = (uint8_t)kind, .siteid = site, .since_ns = any() % 50};
            want_groups += want[kind][site]++ == 0;
        }
        size_t n_groups = group_findings(f, n, g, 20); /* some began 'later' than now */
        assert_int_equal(n_groups, want_groups);
        char *seen = calloc(n + 1, 1);
        for (size_t i = 0; i < n_groups; i++) {
            assert_int_equal(g[i].count, want[g[i].kind][g[i].siteid]);
            assert_true(i == 0 || !g[i].siteid || g[i - 1].count >= g[i].count);
            assert_true(i == 0 || g[i - 1].siteid || !g[i].siteid);
            assert_true(g[i].youngest_ns <= g[i].oldest_ns && g[i].oldest_ns <= 20);
            for (size_t k = 0; k < g[i].n_findings; k++) {
                assert_int_equal(seen[g[i].findings[k].fd]++, 0);
                assert_int_equal(g[i].findings[k].kind, g[i].kind);
                assert_int_equal(g[i].findings[k].siteid, g[i].siteid);
            }
        }
        for (size_t i = 0; i < n; i++)
            assert_int_equal(seen[i], 1);
        free(seen);
        free(f);
        free(g);
    }
}

/* Sorted, reversed or all the same: a quadratic sort would need hours here. */
static void sixty_thousand_findings_take_no_bad_case(void **state)
{
    (void)state;
    enum { N = 60000 };
    struct finding *f = calloc(N, sizeof *f);
    struct group *g = calloc(N, sizeof *g);
    for (unsigned shape = 0; shape < 3; shape++) {
        for (unsigned i = 0; i < N; i++)
            f[i] = (struct finding){.fd = (int)i, .siteid = shape == 0 ? i + 1 : shape == 1 ? N - i : 7, .since_ns = i};
        assert_int_equal(group_findings(f, N, g, N), shape == 2 ? 1 : N);
    }
    free(f);
    free(g);
}

static void ports_are_forecast_for_many_clients_of_one_peer(void **state)
{
    (void)state;
    enum { N = 64 };
    struct finding f[N];
    for (int i = 0; i < N; i++)
        f[i] = (struct finding){.fd = i, .family = AF_INET, .origin = ORIGIN_SOCKET, .peer = "10.0.0.5:1433"};
    struct group g = {.count = N, .n_findings = N, .findings = f, .rate_milli = 60000};
    group_forecast_ports(&g, 28232);
    assert_int_equal(g.ports, 28232);
    assert_int_equal(g.ports_in_s, 28232 - N);
    assert_string_equal(g.ports_peer, "10.0.0.5:1433");
    for (int wrong = 0; wrong < 5; wrong++) {
        struct finding kept = f[7];
        struct group none = {.count = N, .n_findings = wrong ? N : N - 1, .findings = f, .rate_milli = 60000};
        if (wrong == 1)
            f[7].peer = "10.0.0.6:1433";
        if (wrong == 2)
            f[7].origin = ORIGIN_ACCEPT;
        if (wrong == 3)
            f[7].family = AF_UNIX;
        group_forecast_ports(&none, wrong == 4 ? 0 : 28232);
        assert_int_equal(none.ports + none.ports_in_s, 0);
        assert_null(none.ports_peer);
        f[7] = kept;
    }
}

/* ---- reserves --------------------------------------------------------------------------------- */

static size_t settled(struct finding *f, size_t n, struct group *g, size_t *n_groups, enum kind kind)
{
    *n_groups = group_findings(f, n, g, 100);
    return group_settle_reserves(g, *n_groups, kind);
}

static void a_single_untried_socket_of_a_site_is_a_reserve_and_two_are_a_finding(void **state)
{
    (void)state;
    struct finding f[] = {
        {.fd = 3, .kind = KIND_NEVER_CONNECTED, .never = NEVER_UNTRIED, .siteid = 1, .opened_ns = 7},
        {.fd = 4, .kind = KIND_NEVER_CONNECTED, .never = NEVER_UNTRIED, .siteid = 2},
        {.fd = 5, .kind = KIND_NEVER_CONNECTED, .never = NEVER_UNTRIED, .siteid = 2},
        {.fd = 6, .kind = KIND_NEVER_CONNECTED, .never = NEVER_FAILED, .siteid = 3},
        {.fd = 7, .kind = KIND_NEVER_CONNECTED, .never = NEVER_UNSEEN, .siteid = 3},
        {.fd = 8, .kind = KIND_NEVER_CONNECTED, .never = NEVER_NONE, .siteid = 4}, /* a file of 0.1 */
        {.fd = 9, .kind = KIND_CLOSE_WAIT, .siteid = 1},
    };
    enum { N = sizeof f / sizeof *f };
    struct group g[N];
    size_t n_groups;
    assert_int_equal(settled(f, N, g, &n_groups, KIND_NONE), 2);
    size_t left = group_drop_settled(f, N);
    assert_int_equal(left, N - 2);
    for (size_t i = 0; i < left; i++)
        assert_true(f[i].fd != 3 && f[i].fd != 7);
    assert_int_equal(settled(f, left, g, &n_groups, KIND_NONE), 0);
}

static void a_reserve_is_open_where_open_sockets_are_asked_for(void **state)
{
    (void)state;
    struct finding f[] = {{.fd = 3, .kind = KIND_NEVER_CONNECTED, .never = NEVER_UNTRIED, .siteid = 1, .opened_ns = 7, .since_ns = 50}};
    struct group g[1];
    size_t n_groups;
    assert_int_equal(settled(f, 1, g, &n_groups, KIND_OPEN), 1);
    assert_int_equal(group_drop_settled(f, 1), 1);
    assert_int_equal(f[0].kind, KIND_OPEN);
    assert_int_equal(f[0].since_ns, 7);
    assert_int_equal(f[0].never, NEVER_NONE);
}

static void two_stacks_that_read_the_same_are_one_site_for_a_reserve(void **state)
{
    (void)state;
    struct finding f[] = {{.fd = 3, .kind = KIND_NEVER_CONNECTED, .never = NEVER_UNTRIED, .siteid = 1},
                          {.fd = 4, .kind = KIND_NEVER_CONNECTED, .never = NEVER_UNTRIED, .siteid = 2}};
    struct frame a[] = {{.symbol = "open_one", .file = "a.c", .line = 5}, {.symbol = "main", .file = "a.c", .line = 9, .offset = 16}};
    struct frame b[] = {{.symbol = "open_one", .file = "a.c", .line = 5}, {.symbol = "main", .file = "a.c", .line = 9, .offset = 32}};
    struct group g[2];
    assert_int_equal(group_findings(f, 2, g, 100), 2);
    assert_int_equal(group_settle_reserves(g, 2, KIND_NONE), 2); /* no frames: nothing is known to be equal */
    for (int i = 0; i < 2; i++)
        f[i] = (struct finding){.fd = 3 + i, .kind = KIND_NEVER_CONNECTED, .never = NEVER_UNTRIED, .siteid = (uint64_t)i + 1};
    assert_int_equal(group_findings(f, 2, g, 100), 2);
    g[0].frames = a;
    g[1].frames = b;
    g[0].n_frames = g[1].n_frames = 2;
    assert_int_equal(group_settle_reserves(g, 2, KIND_NONE), 0);
    /* the outermost is in a C library that names it nowhere: the same place there is the same frame */
    a[1] = b[1] = (struct frame){.module = "/lib/libc.so.6", .pc = 0x7000, .offset = 0x29ca8};
    assert_int_equal(group_settle_reserves(g, 2, KIND_NONE), 0);
    b[1].offset++;
    assert_int_equal(group_settle_reserves(g, 2, KIND_NONE), 2);
    for (int i = 0; i < 2; i++)
        f[i] = (struct finding){.fd = 3 + i, .kind = KIND_NEVER_CONNECTED, .never = NEVER_UNTRIED, .siteid = (uint64_t)i + 1};
    a[1] = b[1] = (struct frame){.symbol = "main", .file = "a.c", .line = 9};
    assert_int_equal(group_settle_reserves(g, 2, KIND_NONE), 0);
    b[1].line = 10;
    assert_int_equal(group_settle_reserves(g, 2, KIND_NONE), 2);
}

static void copies_by_dup_are_descriptors_for_the_forecast(void **state)
{
    (void)state;
    struct finding f[] = {{.fd = 3, .siteid = 1, .descriptors = 20}, {.fd = 30, .siteid = 1, .descriptors = 20}, {.fd = 60, .siteid = 1}};
    struct group g[3];
    assert_int_equal(group_findings(f, 3, g, 100), 1);
    assert_int_equal(g[0].descriptors, 41);
    g[0].descriptors = 60;
    g[0].rate_milli = 60000; /* one socket a second */
    group_forecast_descriptors(&g[0], 824, 1024);
    assert_int_equal(g[0].fd_limit_in_s, 10);
    assert_false(g[0].fd_limit_reached);
    group_forecast_descriptors(&g[0], 1024, 1024);
    assert_true(g[0].fd_limit_reached);
    assert_int_equal(g[0].fd_limit_in_s, 0);
}

static void a_reason_is_the_groups_where_all_agree(void **state)
{
    (void)state;
    struct finding f[] = {{.fd = 3, .kind = KIND_NEVER_CONNECTED, .never = NEVER_BOUND, .siteid = 1},
                          {.fd = 4, .kind = KIND_NEVER_CONNECTED, .never = NEVER_BOUND, .siteid = 1}};
    struct group g[2];
    group_findings(f, 2, g, 100);
    assert_int_equal(g[0].never, NEVER_BOUND);
    f[1].never = NEVER_FAILED;
    group_findings(f, 2, g, 100);
    assert_int_equal(g[0].never, NEVER_NONE);
}

static void groups_that_become_one_add_what_they_were_told(void **state)
{
    (void)state;
    static const struct frame at[2] = {{.offset = 1, .symbol = "f", .file = "a.c", .line = 1},
                                       {.offset = 2, .symbol = "f", .file = "a.c", .line = 2}};
    struct group a = {.n_told = 1, .eof = EOF_READ, .n_read = 2, .opener = {.tid = 7, .name = "worker"}}, b = a;
    a.told[0] = (struct told){.event = EVENT_EOF, .call = CALL_READ, .count = 2, .frames = at, .n_frames = 1};
    b.told[0] = a.told[0];
    b.told[1] = (struct told){.event = EVENT_EOF, .call = CALL_READ, .count = 5, .frames = at + 1, .n_frames = 1};
    b.n_told = 2;
    b.told[0].n_elsewhere = b.told[1].n_elsewhere = a.told[0].n_elsewhere = 1;
    b.told[0].tid = b.told[1].tid = 9;
    a.told[0].tid = 8;
    b.n_users = 1;
    b.users[0].tid = 9;
    group_told_add(&a, &b);
    assert_int_equal(a.n_told, 2);
    assert_true(a.told[0].tid == 9 && a.told[1].tid == 0 && a.told[1].n_elsewhere == 2 && a.n_users == 1);
    assert_int_equal(a.told[0].count, 5); /* the commonest first */
    assert_int_equal(a.told[1].count, 4);
    assert_int_equal(a.n_read, 4);
    assert_int_equal(a.eof, EOF_READ);
    assert_int_equal(a.opener.tid, 7);
    b = (struct group){.eof = EOF_UNREAD, .n_unread = 1, .n_unknown = 3, .opener = {.tid = 8}};
    group_told_add(&a, &b);
    assert_int_equal(a.eof, EOF_MIXED);
    assert_int_equal(a.n_unread, 1);
    assert_int_equal(a.n_unknown, 3);
    assert_int_equal(a.opener.tid, 0);
    assert_string_equal(a.opener.name, "");
}

static void a_socket_that_may_have_been_in_either_of_two_stacks_that_read_the_same_counts_once(void **state)
{
    (void)state;
    static const struct frame line = {.symbol = "f", .file = "f.c", .line = 7}, other = {.symbol = "g", .file = "f.c", .line = 9};
    for (int same = 0; same < 2; same++) {
        struct finding f[3] = {0};
        struct group g[3];
        for (int i = 0; i < 3; i++) {
            f[i].siteid = 1;
            f[i].kind = KIND_CLOSE_WAIT;
            f[i].fd = i;
            f[i].n_events = i ? 2 : 1;
            for (unsigned k = 0; k < 2; k++)
                f[i].events[k] = (struct finding_event){.event = EVENT_LAST_RECEIVE, .siteid = 7 + k, .inferred = i, .either = i};
        }
        assert_int_equal(group_findings(f, 3, g, 100), 1);
        assert_int_equal(g[0].n_told, 2);
        assert_int_equal(g[0].told[0].count + g[0].told[1].count, 5);
        for (unsigned k = 0; k < 2; k++) {
            g[0].told[k].frames = same || k ? &line : &other;
            g[0].told[k].n_frames = 1;
        }
        group_told_named(&g[0]);
        assert_int_equal(g[0].n_told, same ? 1 : 2);
        assert_int_equal(g[0].told[0].count, 3);
        if (same)
            assert_int_equal(g[0].told[0].n_inferred, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_untried_socket_of_a_site_is_a_reserve_and_two_are_a_finding),
        cmocka_unit_test(a_reserve_is_open_where_open_sockets_are_asked_for),
        cmocka_unit_test(two_stacks_that_read_the_same_are_one_site_for_a_reserve),
        cmocka_unit_test(copies_by_dup_are_descriptors_for_the_forecast),
        cmocka_unit_test(a_reason_is_the_groups_where_all_agree),
        cmocka_unit_test(ports_are_forecast_for_many_clients_of_one_peer),
        cmocka_unit_test(three_sites_give_three_groups_with_exact_counts),
        cmocka_unit_test(kinds_of_one_site_and_sites_of_one_kind_stay_apart),
        cmocka_unit_test(each_stack_is_counted_with_the_sockets_that_it_is_true_of),
        cmocka_unit_test(the_eof_of_a_group_is_its_sockets_if_they_agree),
        cmocka_unit_test(the_commonest_of_many_stacks_are_kept_exactly),
        cmocka_unit_test(an_error_is_another_event_than_eof_and_a_failed_connect_a_third),
        cmocka_unit_test(stacks_that_read_the_same_are_one_and_three_are_shown),
        cmocka_unit_test(groups_that_become_one_add_what_they_were_told),
        cmocka_unit_test(what_the_program_did_is_counted_for_each_stack),
        cmocka_unit_test(a_stack_is_told_once_and_with_the_end_where_it_saw_that),
        cmocka_unit_test(sockets_that_no_stack_opened_are_grouped_by_the_stack_that_saw_eof),
        cmocka_unit_test(the_thread_that_opened_them_is_named_when_it_is_one),
        cmocka_unit_test(the_thread_that_used_them_last_is_named_when_it_is_one),
        cmocka_unit_test(no_finding_is_lost_or_doubled_in_random_heaps),
        cmocka_unit_test(sixty_thousand_findings_take_no_bad_case),
        cmocka_unit_test(a_socket_that_may_have_been_in_either_of_two_stacks_that_read_the_same_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
