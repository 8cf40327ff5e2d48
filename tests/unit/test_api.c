/* SPDX-License-Identifier: MIT */
/*
 * test_api.c: the public calls: what they count, how long they wait, what they leave as it was.
 *
 * The code is compiled in, over a clock, a lock and a sleep that the tests may take part in.
 */
#define LIVE_OPTIONS "interval=0:grace=30s:color=always:symbolize=0"
#include "live_agent.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#define SOCKLEAK_AGENT
#include "sockleak.h"

#include "agent/report/build.h"
#include "agent/base/clock.h"
#include "agent/base/options.h"
#include "agent/base/thread.h"
#include "agent/track/dup.h"
#include "agent/track/outcome.h"
#include "agent/watch/wake.h"
#include "agent/watch/check.h"
#include "agent/base/scratch.h"
#include "agent/base/sys.h"
#include "agent/table/tags.h"
#include "agent/track/close_bell.h"

static bool lock_is_taken;
static void (*during_look)(void), (*asleep)(void);
static unsigned slept;
static uint64_t longest_sleep, clock_ahead, clock_stands; /* CLOCK_STANDS: only sleeps take time; 0: the real clock */
static uint32_t slept_on, bell_then;

static uint64_t clock_of_test(void) { return (clock_stands ? clock_stands : clock_now()) + clock_ahead; }
static bool lock_or_not(unsigned ms) { return !lock_is_taken && watch_lock(ms); }
static uint64_t look_and_stop(uint64_t min_age)
{
    uint64_t r = check_all(min_age);
    if (during_look)
        during_look();
    return r;
}

/* A sleep that is over at once, with the time that it would have taken. */
static long sleep_call(volatile void *word, int op, uint32_t value, const struct timespec *limit, volatile void *word2, uint32_t value3)
{
    (void)op, (void)word2, (void)value3;
    slept++;
    slept_on = value;
    bell_then = *(volatile uint32_t *)word;
    assert_true(slept < 1000);
    uint64_t ns = limit ? (uint64_t)limit->tv_sec * 1000000000u + (uint64_t)limit->tv_nsec : UINT64_MAX;
    longest_sleep = ns > longest_sleep ? ns : longest_sleep;
    clock_ahead += ns;
    if (asleep)
        asleep();
    return 0;
}

#define clock_now clock_of_test
#define watch_lock lock_or_not
#define check_all look_and_stop
#define sys_futex sleep_call
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/api.c"
#undef clock_now
#undef watch_lock
#undef check_all
#undef sys_futex

static int setup(void **state)
{
    int r = live_setup(state);
    lock_is_taken = false;
    during_look = asleep = NULL;
    slept = 0;
    longest_sleep = clock_ahead = clock_stands = 0;
    this_thread.paused = 0;
    this_thread.tag = 0;
    live_capture();
    return r;
}

#define EVERYTHING SOCKLEAK_ALL

static int closing_fd;
static void close_it(void)
{
    if (closing_fd >= 0)
        live_close(closing_fd);
    closing_fd = -1;
}
static void close_it_unseen(void)
{
    if (closing_fd >= 0)
        close(closing_fd);
    closing_fd = -1;
}

static int ignore_finding(const struct sockleak_finding *f, void *arg)
{
    (void)f;
    ++*(int *)arg;
    return 0;
}

/* ---- not there ---- */

static void where_nothing_is_recorded_no_check_passes(void **state)
{
    (void)state;
    int n = 0;
    char text[8];
    atomic_store(&table_head->enabled, 0);
    errno = 0;
    assert_int_equal(sockleak_active(), 0);
    assert_int_equal(sockleak_mark(), 0);
    assert_int_equal(sockleak_check(0, EVERYTHING, 0), -1);
    assert_int_equal(errno, ENOSYS);
    errno = 0;
    assert_int_equal(sockleak_report(1, 0, EVERYTHING), -1);
    assert_int_equal(errno, ENOSYS);
    errno = 0;
    assert_int_equal(sockleak_text(text, sizeof text, 0, EVERYTHING), -1);
    assert_int_equal(errno, ENOSYS);
    errno = 0;
    assert_int_equal(sockleak_each(0, EVERYTHING, ignore_finding, &n), -1);
    assert_int_equal(errno, ENOSYS);
    sockleak_ignore(1);
    sockleak_tag("nothing to carry it");
    assert_int_equal(this_thread.tag, 0);
    atomic_store(&table_head->enabled, 1);
    assert_int_equal(sockleak_active(), 1);
    thread_enter();
    assert_int_equal(sockleak_active(), 0);
    thread_leave();
}

