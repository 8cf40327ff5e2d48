/* SPDX-License-Identifier: MIT */
/*
 * test_dup.c: sockets that come by other ways than being opened: second references, adopted and
 * inherited ones.
 */
#include "tracked_agent.h"

#include "agent/track/probe.h"
#include "agent/base/thread.h"
#include "agent/track/adopt.h"
#include "agent/track/dup.h"
#include "agent/track/gate.h"
#include "agent/track/open_close.h"
#include "agent/track/outcome.h"

#define FD 300
#define NEW 310

static const struct state_share *share_of(int fd) { return table_at(slot_of(fd)->share); }

static void a_second_reference_is_the_same_socket_with_all_that_is_known_of_it(void **state)
{
    (void)state;
    this_thread.tag = 5;
    open_at(FD);
    this_thread.tag = 0;
    struct state_slot *s = slot_of(FD);
    s->tid = 99;
    track_connected(FD, -1, ECONNREFUSED, NULL, 0);
    atomic_store(&s->told_site, 77);
    this_thread.paused = 1; /* says nothing of a socket that is older */
    track_duped(FD, NEW);
    this_thread.paused = 0;
    const struct state_slot *n = slot_of(NEW);
    assert_int_equal(n->opened_ns, s->opened_ns);
    assert_int_equal(n->tid, 99);
    assert_int_equal(n->tag, 5);
    assert_int_equal(n->family, s->family);
    assert_int_equal(n->type_origin, s->type_origin);
    assert_int_equal(flags_of(NEW), SLOT_TOLD_ERROR);
    assert_int_equal(atomic_load(&n->told_errno), ECONNREFUSED);
    assert_int_equal(atomic_load(&n->told_site), 77);
    assert_true(atomic_load(&n->told_ns) && atomic_load(&n->told_ns) == atomic_load(&s->told_ns));
    track_closing(FD);
    track_closing(NEW);
}

static void a_socket_is_opened_once_and_closed_with_the_last_of_its_descriptors(void **state)
{
    (void)state;
    uint64_t opened = n_opened(), closed = n_closed();
    open_at(FD);
    track_duped(FD, NEW);
    track_duped(NEW, NEW + 1);
    assert_ptr_equal(share_of(NEW + 1), share_of(FD));
    assert_int_equal(atomic_load(&share_of(FD)->refs), 3);
    assert_int_equal(n_opened(), opened + 1);
    track_closing(NEW);
    track_closing(FD);
    assert_int_equal(n_closed(), closed);
    uint64_t token = track_closing(NEW + 1);
    assert_int_equal(n_closed(), closed + 1);
    track_close_failed(NEW + 1, token);
    assert_int_equal(n_closed(), closed);
    track_duped(NEW + 1, FD);
    token = track_closing(FD); /* another holds it, before and after */
    track_close_failed(FD, token);
    assert_int_equal(n_closed(), closed);
    track_closing(FD);
    track_closing(NEW + 1);
    assert_int_equal(n_closed(), closed + 1);
}

static void a_shutdown_before_or_after_the_duplicate_is_one_of_both(void **state)
{
    (void)state;
    open_at(FD);
    track_shutdown(FD, SHUT_WR);
    track_duped(FD, NEW);
    track_shutdown(NEW, SHUT_RD);
    assert_int_equal(slot_flags(slot_of(FD)), SLOT_SHUT_WR | SLOT_SHUT_RD);
    assert_int_equal(slot_flags(slot_of(NEW)), SLOT_SHUT_WR | SLOT_SHUT_RD);
    track_closing(FD);
    track_duped(NEW, FD + 1);
    track_closing(NEW);
    assert_int_equal(slot_flags(slot_of(FD + 1)), SLOT_SHUT_WR | SLOT_SHUT_RD);
    track_closing(FD + 1);
}

static void a_duplicate_of_no_socket_ends_what_the_number_was_before(void **state)
{
    (void)state;
    uint64_t closed = n_closed();
    open_at(NEW);
    track_duped(FD, NEW);
    assert_int_equal(phase_of(NEW), SLOT_EMPTY);
    assert_int_equal(n_closed(), closed + 1);
    open_at(FD);
    track_duped(FD, FD);
    track_duped(FD, -1);
    assert_null(share_of(FD));
    track_closing(FD);
}

