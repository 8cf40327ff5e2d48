/* SPDX-License-Identifier: MIT */
/*
 * test_slot.c: how a slot is taken and left: who wins, what is counted, and what a socket that
 * nobody saw opened may not overwrite.
 */
#include "tracked_agent.h"

#include "agent/track/probe.h"
#include "agent/stacks/sites.h"
#include "agent/base/sys.h"
#include "agent/base/clock.h"
#include "agent/base/options.h"
#include "agent/base/thread.h"
#include "agent/track/dup.h"
#include "agent/track/gate.h"
#include "agent/track/open_close.h"
#include "agent/track/outcome.h"
#include "agent/track/slot.h"
#include "agent/watch/watcher.h"
#include "agent/track/close_bell.h"

#define FD 300

static const struct opening plain = {.family = AF_INET, .type = SOCK_STREAM, .origin = ORIGIN_UNSEEN, .flags = SLOT_ADOPTED};

/* ---- counting ---- */

static void a_socket_is_counted_where_it_was_opened(void **state)
{
    (void)state;
    uint64_t opened = n_opened(), closed = n_closed();
    open_at(FD);
    assert_int_equal(n_opened(), opened + 1);
    track_closing(FD);
    assert_int_equal(n_closed(), closed + 1);
    agent_options.native_frames = 32;
    const struct state_slot *s = open_at(FD);
    struct state_site *site = sites_at(s->site);
    agent_options.native_frames = 0;
    assert_non_null(site);
    assert_int_equal(atomic_load(&site->opened), 1);
    track_closing(FD);
    assert_int_equal(atomic_load(&site->closed), 1);
    assert_int_equal(n_opened(), opened + 1);
    assert_int_equal(n_closed(), closed + 1);
}

static void a_paused_threads_socket_is_ignored_and_counted_nowhere(void **state)
{
    (void)state;
    uint64_t opened = n_opened(), closed = n_closed();
    this_thread.paused = 1;
    open_at(FD);
    this_thread.paused = 0;
    assert_int_equal(flags_of(FD), SLOT_IGNORED | SLOT_UNCOUNTED);
    uint64_t token = track_closing(FD);
    track_close_failed(FD, token);
    track_closing(FD);
    assert_int_equal(n_opened(), opened);
    assert_int_equal(n_closed(), closed);
}

static void a_number_that_was_closed_unseen_is_closed_when_it_is_opened_again(void **state)
{
    (void)state;
    open_at(FD);
    uint64_t closed = n_closed();
    uint32_t gen = gen_of(FD);
    open_at(FD);
    assert_int_equal(gen_of(FD), gen + 1);
    assert_int_equal(n_closed(), closed + 1);
    track_closing(FD);
}

static void a_close_that_failed_takes_nothing_from_the_next_socket(void **state)
{
    (void)state;
    open_at(FD);
    uint64_t token = track_closing(FD);
    open_at(FD);
    uint64_t word = atomic_load(&slot_of(FD)->word), closed = n_closed();
    track_close_failed(FD, token);
    assert_int_equal(atomic_load(&slot_of(FD)->word), word);
    assert_int_equal(n_closed(), closed);
    track_closing(FD);
}

static void each_close_rings_for_those_who_wait(void **state)
{
    (void)state;
    uint32_t bell = atomic_load(&close_bell);
    open_at(FD);
    atomic_fetch_add(&close_bell_waiters, 1);
    track_closing(FD);
    atomic_fetch_sub(&close_bell_waiters, 1);
    assert_int_equal(atomic_load(&close_bell), bell + 1);
}

/* ---- sockets that nobody saw opened ---- */

static int unseen_socket(uint64_t *cookie)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *cookie = probe_cookie(fd);
    assert_int_not_equal(*cookie, 0);
    return fd;
}

static void an_unseen_socket_is_entered_without_thread_and_tag(void **state)
{
    (void)state;
    uint64_t cookie, opened = n_opened();
    int fd = unseen_socket(&cookie);
    this_thread.tag = 9;
    open_at(fd);
    this_thread.tag = 0;
    track_closing(fd);
    assert_true(slot_enter_unseen(fd, &plain, cookie));
    assert_int_equal(phase_of(fd), SLOT_LIVE);
    assert_int_equal(slot_of(fd)->tid, 0);
    assert_int_equal(slot_of(fd)->tag, 0);
    assert_int_equal(n_opened(), opened + 2);
    track_closing(fd);
    struct opening o = plain;
    o.flags |= SLOT_UNCOUNTED;
    assert_true(slot_enter_unseen(fd, &o, cookie));
    assert_int_equal(n_opened(), opened + 2);
    track_closing(fd);
    close(fd);
}

