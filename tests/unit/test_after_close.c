/* SPDX-License-Identifier: MIT */
/*
 * test_after_close.c: calls on a descriptor that was closed before: which are recorded, and all that
 * only looks so.
 */
#define LIVE_OPTIONS "interval=0:max_frames=16:grace=30s:leak_check_at_exit=0:closes=1"
#include "live_agent.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agent/base/clock.h"
#include "agent/base/thread.h"
#include "agent/report/uses.h"
#include "agent/stacks/sites.h"
#include "agent/track/after_close.h"
#include "agent/track/dup.h"
#include "agent/track/quiet.h"
#include "agent/track/registered.h"

#define FD 700 /* open nowhere: the events are the test's */

/* ---- a second thread, which lives as long as the test ---- */

static void (*_Atomic task)(void);
static pthread_t second;
static _Atomic uint32_t second_tid;
static _Atomic bool over;

static void *serve(void *unused)
{
    atomic_store(&second_tid, thread_tid());
    while (!atomic_load(&over)) {
        void (*t)(void) = atomic_load(&task);
        if (t) {
            t();
            atomic_store(&task, NULL);
        }
    }
    return unused;
}

static void start_second(void)
{
    atomic_store(&over, false);
    atomic_store(&second_tid, 0);
    assert_int_equal(pthread_create(&second, NULL, serve, NULL), 0);
    while (!atomic_load(&second_tid))
        ;
}

static void end_second(void)
{
    atomic_store(&over, true);
    assert_int_equal(pthread_join(second, NULL), 0);
}

static void by_second(void (*what)(void))
{
    atomic_store(&task, what);
    while (atomic_load(&task))
        ;
}

/* ---- the events ---- */

static void open_it(void) { track_opened(FD, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET); }
static void close_it(void) { track_closing(FD); }
static void receive_on_it(void) { track_received(FD, 1, 0, 1, 0); }
static void close_nothing(void) { after_close_closed(FD, EBADF, CALL_CLOSE); }

/* Another stack than open_it's from here: its sites are known to have been handed over by earlier tests. */
static unsigned n_sites;
static void open_at_a_new_site(void)
{
    uint64_t address = 8192 + 16 * ++n_sites;
    open_it();
    slot_of(FD)->site = sites_intern_call(&address, 1, CALL_SOCKET);
}

static unsigned n_uses(const struct state_use **last)
{
    struct state_view view = table_view();
    uint64_t pos = 0;
    unsigned n = 0;
    for (const struct state_use *u; (u = state_next_use(&view, &pos)) != NULL; n++)
        if (last)
            *last = u;
    return n;
}

/* Uses that were recorded since the last call. */
static unsigned known;
static unsigned n_new(void)
{
    unsigned n = n_uses(NULL), before = known;
    known = n;
    return n - before;
}

static int begin(void **state)
{
    (void)state;
    if (!live_start())
        return -1;
    after_close_start(true);
    known = n_uses(NULL);
    start_second();
    return 0;
}

static int end(void **state)
{
    (void)state;
    end_second();
    track_closing(FD);
    this_thread.closing.length = 0;
    return 0;
}

/* ---- EBADF ---- */

static void a_second_close_is_recorded_with_who_opened_and_closed_first(void **state)
{
    (void)state;
    const struct state_use *u = NULL;
    by_second(open_it);
    close_it();
    state_ref opened = slot_of(FD)->site;
    close_nothing();
    assert_int_equal(n_new(), 1);
    n_uses(&u);
    assert_int_equal(u->fd, FD);
    assert_int_equal(u->error, EBADF);
    assert_int_equal(u->call, CALL_CLOSE);
    assert_int_equal(u->opened_tid, second_tid);
    assert_int_equal(u->closed_tid, thread_tid());
    assert_int_equal(u->used_tid, thread_tid());
    assert_int_equal(u->victim_tid, 0);
    assert_int_equal(u->opened, opened);
    assert_int_equal(sites_at(u->closed)->call, CALL_CLOSE);
    assert_int_not_equal(u->used, 0);
    assert_int_equal(u->family, AF_INET);
    assert_true(u->opened_ns <= u->closed_ns && u->closed_ns <= u->used_ns);
    close_nothing();
    assert_int_equal(n_new(), 0); /* once */
}