static void a_check_that_cannot_look_does_not_pass(void **state)
{
    (void)state;
    int n = 0;
    lock_is_taken = true;
    errno = 0;
    assert_int_equal(sockleak_check(0, EVERYTHING, 0), -1);
    assert_int_equal(errno, EBUSY);
    errno = 0;
    assert_int_equal(sockleak_each(0, EVERYTHING, ignore_finding, &n), -1);
    assert_int_equal(errno, EBUSY);
    assert_false(thread_inside());
    assert_int_equal(close_bell_waiters, 0);
}

/* ---- check ---- */

static void a_check_counts_what_is_left_and_reports_it_unless_it_is_quiet(void **state)
{
    (void)state;
    errno = 77;
    assert_int_equal(sockleak_check(0, EVERYTHING, 0), 0);
    live_hung_up();
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET, 0), 1);
    assert_string_equal(live_said(), "");
    assert_int_equal(sockleak_check(0, EVERYTHING, 0), 1);
    assert_non_null(strstr(live_said(), "WARNING"));
    assert_int_equal(errno, 77);
    assert_int_equal(slept, 0); /* 0 ms: once */
    assert_int_equal(close_bell_waiters, 0);
    assert_false(thread_inside());
    assert_true(watch_lock(0));
    watch_unlock();
    assert_int_equal(sockleak_check(sockleak_mark(), EVERYTHING, 0), 0);
}

static void a_check_waits_for_its_time_and_no_longer(void **state)
{
    (void)state;
    live_hung_up();
    clock_stands = clock_now();
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET, 350), 1);
    assert_int_equal(longest_sleep, RECHECK_MS * (uint64_t)MS);
    assert_int_equal(clock_ahead, 350000000);
    assert_int_equal(slept, 4);
}

static void a_check_ends_with_the_close_that_it_waits_for_seen_by_a_wrapper_or_not(void **state)
{
    (void)state;
    closing_fd = live_hung_up();
    asleep = close_it;
    assert_int_equal(sockleak_check(0, EVERYTHING, -1), 0);
    assert_int_equal(slept, 1);
    closing_fd = live_hung_up();
    asleep = close_it_unseen;
    slept = 0;
    assert_int_equal(sockleak_check(0, EVERYTHING, -1), 0);
    assert_int_equal(slept, 1);
    assert_string_equal(live_said(), "");
}

static void ring(void)
{
    during_look = NULL;
    thread_leave(); /* as another thread does */
    live_close(live_hung_up());
    thread_enter();
}

static void a_close_that_comes_during_the_look_is_not_slept_through(void **state)
{
    (void)state;
    closing_fd = live_hung_up();
    asleep = close_it;
    during_look = ring;
    assert_int_equal(sockleak_check(0, EVERYTHING, -1), 0);
    assert_int_not_equal(slept_on, bell_then); /* so the kernel would not have put it to sleep */
}

static void the_bell_rings_for_those_who_wait_alone(void **state)
{
    (void)state;
    uint32_t before = close_bell;
    live_close(live_hung_up());
    assert_int_equal(close_bell, before);
    atomic_fetch_add(&close_bell_waiters, 1);
    live_close(live_hung_up());
    assert_int_not_equal(close_bell, before);
    atomic_fetch_sub(&close_bell_waiters, 1);
}

static _Atomic bool rung;
static void *sleep_on_bell(void *arg)
{
    uint32_t bell = close_bell;
    *(_Atomic bool *)arg = true;
    while (close_bell == bell)
        sys_futex((volatile void *)&close_bell, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, bell, NULL, NULL, 0);
    rung = true;
    return NULL;
}

static bool is_asleep(pid_t tid)
{
    char path[64], word[16] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    int found = fscanf(f, "%*d (%*[^)]) %15s", word);
    fclose(f);
    return found == 1 && word[0] == 'S';
}

static _Atomic pid_t sleeper;
static void *sleep_on_bell_by_number(void *arg)
{
    sleeper = gettid();
    return sleep_on_bell(arg);
}

static void a_close_wakes_who_sleeps_on_the_bell(void **state)
{
    (void)state;
    pthread_t t;
    static _Atomic bool ready;
    alarm(60);
    rung = false;
    atomic_fetch_add(&close_bell_waiters, 1);
    assert_int_equal(pthread_create(&t, NULL, sleep_on_bell_by_number, (void *)&ready), 0);
    while (!ready || !is_asleep(sleeper))
        sched_yield();
    live_close(live_hung_up());
    pthread_join(t, NULL);
    atomic_fetch_sub(&close_bell_waiters, 1);
    alarm(0);
    assert_true(rung);
}

