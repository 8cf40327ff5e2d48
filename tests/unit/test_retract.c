/* SPDX-License-Identifier: MIT */
/*
 * test_retract.c: reported sockets that are closed after all: each is noted once, by its last
 * descriptor, and not when the close did not happen.
 */
#include "tracked_agent.h"

#include "agent/base/clock.h"
#include "agent/base/options.h"
#include "agent/track/dup.h"
#include "agent/track/gate.h"
#include "agent/track/open_close.h"
#include "agent/track/retract.h"
#include "agent/stacks/sites.h"
#include "agent/base/sys.h"

#define FD 300
#define ROOM 512

/* As a look that saw a condition, and a report that named it, leave the slot of FD. */
static struct state_detail *reported(int fd, unsigned kind)
{
    state_ref ref;
    struct state_detail *d = table_alloc(EXTENT_DETAILS, sizeof *d / STATE_REF_UNIT, &ref);
    struct state_slot *s = slot_of(fd);
    assert_non_null(d);
    d->kind = (uint8_t)kind;
    d->since_ns = clock_now();
    d->fd = (uint32_t)fd;
    atomic_store(&d->gen, gen_of(fd));
    atomic_store(&d->reported, 1);
    atomic_store(&s->detail, ref);
    atomic_store(&s->watch_gen, gen_of(fd));
    return d;
}

static int fresh(void **state)
{
    (void)state;
    retract_reset();
    return gate_ready() ? 0 : -1;
}

static bool none(void)
{
    struct release r;
    return !retract_next(&r);
}

static void a_reported_socket_that_is_closed_is_noted_once(void **state)
{
    (void)state;
    struct release r;
    agent_options.native_frames = 32;
    open_at(FD);
    agent_options.native_frames = 0;
    struct state_detail *d = reported(FD, KIND_HANGUP);
    d->since_ns = clock_now() - 5000000000u;
    uint64_t siteid = sites_at(slot_of(FD)->site)->siteid;
    track_closing(FD);
    assert_true(retract_next(&r));
    assert_int_equal(r.fd, FD);
    assert_int_equal(r.kind, KIND_HANGUP);
    assert_true(siteid && r.siteid == siteid);
    assert_in_range(r.stuck_ns, 5000000000u, 3600000000000u);
    assert_true(none());
}

static void one_that_no_report_has_named_is_not(void **state)
{
    (void)state;
    open_at(FD);
    track_closing(FD);
    open_at(FD);
    atomic_store(&reported(FD, KIND_HANGUP)->reported, 0);
    track_closing(FD);
    assert_true(none());
}

/*
 * The details are the watcher's: those of the socket before, or of another slot by now, say nothing
 * of this one.
 */
static void what_is_known_of_another_socket_is_not_taken_for_this_ones(void **state)
{
    (void)state;
    open_at(FD);
    struct state_detail *d = reported(FD, KIND_HANGUP);
    atomic_store(&slot_of(FD)->watch_gen, gen_of(FD) - 1);
    track_closing(FD);
    assert_true(none());
    open_at(FD);
    d = reported(FD, KIND_HANGUP);
    atomic_store(&d->gen, gen_of(FD) + 1);
    track_closing(FD);
    assert_true(none());
    assert_int_equal(atomic_load(&d->reported), 1);
}

static void the_last_of_several_descriptors_is_the_one_that_tells(void **state)
{
    (void)state;
    struct release r;
    open_at(FD);
    track_duped(FD, FD + 1);
    track_duped(FD, FD + 2);
    reported(FD, KIND_HANGUP);
    reported(FD + 2, KIND_DEAD);
    atomic_store(&((struct state_detail *)table_at(atomic_load(&slot_of(FD + 2)->detail)))->reported, 0);
    track_closing(FD);
    track_closing(FD + 1);
    assert_true(none());
    track_closing(FD + 2); /* was not named itself, but its socket was */
    assert_true(retract_next(&r));
    assert_int_equal(r.fd, FD + 2);
    assert_true(none());
    /* Nobody was named: nobody is taken back. */
    open_at(FD);
    track_duped(FD, FD + 1);
    atomic_store(&reported(FD, KIND_HANGUP)->reported, 0);
    reported(FD + 1, KIND_HANGUP);
    atomic_store(&((struct state_detail *)table_at(atomic_load(&slot_of(FD + 1)->detail)))->reported, 0);
    track_closing(FD);
    track_closing(FD + 1);
    assert_true(none());
}

static void a_close_that_never_happened_takes_nothing_back(void **state)
{
    (void)state;
    struct release r;
    open_at(FD);
    struct state_detail *d = reported(FD, KIND_HANGUP);
    uint64_t token = track_closing(FD);
    track_close_failed(FD, token);
    assert_true(none());
    assert_int_equal(atomic_load(&d->reported), 1); /* so that the real close does */
    token = track_closing(FD);
    open_at(FD + 1);
    reported(FD + 1, KIND_DEAD);
    track_closing(FD + 1);
    track_close_failed(FD, token);
    assert_true(retract_next(&r)); /* what lies behind it is told at once */
    assert_int_equal(r.fd, FD + 1);
    assert_true(none());
    track_closing(FD);
    assert_true(retract_next(&r));
    assert_int_equal(r.fd, FD);
}

