/* SPDX-License-Identifier: MIT */
/*
 * test_watcher.c: the watcher's thread, when it looks, and the lock under which anybody looks.
 *
 * The code is compiled in, over parts that write down what they were called for. Times are a clock
 * of the tests' own where they count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/descriptors.h"
#include "agent/base/log.h"
#include "agent/base/notes.h"
#include "agent/base/options.h"
#include "agent/base/thread.h"
#include "agent/inject/follow.h"
#include "agent/track/gate.h"
#include "agent/track/retract.h"
#include "agent/watch/discover.h"
#include "agent/watch/reporter.h"
#include "agent/watch/wake.h"
#include "agent/watch/watcher.h"
#include "agent/stacks/capture.h"
#include "agent/report/forecast.h"
#include "agent/watch/last_thread.h"
#include "agent/base/scratch.h"
#include "agent/base/sys.h"
#include "agent/table/table.h"

#define S 1000000000ull

static uint64_t clock_is;             /* 0: the real one */
static _Atomic uint64_t cpu_step;     /* by so much the thread's own time has gone on at each question */
static _Atomic unsigned paused_times; /* calls of nanosleep */

static long call(long number, long a, long b)
{
    if (number == SYS_clock_gettime && cpu_step) {
        static _Atomic uint64_t used;
        uint64_t now = atomic_fetch_add(&used, cpu_step);
        *(struct timespec *)b = (struct timespec){(time_t)(now / S), (long)(now % S)};
        return 0;
    }
    paused_times += number == SYS_nanosleep;
    return arch_syscall(number, a, b, 0, 0, 0, 0);
}

/* The threads that are asked for: made, refused so many times, or only noted. */
static unsigned refuse, created;
static bool note_only;
static size_t stack_sizes[8];
static uint64_t created_mask;
static bool created_inside;

static _Atomic uint32_t chosen; /* watcher.c's */
static int create_thread(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    pthread_attr_getstacksize(attr, &stack_sizes[created]);
    arch_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&created_mask, 8, 0, 0);
    created_inside = thread_inside();
    created++;
    errno = 33;
    if (refuse) {
        refuse--;
        return EAGAIN;
    }
    if (note_only)
        chosen = 1;
    return note_only ? 0 : pthread_create(thread, NULL, run, arg);
}

static _Atomic unsigned joins;
static int join_thread(pthread_t thread, void **result, const struct timespec *until)
{
    joins++;
    return pthread_timedjoin_np(thread, result, until);
}

#undef SYS2
#define SYS2(n, a, b) call((n), (long)(a), (long)(b))
static void *find_function(const char *name)
{
    return strcmp(name, "pthread_create") == 0         ? (void *)create_thread
           : strcmp(name, "pthread_timedjoin_np") == 0 ? (void *)join_thread
                                                       : dlsym(RTLD_DEFAULT, name);
}
#define libpthread_function find_function
/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "agent/watch/wake.c"
#include "agent/watch/rights.c"
#include "agent/watch/watcher_thread.c"
#include "agent/watch/watcher.c"
#undef libpthread_function
/* NOLINTEND(bugprone-suspicious-include) */

/* ---- the rest of the agent ---- */

static struct state_header header;
struct state_header *table_head;
struct options agent_options;
__thread struct this_thread this_thread __attribute__((tls_model("initial-exec")));

static _Atomic unsigned exhaustion_looks;
static _Atomic unsigned looks, scans, reports, parked, woken, notes, followed;
static _Atomic int last_origin = -1;
static _Atomic bool looked_locked, looked_inside, request_during_look, quits_at_last, is_last, went;
static uint64_t min_age, next_grace_is, scan_budget;
static char order[64];
static bool in_handler, in_vfork, no_table, alone;
static unsigned resets;

static void did(char what)
{
    size_t n = strlen(order);
    if (n + 1 < sizeof order)
        order[n] = what;
}

uint64_t clock_now_real(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * S + (uint64_t)t.tv_nsec;
}
uint64_t clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return clock_is ? clock_is : (uint64_t)t.tv_sec * S + (uint64_t)t.tv_nsec;
}
uint32_t thread_tid(void) { return (uint32_t)gettid(); }
bool gate_is_vfork_child(void) { return in_vfork; }
bool gate_has_table(void) { return !no_table; }
static _Atomic bool gate_closed, gate_starts;
static _Atomic unsigned tables_made;
bool gate_is_open(void) { return !atomic_load(&gate_closed); }
bool gate_start(void)
{
    tables_made++;
    if (gate_starts)
        gate_closed = false;
    return gate_starts;
}
static struct state_view parent_view;
const struct state_view *family_parent_view(void) { return &parent_view; }
void log_info(const char *fmt, ...) { (void)fmt; }
void log_later(const char *text, const char *arg) { notes += text != NULL && arg != NULL; }
void reporter_pending(void) {}
static bool forked_from_threads;
bool reporter_in_forked_child(void) { return forked_from_threads; }
void __tsan_init(void) {} /* ThreadSanitizer's runtime is there */
void reporter_hold_notes(void) {}
bool capture_in_handler(void) { return in_handler; }
void hold_reset(void) {}