static void an_unseen_socket_takes_no_slot_that_the_program_has_or_fills(void **state)
{
    (void)state;
    uint64_t cookie;
    int fd = unseen_socket(&cookie);
    struct state_slot *s = open_at(fd);
    uint64_t word = atomic_load(&s->word);
    assert_false(slot_enter_unseen(fd, &plain, cookie));
    assert_int_equal(atomic_load(&s->word), word);
    static const unsigned phases[] = {SLOT_FILLING, SLOT_ADOPTING};
    for (int i = 0; i < 2; i++) {
        word = SLOT_WORD(gen_of(fd), phases[i]);
        atomic_store(&s->word, word);
        assert_false(slot_enter_unseen(fd, &plain, cookie));
        assert_int_equal(atomic_load(&s->word), word);
        assert_int_equal(flags_of(fd), 0);
    }
    /* The number belongs to another socket by now. */
    atomic_store(&s->word, SLOT_WORD(gen_of(fd), SLOT_EMPTY));
    assert_false(slot_enter_unseen(fd, &plain, cookie + 1));
    assert_int_equal(phase_of(fd), SLOT_EMPTY);
    close(fd);
    assert_false(slot_enter_unseen(fd, &plain, cookie));
}

/* A thread that is cancelled in close has told of a close that never came. */
static void a_socket_that_was_never_closed_is_what_it_was(void **state)
{
    (void)state;
    uint64_t cookie, closed;
    int fd = unseen_socket(&cookie);
    struct state_slot *s = open_at(fd);
    uint64_t word = atomic_load(&s->word);
    atomic_store(&s->watch_gen, gen_of(fd));
    atomic_store(&s->cookie, cookie);
    closed = n_closed();
    assert_int_equal(track_closing(fd), word);
    assert_true(slot_enter_unseen(fd, &plain, cookie));
    assert_int_equal(atomic_load(&s->word), word);
    assert_int_equal(SLOT_ORIGIN(s), ORIGIN_SOCKET);
    assert_int_equal(s->tid, gettid());
    assert_int_equal(n_closed(), closed);
    /* Another socket on its number, or one that the watcher had not looked at, is a new one. */
    for (int i = 0; i < 2; i++) {
        atomic_store(&s->watch_gen, gen_of(fd) - (uint32_t)i);
        atomic_store(&s->cookie, i ? cookie : cookie + 1);
        track_closing(fd);
        uint32_t gen = gen_of(fd);
        assert_true(slot_enter_unseen(fd, &plain, cookie));
        assert_int_equal(gen_of(fd), gen + 1);
        assert_int_equal(SLOT_ORIGIN(s), ORIGIN_UNSEEN);
        assert_int_equal(s->tid, 0);
    }
    /*
     * One that the kernel said has gone is not put back either: this slot was not left by a close.
     */
    atomic_store(&s->watch_gen, gen_of(fd));
    atomic_store(&s->cookie, cookie);
    uint32_t gen = gen_of(fd);
    track_vanished(fd, gen);
    assert_true(slot_enter_unseen(fd, &plain, cookie));
    assert_int_equal(phase_of(fd), SLOT_LIVE);
    assert_int_equal(gen_of(fd), gen + 1);
    track_closing(fd);
    close(fd);
}

/* ---- at the same time ---- */

static int contested;
static uint64_t contested_cookie;

static void closes(void) { track_closing(contested); }
static void opens(void) { track_opened(contested, AF_INET6, SOCK_SEQPACKET, 0, ORIGIN_SOCKET); }
static void closes_and_opens(void)
{
    closes();
    opens();
}
static void adopts(void) { slot_enter_unseen(contested, &plain, contested_cookie); }
static void opens_unless_adopting(void)
{
    if (phase_of(contested) != SLOT_ADOPTING) /* it would wait */
        opens();
}