static void a_receive_and_a_send_are_recorded_once_and_apart_from_the_close(void **state)
{
    (void)state;
    open_it();
    close_it();
    track_received(FD, -1, EBADF, 1, 0);
    assert_int_equal(n_new(), 1);
    track_sent(FD, -1, EBADF);
    assert_int_equal(n_new(), 0);
    close_nothing();
    assert_int_equal(n_new(), 1);
}

static void what_was_never_closed_here_is_nothing(void **state)
{
    (void)state;
    after_close_closed(FD + 9, EBADF, CALL_CLOSE);
    after_close_closed(-1, EBADF, CALL_CLOSE);
    track_received(FD + 9, -1, EBADF, 1, 0);
    open_it();
    track_received(FD, -1, EBADF, 1, 0); /* it is open as far as is known */
    track_received(FD, -1, EAGAIN, 1, 0);
    assert_int_equal(n_new(), 0);
}

static void another_error_is_no_use_after_the_close(void **state)
{
    (void)state;
    open_it();
    close_it();
    after_close_closed(FD, EIO, CALL_CLOSE);
    assert_int_equal(n_new(), 0);
}

static void a_number_that_somebody_else_has_had_since_says_nothing(void **state)
{
    (void)state;
    open_it();
    close_it();
    after_close_closed(FD, 0, CALL_CLOSE); /* a file's */
    close_nothing();
    assert_int_equal(n_new(), 0);
    open_it();
    close_it();
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(file, FD), FD);
    track_received(FD, 0, 0, 1, 0);
    close(FD);
    close(file);
    close_nothing();
    track_received(FD, -1, EBADF, 1, 0);
    assert_int_equal(n_new(), 0);
}

static void a_receive_that_ends_after_the_close_was_under_way(void **state)
{
    (void)state;
    const struct state_use *u = NULL;
    open_it();
    close_it();
    this_thread.call = CALL_RECV;
    track_received(FD, 5, 0, 5, 0);
    assert_int_equal(n_new(), 0); /* it may have returned before the close */
    usleep(300000);
    this_thread.call = CALL_SEND;
    track_sent(FD, 5, 0);
    assert_int_equal(n_new(), 0);
    this_thread.call = CALL_RECV;
    track_received(FD, 5, 0, 5, 0);
    this_thread.call = 0;
    assert_int_equal(n_new(), 1);
    n_uses(&u);
    assert_int_equal(u->flags, USE_UNDER_WAY);
    assert_int_equal(u->error, 0);
}

static void a_thread_that_the_watcher_finds_inside_a_receive_was_under_way(void **state)
{
    (void)state;
    const struct state_use *u = NULL;
    while (after_close_any())
        ;
    open_it();
    assert_false(after_close_is_gone(FD)); /* nobody has closed it */
    after_close_blocked(FD, 4711, CALL_RECV);
    assert_false(after_close_any());
    close_it();
    assert_true(after_close_any() && after_close_any());
    assert_false(after_close_any());
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(file, FD), FD);
    after_close_blocked(FD, 4711, CALL_RECV); /* on the file */
    close(FD);
    close(file);
    assert_int_equal(n_new(), 0);
    after_close_blocked(FD, 4711, CALL_RECV);
    assert_int_equal(n_new(), 1);
    n_uses(&u);
    assert_int_equal(u->used_tid, 4711);
    assert_int_equal(u->flags, USE_UNDER_WAY);
    after_close_blocked(FD, 4711, CALL_RECV);
    track_received(FD, 1, 0, 1, 0); /* it has returned */
    assert_int_equal(n_new(), 0);
}