/* The numbers that are held, and those that were when the thread left the table. */
static _Atomic int held_until, was_held_until;
void hold_range(int first, int last)
{
    assert_int_equal(first, 0);
    assert_false(watch_lock(0)); /* who holds numbers has it */
    held_until = last + 1;
}
void hold_end(void) { held_until = 0; }
void capture_init(void) {}
void forecast_refresh(void) { did('f'); }
static _Atomic unsigned forgotten;
void counts_forget_trends(void) { forgotten++; }
void follow(bool wanted)
{
    followed++;
    if (wanted)
        woken++;
    else
        parked++;
}
static bool late, refused, has_cpp, has_command;
bool follow_is_needed(void) { return refused; }
bool follow_will_be_needed(void) { return late || refused; }
bool demangle_has_library(void) { return has_cpp; }
bool lines_command(char *to, size_t cap)
{
    assert_true(cap > 500 && to);
    return has_command;
}

/* One that libc does not know is none here but for the tests that ask for it. */
static bool raw_works;
static unsigned raw_created;
static pthread_t raw;
static void (*raw_body)(void);
static void *run_raw(void *arg)
{
    this_thread.is_raw = true;
    raw_body();
    return arg;
}
bool raw_thread_start(void (*run)(void))
{
    raw_body = run;
    return raw_works && pthread_create(&raw, NULL, run_raw, NULL) == 0 && ++raw_created;
}
bool raw_thread_await(uint64_t limit_ns)
{
    uint64_t until = clock_now_real() + limit_ns;
    struct timespec soon = {(time_t)(until / S), (long)(until % S)};
    joins++;
    return pthread_timedjoin_np(raw, NULL, &soon) == 0;
}
static unsigned raw_resets;
void raw_thread_forked_child(void) { raw_resets++; }
void last_thread_forked_child(void) { resets++; }
uint64_t last_thread_wake(uint64_t when) { return when; }
bool last_thread_of_all(void)
{
    if (quits_at_last)
        atomic_store(&quit, true);
    return is_last;
}
void last_thread_goes(void) { went = true; }
static bool is_first;
bool last_thread_ends(void) { return is_first; }

/* The tables that watchers choose, one after the other; and how many have left the program's. */
static enum descriptors_way ways[4];
static _Atomic unsigned asked_to_leave;
static _Atomic bool has_left, copies_lost;
enum descriptors_way descriptors_leave(void)
{
    was_held_until = (int)held_until;
    unsigned nth = asked_to_leave++;
    enum descriptors_way way = nth < sizeof ways / sizeof *ways ? ways[nth] : DESCRIPTORS_SHARED;
    if (way == DESCRIPTORS_OWN) {
        usleep(30000);
        this_thread.own_table = true;
        has_left = true;
    }
    return way;
}
long descriptors_copy(int fd) { return fd; }
void descriptors_drop(int copy) { (void)copy; }
bool descriptors_are_lost(void) { return this_thread.own_table && copies_lost; }
bool last_thread_with_one_other(void) { return alone; }
uint64_t check_all(uint64_t min_age_ns)
{
    did('l');
    min_age = min_age_ns;
    looked_locked = atomic_load(&lock) != 0;
    looked_inside = thread_inside();
    if (atomic_exchange(&request_during_look, false))
        watch_poke();
    looks++;
    return next_grace_is;
}
void discover_unseen(uint64_t budget_ns, enum origin origin)
{
    did('u');
    scan_budget = budget_ns;
    last_origin = (int)origin;
    scans++;
}
void check_reset(void) { resets++; }
void retract_reset(void) { resets++; }
void scratch_keep(bool keep) { resets += !keep; }
void reporter_troubles(void) { did('t'); }
bool reporter_is_blind(void) { return false; }
void reporter_releases(void) { did('r'); }
void reporter_due(void) { did('d'); }
void exhausted_report(bool its_last)
{
    assert_false(its_last);
    exhaustion_looks++;
}
void exhausted_reset(void) { resets++; }
bool exhausted_is_near(void) { return false; }
void blocked_find(void) {}
static uint64_t use_due_ns = UINT64_MAX;
uint64_t uses_next_due(uint64_t until_ns)
{
    (void)until_ns;
    return use_due_ns;
}
uint64_t reporter_report(const struct reporter_query *q, enum reason reason, int fd)
{
    did('s');
    assert_int_equal(q->kinds, KINDS_DEFAULT);
    assert_int_equal(reason, REASON_SIGNAL);
    assert_int_equal(fd, -1);
    looked_locked = atomic_load(&lock) != 0;
    reports++;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(&header, 0, sizeof header);
    memset(&this_thread, 0, sizeof this_thread);
    memset(order, 0, sizeof order);
    header.enabled = 1;
    header.interval_ns = 3600 * S;
    header.kinds = KINDS_DEFAULT;
    table_head = &header;
    watcher_forked_child();
    looks = scans = reports = parked = woken = notes = followed = resets = 0;
    paused_times = 0;
    last_origin = -1;
    quits_at_last = is_last = went = request_during_look = false;
    refuse = created = raw_created = raw_resets = 0;
    forked_from_threads = false;
    raw_works = late = refused = has_cpp = has_command = false;
    libcs_only = false;
    memset(ways, 0, sizeof ways);
    asked_to_leave = 0;
    has_left = copies_lost = is_first = false;
    sys_sandboxed = false;
    note_only = in_handler = in_vfork = no_table = false;
    gate_closed = gate_starts = false;
    tables_made = 0;
    parent_view.base = NULL;
    alone = true;
    clock_is = 0;
    cpu_step = 0;
    next_grace_is = UINT64_MAX;
    alarm(30); /* a guard that is gone may leave a thread asleep for good */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watcher_stop();
    alarm(0);
    return 0;
}