static void *open_one(void *arg)
{
    *(int *)arg = live_hung_up();
    return NULL;
}

static void a_check_of_this_thread_or_tag_sees_no_others(void **state)
{
    (void)state;
    pthread_t t;
    int fd;
    assert_int_equal(pthread_create(&t, NULL, open_one, &fd), 0);
    pthread_join(t, NULL);
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET, 0), 1);
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_THIS_THREAD, 0), 0);
    sockleak_tag("mine");
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_THIS_TAG, 0), 0);
    live_hung_up();
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET | SOCKLEAK_THIS_TAG, 0), 1);
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET | SOCKLEAK_THIS_THREAD, 0), 1);
    sockleak_tag("");
    assert_int_equal(this_thread.tag, 0);
    /* It takes no number either. */
    unsigned before = tags_number("one before"), after;
    sockleak_tag("");
    after = tags_number("one after");
    assert_int_equal(after, before + 1);
    sockleak_tag("mine");
    sockleak_tag(NULL);
    assert_int_equal(this_thread.tag, 0);
}

/* ---- report, text, each ---- */

static void a_report_that_cannot_be_written_says_so(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    errno = 77;
    assert_int_equal(sockleak_report(full, 0, EVERYTHING), 0); /* nothing to write */
    assert_int_equal(errno, 77);
    live_hung_up();
    assert_int_equal(sockleak_report(full, 0, EVERYTHING), -1);
    assert_int_equal(errno, EIO);
    errno = 77;
    int file = memfd_create("report", MFD_CLOEXEC);
    assert_int_equal(sockleak_report(file, 0, EVERYTHING), 1);
    assert_int_equal(errno, 77);
    assert_true(lseek(file, 0, SEEK_CUR) > 0);
    close(file);
    int input = dup(0);
    assert_int_equal(dup2(full, 0), 0);
    int r = sockleak_report(0, 0, EVERYTHING);
    assert_int_equal(dup2(input, 0), 0);
    assert_int_equal(r, -1);
    close(input);
    close(full);
}

static int check_aborts(void)
{
    agent_options.abort_on_error = true;
    live_hung_up();
    sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET, 0);
    sockleak_report(2, 0, EVERYTHING);
    fprintf(stderr, "x");
    sockleak_check(0, EVERYTHING, 0);
    return 3;
}
static int quiet_goes_on(void)
{
    agent_options.abort_on_error = true;
    live_hung_up();
    sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET, 0);
    sockleak_report(2, 0, EVERYTHING);
    return 3;
}

static void abort_on_error_aborts_at_a_checks_report(void **state)
{
    (void)state;
    assert_int_equal(live_in_child(check_aborts), 1000 + SIGABRT);
    assert_int_equal(live_in_child(quiet_goes_on), 3);
}

static void the_text_is_cut_at_its_buffer_and_has_no_colour(void **state)
{
    (void)state;
    char text[8192], small[10];
    assert_int_equal(sockleak_text(text, sizeof text, 0, EVERYTHING), 0);
    assert_string_equal(text, "");
    live_hung_up();
    errno = 77;
    int n = sockleak_text(text, sizeof text, 0, EVERYTHING);
    assert_int_equal(strlen(text), n);
    assert_null(strchr(text, '\033'));
    assert_int_equal(errno, 77);
    memset(small, 'x', sizeof small);
    int again = sockleak_text(small, sizeof small - 1, 0, EVERYTHING);
    assert_int_equal(strlen(small), sizeof small - 2);
    assert_int_equal(small[sizeof small - 1], 'x');
    assert_memory_equal(small, text, 2);
    assert_true(again > 0);
    assert_true(sockleak_text(NULL, 0, 0, EVERYTHING) > 0);
}

static void a_tests_few_seconds_say_nothing_of_growth(void **state)
{
    (void)state;
    char text[8192];
    for (volatile int i = 0; i < 3; i++)
        live_hung_up();
    check_all(0);
    struct counts *t = counts_of(slot_of(slot_next(0))->site, KIND_HANGUP);
    assert_non_null(t);
    t->growth = (struct growth){.n = 3, .count = {1, 2, 3}, .at_ns = {1, clock_now() - 20000000000u, clock_now() - 1}};
    assert_true(sockleak_text(text, sizeof text, 0, EVERYTHING) > 0);
    assert_null(strstr(text, "growing"));
    assert_null(strstr(text, "steady"));
}

static struct sockleak_finding seen[8];
static unsigned n_seen;
static bool lock_was_free;
static int keep(const struct sockleak_finding *f, void *arg)
{
    seen[n_seen++] = *f;
    lock_was_free = watch_lock(0);
    if (lock_was_free)
        watch_unlock();
    return arg ? (int)n_seen >= *(int *)arg : 0;
}

