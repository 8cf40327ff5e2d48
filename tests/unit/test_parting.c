/* SPDX-License-Identifier: MIT */
/*
 * test_parting.c: what one closed socket has in common with those that are stuck, what not, and what
 * is not said because it is not known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/group_told.h"
#include "core/parting.h"

#define BIT(event) (1u << (event))

static struct group group;
static struct told closer;
static struct finding closed;
static struct parting parting;

static int begin(void **state)
{
    (void)state;
    group = (struct group){.kind = KIND_CLOSE_WAIT, .siteid = 1, .count = 4};
    closer = (struct told){.event = EVENT_SIBLINGS, .call = CALL_CLOSE, .siteid = 50, .count = 3};
    closed = (struct finding){.kind = KIND_CLOSE_WAIT};
    return 0;
}

/* COUNT of the group's four did it in the stack ID. */
static void stuck(unsigned event, uint64_t id, uint64_t count)
{
    group.told[group.n_told++] = (struct told){.event = (uint8_t)event, .call = CALL_READ, .siteid = id, .count = count};
}

static void closed_did(unsigned event, uint64_t id)
{
    if (event == EVENT_EOF) {
        closed.told_eof = true;
        closed.told_id = id;
        closed.told_call = CALL_READ;
        return;
    }
    closed.events[closed.n_events++] = (struct finding_event){.event = (uint8_t)event, .call = CALL_READ, .siteid = id};
}

static bool compared(void)
{
    parting_find(&group, &closer, &closed);
    group.told[group.n_told++] = closer;
    return parting_of(&group, &group.told[group.n_told - 1], &parting);
}

static void the_same_stacks_are_common_and_another_one_is_where_they_part(void **state)
{
    (void)state;
    stuck(EVENT_EPOLL_ADD, 2, 4);
    stuck(EVENT_FIRST_RECEIVE, 3, 4);
    stuck(EVENT_EOF, 4, 4);
    stuck(EVENT_EPOLL_DEL, 5, 4);
    closed_did(EVENT_EPOLL_ADD, 2);
    closed_did(EVENT_FIRST_RECEIVE, 3);
    closed_did(EVENT_EOF, 4);
    closed_did(EVENT_EPOLL_DEL, 6);
    assert_true(compared());
    assert_int_equal(parting.same, BIT(EVENT_EPOLL_ADD) | BIT(EVENT_FIRST_RECEIVE) | BIT(EVENT_EOF));
    assert_int_equal(parting.lacks, 0);
    assert_int_equal(parting.n_unlike, 1);
    assert_int_equal(parting.unlike[0]->was, EVENT_EPOLL_DEL);
    assert_int_equal(parting.unlike[0]->siteid, 6);
    assert_int_equal(parting.unlike[0]->closer, 50);
}

static void what_only_one_side_did_is_told(void **state)
{
    (void)state;
    stuck(EVENT_SHUTDOWN, 2, 4);
    stuck(EVENT_EOF, 4, 4);
    closed_did(EVENT_FIRST_SEND, 7);
    closed_did(EVENT_LAST_SEND, 7);
    assert_true(compared());
    assert_int_equal(parting.same, 0);
    assert_int_equal(parting.lacks, BIT(EVENT_SHUTDOWN) | BIT(EVENT_EOF));
    assert_int_equal(parting.n_unlike, 1); /* the first send was as the last */
    assert_int_equal(parting.unlike[0]->was, EVENT_LAST_SEND);
}

static void what_was_done_where_nobody_knows_is_not_lacking(void **state)
{
    (void)state;
    stuck(EVENT_LAST_RECEIVE, 2, 4);
    stuck(EVENT_EOF, 4, 4);
    stuck(EVENT_EPOLL_DEL, 5, 4);
    closed.told_eof = true;
    closed.did = BIT(EVENT_LAST_RECEIVE) | BIT(EVENT_EPOLL_DEL);
    assert_false(compared());
}

static void one_of_two_stacks_that_it_may_be_is_neither_common_nor_another(void **state)
{
    (void)state;
    stuck(EVENT_LAST_RECEIVE, 2, 4);
    stuck(EVENT_LAST_SEND, 3, 4);
    closed_did(EVENT_LAST_RECEIVE, 2);
    closed_did(EVENT_LAST_RECEIVE, 8);
    closed_did(EVENT_LAST_SEND, 8);
    closed_did(EVENT_LAST_SEND, 9);
    assert_false(compared());
}

static void a_stack_that_was_taken_for_the_first_of_several_says_nothing(void **state)
{
    (void)state;
    stuck(EVENT_EPOLL_DEL, 2, 4);
    closed_did(EVENT_EPOLL_DEL, 8);
    closed.events[0].inferred = true;
    assert_false(compared());
}

static void what_some_of_the_stuck_did_is_not_said_of_them(void **state)
{
    (void)state;
    stuck(EVENT_EOF, 4, 3);
    stuck(EVENT_EPOLL_DEL, 5, 3);
    stuck(EVENT_LAST_SEND, 6, 2);
    stuck(EVENT_LAST_SEND, 7, 2);
    closed_did(EVENT_EOF, 4);       /* 3 of 4 */
    closed_did(EVENT_EPOLL_DEL, 9); /* the fourth may have, too */
    closed_did(EVENT_LAST_SEND, 7); /* some of them */
    assert_false(compared());
}