static bool is_the_programs(void)
{
    const struct state_slot *s = slot_of(contested);
    return phase_of(contested) == SLOT_LIVE && s->family == AF_INET6 && s->type_origin == (SOCK_SEQPACKET | ORIGIN_SOCKET << 4) &&
           s->tid == (uint32_t)gettid() && flags_of(contested) == 0;
}

/* Sockets that are open by the counts. */
static uint64_t n_live(void) { return n_opened() - n_closed(); }

static int contest(void **state)
{
    (void)state;
    contested = unseen_socket(&contested_cookie);
    open_at(contested);
    track_closing(contested);
    return 0;
}
static int contest_ends(void **state)
{
    (void)state;
    track_closing(contested);
    close(contested);
    return 0;
}

static void two_threads_that_close_one_number_close_one_socket(void **state)
{
    (void)state;
    uint64_t live = n_live();
    long at = 1;
    for (bool inside = true; inside && at < 20000; at++) {
        opens();
        inside = interrupted(at, closes, closes);
        assert_int_equal(n_live(), live);
        opens();
        interrupted(at, closes, closes_and_opens);
        assert_int_equal(n_live(), live + (phase_of(contested) == SLOT_LIVE));
        closes();
    }
    assert_in_range(at, LIVE_STEPS ? 20 : 0, 19999);
}

static void the_program_opens_what_is_adopted_at_any_of_its_steps(void **state)
{
    (void)state;
    uint64_t live = n_live();
    long at = 1;
    for (bool inside = true; inside && at < 20000; at++) {
        inside = interrupted(at, opens, adopts);
        assert_true(is_the_programs());
        assert_int_equal(n_live(), live + 1);
        closes();
    }
    assert_in_range(at, LIVE_STEPS ? 100 : 0, 19999);
}

static void what_is_opened_at_any_step_of_an_adoption_is_the_programs(void **state)
{
    (void)state;
    uint64_t live = n_live();
    long at = 1;
    for (bool inside = true; inside && at < 20000; at++) {
        inside = interrupted(at, adopts, opens_unless_adopting);
        if (phase_of(contested) == SLOT_LIVE && SLOT_ORIGIN(slot_of(contested)) == ORIGIN_UNSEEN)
            closes(); /* nobody opened */
        else
            assert_true(is_the_programs());
        closes();
        assert_int_equal(n_live(), live);
        if (at % 8) /* the following waits for long */
            continue;
        /*
         * The program does not wait for ever for an adopter that was preempted: then the slot is
         * its own, whatever that one does afterwards.
         */
        uint32_t gen = gen_of(contested);
        interrupted(at, adopts, opens);
        assert_int_equal(phase_of(contested), SLOT_LIVE);
        assert_int_equal(n_live(), live + 1);
        assert_in_range(gen_of(contested), gen + 1, gen + 2);
        closes();
    }
    assert_in_range(at, LIVE_STEPS ? 50 : 0, 19999);
}

static uint32_t vanishing;
static void vanishes(void) { track_vanished(contested, vanishing); }

static void what_is_opened_while_its_predecessor_vanishes_stays(void **state)
{
    (void)state;
    uint64_t live = n_live();
    long at = 1;
    for (bool inside = true; inside && at < 20000; at++) {
        opens();
        vanishing = gen_of(contested);
        inside = interrupted(at, vanishes, closes_and_opens);
        if (!inside)
            opens();
        assert_true(is_the_programs());
        assert_int_equal(n_live(), live + 1);
        closes();
    }
    assert_in_range(at, LIVE_STEPS ? 20 : 0, 19999);
}

static uint64_t contested_token;
static void puts_back(void) { track_close_failed(contested, contested_token); }

static void what_is_opened_while_a_close_is_taken_back_stays(void **state)
{
    (void)state;
    uint64_t live = n_live();
    long at = 1;
    for (bool inside = true; inside && at < 20000; at++) {
        opens();
        uint32_t gen = gen_of(contested);
        contested_token = track_closing(contested);
        inside = interrupted(at, puts_back, opens);
        assert_true(is_the_programs());
        assert_int_equal(gen_of(contested), gen + inside);
        assert_int_equal(n_live(), live + 1);
        closes();
    }
    assert_in_range(at, LIVE_STEPS ? 10 : 0, 19999);
}

static _Atomic bool entering;