#define WAIT_FOR(condition) \
    while (!(condition))    \
    sched_yield()

/* ---- the lock ---- */

static void a_lock_that_is_held_is_not_had_and_one_that_is_free_is(void **state)
{
    (void)state;
    assert_true(watch_lock(0));
    assert_false(watch_lock(0));
    assert_false(watch_lock(20));
    watch_unlock();
    assert_true(watch_lock(0));
    watch_unlock();
}

static _Atomic unsigned had;
static void *wait_for_lock(void *arg)
{
    (void)arg;
    if (watch_lock(3600u * 1000)) {
        had++;
        watch_unlock();
    }
    return NULL;
}

static void who_waits_for_the_lock_is_woken_by_the_one_that_leaves_it(void **state)
{
    (void)state;
    pthread_t t[3];
    had = 0;
    assert_true(watch_lock(0));
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, wait_for_lock, NULL), 0);
    WAIT_FOR(atomic_load(&lock) == 2);
    assert_int_equal(had, 0);
    watch_unlock();
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(had, 3);
    assert_int_equal(lock, 0);
}

/* ---- when the next look is due ---- */

static uint64_t due(uint64_t interval, uint64_t cpu, uint64_t grace_at)
{
    clock_is = 100 * S;
    cpu_step = cpu;
    next_grace_is = grace_at;
    return check_and_report(interval) - clock_is;
}

static void a_look_is_due_an_interval_after_the_last_one(void **state)
{
    (void)state;
    exhaustion_looks = 0;
    assert_int_equal(due(S, 1, UINT64_MAX), S);
    assert_int_equal(exhaustion_looks, 1);
    assert_int_equal(header.stretched, 0);
    assert_int_equal(min_age, S);
    assert_int_equal(scan_budget, S / SCAN_BUDGET);
    assert_int_equal(last_origin, ORIGIN_UNSEEN);
    due(10 * S, 1, UINT64_MAX);
    assert_int_equal(min_age, 2 * S); /* younger ones are not looked at, but none for longer than that */
}

static void a_socket_whose_grace_ends_sooner_has_a_look_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(due(16 * S, 1, 105 * S), 5 * S);
    assert_int_equal(due(16 * S, 1, 120 * S), 16 * S);
    assert_int_equal(due(16 * S, 1, 100 * S + 5), S); /* but not each of many */
}

static void a_use_after_a_close_has_a_look_when_it_is_no_sweep(void **state)
{
    (void)state;
    use_due_ns = 103 * S;
    assert_int_equal(due(16 * S, 1, UINT64_MAX), 3 * S);
    assert_int_equal(due(16 * S, 1, 102 * S), 2 * S);
    use_due_ns = UINT64_MAX;
}

static void looks_that_cost_much_are_seldom(void **state)
{
    (void)state;
    assert_int_equal(due(S, S / 100, UINT64_MAX), 5 * S);
    assert_int_equal(header.stretched, 5000);
    assert_int_equal(due(S, S, UINT64_MAX), 10 * S); /* ten times at the most */
    assert_int_equal(header.stretched, 10000);
    assert_int_equal(due(10 * S, S / 100, 100 * S + 1), 5 * S); /* a grace that ends does not make them more frequent */
    assert_int_equal(header.stretched, 0);
}

static void a_request_that_comes_during_a_look_is_not_answered_by_it(void **state)
{
    (void)state;
    header.request = 7;
    request_during_look = true;
    due(S, 1, UINT64_MAX);
    assert_int_equal(header.request, 8);
    assert_int_equal(header.answered, 7);
    due(S, 1, UINT64_MAX);
    assert_int_equal(header.answered, 8);
}

static void a_look_retracts_before_it_reports_and_serves_a_signal_last_and_once(void **state)
{
    (void)state;
    atomic_store(&signal_wanted, true);
    due(S, 1, UINT64_MAX);
    assert_string_equal(order, "tfulrds");
    due(S, 1, UINT64_MAX);
    assert_int_equal(reports, 1);
}

/* ---- the thread ---- */

static void start(void)
{
    watcher_start();
    assert_true(watcher_running());
}

static void the_watcher_looks_when_it_is_poked_with_the_lock_and_as_the_agent(void **state)
{
    (void)state;
    start();
    WAIT_FOR(scans >= 1);                         /* what was open before */
    assert_int_equal(last_origin, ORIGIN_UNSEEN); /* what it inherited is known by its set (track/start_set.h) */
    watch_poke();
    WAIT_FOR(looks >= 1);
    assert_true(looked_locked);
    assert_true(looked_inside);
    request_during_look = true;
    watch_poke();
    WAIT_FOR(looks >= 3); /* a request that came during a look has one of its own */
    WAIT_FOR(header.answered == header.request);
    WAIT_FOR(atomic_load(&lock) == 0);
    assert_int_equal(header.watcher_tid != 0 && header.watcher_tid != thread_tid(), 1);
}