static int without_room(void *arg)
{
    (void)arg;
    /*
     * A small address space gets a small table: this child's own, which is made by its first
     * socket.
     */
    struct rlimit limit = {1ull << 40, 1ull << 40};
    WANT(setrlimit(RLIMIT_AS, &limit) == 0);
    track_opened(FD, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    WANT(phase_of(FD) == SLOT_LIVE);
    track_duped(FD, NEW);
    track_closing(NEW);
    WANT(share_of(FD) && atomic_load(&share_of(FD)->refs) == 1);
    for (int fd = 1 << 20; slot_make(fd); fd += 64)
        WANT(fd < 1 << 21);
    track_duped(FD, NEW + 64);
    WANT(phase_of(NEW + 64) == SLOT_EMPTY);
    WANT(atomic_load(&share_of(FD)->refs) == 1);
    uint64_t closed = n_closed();
    track_closing(FD);
    WANT(n_closed() == closed + 1);
    WANT(atomic_load(&table_head->dropped[DROP_TABLE_FULL]) >= 2);
    return 0;
}

static void a_duplicate_that_finds_no_room_is_no_reference(void **state)
{
    (void)state;
    assert_int_equal(in_child(without_room, NULL), 0);
}

static int nested_duplicates(void *arg)
{
    (void)arg;
    struct rlimit limit = {1ull << 40, 1ull << 40};
    WANT(setrlimit(RLIMIT_AS, &limit) == 0);
    track_opened(FD, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    WANT(slot_make(NEW) != NULL);
    for (int fd = 1 << 20; slot_make(fd); fd += 64)
        ;
    track_duped(FD, NEW); /* there is no room for a share: two sockets, then, but no crash */
    WANT(phase_of(NEW) == SLOT_LIVE && share_of(NEW) == NULL);
    return 0;
}

static void a_duplicate_without_room_for_what_is_shared_is_entered_all_the_same(void **state)
{
    (void)state;
    assert_int_equal(in_child(nested_duplicates, NULL), 0);
}

/* ---- at the same time ---- */

static void one(void) { track_duped(FD, NEW); }
static void other(void) { track_duped(FD, NEW + 1); }

static void two_threads_that_duplicate_one_socket_share_it(void **state)
{
    (void)state;
    long at = 1;
    for (bool inside = true; inside && at < 20000; at++) {
        open_at(FD);
        inside = interrupted(at, one, other);
        if (!inside)
            other();
        assert_non_null(share_of(FD));
        assert_ptr_equal(share_of(FD), share_of(NEW));
        assert_ptr_equal(share_of(FD), share_of(NEW + 1));
        assert_int_equal(atomic_load(&share_of(FD)->refs), 3);
        track_closing(FD);
        track_closing(NEW);
        track_closing(NEW + 1);
    }
    assert_in_range(at, LIVE_STEPS ? 100 : 0, 19999);
}

static void shuts(void) { track_shutdown(FD, SHUT_WR); }

static void a_shutdown_at_any_step_of_a_duplicate_is_one_of_both(void **state)
{
    (void)state;
    long at = 1;
    for (bool inside = true; inside && at < 20000; at++) {
        open_at(FD);
        inside = interrupted(at, one, shuts);
        if (inside)
            assert_true(slot_flags(slot_of(FD)) & slot_flags(slot_of(NEW)) & SLOT_SHUT_WR);
        track_closing(FD);
        track_closing(NEW);
    }
}

/* ---- adopted and imported ---- */

static void what_is_adopted_is_what_the_kernel_says(void **state)
{
    (void)state;
    int pair[2], alone = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    live_connect(pair);
    assert_true(track_adopt(pair[0], ORIGIN_UNSEEN, probe_cookie(pair[0])));
    assert_int_equal(flags_of(pair[0]), SLOT_ADOPTED | SLOT_CONNECTED);
    assert_true(track_adopt(pair[1], ORIGIN_INHERITED, probe_cookie(pair[1])));
    assert_int_equal(flags_of(pair[1]), SLOT_ADOPTED | SLOT_CONNECTED | SLOT_INHERITED | SLOT_AWAITED);
    assert_true(track_adopt(alone, ORIGIN_INHERITED, probe_cookie(alone)));
    assert_int_equal(flags_of(alone), SLOT_ADOPTED | SLOT_INHERITED);
    assert_int_equal(slot_of(alone)->family, AF_INET6);
    close(alone);
    track_closing(alone);
    assert_false(track_adopt(alone, ORIGIN_UNSEEN, 1));
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_false(track_adopt(file, ORIGIN_UNSEEN, 0)); /* no socket, no cookie */
    for (int i = 0; i < 2; i++) {
        track_closing(pair[i]);
        close(pair[i]);
    }
    close(file);
}

static void what_is_imported_keeps_what_holds_for_the_child_too(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct state_slot parents = {.opened_ns = 12, .family = AF_INET, .type_origin = SOCK_STREAM | ORIGIN_ACCEPT << 4, .tid = 5, .tag = 6};
    atomic_store(&parents.flags, 0xffff);
    assert_true(track_import(fd, &parents, 0, probe_cookie(fd)));
    const struct state_slot *s = slot_of(fd);
    assert_int_equal(flags_of(fd), 0xffff & ~(SLOT_TOLD_EOF | SLOT_TOLD_ERROR | SLOT_USED | 1 << 14 | 1 << 15));
    assert_int_equal(SLOT_ORIGIN(s), ORIGIN_INHERITED);
    assert_int_equal(s->opened_ns, 12);
    assert_int_equal(s->tid, 0);
    track_closing(fd);
    /* Neither the ends of a socketpair nor what was never connected is waited for. */
    parents.type_origin = SOCK_STREAM | ORIGIN_SOCKETPAIR << 4;
    assert_true(track_import(fd, &parents, 0, probe_cookie(fd)));
    assert_int_equal(flags_of(fd) & SLOT_AWAITED, 0);
    track_closing(fd);
    assert_false(track_import(fd, &parents, 0, probe_cookie(fd) + 1));
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
        cmocka_unit_test(a_second_reference_is_the_same_socket_with_all_that_is_known_of_it),
        cmocka_unit_test(a_socket_is_opened_once_and_closed_with_the_last_of_its_descriptors),
        cmocka_unit_test(a_shutdown_before_or_after_the_duplicate_is_one_of_both),
        cmocka_unit_test(a_duplicate_of_no_socket_ends_what_the_number_was_before),
        cmocka_unit_test(a_duplicate_that_finds_no_room_is_no_reference),
        cmocka_unit_test(a_duplicate_without_room_for_what_is_shared_is_entered_all_the_same),
        cmocka_unit_test(two_threads_that_duplicate_one_socket_share_it),
        cmocka_unit_test(a_shutdown_at_any_step_of_a_duplicate_is_one_of_both),
        cmocka_unit_test(what_is_adopted_is_what_the_kernel_says),
        cmocka_unit_test(what_is_imported_keeps_what_holds_for_the_child_too),
    };
    return live_end(cmocka_run_group_tests(tests, first_table, NULL));
}
