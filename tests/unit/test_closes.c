/* SPDX-License-Identifier: MIT */
/*
 * test_closes.c: by which stacks the sockets of a site are closed: counted, walked at first and then
 * now and then, and never for what is no sibling.
 */
#define LIVE_OPTIONS "interval=0:max_frames=16:grace=30s:leak_check_at_exit=0"
#include "live_agent.h"

#include <pthread.h>
#include <stdatomic.h>

#include "agent/base/thread.h"
#include "agent/stacks/capture.h"
#include "agent/stacks/sites.h"
#include "agent/track/closes.h"
#include "agent/track/dup.h"
#include "agent/track/ending.h"
#include "agent/track/life.h"

#define FD 700

static uint64_t captures(void)
{
    struct capture_stats s;
    capture_get_stats(&s);
    return s.captures;
}

/* A site of its own for each test, by its one address. */
static state_ref a_site(void)
{
    static uint64_t address = 4096;
    address += 16;
    return sites_intern(&address, 1);
}

static const struct state_closes *record_of(state_ref site)
{
    struct state_view view = table_view();
    uint64_t pos = 0;
    const struct state_closes *c;
    while ((c = state_next_closes(&view, &pos)) != NULL && c->site != site)
        ;
    return c;
}

static uint64_t counted(state_ref site)
{
    const struct state_closes *c = record_of(site);
    uint64_t n = c ? c->others : 0;
    for (unsigned i = 0; c && i < STATE_CLOSERS; i++)
        n += c->count[i];
    return n;
}

static __attribute__((noinline)) void close_one(state_ref site, uint16_t flags, bool last, const void *from, const void *stack)
{
    struct leaving was = {.gen = 1, .site = site, .flags = flags, .last = last};
    closes_count(&was, CALL_CLOSE, (struct closer){from, stack});
}

/* From one place of the test, whatever the compiler makes of a loop. */
static __attribute__((noinline)) void close_many(state_ref site, const char *from, const void *stack, unsigned n)
{
    for (volatile unsigned i = 0; i < n; i++)
        close_one(site, 0, true, from, stack);
}

/* The same from another place of the program, as its stack says. */
static int by_qsort(const void *a, const void *b)
{
    (void)b;
    close_one(*(const state_ref *)a, 0, true, "here", &live_options);
    return 0;
}
static void close_elsewhere(state_ref site)
{
    state_ref two[2] = {site, site};
    qsort(two, 2, sizeof *two, by_qsort);
}

static void a_close_is_counted_at_the_site_that_opened(void **state)
{
    (void)state;
    state_ref site = a_site(), other = a_site();
    close_many(site, "here", &site, 200);
    close_one(other, 0, true, "here", &site);
    const struct state_closes *c = record_of(site);
    assert_non_null(c);
    assert_int_not_equal(c->by[0], 0);
    assert_int_equal(sites_at(c->by[0])->call, CALL_CLOSE);
    assert_int_equal(c->count[0], 200);
    assert_int_equal(c->by[1], 0);
    assert_int_equal(c->others + c->about, 0);
    assert_int_equal(counted(other), 1);
}

static __attribute__((noinline)) void close_from_here(state_ref site) { close_many(site, "walks", &live_options, 1); }

static void a_stack_is_walked_at_first_and_then_now_and_then(void **state)
{
    (void)state;
    state_ref site = a_site();
    uint64_t before = captures();
    for (unsigned n = 1; n <= 640; n++) {
        close_from_here(site);
        uint64_t walked = n <= 4 ? n : 4 + (n - 1) / 64;
        assert_int_equal(captures() - before, walked);
    }
    assert_int_equal(counted(site), 640);
}

static void another_place_of_the_program_or_of_the_stack_is_walked_at_once(void **state)
{
    (void)state;
    state_ref site = a_site();
    for (int i = 0; i < 10; i++)
        close_one(site, 0, true, "a place", &site);
    uint64_t before = captures();
    close_one(site, 0, true, "another", &site);
    assert_int_equal(captures() - before, 1);
    close_one(site, 0, true, "a place", &before);
    assert_int_equal(captures() - before, 2);
}

static void a_caller_that_is_not_known_is_walked_each_time(void **state)
{
    (void)state;
    state_ref site = a_site();
    uint64_t before = captures();
    for (int i = 0; i < 20; i++)
        close_one(site, 0, true, NULL, NULL);
    assert_int_equal(captures() - before, 20);
    assert_int_equal(counted(site), 20);
}