static void what_a_child_of_fork_has_open_before_is_inherited(void **state)
{
    (void)state;
    parent_view.base = (const void *)&header;
    start();
    WAIT_FOR(scans >= 1);
    assert_int_equal(last_origin, ORIGIN_INHERITED);
}

static void a_child_that_has_connections_gets_its_table_from_the_watcher(void **state)
{
    (void)state;
    agent_options.interval_ns = S;
    agent_options.enabled = true;
    gate_closed = gate_starts = true;
    watcher_mind();
    assert_true(watcher_running());
    WAIT_FOR(scans >= 1);
    assert_int_equal(tables_made, 1);
}

static void a_watcher_that_only_minds_sleeps_first_and_leaves_the_table_under_a_hold(void **state)
{
    (void)state;
    agent_options.interval_ns = S;
    agent_options.enabled = true;
    gate_closed = gate_starts = true;
    held_until = was_held_until = 0;
    uint64_t before = sys_clock(CLOCK_MONOTONIC);
    watcher_mind();
    WAIT_FOR(scans >= 1);
    assert_true(sys_clock(CLOCK_MONOTONIC) - before >= SETTLE_NS);
    assert_int_equal(asked_to_leave, 1);
    assert_int_equal(was_held_until, LOWEST);
    assert_int_equal(held_until, 0);
}

static void a_watcher_that_only_minds_and_is_stopped_leaves_no_table(void **state)
{
    (void)state;
    agent_options.interval_ns = S;
    agent_options.enabled = true;
    gate_closed = gate_starts = true;
    watcher_mind();
    assert_true(watcher_stop());
    assert_int_equal(asked_to_leave, 0);
    assert_int_equal(tables_made, 0);
}

static void a_watcher_that_only_minds_is_libcs_at_once_where_it_must_be(void **state)
{
    (void)state;
    agent_options.interval_ns = S;
    agent_options.enabled = true;
    gate_closed = gate_starts = late = true;
    libcs_only = false;
    watcher_mind();
    assert_true(libcs_only); /* were it another's, it would end, and no event make the next */
    assert_true(watcher_stop());
    libcs_only = late = false;
}

static void a_child_that_gets_no_table_keeps_no_watcher(void **state)
{
    (void)state;
    agent_options.interval_ns = S;
    agent_options.enabled = true;
    gate_closed = true;
    watcher_mind();
    WAIT_FOR(tables_made >= 1);
    assert_true(watcher_stop());
    assert_int_equal(scans, 0);
    agent_options.interval_ns = 0;
    watcher_mind();
    agent_options.interval_ns = S;
    agent_options.enabled = false;
    watcher_mind();
    assert_false(watcher_running());
}

static void a_watcher_that_wakes_for_nothing_does_not_look(void **state)
{
    (void)state;
    start();
    WAIT_FOR(scans >= 1);
    /* Until one is asleep there. */
    WAIT_FOR(sys_futex((volatile void *)&header.request, FUTEX_WAKE, 1 << 30, NULL, NULL, 0) == 1);
    watch_poke();
    WAIT_FOR(header.answered == header.request);
    WAIT_FOR(atomic_load(&lock) == 0);
    assert_int_equal(looks, 1);
}

static void while_another_looks_the_watcher_waits(void **state)
{
    (void)state;
    start();
    WAIT_FOR(scans >= 1);
    WAIT_FOR(watch_lock(0)); /* the scan may not have left it yet */
    watch_poke();
    WAIT_FOR(atomic_load(&lock) == 2);
    assert_int_equal(looks, 0);
    watch_unlock();
    WAIT_FOR(looks >= 1);
}

static void what_was_open_before_is_scanned_once_a_process(void **state)
{
    (void)state;
    start();
    WAIT_FOR(scans >= 1);
    assert_true(watcher_suspend());
    assert_false(watcher_running());
    last_origin = -1;
    watcher_resume();
    watch_poke();
    WAIT_FOR(looks >= 1);
    assert_int_equal(last_origin, ORIGIN_UNSEEN);
    assert_int_equal(scans, 2);
}

static void an_attached_watcher_scans_twice_at_once(void **state)
{
    (void)state;
    header.attached = 1;
    start();
    WAIT_FOR(scans >= 2);
    assert_int_equal(last_origin, ORIGIN_BEFORE_ATTACH);
    assert_int_equal(paused_times, 1); /* so that a socket that is just being opened is known by then */
    assert_int_equal(looks, 0);
}

