/* SPDX-License-Identifier: MIT */
/*
 * agent.c: the composition root: constructor, first socket, fork, exit, sleep and wake.
 *
 * The constructor only reads options and registers handlers; a program without sockets pays no more. The table comes with the first event that needs
 * it, on the program's own thread and with signals blocked, so that no handler can find it half made.
 */
#include "agent.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "capture.h"
#include "explained.h"
#include "inject.h"
#include "real.h"
#include "said.h"
#include "sites.h"
#include "suppressions.h"
#include "sys.h"
#include "table.h"
#include "track.h"
#include "watch.h"

#define FORK_WAIT_MS 100

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

__thread struct agent_thread agent_thread __attribute__((tls_model("initial-exec")));

enum phase { FRESH = 0, STARTING, READY, FAILED };
static _Atomic int phase;
static _Atomic bool finished;

/* One byte that the kernel clears in a child made by fork, _Fork or a raw clone: 1 while the table is this process'. */
static unsigned char never;
static unsigned char *alive = &never;

/* ---- clocks and names ---------------------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t); /* the vdso: no system call, errno untouched as the clocks exist */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t agent_now(void) { return clock_ns(CLOCK_MONOTONIC); }

uint64_t agent_now_real(void) { return clock_ns(CLOCK_REALTIME); }

uint32_t agent_tid(void)
{
    if (!agent_thread.tid && !agent_in_sandbox())
        agent_thread.tid = (uint32_t)sys_gettid();
    return agent_thread.tid;
}

static _Atomic bool shares_memory;

void agent_shares_memory(void) { atomic_store(&shares_memory, true); }

bool agent_is_vfork_child(void)
{
    if (agent_thread.in_vfork)
        return true;
    return __builtin_expect(atomic_load_explicit(&shares_memory, memory_order_relaxed), 0) && table_head &&
           (uint32_t)sys_getpid() != table_head->pid;
}

void *agent_pages(size_t size)
{
    void *p = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return sys_failed(p) ? NULL : p;
}

void agent_free_pages(void *p, size_t size) { sys_munmap(p, size); }