static void two_stacks_under_one_caller_are_told_apart_and_said_to_be_about_right(void **state)
{
    (void)state;
    state_ref site = a_site();
    for (int i = 0; i < 60; i++)
        close_one(site, 0, true, "here", &live_options);
    assert_int_equal(record_of(site)->about, 0);
    for (int i = 0; i < 60; i++)
        close_elsewhere(site);
    const struct state_closes *c = record_of(site);
    assert_int_not_equal(c->by[1], 0);
    assert_int_not_equal(c->by[0], c->by[1]);
    assert_int_equal(c->about, 1);
    assert_int_equal(c->count[0] + c->count[1], counted(site));
    assert_true(c->count[1] > 0);
    uint64_t before = captures();
    close_many(site, "here", &live_options, 64);
    assert_in_range(captures() - before, 10, 13); /* its own first four, and then more often than before */
}

static _Atomic unsigned turn;
static void *closes_in_its_turn(void *site)
{
    unsigned mine = atomic_fetch_add(&turn, 1) + 2;
    char here = 0;
    while (atomic_load(&turn) != mine)
        ;
    uint64_t before = captures();
    close_many(*(state_ref *)site, "thread", &here, 10);
    uint64_t walked = captures() - before;
    atomic_fetch_add(&turn, 1);
    return (void *)(uintptr_t)walked;
}

static void threads_at_the_same_depth_of_their_stacks_are_one_caller(void **state)
{
    (void)state;
    state_ref site = a_site();
    pthread_t t[2];
    void *walked[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, closes_in_its_turn, &site), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(t[i], &walked[i]), 0);
    assert_int_equal((uintptr_t)walked[0] + (uintptr_t)walked[1], 4);
}

static void what_is_no_sibling_is_not_counted(void **state)
{
    (void)state;
    state_ref site = a_site();
    close_one(site, 0, false, "here", &site);             /* another descriptor holds it */
    close_one(site, SLOT_UNCOUNTED, true, "here", &site); /* its site does not count it either */
    close_one(0, 0, true, "here", &site);                 /* no stack opened it */
    assert_int_equal(counted(site), 0);
}