static void wake(void)
{
    atomic_store(&header.enabled, 1);
    sys_futex((volatile void *)&header.enabled, FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
}

static void a_dormant_watcher_parks_until_it_is_woken(void **state)
{
    (void)state;
    header.enabled = 0;
    start();
    WAIT_FOR(parked >= 1);
    watch_poke();
    assert_int_equal(looks + scans, 0);
    wake();
    WAIT_FOR(looks >= 1); /* at once */
    assert_true(scans >= 3);
    assert_true(woken >= 1);
    assert_true(forgotten >= 2); /* no trend over the time in which nothing was counted */
    /* And again. */
    atomic_store(&header.enabled, 0);
    watch_poke();
    WAIT_FOR(parked >= 2);
    unsigned before = looks;
    watch_poke();
    assert_int_equal(looks, before);
    wake();
    WAIT_FOR(looks >= before + 1);
}

static void a_parked_watcher_can_be_stopped(void **state)
{
    (void)state;
    header.enabled = 0;
    start();
    WAIT_FOR(parked >= 1);
    assert_true(watcher_stop());
    assert_int_equal(woken + scans, 0); /* it was not woken to work */
}

static void a_watcher_that_is_the_last_thread_ends(void **state)
{
    (void)state;
    start();
    WAIT_FOR(scans >= 1);
    is_last = true;
    watch_poke();
    WAIT_FOR(went);
    assert_true(watcher_stop());
    assert_int_equal(looks, 0);
}

static void a_watcher_that_is_to_end_does_not_ask_the_loader(void **state)
{
    (void)state;
    start();
    WAIT_FOR(scans >= 1);
    unsigned before = followed;
    quits_at_last = true;
    watch_poke();
    pthread_join(thread, NULL);
    atomic_store(&joinable, false);
    assert_int_equal(followed, before);
    assert_int_equal(looks, 0);
}

/* ---- a thread that libc does not know ---- */

static void libc_is_asked_for_a_thread_only_where_there_can_be_no_other(void **state)
{
    (void)state;
    raw_works = true;
    start();
    assert_int_equal(raw_created, 1);
    assert_int_equal(created, 0);
    WAIT_FOR(scans >= 1);
    watch_poke();
    WAIT_FOR(looks >= 1);
    joins = 0;
    assert_true(watcher_stop());
    assert_true(joins >= 1);
    assert_false(libcs_only);
    watcher_forked_child();
    assert_int_equal(raw_resets, 1);
}

static void what_such_a_thread_may_not_do_libcs_does(void **state)
{
    (void)state;
    bool *const why[] = {&late, &refused, &has_cpp};
    for (unsigned i = 0; i < 3; i++) {
        setup(state);
        raw_works = agent_options.symbolize = *why[i] = true;
        start();
        assert_int_equal(raw_created, 1);
        assert_int_equal(created, 1);
        assert_true(watcher_running());
        assert_true(watcher_stop());
        *why[i] = false;
        start(); /* never again in this process */
        assert_int_equal(raw_created, 1);
        assert_int_equal(created, 2);
        assert_true(watcher_stop());
    }
}

static void the_programs_demangler_is_not_needed_beside_the_command_or_without_names(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        setup(state);
        raw_works = has_cpp = true;
        agent_options.symbolize = has_command = i == 0;
        start();
        assert_int_equal(raw_created, 1);
        assert_int_equal(created, 0);
        assert_true(watcher_stop());
    }
}

static void an_object_that_must_be_redirected_later_gets_a_thread_of_libcs(void **state)
{
    (void)state;
    raw_works = true;
    start();
    WAIT_FOR(scans >= 1);
    refused = true;
    watch_poke();
    WAIT_FOR(!watcher_running());
    start();
    assert_int_equal(raw_created, 1);
    assert_int_equal(created, 1);
    assert_true(watcher_stop());
}

static void no_exit_handler_of_the_program_runs_on_such_a_thread(void **state)
{
    (void)state;
    raw_works = true;
    start();
    WAIT_FOR(scans >= 1);
    is_last = true;
    watch_poke();
    pthread_join(raw, NULL);
    atomic_store(&joinable, false);
    assert_false(went);
    assert_int_equal(looks, 0);
}

static void a_child_under_thread_sanitizer_gets_no_thread_of_libcs(void **state)
{
    (void)state;
    forked_from_threads = true;
    start();
    assert_int_equal(created, 0);
    assert_int_equal(notes, 1);
    setup(state);
    forked_from_threads = raw_works = true;
    start();
    assert_int_equal(raw_created, 1);
    assert_true(watcher_stop());
}

/* ---- its descriptor table ---- */

static void who_makes_the_watcher_stands_still_until_that_has_left_the_table(void **state)
{
    (void)state;
    ways[0] = DESCRIPTORS_OWN;
    start();
    assert_true(has_left);
    assert_int_equal(created, 1);
}

static void a_watcher_that_can_copy_nothing_gives_way_to_one_with_the_programs_table(void **state)
{
    (void)state;
    ways[0] = ways[1] = DESCRIPTORS_NONE;
    start();
    assert_int_equal(created, 2);
    assert_int_equal(asked_to_leave, 1);
    WAIT_FOR(scans >= 1);
    watch_poke();
    WAIT_FOR(looks >= 1);
    assert_true(watcher_stop());
}

static void a_watcher_that_has_lost_its_way_of_looking_ends_and_the_next_event_makes_another(void **state)
{
    (void)state;
    ways[0] = ways[1] = DESCRIPTORS_OWN;
    start();
    WAIT_FOR(scans >= 1);
    copies_lost = true;
    watch_poke();
    WAIT_FOR(!watcher_running());
    assert_int_equal(looks, 0); /* it would have taken all sockets for closed */
    start();
    assert_int_equal(created, 2);
    assert_int_equal(asked_to_leave, 1);
    watch_poke();
    WAIT_FOR(looks >= 1);
    /* in a child of fork another thread is the first one */
    assert_true(watcher_stop());
    watcher_forked_child();
    start();
    assert_int_equal(asked_to_leave, 2);
}