static void each_calls_for_every_socket_with_the_lock_free_until_it_is_told_to_stop(void **state)
{
    (void)state;
    int stop_at = 1, a = live_hung_up();
    live_socket(AF_INET, SOCK_STREAM);
    track_received(a, 0, 0, 1, 0);
    agent_options.max_leaks = 1; /* for readers */
    n_seen = 0;
    errno = 77;
    assert_int_equal(sockleak_each(0, EVERYTHING, keep, NULL), 2);
    assert_int_equal(n_seen, 2);
    assert_true(lock_was_free);
    assert_int_equal(errno, 77);
    const struct sockleak_finding *f = seen[0].fd == a ? &seen[0] : &seen[1];
    const struct sockleak_finding *other = f == seen ? &seen[1] : &seen[0];
    assert_int_equal(f->kind, SOCKLEAK_HANGUP);
    assert_string_equal(f->eof, "read");
    assert_true(f->n_frames > 0 && f->n_eof_frames > 0);
    assert_int_equal(f->size, sizeof *f);
    assert_null(f->how);
    assert_null(f->tag);
    assert_true(f->age_s >= 0 && f->age_s < 3600);
    assert_int_equal(other->n_eof_frames, 0);
    assert_null(other->eof);
    assert_string_equal(other->peer, "");
    n_seen = 0;
    assert_int_equal(sockleak_each(0, EVERYTHING, keep, &stop_at), 1);
    assert_int_equal(n_seen, 1);
    assert_true(seconds_since(5, 6) == 0);
    assert_true(seconds_since(2000000000, 1000000000) == 1);
}

/* ---- ignore, pause ---- */

static void an_ignored_socket_is_in_no_check_by_whichever_descriptor(void **state)
{
    (void)state;
    int a = live_hung_up(), b = dup(a), c = live_hung_up(), d = dup(c);
    track_duped(a, b);
    track_duped(c, d);
    sockleak_ignore(b);
    sockleak_ignore(-1);
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET, 0), 1);
    sockleak_ignore(c);
    assert_int_equal(sockleak_check(0, EVERYTHING, 0), 0);
    /* Its number's next socket is watched again. */
    live_close(a);
    live_close(b);
    live_hung_up();
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET, 0), 1);
}

static void a_socket_that_no_wrapper_saw_can_be_ignored(void **state)
{
    (void)state;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), file = memfd_create("no socket", MFD_CLOEXEC);
    sockleak_ignore(fd);
    assert_true(live_is_known(fd));
    assert_true(slot_of(fd)->flags & SLOT_IGNORED);
    sockleak_ignore(file);
    assert_false(live_is_known(file));
    close(file);
}

static void sockets_opened_while_paused_are_in_no_check_and_pauses_nest(void **state)
{
    (void)state;
    sockleak_pause();
    sockleak_pause();
    sockleak_resume();
    live_hung_up();
    sockleak_resume();
    sockleak_resume(); /* one too many */
    assert_int_equal(this_thread.paused, 0);
    assert_int_equal(sockleak_check(0, EVERYTHING, 0), 0);
    live_hung_up();
    assert_int_equal(sockleak_check(0, EVERYTHING | SOCKLEAK_QUIET, 0), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, live_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(where_nothing_is_recorded_no_check_passes),
        CASE(a_check_that_cannot_look_does_not_pass),
        CASE(a_check_counts_what_is_left_and_reports_it_unless_it_is_quiet),
        CASE(a_check_waits_for_its_time_and_no_longer),
        CASE(a_check_ends_with_the_close_that_it_waits_for_seen_by_a_wrapper_or_not),
        CASE(a_close_that_comes_during_the_look_is_not_slept_through),
        CASE(the_bell_rings_for_those_who_wait_alone),
        CASE(a_close_wakes_who_sleeps_on_the_bell),
        CASE(a_check_of_this_thread_or_tag_sees_no_others),
        CASE(a_report_that_cannot_be_written_says_so),
        CASE(abort_on_error_aborts_at_a_checks_report),
        CASE(the_text_is_cut_at_its_buffer_and_has_no_colour),
        CASE(a_tests_few_seconds_say_nothing_of_growth),
        CASE(each_calls_for_every_socket_with_the_lock_free_until_it_is_told_to_stop),
        CASE(an_ignored_socket_is_in_no_check_by_whichever_descriptor),
        CASE(a_socket_that_no_wrapper_saw_can_be_ignored),
        CASE(sockets_opened_while_paused_are_in_no_check_and_pauses_nest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