static void a_close_that_failed_was_none(void **state)
{
    (void)state;
    open_it();
    uint64_t token = track_closing(FD);
    track_close_failed(FD, token);
    track_received(FD, -1, EBADF, 1, 0);
    token = track_closing_range(FD, FD) ? 1 : 0;
    assert_int_equal(token, 1);
    close_nothing(); /* closed by a range */
    assert_int_equal(n_new(), 0);
}

static void a_close_that_failed_is_not_the_first_of_two(void **state)
{
    (void)state;
    open_it();
    track_close_failed(FD, track_closing(FD));
    track_vanished(FD, SLOT_GEN(atomic_load(&slot_of(FD)->word)));
    this_thread.closing.length = 0;
    by_second(open_at_a_new_site);
    close_it();
    assert_int_equal(n_new(), 0);
}

static void a_socket_that_is_to_be_ignored_is(void **state)
{
    (void)state;
    open_it();
    atomic_fetch_or(&slot_of(FD)->flags, SLOT_IGNORED);
    close_it();
    close_nothing();
    assert_int_equal(n_new(), 0);
}

/* ---- sweeps ---- */

static void closes(int from, int step, int n)
{
    for (int i = 0; i < n; i++)
        after_close_closed(from + i * step, EBADF, CALL_CLOSE);
}

