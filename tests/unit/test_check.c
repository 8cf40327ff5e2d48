/* SPDX-License-Identifier: MIT */
/*
 * test_check.c: one look at the sockets of the table: what is asked of the kernel, and what is
 * written into details, counts and slots.
 *
 * The look is compiled in, over a clock of the tests' own and a count of what it asks for.
 */
#include "live_agent.h"

#include <netinet/tcp.h>
#include <sys/resource.h>

#include "agent/base/clock.h"
#include "agent/base/pages.h"
#include "agent/track/dup.h"
#include "agent/track/outcome.h"
#include "agent/track/retract.h"
#include "agent/track/family.h"
#include "agent/track/probe.h"

/* Whether no other process is there to report an inherited socket. */
static bool last_holder;
static bool is_last(int fd, const struct state_slot *slot) { return fd >= 0 && slot && last_holder; }
#define family_is_last is_last

/* Whether the process has an io_uring, and how often that was asked. */
static bool has_uring;
static unsigned asked_of_uring;
static bool is_there(void)
{
    asked_of_uring++;
    return has_uring;
}
#define uring_is_there is_there

#define S 1000000000ull

static uint64_t now;
static unsigned asked;

static uint64_t clock_of_test(void) { return now; }
static int count_and_probe(int fd, const struct state_slot *s, int revents, struct observation *o)
{
    asked++;
    return probe(fd, s, revents, o);
}

/* Nothing may be written behind them. */
static void *fenced_pages(size_t size)
{
    char *p = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(size % 4096, 0);
    mprotect(p + size, 4096, PROT_NONE);
    return p;
}

#define pages_alloc fenced_pages
#define clock_now clock_of_test
#define probe count_and_probe
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/watch/check.c"
#undef probe
#undef pages_alloc
#undef clock_now

static int setup(void **state)
{
    int r = live_setup(state);
    check_reset();
    now = clock_now() + S;
    asked = asked_of_uring = 0;
    has_uring = false;
    return r;
}

static uint64_t look(void)
{
    asked = 0;
    return check_all(0);
}

/* A regular look. */
static uint64_t look_in_turn(void)
{
    asked = 0;
    return check_all(2);
}

static const struct counts *tally(unsigned kind) { return counts_of(0, kind); }

/* ---- details ---- */

static void a_socket_in_a_condition_gets_a_detail_that_says_so(void **state)
{
    (void)state;
    int l = live_listener(), v[2];
    live_connection(l, v);
    assert_int_equal(write(v[1], "abc", 3), 3);
    live_close(v[1]);
    look();
    const struct state_detail *d = live_detail(v[0]);
    assert_non_null(d);
    assert_int_equal(d->kind, KIND_CLOSE_WAIT);
    assert_int_equal(d->fd, v[0]);
    assert_int_equal(d->eof, EOF_UNREAD);
    assert_int_equal(d->tcp_state, ST_CLOSE_WAIT);
    assert_int_equal(d->unread, 3);
    assert_int_equal(d->looked_ns, now);
    char port[16];
    snprintf(port, sizeof port, ":%u", ntohs(live_address.sin_port));
    assert_non_null(strstr(d->peer, port));
    assert_non_null(strstr(d->local, "127.0.0.1:"));
    assert_int_equal(live_detail(l) == NULL, 1);
    assert_int_equal(table_head->last_look_ns, now);
}

static void an_eof_is_unread_unless_an_io_uring_may_have_read_it(void **state)
{
    (void)state;
    int l = live_listener(), v[2], w[2];
    live_connection(l, v);
    live_connection(l, w);
    live_close(v[1]);
    look();
    assert_int_equal(live_detail(v[0])->eof, EOF_UNREAD);
    assert_int_equal(asked_of_uring, 1);
    look_in_turn(); /* of what is known, and not past its grace, it is not asked again */
    assert_int_equal(asked_of_uring, 1);
    assert_true(table_unwatched_ns() < now);
    has_uring = true;
    live_close(w[1]);
    look();
    assert_int_equal(live_detail(w[0])->eof, EOF_NONE);
    assert_int_equal(table_unwatched_ns(), now);
}

