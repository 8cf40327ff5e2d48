/* SPDX-License-Identifier: MIT */
/*
 * test_registered.c: which descriptor an event of epoll is of, and when that cannot be told.
 *
 * The code is compiled in; what it would tell the slots is noted. The epolls are numbers alone: it
 * asks them nothing.
 */
#include "tracked_agent.h"

#include <sys/epoll.h>

#include "agent/track/open_close.h"
#include "agent/track/outcome.h"

#define PAIRS 10
#define EPOLL 900
#define OTHER_EPOLL 901

static unsigned told[1024], unwatched[1024];
static void note_hung_up(int fd, unsigned events)
{
    assert_int_equal(events, EPOLLRDHUP);
    told[fd]++;
}
static void note_unwatched(int fd) { unwatched[fd]++; }

#define track_hung_up note_hung_up
#define track_unwatched note_unwatched
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/track/registered.c"
#undef track_hung_up
#undef track_unwatched

static int pairs[PAIRS][2];

/* Each pair's first is the program's. */
static int fresh(void **state)
{
    (void)state;
    if (!gate_ready())
        return -1;
    memset(told, 0, sizeof told);
    memset(unwatched, 0, sizeof unwatched);
    atomic_store(&table_head->unwatched_ns, 0);
    for (int i = 0; i < PAIRS; i++) {
        live_connect(pairs[i]);
        open_at(pairs[i][0]);
    }
    return 0;
}

static int done(void **state)
{
    (void)state;
    for (int i = 0; i < PAIRS; i++) {
        track_closing(pairs[i][0]);
        close(pairs[i][0]);
        if (pairs[i][1] >= 0)
            close(pairs[i][1]);
    }
    memset(heads, 0, sizeof heads);
    for (unsigned i = 0; i < CHUNKS; i++)
        atomic_store(&chunks[i], NULL);
    return 0;
}

static int ours(int i) { return pairs[i][0]; }
static void add(int i, uint64_t data) { track_registered(EPOLL, EPOLL_CTL_ADD, ours(i), data); }
static void end_peer(int i)
{
    struct pollfd p = {.fd = ours(i), .events = POLLRDHUP};
    close(pairs[i][1]);
    pairs[i][1] = -1;
    assert_int_equal(poll(&p, 1, 20000), 1);
}
static void event(uint64_t data) { track_epoll_hung_up(EPOLL, data, EPOLLRDHUP); }

static unsigned sum(const unsigned *of)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        n += of[i];
    return n;
}

static bool nothing_is_known_any_more(void)
{
    bool so = table_unwatched_ns() != 0;
    atomic_store(&table_head->unwatched_ns, 0);
    return so;
}

static void the_descriptor_with_the_events_data_is_told(void **state)
{
    (void)state;
    add(0, 11);
    add(1, 12);
    end_peer(0);
    end_peer(1);
    event(12);
    assert_int_equal(told[ours(1)], 1);
    event(11);
    assert_int_equal(told[ours(0)], 1);
    assert_int_equal(sum(told), 2);
    assert_int_equal(sum(unwatched), 0);
    assert_false(nothing_is_known_any_more());
}

static void of_those_with_the_same_data_it_is_the_one_whose_peer_has_ended(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        add(i, 11);
    end_peer(1);
    event(11);
    assert_int_equal(told[ours(1)], 1);
    assert_int_equal(sum(told), 1);
    end_peer(2); /* and now it may be either */
    event(11);
    assert_int_equal(sum(told), 1);
    assert_true(unwatched[ours(1)] && unwatched[ours(2)] && !unwatched[ours(0)]);
}

static void with_more_than_eight_of_the_same_data_nothing_is_known(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        add(i, 11);
    end_peer(7);
    event(11);
    assert_int_equal(told[ours(7)], 1);
    assert_false(nothing_is_known_any_more());
    add(8, 11);
    event(11);
    assert_int_equal(sum(told), 1);
    assert_true(nothing_is_known_any_more());
}

static void another_socket_of_the_same_number_is_not_meant(void **state)
{
    (void)state;
    add(0, 11);
    track_closing(ours(0));
    open_at(ours(0));
    end_peer(0);
    event(11);
    assert_int_equal(sum(told) + sum(unwatched), 0);
    assert_false(nothing_is_known_any_more());
}

static void what_was_changed_or_removed_has_its_old_data_no_more(void **state)
{
    (void)state;
    add(0, 11);
    add(1, 11);
    track_registered(EPOLL, EPOLL_CTL_MOD, ours(0), 12);
    end_peer(0);
    event(11);
    assert_int_equal(sum(told), 0);
    event(12);
    assert_int_equal(told[ours(0)], 1);
    track_registered(OTHER_EPOLL, EPOLL_CTL_DEL, ours(0), 0); /* it is not in that one */
    event(12);
    assert_int_equal(told[ours(0)], 2);
    track_registered(EPOLL, EPOLL_CTL_DEL, ours(0), 0);
    event(12); /* nobody saw that registered */
    assert_int_equal(told[ours(0)], 2);
    assert_true(nothing_is_known_any_more());
    atomic_store(&table_head->attached, 1);
    event(12); /* before the attach, perhaps */
    assert_false(nothing_is_known_any_more());
    atomic_store(&table_head->attached, 0);
}

static void of_one_that_is_in_two_epolls_it_is_not_known(void **state)
{
    (void)state;
    add(0, 11);
    add(0, 12); /* the same one */
    assert_int_equal(sum(unwatched), 0);
    track_registered(OTHER_EPOLL, EPOLL_CTL_ADD, ours(0), 11);
    assert_int_equal(unwatched[ours(0)], 1);
}

static void another_data_in_the_same_chain_is_passed_over(void **state)
{
    (void)state;
    uint64_t same = 12;
    while (head_of(EPOLL, same) != head_of(EPOLL, 11))
        same++;
    add(0, 11);
    add(1, same);
    end_peer(0);
    end_peer(1);
    event(11);
    assert_int_equal(told[ours(0)], 1);
    assert_int_equal(sum(told), 1);
    track_registered(EPOLL, EPOLL_CTL_DEL, ours(0), 0); /* the one behind the other */
    event(same);
    assert_int_equal(told[ours(1)], 1);
}

static void while_another_changes_the_chains_nothing_is_known(void **state)
{
    (void)state;
    add(0, 11);
    end_peer(0);
    assert_true(take_lock());
    add(1, 12);
    assert_true(nothing_is_known_any_more());
    event(11);
    assert_true(nothing_is_known_any_more());
    track_registered_forked_child(); /* where that other is not */
    add(1, 12);
    assert_false(nothing_is_known_any_more());
    end_peer(1);
    event(12);
    assert_int_equal(told[ours(1)], 1);
    track_registered_forked_child(); /* and else nothing is lost */
    event(12);
    assert_int_equal(told[ours(1)], 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_descriptor_with_the_events_data_is_told),
        TEST(of_those_with_the_same_data_it_is_the_one_whose_peer_has_ended),
        TEST(with_more_than_eight_of_the_same_data_nothing_is_known),
        TEST(another_socket_of_the_same_number_is_not_meant),
        TEST(what_was_changed_or_removed_has_its_old_data_no_more),
        TEST(of_one_that_is_in_two_epolls_it_is_not_known),
        TEST(another_data_in_the_same_chain_is_passed_over),
        TEST(while_another_changes_the_chains_nothing_is_known),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