static void two_stacks_of_the_stuck_are_both_another_one(void **state)
{
    (void)state;
    stuck(EVENT_LAST_SEND, 6, 1);
    stuck(EVENT_LAST_SEND, 7, 3);
    closed_did(EVENT_LAST_SEND, 8);
    assert_true(compared());
    assert_int_equal(parting.n_unlike, 1);
    begin(NULL);
    stuck(EVENT_LAST_SEND, 6, 1);
    stuck(EVENT_LAST_SEND, 7, 3);
    group.told[0].n_either = 1; /* one socket may be in both, and another in none */
    closed_did(EVENT_LAST_SEND, 8);
    assert_false(compared());
}

static void stacks_that_read_the_same_are_one(void **state)
{
    (void)state;
    static const struct frame twin = {.symbol = "f", .file = "f.c", .line = 7};
    stuck(EVENT_LAST_SEND, 6, 4);
    stuck(EVENT_EPOLL_DEL, 7, 4);
    closed_did(EVENT_LAST_SEND, 8);
    closed_did(EVENT_EPOLL_DEL, 9);
    assert_true(compared());
    assert_int_equal(parting.n_unlike, 2);
    for (unsigned i = 0; i < group.n_told; i++)
        if (group.told[i].event == EVENT_LAST_SEND || group.told[i].was == EVENT_LAST_SEND) {
            group.told[i].frames = &twin;
            group.told[i].n_frames = 1;
        }
    static const struct frame other = {.symbol = "g", .file = "f.c", .line = 9};
    for (unsigned i = 0; i < group.n_told; i++)
        if (group.told[i].was == EVENT_EPOLL_DEL) {
            group.told[i].frames = &other;
            group.told[i].n_frames = 1;
        }
    assert_true(parting_of(&group, &group.told[group.n_told - 1], &parting));
    assert_int_equal(parting.same, BIT(EVENT_LAST_SEND));
    assert_int_equal(parting.n_unlike, 1);
    assert_int_equal(parting.unlike[0]->was, EVENT_EPOLL_DEL);
}

static void what_was_common_to_one_group_is_not_when_another_one_is_added(void **state)
{
    (void)state;
    stuck(EVENT_EOF, 4, 4);
    stuck(EVENT_SHUTDOWN, 5, 4);
    closed_did(EVENT_EOF, 4);
    assert_true(compared());
    assert_int_equal(parting.same, BIT(EVENT_EOF));
    assert_int_equal(parting.lacks, BIT(EVENT_SHUTDOWN));
    group.count = 9; /* five more, which saw no EOF and were not shut down */
    assert_false(parting_of(&group, &group.told[group.n_told - 1], &parting));
}

static void a_close_of_which_no_life_was_kept_is_not_compared(void **state)
{
    (void)state;
    stuck(EVENT_EOF, 4, 4);
    assert_false(parting_of(&group, &closer, &parting));
}

static void twins_of_a_closer_keep_what_parted(void **state)
{
    (void)state;
    static const struct frame by = {.symbol = "frees", .file = "f.c", .line = 1}, send = {.symbol = "sends", .file = "f.c", .line = 5};
    closed_did(EVENT_LAST_SEND, 8);
    parting_find(&group, &closer, &closed);
    struct told twin = {.event = EVENT_SIBLINGS, .call = CALL_CLOSE, .siteid = 51, .count = 9};
    group_told_enter(&group, &twin);
    group_told_enter(&group, &closer);
    for (unsigned i = 0; i < group.n_told; i++) {
        group.told[i].frames = group.told[i].event == EVENT_PARTED ? &send : &by;
        group.told[i].n_frames = 1;
    }
    group_told_named(&group);
    assert_int_equal(group.n_told, 2);
    assert_int_equal(group.told[0].event, EVENT_SIBLINGS);
    assert_int_equal(group.told[0].count, 12);
    assert_int_equal(group.told[0].siteid, 51);
    assert_true(parting_of(&group, &group.told[0], &parting));
    assert_int_equal(parting.n_unlike, 1);
    assert_true(group_told_is_within(&group, 1));
}

static void what_parted_never_takes_the_place_of_what_the_stuck_did(void **state)
{
    (void)state;
    for (unsigned event = EVENT_CONNECT_FAILED; event <= EVENT_DUP; event++)
        for (unsigned i = 0; i < TOLD_SHOWN; i++)
            stuck(event, 100 + event * 10 + i, 1);
    stuck(EVENT_SHUTDOWN, 9, 1);
    unsigned before = group.n_told;
    closer.count = 1000;
    closed_did(EVENT_LAST_SEND, 8);
    parting_find(&group, &closer, &closed);
    assert_int_equal(group.n_told, before);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup(t, begin)
    const struct CMUnitTest tests[] = {
        T(the_same_stacks_are_common_and_another_one_is_where_they_part),
        T(what_only_one_side_did_is_told),
        T(what_was_done_where_nobody_knows_is_not_lacking),
        T(one_of_two_stacks_that_it_may_be_is_neither_common_nor_another),
        T(a_stack_that_was_taken_for_the_first_of_several_says_nothing),
        T(what_some_of_the_stuck_did_is_not_said_of_them),
        T(two_stacks_of_the_stuck_are_both_another_one),
        T(stacks_that_read_the_same_are_one),
        T(what_was_common_to_one_group_is_not_when_another_one_is_added),
        T(a_close_of_which_no_life_was_kept_is_not_compared),
        T(twins_of_a_closer_keep_what_parted),
        T(what_parted_never_takes_the_place_of_what_the_stuck_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