static void the_detail_of_a_closed_socket_is_used_again_and_not_for_two(void **state)
{
    (void)state;
    int a = live_hung_up(), b = live_hung_up();
    look();
    struct state_detail *was = live_detail(a), *other = live_detail(b);
    assert_ptr_not_equal(was, other);
    assert_int_equal(n_in_use, 2);
    live_close(a);
    look();
    assert_int_equal(n_in_use, 1);
    assert_int_equal(was->gen, 0);
    assert_ptr_equal(live_detail(b), other);
    int c = live_hung_up();
    look();
    assert_ptr_equal(live_detail(c), was);
    assert_ptr_not_equal(live_detail(c), live_detail(b));
    assert_int_equal(n_in_use, 2);
}

static void a_new_socket_of_the_same_number_has_nothing_of_the_old_ones_detail(void **state)
{
    (void)state;
    int a = live_hung_up();
    look();
    struct state_detail *was = live_detail(a);
    was->reported_since_ns = 5;
    uint64_t since = was->since_ns;
    live_close(a);
    now += 100 * S;
    int b = live_hung_up();
    assert_int_equal(b, a);
    look();
    assert_ptr_equal(live_detail(b), was);
    assert_int_equal(live_detail(b)->reported_since_ns, 0);
    assert_true(live_detail(b)->since_ns > since);
}

static void more_sockets_than_fit_into_one_poll_or_the_first_room_are_all_looked_at(void **state)
{
    (void)state;
    enum { MANY = 1100 };
    static int fd[MANY];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * MANY) {
        limit.rlim_cur = 2 * MANY;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            skip();
    }
    for (int i = 0; i < MANY; i++)
        fd[i] = live_socket(AF_UNIX, SOCK_STREAM);
    look();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(live_detail(fd[i])->fd, fd[i]);
        assert_int_equal(live_detail(fd[i])->kind, KIND_NEVER_CONNECTED);
    }
    assert_int_equal(tally(KIND_NEVER_CONNECTED)->past + tally(KIND_NEVER_CONNECTED)->lasting, MANY);
    assert_int_equal(n_in_use, MANY);
}

/* ---- which are looked at ---- */

static void what_is_ignored_or_too_young_is_not_looked_at(void **state)
{
    (void)state;
    int a = live_hung_up(), b = live_hung_up();
    atomic_fetch_or(&slot_of(a)->flags, SLOT_IGNORED);
    slot_of(a)->opened_ns = slot_of(b)->opened_ns = now - 2 * S;
    check_all(2 * S + 1);
    assert_null(live_detail(a));
    assert_null(live_detail(b));
    check_all(2 * S);
    assert_null(live_detail(a));
    assert_non_null(live_detail(b));
    slot_of(b)->opened_ns = now + S; /* since the look began */
    look();
    assert_non_null(live_detail(b));
}

static void a_healthy_socket_costs_no_more_than_its_part_of_a_poll(void **state)
{
    (void)state;
    int v[2];
    live_pair(v);
    look();
    assert_int_equal(asked, 0);
    int a = live_socket(AF_INET, SOCK_DGRAM);
    look();
    assert_int_equal(asked, 0);
    assert_null(live_detail(a));
}

static void a_connection_is_asked_for_in_turn_and_by_a_check_always(void **state)
{
    (void)state;
    int v[2];
    live_connection(live_listener(), v);
    unsigned times = 0;
    look(); /* first sight */
    for (int i = 0; i < TURNS; i++) {
        look_in_turn();
        times += asked;
    }
    assert_int_equal(times, TURNS + 2); /* the listener, which is never writable, and both ends */
    look();
    assert_int_equal(asked, 3);
    now += S;
    asked = 0;
    check_all(1); /* of whoever asks for a report */
    assert_int_equal(asked, 3);
}