static void before_the_first_thread_ends_the_watcher_gets_the_programs_table(void **state)
{
    (void)state;
    ways[0] = DESCRIPTORS_OWN;
    start();
    watcher_first_thread_ends(); /* called by another thread */
    assert_int_equal(created, 1);
    is_first = true;
    in_handler = true; /* no thread can be made there: it ends by itself when it has lost its way */
    watcher_first_thread_ends();
    assert_int_equal(created, 1);
    in_handler = false;
    watcher_first_thread_ends();
    assert_int_equal(created, 2);
    assert_int_equal(asked_to_leave, 1);
    assert_true(watcher_running());
    watcher_first_thread_ends(); /* that has it already */
    assert_int_equal(created, 2);
}

/* ---- rights ---- */

/* A call that succeeds and one that fails, on whatever thread. */
static bool hand_over(bool good) { return rights_hand_over(SYS_prctl, PR_SET_KEEPCAPS, good ? 0 : 5, 0, 0, 0); }

static void a_watcher_follows_wherever_it_sleeps(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 50; i++) /* before its first scan, and between two looks */
        assert_true(hand_over(true));
    WAIT_FOR(scans >= 1);
    for (int i = 0; i < 50; i++)
        assert_true(hand_over(true));
    assert_int_equal(looks, 0); /* it is not woken for a look */
    assert_int_equal(header.request, 0);
    atomic_store(&header.enabled, 0);
    watch_poke();
    WAIT_FOR(parked >= 1);
    for (int i = 0; i < 50; i++)
        assert_true(hand_over(true));
    assert_int_equal(woken, 0);
}

static void a_watcher_that_is_to_make_the_table_follows_meanwhile(void **state)
{
    (void)state;
    agent_options.interval_ns = S;
    agent_options.enabled = true;
    gate_closed = true;
    watcher_mind();
    for (int i = 0; i < 5; i++)
        assert_true(hand_over(true));
    WAIT_FOR(tables_made >= 1);
    WAIT_FOR(!rights_followed());
    assert_true(watcher_stop());
}

static void there_is_nobody_to_follow_before_the_watcher_and_after_it(void **state)
{
    (void)state;
    assert_false(rights_followed());
    refuse = 4;
    watcher_start();
    assert_false(rights_followed());
    watcher_forked_child();
    start();
    assert_true(rights_followed());
    assert_true(watcher_stop());
    assert_false(rights_followed());
    start();
    watcher_forked_child();
    assert_false(rights_followed());
}

static void a_watcher_that_cannot_follow_is_replaced(void **state)
{
    (void)state;
    start();
    WAIT_FOR(scans >= 1);
    assert_false(hand_over(false));
    errno = 77;
    watcher_renew();
    assert_int_equal(errno, 77);
    assert_int_equal(created, 2);
    assert_true(watcher_running());
    assert_true(hand_over(true));
    watch_poke();
    WAIT_FOR(looks >= 1);
    header.enabled = 0;
    watch_poke();
    WAIT_FOR(parked >= 1);
    assert_false(hand_over(false)); /* it sleeps, and nothing else wakes it */
    watcher_renew();
    assert_int_equal(created, 3);
    assert_int_equal(notes, 0);
}

static void watcher_follow_replaces_what_does_not_follow(void **state)
{
    (void)state;
    watcher_follow(SYS_prctl, PR_SET_KEEPCAPS, 5, 0, 0, 0);
    assert_int_equal(created, 0);
    start();
    watcher_follow(SYS_prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0);
    assert_int_equal(created, 1);
    watcher_follow(SYS_prctl, PR_SET_KEEPCAPS, 5, 0, 0, 0);
    assert_int_equal(created, 2);
    assert_true(rights_followed());
}

/* It waits for the lock that this thread holds. */
static void occupy(void)
{
    start();
    WAIT_FOR(scans >= 1);
    WAIT_FOR(watch_lock(0)); /* the scan may not have left it yet */
    watch_poke();
    WAIT_FOR(atomic_load(&lock) == 2);
}

static void a_watcher_that_cannot_be_waited_for_ends_by_itself_and_the_next_event_makes_another(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        notes = joins = 0;
        created = 0;
        occupy();
        uint32_t before = header.request;
        in_handler = way == 0;
        this_thread.inside = way == 1;
        sys_sandboxed = way == 2;
        if (way == 3) /* neither, but it takes too long */
            assert_false(stop(1));
        else
            watcher_renew();
        assert_int_equal(created, 1);
        assert_int_equal(notes, way != 3); /* which says so */
        assert_int_equal(joins, way == 3);
        assert_int_equal(header.request - before, way != 2); /* under a filter it makes no call */
        in_handler = false;
        sys_sandboxed = false;
        this_thread.inside = 0;
        assert_true(watcher_running());
        assert_false(watcher_stop()); /* it is on its way */
        watch_unlock();
        WAIT_FOR(!watcher_running());
        assert_false(atomic_load(&quit));
        start();
        assert_int_equal(created, 2);
        assert_true(hand_over(true));
        assert_true(watcher_stop());
        watcher_forked_child();
        scans = 0;
    }
}

