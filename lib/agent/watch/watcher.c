/* SPDX-License-Identifier: MIT */
/*
 * watcher.c: the watcher: one thread of the agent that checks the sockets at intervals, and
 * reports.
 *
 * The thread (watcher_thread.h) has a small stack and all signals blocked, except the two that
 * glibc uses itself where glibc knows the thread. It sleeps on a futex in the state file, which the
 * program's threads, a signal handler or another process may wake. It checks and reports under the
 * watch lock. It never makes a call that can block on one of the program's descriptors. Where it
 * can, it has a descriptor table of its own (descriptors.h).
 */
#include "watcher.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/descriptors.h"
#include "../base/log.h"
#include "../base/notes.h"
#include "../base/options.h"
#include "../base/pages.h"
#include "../base/scratch.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../inject/follow.h"
#include "../report/counts.h"
#include "../report/forecast.h"
#include "../report/uses.h"
#include "../stacks/capture.h"
#include "../symbolize/demangle.h"
#include "../symbolize/lines.h"
#include "../table/header.h"
#include "../track/close_bell.h"
#include "../track/family.h"
#include "../track/gate.h"
#include "../track/hold.h"
#include "../track/retract.h"
#include "blocked.h"
#include "check.h"
#include "discover.h"
#include "exhausted.h"
#include "last_thread.h"
#include "reporter.h"
#include "rights.h"
#include "wake.h"
#include "watcher_thread.h"

#define MS NS_PER_MS
/*
 * A check may take 1/500 of the period, which is 0.2 % of one core; the scan for unseen sockets
 * 1/4000.
 */
#define BUDGET 500
#define SCAN_BUDGET 4000
/* Between the two scans at an attach. */
#define SECOND_SCAN_NS (20u * MS)
/* From the start of the thread to its first scan. */
#define SETTLE_NS (100u * MS)
/* So many steps of 10 ms who makes the thread waits for its choice of a table. */
#define MOST_TURNS 100u
/* What the kernel copies of a table that is left: so many numbers. */
#define LOWEST 64
/* Who replaces the watcher waits so long: a report may have to wait for names and its reader. */
#define RENEW_NS (7000u * (uint64_t)MS)

static _Atomic bool running;
static _Atomic bool signal_wanted, quit, present_known;
static _Atomic bool joinable;
/* a futex word, on which the thread sleeps while there is no table; 1: wake up */
static _Atomic uint32_t stirred;
/* The end of the thread: who stops it waits for it, or it is on its own and puts all back itself. */
enum { AWAITED, ALONE, ENDED };
static _Atomic int parting;
/*
 * A futex word: which descriptor table the thread has, as 1 + enum descriptors_way; 0: it has not
 * chosen yet.
 */
static _Atomic uint32_t chosen;
static _Atomic bool shared_only; /* a table of its own has not worked in this process */
static _Atomic bool libcs_only;  /* the thread must be one of libc's here */
static bool minding;             /* the thread is to make the table: watcher_mind */

extern void __tsan_init(void) __attribute__((weak, visibility("default"))); /* ThreadSanitizer's runtime; NULL: it is not there */

static void serve_signal(void)
{
    struct reporter_query q = {.kinds = table_kinds()};
    if (atomic_exchange(&signal_wanted, false))
        reporter_report(&q, REASON_SIGNAL, -1);
}