static void a_connection_that_others_may_hold_is_asked_for_at_each_look(void **state)
{
    (void)state;
    int v[2];
    live_connection(live_listener(), v);
    look();
    unsigned before = 0, shared = 0;
    for (int i = 0; i < TURNS; i++) {
        look_in_turn();
        before += asked;
    }
    slot_of(v[0])->type_origin = (uint8_t)(SOCK_STREAM | ORIGIN_RECEIVED << 4);
    int second = dup(v[1]);
    track_duped(v[1], second);
    look();
    for (int i = 0; i < TURNS; i++) {
        look_in_turn();
        shared += asked;
    }
    assert_int_equal(before, TURNS + 2);
    assert_int_equal(shared, 4 * TURNS);
}

static void a_connection_that_is_stuck_is_asked_for_at_each_look_until_it_is_not(void **state)
{
    (void)state;
    int v[2];
    live_connection(live_listener(), v);
    shutdown(v[0], SHUT_WR); /* which no wrapper sees, as by another process */
    look();
    assert_int_equal(live_detail(v[0])->kind, KIND_FIN_WAIT_2);
    assert_int_equal(live_detail(v[1])->kind, KIND_CLOSE_WAIT);
    for (int i = 0; i < TURNS; i++) {
        look_in_turn();
        assert_true(asked >= 2);
    }
    assert_int_equal(live_detail(v[0])->kind, KIND_FIN_WAIT_2);
}

static void what_the_program_did_or_was_told_is_looked_into_at_once(void **state)
{
    (void)state;
    int v[2], w[2];
    live_pair(v);
    live_pair(w);
    look();
    assert_int_equal(shutdown(v[0], SHUT_WR), 0);
    track_shutdown(v[0], SHUT_WR);
    look_in_turn();
    assert_int_equal(asked, 2); /* the one by the flag, its peer by poll's RDHUP */
    track_told_error(w[0], ECONNRESET);
    look_in_turn();
    assert_int_equal(asked, 3);
    track_received(w[1], 0, 0, 1, 0);
    look_in_turn();
    assert_int_equal(asked, 4);
}

static void under_a_low_limit_of_descriptors_each_socket_is_asked_alone(void **state)
{
    (void)state;
    struct rlimit was, low;
    int a = live_hung_up(), b = live_hung_up(), c = live_hung_up();
    getrlimit(RLIMIT_NOFILE, &was);
    low = was;
    low.rlim_cur = 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    look();
    setrlimit(RLIMIT_NOFILE, &was);
    assert_int_equal(live_detail(a)->kind, KIND_HANGUP);
    assert_int_equal(live_detail(b)->kind, KIND_HANGUP);
    assert_int_equal(live_detail(c)->kind, KIND_HANGUP);
}

/* ---- closed, or another's, where no wrapper saw it ---- */

static void a_socket_that_was_closed_unseen_is_taken_out(void **state)
{
    (void)state;
    int a = live_hung_up(), b = live_hung_up();
    look();
    close(a);
    look();
    assert_false(live_is_known(a));
    assert_true(live_is_known(b));
    assert_int_equal(slot_of(a)->word & 0xff, SLOT_EMPTY);
    /* Before the first look too, also where the number is a file's by now. */
    int c = live_hung_up(), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, c);
    look();
    assert_false(live_is_known(c));
    close(c);
    close(null);
}

static void a_number_that_is_another_socket_by_now_is_not_taken_for_the_old_one(void **state)
{
    (void)state;
    int a = live_hung_up(), v[2];
    look();
    atomic_store(&live_detail(a)->reported, 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, v), 0);
    close(v[1]);
    dup2(v[0], a); /* hung up as well, so poll sees no difference */
    close(v[0]);
    look();
    assert_false(live_is_known(a));
    struct release r;
    assert_true(retract_next(&r)); /* and the report of the old one is taken back */
    assert_int_equal(r.fd, a);
    close(a);
}

/* ---- the condition over time ---- */