static void a_watcher_that_has_ended_by_then_is_not_dismissed(void **state)
{
    (void)state;
    start();
    assert_false(hand_over(false));
    WAIT_FOR(parting == ENDED);
    in_handler = true;
    watcher_renew();
    in_handler = false;
    assert_int_equal(notes, 0);
    assert_false(watcher_running());
    assert_false(atomic_load(&quit));
    start();
    assert_int_equal(created, 2);
}

/* ---- start and stop ---- */

static void no_watcher_where_there_is_none_to_have(void **state)
{
    (void)state;
    note_only = true;
    header.interval_ns = 0;
    watcher_start();
    assert_int_equal(created, 0);
    header.interval_ns = S;
    sys_sandboxed = true;
    watcher_start();
    assert_int_equal(created, 0);
    sys_sandboxed = false;
    table_head = NULL;
    watcher_start();
    assert_int_equal(created, 0);
    table_head = &header;
    in_handler = true; /* a later event comes by */
    watcher_start();
    assert_int_equal(created, 0);
    assert_false(watcher_running());
    in_handler = false;
    watcher_start();
    assert_int_equal(created, 1);
    watcher_start(); /* there is one */
    assert_int_equal(created, 1);
    watcher_forked_child();
    header.interval_ns = 0;
    header.enabled = 0; /* what attach is to wake */
    watcher_start();
    assert_int_equal(created, 2);
    watcher_forked_child();
}

static void the_watcher_is_made_as_the_agents_own_with_all_signals_blocked_but_the_c_librarys(void **state)
{
    (void)state;
    uint64_t before = 0, after = 0;
    note_only = true;
    errno = 77;
    arch_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&before, 8, 0, 0);
    watcher_start();
    assert_int_equal(errno, 77);
    arch_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&after, 8, 0, 0);
    assert_true(created_inside);
    assert_false(thread_inside());
    assert_true(before == after && !(before >> (SIGTERM - 1) & 1));
    /* SIGKILL and SIGSTOP cannot be; setuid(2) waits for each thread to answer 33. */
    assert_true(created_mask == ~(3ull << 31 | 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1)));
    watcher_forked_child();
}

static void a_larger_stack_is_tried_where_the_programs_thread_storage_needs_it(void **state)
{
    (void)state;
    note_only = true;
    refuse = 3;
    watcher_start();
    assert_int_equal(created, 4);
    assert_int_equal(stack_sizes[0], STACK_SIZE);
    assert_int_equal(stack_sizes[3], STACK_SIZE << 6);
    assert_int_equal(notes, 0);
    watcher_forked_child();
}

static void a_program_that_may_have_no_thread_is_asked_once_and_told(void **state)
{
    (void)state;
    refuse = 4;
    watcher_start();
    assert_int_equal(notes, 1);
    watcher_start();
    assert_int_equal(created, 4);
    assert_false(watcher_stop()); /* nothing to join */
    watcher_forked_child();
}

static void the_watcher_is_suspended_only_where_the_program_has_one_thread(void **state)
{
    (void)state;
    start();
    alone = false;
    assert_false(watcher_suspend());
    assert_true(watcher_running());
    alone = true;
    assert_true(watcher_suspend());
    assert_false(watcher_suspend()); /* once */
}

static void the_watcher_is_not_stopped_by_itself_or_a_vfork_child(void **state)
{
    (void)state;
    start();
    thread_enter();
    assert_false(watcher_stop());
    thread_leave();
    in_vfork = true;
    assert_false(watcher_stop());
    in_vfork = false;
    assert_true(watcher_running());
    errno = 77;
    assert_true(watcher_stop());
    assert_int_equal(errno, 77);
    assert_false(atomic_load(&quit));
}

static void *stop_it(void *arg)
{
    *(bool *)arg = watcher_stop();
    pthread_testcancel();
    *(bool *)arg = false;
    return NULL;
}

static void a_thread_that_stops_the_watcher_is_not_cancelled_half_way(void **state)
{
    (void)state;
    pthread_t t;
    bool stopped = false;
    start();
    WAIT_FOR(scans >= 1);
    WAIT_FOR(watch_lock(0)); /* the scan may not have left it yet */
    watch_poke();
    WAIT_FOR(atomic_load(&lock) == 2); /* the watcher waits for us, so its end takes a while */
    assert_int_equal(pthread_create(&t, NULL, stop_it, &stopped), 0);
    WAIT_FOR(atomic_load(&quit));
    pthread_cancel(t);
    watch_unlock();
    pthread_join(t, NULL);
    assert_true(stopped); /* and cancelled after it */
    assert_false(watcher_running());
}

/* ---- fork, signals ---- */

static void a_forked_child_begins_without_a_watcher_and_with_the_lock_free(void **state)
{
    (void)state;
    note_only = true;
    watcher_start();
    assert_true(watch_lock(0));
    atomic_store(&signal_wanted, true);
    atomic_store(&close_bell_waiters, 3);
    atomic_store(&quit, true);
    atomic_store(&present_known, true);
    resets = 0;
    watcher_forked_child();
    assert_false(watcher_running());
    assert_false(atomic_load(&joinable));
    assert_false(atomic_load(&signal_wanted));
    assert_false(atomic_load(&quit));
    assert_false(atomic_load(&present_known));
    assert_int_equal(close_bell_waiters, 0);
    assert_int_equal(resets, 5);
    assert_true(watch_lock(0));
    watch_unlock();
}