/* The watcher, in the middle of entering what it found: it has the slot, and some stores to go. */
static void *slow_adopter(void *arg)
{
    struct state_slot *s = slot_of(FD);
    while (!entering)
        arch_relax();
    uint64_t until = clock_now() + 100000;
    while (clock_now() < until)
        arch_relax();
    s->opened_ns = 1;
    uint64_t word = SLOT_WORD(gen_of(FD), SLOT_ADOPTING);
    return atomic_compare_exchange_strong(&s->word, &word, SLOT_WORD(SLOT_GEN(word), SLOT_LIVE)) ? arg : NULL;
}

static void the_program_waits_for_an_adopter_that_has_the_slot(void **state)
{
    (void)state;
    int waited = 0, tries = 20;
    for (int i = 0; i < tries; i++) {
        struct state_slot *s = open_at(FD);
        track_closing(FD);
        uint64_t closed = n_closed();
        uint32_t gen = gen_of(FD) + 1;
        void *finished = NULL;
        pthread_t t;
        entering = false;
        atomic_store(&s->word, SLOT_WORD(gen, SLOT_ADOPTING));
        assert_int_equal(pthread_create(&t, NULL, slow_adopter, s), 0);
        entering = true;
        open_at(FD);
        pthread_join(t, &finished);
        /*
         * Its socket was there for a moment, and counts as closed; a thread that gets no processor
         * for long is not waited for.
         */
        waited += finished && s->opened_ns != 1 && n_closed() == closed + 1 && gen_of(FD) > gen;
        track_closing(FD);
    }
    assert_in_range(waited, tries / 2, tries);
}

static void an_adopter_that_never_ends_does_not_stop_the_program(void **state)
{
    (void)state;
    struct state_slot *s = open_at(FD);
    track_closing(FD);
    uint32_t gen = gen_of(FD) + 1;
    atomic_store(&s->word, SLOT_WORD(gen, SLOT_ADOPTING));
    alarm(20);
    open_at(FD);
    alarm(0);
    assert_int_equal(gen_of(FD), gen + 1);
    track_closing(FD);
}

/* ---- what a child has not used yet ---- */

static void transfers_are_looked_at_until_each_awaited_socket_was_used(void **state)
{
    (void)state;
    uint64_t cookie;
    int fd = unseen_socket(&cookie), other = unseen_socket(&cookie);
    struct opening o = plain;
    o.flags = SLOT_INHERITED | SLOT_AWAITED;
    track_expect_use(false);
    assert_true(slot_enter_unseen(fd, &o, probe_cookie(fd)));
    assert_true(slot_enter_unseen(other, &o, cookie));
    assert_int_equal(track_quiet, SSIZE_MAX);
    track_received(fd, 5, 0, 5, 0);
    track_received(fd, 5, 0, 5, 0);
    assert_int_equal(flags_of(fd) & SLOT_USED, SLOT_USED);
    assert_int_equal(track_quiet, SSIZE_MAX);
    uint64_t token = track_closing(other); /* is not awaited any more */
    assert_int_equal(track_quiet, 0);
    track_close_failed(other, token);
    assert_int_equal(track_quiet, SSIZE_MAX);
    this_thread.in_vfork = 1;
    track_sent(other, 5, 0);
    this_thread.in_vfork = 0;
    assert_int_equal(flags_of(other) & SLOT_USED, 0);
    track_sent(other, 5, 0);
    assert_int_equal(track_quiet, 0);
    track_closing(other);
    assert_int_equal(track_quiet, 0);
    /* A second reference is waited for like the first. */
    track_closing(fd);
    assert_true(slot_enter_unseen(fd, &o, probe_cookie(fd)));
    track_duped(fd, FD);
    track_closing(fd);
    assert_int_equal(track_quiet, SSIZE_MAX);
    track_closing(FD);
    assert_int_equal(track_quiet, 0);
    close(fd);
    close(other);
}