static void a_condition_is_past_its_grace_when_it_has_lasted_for_it(void **state)
{
    (void)state;
    atomic_store(&table_head->grace_ns, 10 * S);
    int a = live_hung_up();
    uint64_t began = now;
    assert_int_equal(look(), began + 10 * S); /* when the next look is of use */
    assert_int_equal(live_detail(a)->since_ns, began);
    assert_false(live_detail(a)->past_grace);
    now = began + 4 * S;
    int b = live_hung_up();
    assert_int_equal(look(), began + 10 * S); /* the soonest of them */
    now = began + 10 * S - 1;
    look();
    assert_false(live_detail(a)->past_grace);
    assert_int_equal(tally(KIND_HANGUP)->past, 0);
    now++;
    assert_int_equal(look(), began + 14 * S);
    assert_true(live_detail(a)->past_grace);
    assert_false(live_detail(b)->past_grace);
    assert_int_equal(live_detail(a)->since_ns, began);
    assert_int_equal(tally(KIND_HANGUP)->past, 1);
    now = began + 14 * S;
    assert_true(look() == UINT64_MAX);
    assert_int_equal(tally(KIND_HANGUP)->past, 2);
}

/* The peer's acknowledgement of a FIN may take its time, and is a byte that moves. */
static void wait_until_acknowledged(int fd)
{
    struct tcp_info t = {0};
    for (int i = 0; i < 5000 && t.tcpi_state != TCP_FIN_WAIT2; i++) {
        socklen_t len = sizeof t;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &len), 0);
        usleep(1000);
    }
    assert_int_equal(t.tcpi_state, TCP_FIN_WAIT2);
}

static void a_byte_that_moves_starts_the_clock_anew(void **state)
{
    (void)state;
    int v[2];
    atomic_store(&table_head->grace_ns, 10 * S);
    live_connection(live_listener(), v);
    shutdown(v[0], SHUT_WR);
    track_shutdown(v[0], SHUT_WR);
    wait_until_acknowledged(v[0]);
    look();
    now += 20 * S;
    look();
    assert_true(live_detail(v[0])->past_grace);
    assert_int_equal(write(v[1], "x", 1), 1);
    look();
    assert_false(live_detail(v[0])->past_grace);
    assert_int_equal(live_detail(v[0])->since_ns, now);
    assert_int_equal(live_detail(v[0])->unread, 1);
}

static void a_condition_that_is_over_is_forgotten_and_its_report_taken_back(void **state)
{
    (void)state;
    struct release r;
    live_listener();
    int a = live_socket(AF_INET, SOCK_STREAM), b = live_socket(AF_INET, SOCK_STREAM);
    look();
    assert_int_equal(live_detail(a)->kind, KIND_NEVER_CONNECTED);
    atomic_store(&live_detail(a)->reported, 1);
    for (int i = 0; i < 2; i++) {
        int fd = i ? b : a;
        assert_int_equal(connect(fd, (struct sockaddr *)&live_address, sizeof live_address), 0);
        track_connected(fd, 0, 0, (struct sockaddr *)&live_address, sizeof live_address);
    }
    look();
    assert_null(live_detail(a));
    assert_null(live_detail(b));
    assert_true(live_is_known(a));
    assert_true(retract_next(&r));
    assert_int_equal(r.fd, a);
    assert_false(retract_next(&r)); /* the other one was in no report */
    look();
    assert_int_equal(n_in_use, 0);
}

static void a_socket_that_nobody_saw_opened_may_be_stuck_for_longer_than_it_is_known(void **state)
{
    (void)state;
    int v[2];
    struct observation o;
    live_connection(live_listener(), v);
    live_close(v[1]);
    do
        assert_int_equal(probe(v[0], slot_of(v[0]), -1, &o), 0);
    while (!o.idle_ns); /* the kernel counts in milliseconds */
    slot_of(v[0])->opened_ns = now;
    atomic_fetch_or(&slot_of(v[0])->flags, SLOT_ADOPTED);
    look();
    assert_int_equal(live_detail(v[0])->kind, KIND_CLOSE_WAIT);
    assert_true(live_detail(v[0])->since_ns < now);
    /* Where it was seen opened that is as long as it can be. */
    int w[2];
    live_connection(live_listener(), w);
    live_close(w[1]);
    do
        assert_int_equal(probe(w[0], slot_of(w[0]), -1, &o), 0);
    while (!o.idle_ns);
    slot_of(w[0])->opened_ns = now;
    look();
    assert_int_equal(live_detail(w[0])->since_ns, now);
}