static void a_signal_asks_the_watcher_or_else_reports_by_itself(void **state)
{
    (void)state;
    no_table = true;
    watcher_request_signal();
    assert_int_equal(reports, 0);
    no_table = false;
    watcher_request_signal();
    assert_int_equal(reports, 1);
    assert_true(looked_locked);
    assert_int_equal(lock, 0);
    assert_false(thread_inside());
    /* Not where this thread may be looking itself: its report is the next one's to make. */
    assert_true(watch_lock(0));
    watcher_request_signal();
    assert_int_equal(reports, 1);
    watch_unlock();
    assert_true(atomic_exchange(&signal_wanted, false));
    note_only = true;
    watcher_start();
    uint32_t before = header.request;
    watcher_request_signal();
    assert_int_equal(header.request, before + 1);
    assert_int_equal(reports, 1);
    watcher_forked_child();
    table_head = NULL;
    watch_poke(); /* nobody to wake */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_lock_that_is_held_is_not_had_and_one_that_is_free_is),
        CASE(who_waits_for_the_lock_is_woken_by_the_one_that_leaves_it),
        CASE(a_look_is_due_an_interval_after_the_last_one),
        CASE(a_socket_whose_grace_ends_sooner_has_a_look_of_its_own),
        CASE(a_use_after_a_close_has_a_look_when_it_is_no_sweep),
        CASE(looks_that_cost_much_are_seldom),
        CASE(a_request_that_comes_during_a_look_is_not_answered_by_it),
        CASE(a_look_retracts_before_it_reports_and_serves_a_signal_last_and_once),
        CASE(the_watcher_looks_when_it_is_poked_with_the_lock_and_as_the_agent),
        CASE(what_a_child_of_fork_has_open_before_is_inherited),
        CASE(a_child_that_has_connections_gets_its_table_from_the_watcher),
        CASE(a_watcher_that_only_minds_sleeps_first_and_leaves_the_table_under_a_hold),
        CASE(a_watcher_that_only_minds_and_is_stopped_leaves_no_table),
        CASE(a_watcher_that_only_minds_is_libcs_at_once_where_it_must_be),
        CASE(a_child_that_gets_no_table_keeps_no_watcher),
        CASE(a_watcher_that_wakes_for_nothing_does_not_look),
        CASE(while_another_looks_the_watcher_waits),
        CASE(what_was_open_before_is_scanned_once_a_process),
        CASE(an_attached_watcher_scans_twice_at_once),
        CASE(a_dormant_watcher_parks_until_it_is_woken),
        CASE(a_parked_watcher_can_be_stopped),
        CASE(a_watcher_that_is_the_last_thread_ends),
        CASE(a_watcher_that_is_to_end_does_not_ask_the_loader),
        CASE(libc_is_asked_for_a_thread_only_where_there_can_be_no_other),
        CASE(what_such_a_thread_may_not_do_libcs_does),
        CASE(the_programs_demangler_is_not_needed_beside_the_command_or_without_names),
        CASE(an_object_that_must_be_redirected_later_gets_a_thread_of_libcs),
        CASE(no_exit_handler_of_the_program_runs_on_such_a_thread),
        CASE(a_child_under_thread_sanitizer_gets_no_thread_of_libcs),
        CASE(who_makes_the_watcher_stands_still_until_that_has_left_the_table),
        CASE(a_watcher_that_can_copy_nothing_gives_way_to_one_with_the_programs_table),
        CASE(a_watcher_that_has_lost_its_way_of_looking_ends_and_the_next_event_makes_another),
        CASE(before_the_first_thread_ends_the_watcher_gets_the_programs_table),
        CASE(a_watcher_follows_wherever_it_sleeps),
        CASE(a_watcher_that_is_to_make_the_table_follows_meanwhile),
        CASE(there_is_nobody_to_follow_before_the_watcher_and_after_it),
        CASE(a_watcher_that_cannot_follow_is_replaced),
        CASE(watcher_follow_replaces_what_does_not_follow),
        CASE(a_watcher_that_cannot_be_waited_for_ends_by_itself_and_the_next_event_makes_another),
        CASE(a_watcher_that_has_ended_by_then_is_not_dismissed),
        CASE(no_watcher_where_there_is_none_to_have),
        CASE(the_watcher_is_made_as_the_agents_own_with_all_signals_blocked_but_the_c_librarys),
        CASE(a_larger_stack_is_tried_where_the_programs_thread_storage_needs_it),
        CASE(a_program_that_may_have_no_thread_is_asked_once_and_told),
        CASE(the_watcher_is_suspended_only_where_the_program_has_one_thread),
        CASE(the_watcher_is_not_stopped_by_itself_or_a_vfork_child),
        CASE(a_thread_that_stops_the_watcher_is_not_cancelled_half_way),
        CASE(a_forked_child_begins_without_a_watcher_and_with_the_lock_free),
        CASE(a_signal_asks_the_watcher_or_else_reports_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