/* Of the calling thread. Time during which other threads had the processor is not its cost. */
static uint64_t cpu_time(void)
{
    struct timespec t = {0, 0};
    SYS2(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* With the watch lock held. Returns when the next check is due. */
static uint64_t check_and_report(uint64_t interval)
{
    uint64_t begin = clock_now(), used = cpu_time();
    uint32_t request = watch_requested();
    reporter_troubles();
    forecast_refresh();
    discover_unseen(interval / SCAN_BUDGET, ORIGIN_UNSEEN);
    /* Whoever asks wants to know of the youngest ones too. */
    uint64_t youngest = request != watch_answered() ? 1 : interval < 2000u * MS ? interval : 2000u * MS;
    uint64_t next_grace = check_all(youngest);
    reporter_is_blind();
    blocked_find();
    /* The cost of the check alone: a report is rare, and may have to wait for its reader. */
    uint64_t cost = (cpu_time() - used) * BUDGET;
    exhausted_report(false);
    reporter_releases();
    reporter_due();
    serve_signal();
    uint64_t next_use = uses_next_due(clock_now() - USES_SETTLE_NS);
    if (next_use < next_grace)
        next_grace = next_use;
    watch_answer(request);
    bool stretched = cost > interval;
    uint64_t period = !stretched ? interval : cost < 10 * interval ? cost : 10 * interval;
    table_set_stretched_ms(stretched ? (uint32_t)((period + MS - 1) / MS) : 0);
    /*
     * A socket that passes its grace before the next check gets an earlier one. The lower bound
     * keeps many such sockets from causing a check each, which would break the budget.
     */
    uint64_t soonest = begin + (cost > interval / 16 ? cost : interval / 16);
    if (next_grace < soonest)
        next_grace = soonest;
    return next_grace < begin + period ? next_grace : begin + period;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void sleep_ns(uint64_t ns)
{
    struct timespec t = {0, (long)ns};
    SYS2(SYS_nanosleep, &t, NULL);
}

/*
 * Enters the sockets that were open already when recording began. This takes two scans, because a
 * socket is entered only when both have seen it (discover.c).
 */
static void enter_present_sockets(enum origin origin)
{
    for (int pass = 0; pass < 2; pass++) {
        if (pass && origin == ORIGIN_BEFORE_ATTACH)
            sleep_ns(SECOND_SCAN_NS);
        if (watch_lock(10000)) {
            discover_unseen(UINT64_MAX, origin);
            watch_unlock();
        }
        if (origin != ORIGIN_BEFORE_ATTACH)
            /* The first regular check is the second scan. Only attach waits for the result. */
            break;
    }
}

/* No look sees what happens meanwhile: no trend over it. */
static void forget_trends(void)
{
    if (!table_exists() || !watch_lock(10000))
        return;
    counts_forget_trends();
    watch_unlock();
}

/* Makes a call of the program's that is to be followed. True: there was one. */
static bool serve_rights(void)
{
    enum rights_served served = rights_serve();
    if (served == RIGHTS_OTHER)
        atomic_store(&quit, true);
    return served != RIGHTS_NONE;
}

/* Sleeps by HOW on WORD. What is woken for a call of the program's alone sleeps on. */
#define SLEEP(word, how)            \
    do {                            \
        if (rights_may_sleep(word)) \
            how;                    \
    } while (serve_rights() && !atomic_load(&quit))

static bool was_awake; /* a detached agent does not arm itself again */

/* How long a dormant agent sleeps before it counts descriptors; 0: it arms itself by nothing. */
static uint64_t until_count(void)
{
    if (was_awake || !agent_options.threshold_set || !agent_options.threshold)
        return 0;
    return table_interval_ns() ? table_interval_ns() : 1000 * MS;
}

static void sleep_dormant(void)
{
    uint64_t limit = until_count();
    SLEEP(table_enabled_word(), watch_sleep_dormant(limit));
    if (!limit || table_is_enabled() || atomic_load(&quit) || !exhausted_is_near())
        return;
    table_set_attached(true);
    table_set_enabled(true);
}

static void park(void)
{
    follow(false);
    forget_trends();
    log_verbose("asleep: nothing is recorded until `sockleak attach` wakes it");
    while (!table_is_enabled() && !atomic_load(&quit))
        sleep_dormant();
    was_awake = true;
    if (atomic_load(&quit))
        return;
    follow(true);
    forget_trends();
    table_set_unwatched(clock_now()); /* nobody saw what was called until now */
    enter_present_sockets(ORIGIN_BEFORE_ATTACH);
    log_verbose("awake: sockets are recorded from now on");
}

/* Most children end or exec at once, and need no thread. */
static void let_it_live(void)
{
    struct timespec settle = {0, SETTLE_NS};
    if (!atomic_load(&quit))
        SLEEP(&stirred, sys_futex((volatile void *)&stirred, FUTEX_WAIT, 0, &settle, NULL, 0));
}

/*
 * In a process that has connections but no table yet (watcher_mind): makes the table. False: this
 * thread is not needed.
 */
static bool make_table_later(void)
{
    while (!gate_is_open() && !atomic_load(&quit)) {
        serve_rights();
        if (!watch_lock(10000)) /* a fork waits for it: the child must not find a table half made */
            continue;
        thread_leave();
        bool ok = gate_start();
        if (ok)
            reporter_hold_notes();
        thread_enter();
        watch_unlock();
        if (!ok)
            return false;
    }
    return gate_is_open();
}

/*
 * This thread is of no use, for ever after as ONLY says: the next event makes one with the
 * program's table, or one that libc knows.
 */
static void end_for_another(_Atomic bool *only)
{
    atomic_store(only, true);
    atomic_store(&running, false);
}

static bool lines_can_ask(void)
{
    char path[600];
    return lines_command(path, sizeof path);
}

/*
 * What a thread may not do that libc does not know: redirect objects under the loader's lock,
 * and call the program's demangler where the command cannot be asked instead.
 */
static bool needs_libc(void) { return follow_will_be_needed() || (agent_options.symbolize && !lines_can_ask() && demangle_has_library()); }

static enum descriptors_way choose_table(void)
{
    bool other = this_thread.is_raw && needs_libc();
    enum descriptors_way way = other ? DESCRIPTORS_NONE : atomic_load(&shared_only) ? DESCRIPTORS_SHARED : descriptors_leave();
    if (way == DESCRIPTORS_NONE)
        end_for_another(other ? &libcs_only : &shared_only);
    atomic_store(&chosen, 1u + way);
    sys_futex((volatile void *)&chosen, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    return way;
}

/*
 * The same when the program runs meanwhile: what it closes then waits (track/hold.h), since the
 * kernel has a second reference to the lowest numbers.
 */
static enum descriptors_way choose_table_later(void)
{
    bool holds = watch_lock(10000);
    if (holds)
        hold_range(0, LOWEST - 1);
    enum descriptors_way way = choose_table();
    if (holds) {
        hold_end();
        watch_unlock();
    }
    return way;
}

static void look_later(uint64_t until, uint32_t request) { SLEEP(table_request_word(), watch_sleep(until, request)); }

static void watch(bool minds)
{
    SYS5(SYS_prctl, PR_SET_NAME, "sockleak", 0, 0, 0);
    if (minds)
        let_it_live();
    if (atomic_load(&quit) || (minds ? choose_table_later() : choose_table()) == DESCRIPTORS_NONE)
        return;
    pages_drop_read_once();
    if (minds && !make_table_later())
        return;
    reporter_pending();
    table_set_watcher(thread_tid());
    log_verbose("the watcher has started (thread %u%s); it looks every %lu ms, %s", thread_tid(),
                this_thread.is_raw ? ", unknown to libc" : "", (unsigned long)(table_interval_ns() / MS),
                descriptors_are_own() ? "from a descriptor table of its own" : "from the program's descriptor table");
    bool attached = table_is_attached();
    bool dormant = !table_is_enabled();
    was_awake |= !dormant;
    bool forked = family_parent_view()->base != NULL;
    if (!attached && !dormant && !minds) /* a process that ends before this does not pay for the scan */
        look_later(clock_now() + SETTLE_NS, watch_requested());
    if (dormant)
        park(); /* also when attach has enabled recording before this thread came here */
    else if (table_is_enabled() && !atomic_exchange(&present_known, true))
        enter_present_sockets(attached ? ORIGIN_BEFORE_ATTACH : forked ? ORIGIN_INHERITED : ORIGIN_UNSEEN);
    uint64_t next = dormant ? 0 : clock_now() + table_interval_ns();
    uint32_t served = watch_answered();
    while (!atomic_load(&quit)) {
        if (!table_is_enabled()) {
            park();
            next = 0;
        }
        uint64_t interval = table_interval_ns();
        uint32_t request = watch_requested();
        if (request == served)
            look_later(last_thread_wake(next), request);
        serve_rights();
        bool must_follow = this_thread.is_raw && follow_is_needed();
        if (must_follow || descriptors_are_lost()) {
            end_for_another(must_follow ? &libcs_only : &shared_only);
            return;
        }
        if (last_thread_of_all()) {
            if (!this_thread.is_raw) /* which no exit handler of the program's runs on */
                last_thread_goes();
            break;
        }
        /* before follow(), which takes the loader's lock: who waits for us may hold it */
        if (atomic_load(&quit))
            break;
        if (request == served && request == watch_requested() && clock_now() < next)
            continue;
        follow(table_is_enabled());
        if (atomic_load(&quit) || !table_is_enabled() || !watch_lock(10000))
            continue;
        served = watch_requested();
        next = check_and_report(interval ? interval : MS * 1000u);
        watch_unlock();
    }
}

/* With all that a thread after this one needs. */
static void put_back(void)
{
    atomic_store(&quit, false);
    atomic_store(&stirred, 0);
    atomic_store(&running, false);
}

static void watch_thread(void)
{
    thread_enter(); /* for good */
    this_thread.is_watcher = true;
    watch(minding);
    rights_watcher_ends(); /* nobody asks it any more */
    if (atomic_exchange(&parting, ENDED) == ALONE) {
        atomic_store(&joinable, true);
        put_back();
    }
}

static bool create(bool known)
{
    rights_watcher_begins(known);
    return watcher_thread_make(watch_thread, known);
}

/*
 * ThreadSanitizer supports no thread of libc's that begins in a child of a program with threads: it
 * ends the child, or the child waits for a lock that a thread of the parent held.
 */
static bool libc_refuses(void) { return &__tsan_init && reporter_in_forked_child(); }

static bool create_any(bool minds)
{
    minding = minds;
    atomic_store(&parting, AWAITED);
    if (minds && needs_libc()) /* it finds out when nobody is there to make another */
        atomic_store(&libcs_only, true);
    bool ok = (!atomic_load(&libcs_only) && create(false)) || (!libc_refuses() && create(true));
    atomic_store(&joinable, ok);
    if (!ok)
        rights_watcher_ends();
    return ok;
}

/*
 * While the new thread leaves the program's table, the kernel copies the lowest numbers of it: a
 * close that came then would not be the last one. So this thread stands still.
 */
static void await_choice(void)
{
    struct timespec step = {0, 10 * MS};
    for (unsigned turns = 0; turns < MOST_TURNS && !atomic_load(&chosen); turns++)
        sys_futex((volatile void *)&chosen, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &step, NULL, 0);
}

/* One that has ended by itself. */
static void join_ended(void)
{
    if (atomic_exchange(&joinable, false))
        while (!watcher_thread_await(NS_PER_S))
            ;
}

bool watcher_running(void) { return atomic_load_explicit(&running, memory_order_relaxed); }

static void launch(bool minds)
{
    if (atomic_exchange(&running, true))
        return;
    /* pthread_create is not async-signal-safe: a later event tries again */
    if (capture_in_handler()) {
        atomic_store(&running, false);
        return;
    }
    /*
     * The thread keeps this mask. Signals 32 and 33 are glibc's own and stay unblocked: setuid(2)
     * and its kin send one to every thread and wait until each has handled it.
     */
    uint64_t all = ~(3ull << (32 - 1)), old;
    int saved = errno;
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
    thread_enter();
    if (minds) /* it will make the table, and must not ask the loader for what a capture needs */
        capture_init();
    join_ended();
    atomic_store(&chosen, 0);
    bool ok = create_any(minds);
    if (ok && !minds) /* that one sleeps first */
        await_choice();
    thread_leave();
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
    errno = saved;
    if (!ok) /* RUNNING stays set: where no thread can be created, not every event tries again */
        log_later("no watcher thread can be made; leaks are reported at exit only", "");
}

static void start_with(bool minds)
{
    launch(minds);
    for (unsigned i = 0; i < 2 && atomic_load(&chosen) == 1u + DESCRIPTORS_NONE; i++)
        launch(minds); /* as one that libc knows, or with the program's table */
}

void watcher_start(void)
{
    if (!watcher_running() && table_exists() && !sys_in_sandbox() && (table_interval_ns() || !table_is_enabled()))
        start_with(false);
}

void watcher_mind(void)
{
    if (!watcher_running() && !sys_in_sandbox() && agent_options.interval_ns && agent_options.enabled)
        start_with(true);
}

/*
 * If the program has threads of its own, the call fails as it would without us. And where it
 * succeeds for the calling thread alone, a new watcher would share that thread's namespaces or
 * descriptor table, not those of the others.
 */
bool watcher_suspend(void) { return last_thread_with_one_other() && watcher_stop(); }

/* Wherever it sleeps. */
static void wake_to_end(void)
{
    if (table_exists())
        watch_wake_dormant();
    atomic_store(&stirred, 1);
    sys_futex((volatile void *)&stirred, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Nobody waits for the thread's end any more. False: it has come to it. */
static bool leave_alone(void)
{
    int awaited = AWAITED;
    return atomic_compare_exchange_strong(&parting, &awaited, ALONE);
}

/* Ends the thread and waits for its end. False: there is none, or it has not ended in LIMIT_NS. */
static bool stop(uint64_t limit_ns)
{
    if (!atomic_exchange(&joinable, false)) /* there is none, or another thread stops it */
        return false;
    int saved = errno;
    bool late = false;
    atomic_store(&quit, true);
    watch_poke();
    uint64_t begin = clock_now();
    do /* repeated: a thread that was about to sleep when the first wake came has missed it */
        wake_to_end();
    while (!watcher_thread_await(20u * MS) && !(late = clock_now() - begin >= limit_ns && leave_alone()));
    if (!late)
        put_back();
    errno = saved;
    return !late;
}

bool watcher_stop(void) { return watcher_running() && !thread_inside() && !gate_is_vfork_child() && stop(UINT64_MAX); }

/* The same without a wait: it ends as soon as it comes to it, and a later event makes another. */
static void dismiss(void)
{
    if (!atomic_exchange(&joinable, false))
        return;
    atomic_store(&quit, true);
    if (!leave_alone()) {
        atomic_store(&joinable, true);
        put_back();
    } else if (!sys_in_sandbox()) {
        watch_poke();
        wake_to_end();
    }
}

void watcher_renew(void)
{
    if (thread_inside() || sys_in_sandbox() || capture_in_handler())
        dismiss();
    else if (stop(RENEW_NS))
        watcher_resume();
    if (atomic_load(&parting) == ALONE)
        log_later("the watcher had rights for a while that the program had given up", "");
}

void watcher_resume(void) { table_exists() ? watcher_start() : watcher_mind(); }

/* The kernel gives copies of the first thread's descriptors, and of no other's. */
void watcher_first_thread_ends(void)
{
    if (!last_thread_ends() || atomic_load(&chosen) != 1u + DESCRIPTORS_OWN || capture_in_handler())
        return;
    atomic_store(&shared_only, true);
    if (watcher_stop())
        watcher_resume();
}

void watcher_settle(void) { sleep_ns(MS); }

void watcher_forked_child(void)
{
    atomic_store(&joinable, false);
    atomic_store(&quit, false);
    atomic_store(&stirred, 0);
    /*
     * Sockets that the parent's table did not hold yet came over the fork too (process/inherit.c):
     * scan again.
     */
    atomic_store(&present_known, false);
    atomic_store(&running, false);
    atomic_store(&chosen, 0);
    atomic_store(&shared_only, false); /* the thread that forked is the first here */
    watcher_thread_forked_child();
    atomic_store(&parting, AWAITED);
    rights_forked_child();
    watch_lock_reset();
    hold_reset();
    atomic_store(&signal_wanted, false);
    atomic_store(&close_bell_waiters, 0);
    scratch_keep(false);
    retract_reset();
    check_reset();
    last_thread_forked_child();
    exhausted_reset();
}

void watcher_request_signal(void)
{
    if (!gate_has_table())
        return;
    atomic_store(&signal_wanted, true);
    if (watcher_running()) {
        watch_poke();
        return;
    }
    thread_enter();
    if (watch_lock(0)) {
        serve_signal();
        watch_unlock();
    }
    thread_leave();
}