static void a_sweep_takes_back_what_its_first_closes_said(void **state)
{
    (void)state;
    for (int step = -1; step <= 1; step += 2)
        for (int n = 3; n <= 6; n++) {
            this_thread.closing.length = 0;
            for (int i = 0; i < 3; i += 2) {
                track_opened(FD + i * step, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
                track_closing(FD + i * step);
            }
            this_thread.closing.length = 0;
            closes(FD, step, n);
            assert_int_equal(n_new(), n < 4 ? 2 : 0);
            known = n_uses(NULL);
        }
}

static void a_sweep_may_leave_out_what_the_program_keeps(void **state)
{
    (void)state;
    for (int step = -1; step <= 1; step += 2)
        for (int kept = 1; kept <= 3; kept++) {
            unsigned before = n_uses(NULL);
            open_it();
            close_it();
            this_thread.closing.length = 0;
            close_nothing();
            assert_int_equal(n_uses(NULL), before + 1);
            closes(FD + step * (kept + 1), step, 3);
            track_received(FD, -1, EBADF, 1, 0);
            assert_int_equal(n_uses(NULL), before);
        }
    known = n_uses(NULL);
    /* these are open when they are closed; and one of them is closed again */
    static const int number[] = {FD, FD + 2, FD + 3, FD + 4};
    for (int i = 0; i < 4; i++)
        track_opened(number[i], AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    for (int i = 0; i < 4; i++)
        track_closing(number[i]);
    after_close_closed(FD + 3, EBADF, CALL_CLOSE);
    assert_int_equal(n_new(), 1);
}

static void closes_of_other_numbers_and_of_other_threads_are_no_sweep(void **state)
{
    (void)state;
    open_it();
    close_it();
    this_thread.closing.length = 0;
    close_nothing();
    closes(FD + 5, 1, 4);
    assert_int_equal(n_new(), 1);
    open_it();
    close_it();
    this_thread.closing.length = 0;
    closes(FD, 2, 5);
    assert_int_equal(n_new(), 1);
    open_it();
    close_it();
    this_thread.closing.length = 0;
    for (int i = 0; i < 3; i++) /* to and fro */
        closes(FD, 1, 2);
    assert_int_equal(n_new(), 1);
    open_it();
    close_it();
    this_thread.closing.length = 0;
    closes(FD - 3, 1, 3);
    by_second(close_nothing);
    assert_int_equal(n_new(), 1);
}

static void what_a_sweep_has_closed_says_nothing_later(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        track_opened(FD + i, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    for (int i = 0; i < 5; i++)
        track_closing(FD + i);
    for (int i = 0; i < 5; i += 2)
        track_received(FD + i, -1, EBADF, 1, 0);
    assert_int_equal(n_new(), 0);
}

/* ---- a close that succeeds ---- */

/* This thread closes the number for the second time; the second thread has opened it meanwhile. */
static unsigned hits(void (*before)(void), void (*between)(void), void (*after)(void))
{
    after_close_start(true);
    (before ? before : open_it)();
    close_it();
    this_thread.closing.length = 0;
    if (between)
        between();
    by_second(open_at_a_new_site);
    if (after)
        after();
    close_it();
    return n_new();
}

static void open_by_second(void) { by_second(open_it); }
static void open_by_second_and_use(void)
{
    by_second(open_it);
    receive_on_it();
}
static void second_is_gone(void)
{
    end_second();
    start_second();
}
static void third_closes(void)
{
    by_second(open_it);
    by_second(close_it);
}
static void one_vanishes(void)
{
    by_second(open_it);
    track_vanished(FD, SLOT_GEN(atomic_load(&slot_of(FD)->word)));
}
static void file_closes(void) { after_close_closed(FD, 0, CALL_CLOSE); }
static void send_on_it(void) { track_sent(FD, 1, 0); }
static void shut_it(void) { track_shutdown(FD, SHUT_WR); }
static void watch_it(void) { track_registered(5, 1, FD, 77); }
static void is_a_copy(void) { slot_of(FD)->share = 1; }
static void is_inherited(void) { slot_of(FD)->type_origin = SOCK_STREAM | ORIGIN_INHERITED << 4; }
static void is_not_copied_any_more(void) { slot_of(FD)->share = 0; }
static void its_site_is_handed_over(void)
{
    /* one of the same site, which the second thread has opened and this one calls on */
    state_ref site = slot_of(FD)->site;
    struct state_slot other = *slot_of(FD);
    other.site = site;
    after_close_touched(FD + 40, &other);
}

static void a_close_that_hits_another_threads_socket_is_recorded(void **state)
{
    (void)state;
    const struct state_use *u = NULL;
    assert_int_equal(hits(NULL, NULL, NULL), 1);
    n_uses(&u);
    assert_int_equal(u->error, 0);
    assert_int_equal(u->victim_tid, second_tid);
    assert_int_equal(u->victim, slot_of(FD)->site);
    assert_int_equal(u->opened_tid, thread_tid());
    track_sent(FD, -1, EBADF); /* what its owner calls then follows from that */
    close_nothing();
    assert_int_equal(n_new(), 0);
    assert_int_equal(hits(open_by_second_and_use, NULL, NULL), 1);
}

static void a_close_by_a_thread_that_has_to_do_with_the_socket_is_its_own(void **state)
{
    (void)state;
    assert_int_equal(hits(open_by_second, NULL, NULL), 0); /* it only closes, here as there */
    assert_int_equal(hits(NULL, NULL, receive_on_it), 0);
    assert_int_equal(hits(NULL, NULL, send_on_it), 0);
    assert_int_equal(hits(NULL, NULL, shut_it), 0);
    assert_int_equal(hits(NULL, NULL, watch_it), 0);
    assert_int_equal(hits(NULL, NULL, its_site_is_handed_over), 0);
    assert_int_equal(hits(NULL, NULL, second_is_gone), 0);
    assert_int_equal(hits(NULL, third_closes, NULL), 0);
    assert_int_equal(hits(NULL, one_vanishes, NULL), 0);
    assert_int_equal(hits(NULL, file_closes, NULL), 0);
    assert_int_equal(hits(NULL, NULL, is_inherited), 0);
    assert_int_equal(hits(NULL, NULL, NULL), 1); /* and so it is none of these */
}

static void a_copy_is_never_judged(void **state)
{
    (void)state;
    struct state_slot *slot;
    open_it();
    close_it();
    this_thread.closing.length = 0;
    by_second(open_at_a_new_site);
    slot = slot_of(FD);
    is_a_copy();
    after_close_leaving(FD, slot, SLOT_GEN(atomic_load(&slot->word)), CALL_CLOSE);
    is_not_copied_any_more();
    assert_int_equal(n_new(), 0);
}

static void ones_own_descriptor_is_never_called_closed_already(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        open_it();
        receive_on_it();
        close_it();
        this_thread.closing.length = 0;
    }
    by_second(open_it);
    by_second(close_it);
    open_it();
    close_it();
    assert_int_equal(n_new(), 0);
}

/* ---- the rest ---- */

static void it_is_due_when_it_can_be_no_sweep_any_more_and_then_once(void **state)
{
    (void)state;
    const struct state_use *u = NULL;
    uses_all_reported(UINT64_MAX);
    open_it();
    close_it();
    close_nothing();
    n_uses(&u);
    assert_false(uses_any_due(u->used_ns - 1));
    assert_int_equal(uses_next_due(u->used_ns - 1), u->used_ns + USES_SETTLE_NS);
    assert_true(uses_any_due(u->used_ns));
    assert_int_equal(uses_next_due(u->used_ns), UINT64_MAX);
    uses_all_reported(u->used_ns - 1);
    assert_true(uses_any_due(u->used_ns));
    uses_all_reported(u->used_ns);
    assert_false(uses_any_due(UINT64_MAX));
    assert_int_equal(uses_count(), n_uses(NULL));
}

static int child_closes(void *arg)
{
    (void)arg;
    alarm(30);
    track_opened(FD + 1, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET); /* makes its table */
    close_nothing();
    track_received(FD, -1, EBADF, 1, 0);
    return (int)n_uses(NULL);
}

static void a_child_of_fork_knows_nothing_of_what_its_parent_closed(void **state)
{
    (void)state;
    open_it();
    close_it();
    pid_t child = fork();
    if (child == 0)
        _exit(child_closes(NULL));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void every_transfer_stays_an_event(void **state)
{
    (void)state;
    open_it();
    receive_on_it(); /* the first that gave data ends it in other processes */
    assert_true(track_quiet == SSIZE_MAX);
    quiet_await();
    quiet_settle();
    assert_true(track_quiet == SSIZE_MAX);
}

static void errno_is_kept(void **state)
{
    (void)state;
    open_it();
    errno = EXDEV;
    close_it();
    close_nothing();
    track_received(FD, -1, EBADF, 1, 0);
    assert_int_equal(errno, EXDEV);
}

static void with_closes_0_nothing_is_kept(void **state)
{
    (void)state;
    after_close_start(false);
    open_it();
    close_it();
    track_received(FD, -1, EBADF, 1, 0);
    assert_int_equal(n_new(), 0);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_second_close_is_recorded_with_who_opened_and_closed_first),
        T(a_receive_and_a_send_are_recorded_once_and_apart_from_the_close),
        T(what_was_never_closed_here_is_nothing),
        T(another_error_is_no_use_after_the_close),
        T(a_number_that_somebody_else_has_had_since_says_nothing),
        T(a_receive_that_ends_after_the_close_was_under_way),
        T(a_thread_that_the_watcher_finds_inside_a_receive_was_under_way),
        T(a_close_that_failed_was_none),
        T(a_close_that_failed_is_not_the_first_of_two),
        T(a_socket_that_is_to_be_ignored_is),
        T(a_sweep_takes_back_what_its_first_closes_said),
        T(a_sweep_may_leave_out_what_the_program_keeps),
        T(closes_of_other_numbers_and_of_other_threads_are_no_sweep),
        T(what_a_sweep_has_closed_says_nothing_later),
        T(a_close_that_hits_another_threads_socket_is_recorded),
        T(a_close_by_a_thread_that_has_to_do_with_the_socket_is_its_own),
        T(a_copy_is_never_judged),
        T(ones_own_descriptor_is_never_called_closed_already),
        T(it_is_due_when_it_can_be_no_sweep_any_more_and_then_once),
        T(a_child_of_fork_knows_nothing_of_what_its_parent_closed),
        T(every_transfer_stays_an_event),
        T(errno_is_kept),
        T(with_closes_0_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