/* ---- counts ---- */

static void a_socket_that_is_anothers_to_report_is_not_counted(void **state)
{
    (void)state;
    int a = live_hung_up();
    live_hung_up();
    atomic_fetch_or(&slot_of(a)->flags, SLOT_INHERITED);
    atomic_store(&table_head->grace_ns, 0);
    last_holder = false;
    look();
    assert_int_equal(tally(KIND_HANGUP)->past, 1);
    assert_int_equal(tally(KIND_HANGUP)->lasting, 1);
    last_holder = true;
    look();
    assert_int_equal(tally(KIND_HANGUP)->past, 2);
    last_holder = false;
    look();
    assert_int_equal(tally(KIND_HANGUP)->past, 1);
    atomic_fetch_or(&slot_of(a)->flags, SLOT_USED);
    look();
    assert_int_equal(tally(KIND_HANGUP)->past, 2);
}

static void several_descriptors_of_one_socket_are_counted_once_at_each_look(void **state)
{
    (void)state;
    int a = live_hung_up(), b = dup(a), c = dup(a);
    track_duped(a, b);
    track_duped(b, c);
    atomic_store(&table_head->grace_ns, 0);
    for (int i = 0; i < 3; i++) {
        look();
        assert_int_equal(tally(KIND_HANGUP)->past, 1);
    }
    live_hung_up();
    look();
    assert_int_equal(tally(KIND_HANGUP)->past, 2);
}

static void what_has_not_lasted_for_an_interval_does_not_count_as_growth(void **state)
{
    (void)state;
    int a = live_hung_up();
    atomic_store(&table_head->interval_ns, 5 * S);
    look();
    assert_int_equal(tally(KIND_HANGUP)->lasting, 0);
    now += 5 * S;
    look();
    assert_int_equal(tally(KIND_HANGUP)->lasting, 1);
    atomic_store(&table_head->interval_ns, 0);
    live_close(a);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, live_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_socket_in_a_condition_gets_a_detail_that_says_so),
        CASE(an_eof_is_unread_unless_an_io_uring_may_have_read_it),
        CASE(the_detail_of_a_closed_socket_is_used_again_and_not_for_two),
        CASE(a_new_socket_of_the_same_number_has_nothing_of_the_old_ones_detail),
        CASE(more_sockets_than_fit_into_one_poll_or_the_first_room_are_all_looked_at),
        CASE(what_is_ignored_or_too_young_is_not_looked_at),
        CASE(a_healthy_socket_costs_no_more_than_its_part_of_a_poll),
        CASE(a_connection_is_asked_for_in_turn_and_by_a_check_always),
        CASE(a_connection_that_others_may_hold_is_asked_for_at_each_look),
        CASE(a_connection_that_is_stuck_is_asked_for_at_each_look_until_it_is_not),
        CASE(what_the_program_did_or_was_told_is_looked_into_at_once),
        CASE(under_a_low_limit_of_descriptors_each_socket_is_asked_alone),
        CASE(a_socket_that_was_closed_unseen_is_taken_out),
        CASE(a_number_that_is_another_socket_by_now_is_not_taken_for_the_old_one),
        CASE(a_condition_is_past_its_grace_when_it_has_lasted_for_it),
        CASE(a_byte_that_moves_starts_the_clock_anew),
        CASE(a_condition_that_is_over_is_forgotten_and_its_report_taken_back),
        CASE(a_socket_that_nobody_saw_opened_may_be_stuck_for_longer_than_it_is_known),
        CASE(a_socket_that_is_anothers_to_report_is_not_counted),
        CASE(several_descriptors_of_one_socket_are_counted_once_at_each_look),
        CASE(what_has_not_lasted_for_an_interval_does_not_count_as_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