static void a_close_that_happened_is_told_though_the_number_is_open_again(void **state)
{
    (void)state;
    struct release r;
    open_at(FD);
    reported(FD, KIND_HANGUP);
    track_closing(FD);
    open_at(FD);
    struct state_detail *d = reported(FD, KIND_DEAD);
    atomic_store(&d->reported, 0);
    assert_true(retract_next(&r));
    assert_int_equal(r.kind, KIND_HANGUP);
    assert_int_equal(atomic_load(&d->reported), 0);
    track_closing(FD);
    /*
     * The slot is as it was, but what was known of it is gone: nothing could take the report back
     * later.
     */
    open_at(FD);
    d = reported(FD, KIND_HANGUP);
    uint64_t token = track_closing(FD);
    track_close_failed(FD, token);
    atomic_store(&d->gen, 0);
    assert_true(retract_next(&r));
    track_closing(FD);
}

/*
 * A report finds that one of its findings was closed while it was made: whatever has that number
 * now.
 */
static void a_finding_that_was_closed_meanwhile_is_told_as_it_was_reported(void **state)
{
    (void)state;
    struct release r;
    open_at(FD);
    struct state_detail *d = reported(FD, KIND_DEAD);
    atomic_store(&d->reported, 0);
    struct finding f = {.fd = FD, .kind = KIND_CLOSE_WAIT, .siteid = 77, .since_ns = clock_now() - 1000};
    retract_unmarked(&f);
    assert_true(retract_next(&r));
    assert_int_equal(r.siteid, 77);
    assert_int_equal(r.kind, KIND_CLOSE_WAIT);
    assert_true(r.stuck_ns >= 1000);
    assert_int_equal(atomic_load(&d->reported), 0);
    track_closing(FD);
}

static void a_full_ring_is_counted_and_loses_the_newest(void **state)
{
    (void)state;
    struct release r;
    uint64_t dropped = atomic_load(&table_head->dropped[DROP_RELEASE_RING]);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < ROOM + 3; i++) {
            struct finding f = {.fd = i, .since_ns = clock_now()};
            retract_unmarked(&f);
        }
        assert_int_equal(atomic_load(&table_head->dropped[DROP_RELEASE_RING]), dropped + 3u * (unsigned)(turn + 1));
        for (int i = 0; i < ROOM; i++) {
            assert_true(retract_next(&r));
            assert_int_equal(r.fd, i);
        }
        assert_true(none());
    }
}

static void a_forked_child_tells_nothing_of_its_parents(void **state)
{
    (void)state;
    struct release r;
    for (int i = 0; i < 3; i++) {
        struct finding f = {.fd = i, .since_ns = clock_now()};
        retract_unmarked(&f);
    }
    assert_true(retract_next(&r));
    retract_reset();
    assert_true(none());
    struct finding f = {.fd = 9, .since_ns = clock_now()};
    retract_unmarked(&f);
    assert_true(retract_next(&r));
    assert_int_equal(r.fd, 9);
    assert_true(none());
}

/* ---- at the same time ---- */

static struct finding ours = {.fd = 11, .siteid = 33, .kind = 1}, theirs = {.fd = 22, .siteid = 66, .kind = 2};
static struct release got[4];
static unsigned n_got;

static void one(void) { retract_unmarked(&ours); }
static void other(void) { retract_unmarked(&theirs); }
static void reads(void)
{
    while (n_got < 4 && retract_next(&got[n_got]))
        n_got++;
}

static bool whole(const struct release *r)
{
    return r->siteid == (uint64_t)r->fd * 3 && r->kind == r->fd / 11 && (r->fd == 11 || r->fd == 22);
}

static void notes_of_two_threads_come_whole_and_each_once(void **state)
{
    (void)state;
    long at = 1;
    for (bool inside = true; inside && at < 20000; at++) {
        n_got = 0;
        inside = interrupted(at, one, other);
        if (!inside)
            other();
        reads();
        assert_int_equal(n_got, 2);
        assert_true(whole(&got[0]) && whole(&got[1]) && got[0].fd != got[1].fd);
    }
    assert_in_range(at, LIVE_STEPS ? 20 : 0, 19999);
}

/* Each note is another one, so that what stood at its place before is not taken for it. */
static void next_note(void)
{
    ours.siteid += 3;
    ours.fd++;
    ours.kind = (uint8_t)((ours.kind + 1) % KIND_COUNT);
}
static bool is_ours(const struct release *r) { return r->siteid == ours.siteid && r->fd == ours.fd && r->kind == ours.kind; }

static void a_note_that_is_half_written_is_not_read(void **state)
{
    (void)state;
    long at = 1;
    for (bool inside = true; inside && at < 20000; at++) {
        n_got = 0;
        next_note();
        inside = interrupted(at, one, reads);
        reads();
        assert_int_equal(n_got, 1);
        assert_true(is_ours(&got[0]));
        /* Nor by a child, which begins with an empty ring. */
        retract_reset();
        next_note();
        one();
        retract_reset();
        n_got = 0;
        next_note();
        interrupted(at, one, reads);
        reads();
        assert_int_equal(n_got, 1);
        assert_true(is_ours(&got[0]));
    }
    assert_in_range(at, LIVE_STEPS ? 20 : 0, 19999);
}

#define CASE(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_reported_socket_that_is_closed_is_noted_once),
        CASE(one_that_no_report_has_named_is_not),
        CASE(what_is_known_of_another_socket_is_not_taken_for_this_ones),
        CASE(the_last_of_several_descriptors_is_the_one_that_tells),
        CASE(a_close_that_never_happened_takes_nothing_back),
        CASE(a_close_that_happened_is_told_though_the_number_is_open_again),
        CASE(a_finding_that_was_closed_meanwhile_is_told_as_it_was_reported),
        CASE(a_full_ring_is_counted_and_loses_the_newest),
        CASE(a_forked_child_tells_nothing_of_its_parents),
        CASE(notes_of_two_threads_come_whole_and_each_once),
        CASE(a_note_that_is_half_written_is_not_read),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