static void transfers_are_looked_at_until_the_first_receive_call_gave_data(void **state)
{
    (void)state;
    open_at(FD);
    track_expect_use(false);
    track_expect_data();
    assert_true(track_no_data_came());
    track_sent(FD, 5, 0);
    track_received(FD, 0, 0, 5, MSG_ERRQUEUE);
    track_received(4000, 5, 0, 5, 0); /* no socket */
    assert_int_equal(track_quiet, SSIZE_MAX);
    track_received(FD, 5, 0, 5, 0);
    assert_false(track_no_data_came());
    assert_int_equal(track_quiet, 0);
    /* What else is waited for goes on. */
    uint64_t cookie;
    int fd = unseen_socket(&cookie);
    struct opening o = plain;
    o.flags = SLOT_INHERITED | SLOT_AWAITED;
    track_expect_data();
    assert_true(slot_enter_unseen(fd, &o, cookie));
    track_received(FD, 5, 0, 5, 0);
    assert_int_equal(track_quiet, SSIZE_MAX);
    track_expect_data();
    track_received(fd, -1, ECONNRESET, 5, 0);
    assert_int_equal(track_quiet, SSIZE_MAX);
    track_received(FD, 5, 0, 5, 0);
    assert_int_equal(track_quiet, 0);
    track_closing(fd);
    track_closing(FD);
    close(fd);
}

static void only_connections_are_awaited_and_no_socketpair(void **state)
{
    (void)state;
    struct state_slot s = {.type_origin = SOCK_STREAM | ORIGIN_ACCEPT << 4};
    assert_false(track_is_awaited(&s));
    atomic_store(&s.flags, SLOT_CONNECTED);
    assert_true(track_is_awaited(&s));
    s.type_origin = SOCK_STREAM | ORIGIN_SOCKETPAIR << 4;
    assert_false(track_is_awaited(&s));
}

static void an_own_socket_is_not_marked_as_used(void **state)
{
    (void)state;
    open_at(FD);
    track_connected(FD, 0, 0, NULL, 0);
    assert_int_equal(flags_of(FD), SLOT_CONNECTED);
    track_closing(FD);
}

static void an_inherited_socket_that_is_used_brings_the_watcher(void **state)
{
    (void)state;
    uint64_t cookie;
    int fd = unseen_socket(&cookie);
    struct opening o = plain;
    o.flags = SLOT_INHERITED;
    assert_true(slot_enter_unseen(fd, &o, cookie));
    atomic_store(&table_head->interval_ns, 3600ull * 1000000000u);
    assert_false(watcher_running());
    track_sent(fd, 1, 0);
    atomic_store(&table_head->interval_ns, 0);
    assert_true(watcher_running());
    assert_true(watcher_stop());
    track_closing(fd);
    close(fd);
}

static int first_table(void **state)
{
    (void)state;
    return gate_ready() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_is_counted_where_it_was_opened),
        cmocka_unit_test(a_paused_threads_socket_is_ignored_and_counted_nowhere),
        cmocka_unit_test(a_number_that_was_closed_unseen_is_closed_when_it_is_opened_again),
        cmocka_unit_test(a_close_that_failed_takes_nothing_from_the_next_socket),
        cmocka_unit_test(each_close_rings_for_those_who_wait),
        cmocka_unit_test(an_unseen_socket_is_entered_without_thread_and_tag),
        cmocka_unit_test(an_unseen_socket_takes_no_slot_that_the_program_has_or_fills),
        cmocka_unit_test(a_socket_that_was_never_closed_is_what_it_was),
        cmocka_unit_test_setup_teardown(two_threads_that_close_one_number_close_one_socket, contest, contest_ends),
        cmocka_unit_test_setup_teardown(the_program_opens_what_is_adopted_at_any_of_its_steps, contest, contest_ends),
        cmocka_unit_test_setup_teardown(what_is_opened_at_any_step_of_an_adoption_is_the_programs, contest, contest_ends),
        cmocka_unit_test_setup_teardown(what_is_opened_while_its_predecessor_vanishes_stays, contest, contest_ends),
        cmocka_unit_test_setup_teardown(what_is_opened_while_a_close_is_taken_back_stays, contest, contest_ends),
        cmocka_unit_test(the_program_waits_for_an_adopter_that_has_the_slot),
        cmocka_unit_test(an_adopter_that_never_ends_does_not_stop_the_program),
        cmocka_unit_test(transfers_are_looked_at_until_each_awaited_socket_was_used),
        cmocka_unit_test(transfers_are_looked_at_until_the_first_receive_call_gave_data),
        cmocka_unit_test(only_connections_are_awaited_and_no_socketpair),
        cmocka_unit_test(an_own_socket_is_not_marked_as_used),
        cmocka_unit_test(an_inherited_socket_that_is_used_brings_the_watcher),
    };
    return live_end(cmocka_run_group_tests(tests, first_table, NULL));
}