static void the_last_descriptor_of_a_socket_counts(void **state)
{
    (void)state;
    struct state_slot *slot;
    track_opened(FD, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    slot = slot_of(FD);
    state_ref site = slot->site;
    assert_int_not_equal(site, 0);
    track_duped(FD, FD + 1);
    uint64_t before = counted(site);
    track_closing(FD);
    assert_int_equal(counted(site), before);
    track_closing(FD + 1);
    assert_int_equal(counted(site), before + 1);
    track_opened(FD, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    site = slot->site;
    before = counted(site);
    track_closing_range(FD, FD + 3);
    assert_int_equal(counted(site), before + 1);
}

static void more_stacks_than_there_is_room_for_are_others(void **state)
{
    (void)state;
    state_ref site = a_site();
    close_one(site, 0, true, NULL, NULL);
    struct state_closes *c = (struct state_closes *)(uintptr_t)record_of(site);
    state_ref real = c->by[0];
    for (unsigned i = 0; i < STATE_CLOSERS; i++)
        c->by[i] = real + 100000 + i;
    close_one(site, 0, true, "here", &site);
    assert_int_equal(c->others, 1);
    assert_int_equal(c->count[STATE_CLOSERS - 1], 0);
}

/* Opens FD, puts it on an epoll if that is asked for, and closes it: each time at one site, by one stack. */
static __attribute__((noinline)) state_ref lives_and_is_closed(bool on_epoll, bool told)
{
    track_opened(FD, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    state_ref site = slot_of(FD)->site;
    if (on_epoll)
        life_registered(FD, true);
    if (told)
        atomic_fetch_or(&slot_of(FD)->flags, SLOT_TOLD_EOF);
    track_closing(FD);
    return site;
}

static bool closed_life(state_ref site, struct state_closed *copy)
{
    struct state_view view = table_view();
    const struct state_closes *c = record_of(site);
    return c && state_closed_by(&view, c, c->by[0], copy);
}

static void the_life_of_the_last_socket_that_was_closed_is_kept(void **state)
{
    (void)state;
    struct state_closed copy, again;
    state_ref site = 0;
    for (volatile int i = 0; i < 3; i++) {
        site = lives_and_is_closed(i == 1, i == 1);
        assert_true(closed_life(site, &copy));
        assert_int_equal(copy.fd, FD);
        assert_int_equal(copy.life.gen, SLOT_GEN(atomic_load(&slot_of(FD)->word)));
        assert_int_equal(copy.life.epoll_add != 0, i == 1);
        assert_int_equal(copy.life.send, LIFE_FRESH);
        assert_int_equal(copy.told, i == 1 ? CLOSED_TOLD_EOF : 0);
    }
    table_head->version = STATE_VERSION_LIVES - 1; /* it has lives in another form */
    assert_false(closed_life(site, &copy));
    table_head->version = STATE_VERSION;
    assert_true(closed_life(site, &copy));
    /* of another generation than the life: by another stack */
    closes_count(&(struct leaving){.gen = 1000, .site = site, .last = true, .fd = FD}, CALL_CLOSE, (struct closer){NULL, NULL});
    const struct state_closes *c = record_of(site);
    struct state_view view = table_view();
    assert_int_not_equal(c->by[1], 0);
    assert_false(state_closed_by(&view, c, c->by[1], &again));
    assert_true(closed_life(site, &again));
    assert_int_equal(again.turn, copy.turn);
}

static void a_life_that_another_thread_is_keeping_is_left_to_it(void **state)
{
    (void)state;
    struct state_closed copy;
    state_ref site = 0;
    for (volatile int i = 0; i < 2; i++) {
        site = lives_and_is_closed(false, false);
        struct state_closed *s = table_at(record_of(site)->lives);
        if (i == 0)
            atomic_fetch_add(&s->turn, 1);
        else
            atomic_fetch_sub(&s->turn, 1);
    }
    assert_true(closed_life(site, &copy));
    assert_int_not_equal(copy.life.gen, SLOT_GEN(atomic_load(&slot_of(FD)->word)));
}

static void errno_is_kept(void **state)
{
    (void)state;
    errno = EXDEV;
    close_one(a_site(), 0, true, NULL, NULL);
    assert_int_equal(errno, EXDEV);
}

static void what_a_table_knew_is_forgotten_with_it(void **state)
{
    (void)state;
    state_ref site = a_site();
    for (int i = 0; i < 10; i++)
        close_one(site, 0, true, "here", &site);
    closes_reset();
    uint64_t before = captures();
    close_one(site, 0, true, "here", &site);
    assert_int_equal(captures() - before, 1);
}

static int begin(void **state)
{
    (void)state;
    return live_start() ? 0 : -1;
}

/* It comes last: from here on this process ends. */
static void the_end_of_the_program_is_seen_in_each_stack(void **state)
{
    (void)state;
    state_ref site = a_site();
    uint64_t *address = (uint64_t *)(void *)(sites_at(site) + 1);
    for (unsigned i = 0; i < 3; i++)
        assert_false(ending_is_in(site));
    assert_false(ending_is_in(0));
    *address = (uint64_t)(uintptr_t)&exit + 8;
    atomic_fetch_add(&sites_generation, 1); /* another table's stack has that place */
    assert_true(ending_is_in(site));
    assert_true(ending_is_in(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_close_is_counted_at_the_site_that_opened),
        cmocka_unit_test(a_stack_is_walked_at_first_and_then_now_and_then),
        cmocka_unit_test(another_place_of_the_program_or_of_the_stack_is_walked_at_once),
        cmocka_unit_test(a_caller_that_is_not_known_is_walked_each_time),
        cmocka_unit_test(two_stacks_under_one_caller_are_told_apart_and_said_to_be_about_right),
        cmocka_unit_test(threads_at_the_same_depth_of_their_stacks_are_one_caller),
        cmocka_unit_test(what_is_no_sibling_is_not_counted),
        cmocka_unit_test(the_last_descriptor_of_a_socket_counts),
        cmocka_unit_test(more_stacks_than_there_is_room_for_are_others),
        cmocka_unit_test(the_life_of_the_last_socket_that_was_closed_is_kept),
        cmocka_unit_test(a_life_that_another_thread_is_keeping_is_left_to_it),
        cmocka_unit_test(errno_is_kept),
        cmocka_unit_test(what_a_table_knew_is_forgotten_with_it),
        cmocka_unit_test(the_end_of_the_program_is_seen_in_each_stack),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