static bool make_alive(void)
{
    if (alive == &never) {
        void *p = sys_mmap(NULL, STATE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (sys_failed(p))
            return false;
        SYS3(SYS_madvise, p, STATE_PAGE, MADV_WIPEONFORK);
        alive = p;
    }
    *alive = 1;
    return true;
}

void agent_enter_sandbox(void) { atomic_store(&sys_sandboxed, true); }

bool agent_in_sandbox(void) { return atomic_load_explicit(&sys_sandboxed, memory_order_relaxed); }

static bool start(void)
{
    if (agent_in_sandbox())
        return false;
    uint64_t all = ~0ull, old;
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
    agent_enter();
    int expected = FRESH;
    bool ok = false;
    if (atomic_compare_exchange_strong(&phase, &expected, STARTING)) {
        agent_configure();
        suppressions_load_early();
        sites_reset();
        capture_init();
        ok = agent_make_table() && make_alive();
        if (ok)
            said_write();
        if (ok && inherited_count()) {
            atomic_store(&table_head->inherited_from, table_head->ppid);
            inherited_import();
        }
        atomic_store(&phase, ok ? READY : FAILED);
    } else {
        /* Another thread is at it; it runs with its signals blocked, so it gets on. */
        for (unsigned turn = 0; atomic_load(&phase) == STARTING; turn++)
            sys_yield(turn);
        ok = atomic_load(&phase) == READY;
    }
    agent_leave();
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
    return ok;
}

/* In a child that came by fork or a clone with its own memory. Nothing of the parent's table may be touched again. */
static void forked_child(bool prepared)
{
    agent_enter();
    agent_thread.tid = 0;
    agent_thread.in_vfork = 0;
    inherited_take(prepared);
    place_forget();
    sites_reset();
    watch_forked_child();
    capture_fork_child();
    *alive = 0; /* a kernel without MADV_WIPEONFORK has left it as it was */
    atomic_store(&finished, false);
    atomic_store(&phase, FRESH);
    agent_leave();
}

static bool usable(void)
{
    if (agent_inside())
        return false;
    int p = atomic_load(&phase);
    if (p == READY && !*alive)
        forked_child(false);
    return p != FAILED;
}

bool agent_has_table(void)
{
    if (__builtin_expect(*alive, 1))
        return !agent_inside() && atomic_load_explicit(&table_head->enabled, memory_order_relaxed);
    if (!usable())
        return false;
    /* In a fresh child an event on an inherited connection is what a table is made for; callers ask inherited_has() first. */
    return false;
}

bool agent_has_failed(void) { return atomic_load(&phase) == FAILED; }

bool agent_owns_table(void) { return *alive && !agent_inside() && !agent_is_vfork_child(); }

bool agent_ready(void)
{
    if (__builtin_expect(!*alive, 0) && (agent_thread.in_vfork || !usable() || (atomic_load(&phase) != READY && !start())))
        return false;
    if (agent_inside() || agent_is_vfork_child())
        return false;
    if (__builtin_expect(atomic_load_explicit(&table_head->enabled, memory_order_relaxed), 1))
        return true;
    if (!watch_running())
        watch_start(); /* dormant: a parked thread is what attach wakes */
    return false;
}

/* ---- sleep and wake --------------------------------------------------------------------------------------------- */

int agent_wake(const char *options_text)
{
    agent_configure();
    if (options_text)
        agent_take_options(options_text);
    agent_options.enabled = true;
    options_finish(&agent_options);
    if (!*alive && (!usable() || (atomic_load(&phase) != READY && !start())))
        return -1;
    struct state_header *h = table_head;
    h->kinds = agent_options.kinds;
    h->grace_ns = agent_options.grace_ns;
    h->interval_ns = agent_options.interval_ns;
    h->interval_given = agent_options.interval_set;
    atomic_store(&h->attached, 1);
    atomic_store(&h->enabled, 1);
    watch_start();
    sys_futex((volatile void *)&h->enabled, FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
    watch_poke();
    return 0;
}

void agent_sleep(void)
{
    if (!*alive)
        return;
    atomic_store(&table_head->enabled, 0);
    watch_poke();
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

int agent_finish(int status, enum state_end how, bool its_last)
{
    if (agent_has_failed() && its_last && !agent_inside() && !agent_thread.in_vfork && !atomic_exchange(&finished, true)) {
        agent_enter();
        agent_tell_notes();
        agent_warn("no memory for a table: no socket of this process was recorded");
        agent_leave();
    }
    if (agent_inside() || !*alive || !table_head || agent_is_vfork_child())
        return status;
    if (atomic_load(&finished) || (its_last && atomic_exchange(&finished, true)))
        return status;
    /* abort() is called by the allocator too, on finding its heap damaged. */
    agent_thread.no_malloc = how == END_ABORT || capture_in_handler();
    agent_enter();
    uint64_t leaks = agent_in_sandbox() ? 0 : watch_final(its_last);
    agent_thread.no_malloc = false;
    if (!its_last) {
        agent_leave();
        return status;
    }
    atomic_store(&table_head->exit_status, (uint32_t)status);
    atomic_store(&table_head->end, how);
    agent_leave();
    if (agent_options.leak_check_at_exit && leaks > agent_options.max_allowed && status == 0 && agent_options.exitcode && how == END_EXIT)
        return (int)agent_options.exitcode;
    return status;
}

/* Registered before any other handler, so it runs after all of them and after every destructor. It may only change the status by exiting anew: what is
 * left to run (the flush of stdio) is then run by that call. But where the library came late, to a program that has its handlers registered, it runs first: there
 * our own destructor is the end, which comes after them. */
static int late_status;

static void at_exit(int status, void *arg)
{
    (void)arg;
    if (inject_came_late()) {
        late_status = status;
        return;
    }
    int changed = agent_finish(status, END_EXIT, true);
    if (changed != status)
        exit(changed);
}

__attribute__((destructor)) static void at_late_exit(void)
{
    if (inject_came_late())
        agent_finish(late_status, END_EXIT, true);
}

/* ---- the beginning ------------------------------------------------------------------------------------------------- */

/* Whoever looks may have a file open for a moment (a log, a symbol table), which the child must not get: so nobody looks meanwhile. */
static void before_fork(void)
{
    if (*alive) {
        agent_thread.fork_holds = watch_lock(FORK_WAIT_MS);
        inherited_prepare();
        explained_prepare();
    }
    inject_fork_prepare();
    capture_fork_prepare();
}

static void after_fork_parent(void)
{
    capture_fork_parent();
    inject_fork_parent();
    inherited_discard();
    if (agent_thread.fork_holds)
        watch_unlock();
    agent_thread.fork_holds = false;
}

static void after_fork_child(void)
{
    if (agent_thread.fork_holds)
        watch_unlock();
    agent_thread.fork_holds = false;
    inject_forked_child();
    int at = atomic_load(&phase);
    if (at == READY || at == STARTING) /* STARTING: by another thread, which did not come along */
        forked_child(true);
    else
        capture_fork_child();
}

static void on_signal(int number)
{
    (void)number;
    bool before = agent_thread.no_malloc; /* the handler may come into a report at the end */
    agent_thread.no_malloc = true;        /* should this thread have to make the report itself */
    watch_request_signal();
    agent_thread.no_malloc = before;
}

static void install_signal(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_signal;
    sa.sa_flags = SA_RESTART;
    sigfillset(&sa.sa_mask);
    if (agent_options.signal && sigaction((int)agent_options.signal, &sa, NULL) < 0)
        agent_warn("signal=%u: this signal cannot be caught; no report on a signal", agent_options.signal);
}

__attribute__((constructor)) static void agent_load(void)
{
    real_resolve(); /* here, so that no later first call has to do it inside a signal handler or a vfork child */
    agent_configure();
    agent_enter();
    if (agent_options.help)
        agent_help();
    if (!agent_options.follow_children)
        agent_leave_children_alone();
    if (agent_options.signal)
        install_signal();
    suppressions_load_early();
    place_clear_aside();
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
    on_exit(at_exit, NULL);
    agent_leave();
}
