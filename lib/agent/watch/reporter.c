/* SPDX-License-Identifier: MIT */
/*
 * reporter.c: what is reported after a check: groups that are due, sockets that were closed after
 * all, everything at a signal, a check or the end.
 *
 * Called with the watch lock held, right after a check, by the thread that made it. Never by a
 * wrapper.
 */
#include "reporter.h"

#include <time.h>

#include "../../core/json.h"
#include "../../core/text.h"
#include "../base/abort.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/notes.h"
#include "../base/options.h"
#include "../base/scratch.h"
#include "../base/sys.h"
#include "../report/build.h"
#include "../report/counts.h"
#include "../report/idle.h"
#include "../report/suppressions.h"
#include "../report/uses.h"
#include "../runtimes/runtimes.h"
#include "../table/header.h"
#include "../table/state_dir.h"
#include "../track/family.h"
#include "../track/probe.h"
#include "../track/retract.h"
#include "check.h"
#include "held_check.h"
#include "discover.h"
#include "exhausted.h"
#include "wake.h"

#define LONG_RUN_NS 10000000000ull /* a program that has run so long has */
#define YOUNG_NS 1000000000ull     /* sockets at its end that ended a moment before */

static uint32_t loaded_by; /* the process that the library was loaded into */
static uint64_t loaded_ns; /* when that was; a forked worker counts from there too */

void reporter_loaded(void)
{
    loaded_by = (uint32_t)sys_getpid();
    loaded_ns = sys_clock(CLOCK_MONOTONIC);
}

bool reporter_in_forked_child(void) { return (uint32_t)sys_getpid() != loaded_by; }

/* A child or a connection that is closed together with the program: true, and of no use in bulk. */
static uint64_t too_young(void)
{
    bool all = agent_options.exit_check_all || agent_options.exitcode || !agent_options.leak_check_at_exit;
    return !all && sys_clock(CLOCK_MONOTONIC) - loaded_ns >= LONG_RUN_NS ? YOUNG_NS : 0;
}

/* Where no report has the line that counts them. */
static void log_young(const struct report *r)
{
    char text[160];
    struct out o = {.buf = text, .cap = sizeof text - 1};
    if (!r->young || (r->n_groups && !agent_options.log_json))
        return;
    text_young(&o, r);
    text[o.len] = 0;
    log_info("%s", text);
}

#define RELEASES 512u /* as many as the ring holds */

/*
 * Takes the retractions out of the ring, each site and kind next to each other. Returns how many.
 */
static size_t take_releases(struct release *all, size_t cap)
{
    size_t n = 0;
    struct release r;
    while (n < cap && retract_next(&r)) {
        size_t at = n++;
        while (at && (all[at - 1].siteid > r.siteid || (all[at - 1].siteid == r.siteid && all[at - 1].kind > r.kind))) {
            all[at] = all[at - 1];
            at--;
        }
        all[at] = r;
    }
    return n;
}

/*
 * One retraction for the first N of ALL that are of one site and kind. Returns how many these are.
 */
static size_t merge_releases(struct release *sum, const struct release *all, size_t n, int *fds)
{
    size_t same = 0;
    *sum = all[0];
    for (; same < n && all[same].siteid == sum->siteid && all[same].kind == sum->kind; same++) {
        fds[same] = all[same].fd;
        sum->stuck_ns = all[same].stuck_ns > sum->stuck_ns ? all[same].stuck_ns : sum->stuck_ns;
    }
    sum->count = sum->n_fds = same;
    sum->fds = fds;
    return same;
}

/* AT_END: a runtime that ends closes everything, and the report at exit says what is left. */
static void write_releases(bool at_end)
{
    struct scratch *scratch = NULL;
    struct release *all = scratch_get(&scratch, RELEASES * sizeof *all), sum;
    int *fds = scratch_get(&scratch, RELEASES * sizeof *fds);
    struct report r;
    struct out o;
    size_t n = all && fds ? take_releases(all, RELEASES) : 0;
    if (n) {
        scratch_out(&o);
        report_head(&r, REASON_GRACE);
        if (at_end && !agent_options.log_json)
            out_fmt(&o, "==%u==sockleak: %zu of the sockets that were reported %s closed by now\n", r.pid, n, n == 1 ? "is" : "are");
        else
            for (size_t at = 0; at < n;) {
                at += merge_releases(&sum, all + at, n - at, fds);
                (agent_options.log_json ? json_release : text_release)(&o, &r, &sum);
            }
        if (o.len)
            log_write(o.buf, o.len);
        scratch_out_free(&o);
    }
    scratch_free(&scratch);
}

void reporter_releases(void) { write_releases(false); }

/*
 * A thread that closes a socket retracts it when it finds this mark. One that closes it while the
 * report is being made does not find the mark yet, so this retracts it instead.
 */
static void mark_slot(const struct state_view *view, const struct finding *f, const struct state_slot *slot)
{
    struct state_detail *d = (struct state_detail *)(uintptr_t)state_slot_detail(view, slot);
    if (!d || d->kind == KIND_OPEN)
        return;
    if (!atomic_load(&d->reported) || !d->reported_since_ns) {
        d->reported_since_ns = f->since_ns;
        d->reported_kind = f->kind;
    }
    atomic_store(&d->reported, 1);
    const struct state_slot *live = slot_of(f->fd);
    if (atomic_load(&live->word) != atomic_load(&slot->word) && atomic_exchange(&d->reported, 0))
        retract_unmarked(f);
}

static void mark_reported(const struct built *c)
{
    struct state_view view = table_view();
    for (size_t g = 0; g < c->report.n_groups; g++)
        for (size_t i = 0; i < c->report.groups[g].n_findings; i++) {
            const struct finding *f = &c->report.groups[g].findings[i];
            struct state_slot slot;
            if (f->kind == KIND_HELD_BY_CHILD) {
                held_reported(f);
                continue;
            }
            if (f->kind == KIND_USE_AFTER_CLOSE)
                continue;
            if (state_copy_slot(slot_of(f->fd), &slot) && slot.opened_ns == f->opened_ns)
                mark_slot(&view, f, &slot);
            else
                retract_unmarked(f);
        }
}

static _Atomic bool notes_held; /* until there is a report */

void reporter_hold_notes(void) { atomic_store(&notes_held, true); }

static void write_report(const struct built *c, int fd)
{
    if (atomic_exchange(&notes_held, false))
        reporter_pending();
    if (!report_write(c, fd))
        log_warn("the report could not be written whole: %lu socket%s leaked", (unsigned long)c->report.leaks,
                 c->report.leaks == 1 ? "" : "s");
}

void reporter_due(void)
{
    uint32_t kinds = table_kinds();
    struct selection s = {.kinds = kinds, .due_only = true, .used_until_ns = clock_now() - USES_SETTLE_NS};
    struct built c;
    bool uses = kinds & KIND_BIT(KIND_USE_AFTER_CLOSE) && uses_any_due(s.used_until_ns);
    if (!counts_any_due(kinds) && !uses)
        return;
    if (report_build(&c, &s, REASON_GRACE)) {
        mark_reported(&c);
        /*
         * Groups that were suppressed, or cut from the list, are not reported again either until
         * they double.
         */
        counts_all_reported(kinds);
        if (uses)
            uses_all_reported(s.used_until_ns);
        if (c.report.n_groups) {
            write_report(&c, -1);
            if (agent_options.abort_on_error)
                abort_process();
        }
    }
    report_free(&c);
}

static uint64_t report_all(const struct selection *s, enum reason reason, int fd)
{
    struct built c;
    uint64_t n = 0;
    if (report_build(&c, s, reason)) {
        /*
         * With number_only the command makes the report in our place, and it counts the suppressed
         * sockets too.
         */
        n = c.report.leaks + (s->number_only ? c.report.suppressed : 0);
        if (n && reason == REASON_SIGNAL)
            mark_reported(&c);
        if (n && fd != -2)
            write_report(&c, fd);
        log_young(&c.report);
        if (n && fd != -2 && agent_options.abort_on_error && reason != REASON_CHECK) {
            report_free(&c);
            abort_process();
        }
    } else {
        /* no memory for a report: count at least, so that the state file is kept */
        size_t descriptors;
        select_count(s, &descriptors);
        n = descriptors;
        if (n && fd != -2)
            log_warn("no memory for the report: %lu socket%s leaked", (unsigned long)n, n == 1 ? "" : "s");
    }
    report_free(&c);
    return n;
}

uint64_t reporter_report(const struct reporter_query *q, enum reason reason, int fd)
{
    struct selection s = {.since_ns = q->since_ns, .min_ns = q->min_ns, .kinds = q->kinds, .tid = q->tid, .tag = q->tag};
    check_all(0);
    exhausted_report(true);
    reporter_releases();
    return report_all(&s, reason, fd);
}

/* With verbosity=1: where the table is, once for each process. */
static void log_state_file(void)
{
    static _Atomic uint32_t logged_for;
    char path[600];
    if (!agent_options.verbosity || !table_exists() || atomic_exchange(&logged_for, table_pid()) == table_pid())
        return;
    const char *whose = table_pid() == loaded_by ? "" : "a child of fork got a table of its own; ";
    if (state_dir_file_path(path, sizeof path))
        log_info("%sthe state file is %s", whose, path);
    else
        log_info("%sthere is no state file, the table is in memory", whose);
}

/* Once for each: that the frames of a runtime of this process are not read. */
static void log_refusals(void)
{
    static _Atomic uint32_t logged;
    for (unsigned number = 0; agent_options.verbosity && number < RUNTIME_COUNT; number++) {
        const char *reason = runtimes_refusal(number);
        if (reason && !(atomic_fetch_or(&logged, RUNTIME_BIT(number)) & RUNTIME_BIT(number)))
            log_info("the frames of this program's %s are not read: %s", runtime_name(number), reason);
    }
}

void reporter_pending(void)
{
    log_state_file();
    log_refusals();
    if (atomic_load(&notes_held))
        return;
    log_write_later();
    table_dropped(DROP_LOG, log_take_lost());
}

void reporter_troubles(void)
{
    if (atomic_load(&table_overflowed))
        log_later("the file system of the state file is full: the table goes on in memory, `sockleak report` sees only a part of it", "");
    if (table_drops(DROP_TABLE_FULL) + table_drops(DROP_SITE_FULL))
        log_later("no memory for more sockets or stacks: some leaks may be missing from the reports", "");
    if (table_drops(DROP_LOOK) && !probe_lacks_cookies())
        log_later("the kernel did not answer what a check of a socket asks: some leaks may be missing from the reports", "");
    reporter_pending();
}

bool reporter_is_blind(void)
{
    if (!probe_lacks_cookies())
        return false;
    if (table_is_enabled())
        log_warn("nothing is recorded: this kernel cannot tell one socket from another (no SO_COOKIE), which Linux can from 4.12 on");
    table_set_enabled(false);
    return true;
}

static void print_suppressions(void)
{
    size_t n;
    struct suppression *rules = suppressions_rules(&n);
    struct report r;
    struct out o;
    if (!agent_options.print_suppressions)
        return;
    scratch_out(&o);
    report_head(&r, REASON_EXIT);
    if (agent_options.log_json)
        suppress_json(&o, &r, rules, n);
    else
        suppress_print(&o, r.pid, rules, n);
    if (o.len)
        log_write(o.buf, o.len);
    scratch_out_free(&o);
}

static void print_idle_sites(void)
{
    struct out o;
    scratch_out(&o);
    idle_note(&o, table_grace_ns());
    if (o.len)
        log_write(o.buf, o.len);
    scratch_out_free(&o);
}

/* With stuck sockets the state file is kept for `sockleak report`. */
static void leave_file(uint64_t stuck)
{
    char path[600];
    bool file = state_dir_file_path(path, sizeof path);
    if (!stuck)
        state_dir_remove_file();
    if (file)
        log_verbose("the state file is %s: %s", stuck ? "kept" : "removed", path);
    else
        log_verbose("no state file is left: the table was in memory");
}

uint64_t reporter_final(bool its_last)
{
    struct selection s = {.kinds = table_kinds(),
                          .at_exit = true,
                          .young_ns = too_young(),
                          .counted_only = !agent_options.leak_check_at_exit,
                          .number_only = !agent_options.leak_check_at_exit};
    if (!table_is_enabled()) {
        if (agent_options.verbosity)
            reporter_pending();
        if (its_last)
            leave_file(0);
        return 0;
    }
    if (!watch_lock(5000)) {
        log_warn("the watcher is stuck (is nobody reading its output?); no exit report, `sockleak report` reads the state file");
        return 0;
    }
    if (its_last)
        scratch_keep(true);
    reporter_troubles();
    /* A short-lived child may hold what other threads of its parent were opening at the fork. */
    if (!family_parent_view()->base || table_looks() >= 2)
        discover_at_end(ORIGIN_UNSEEN);
    check_at_end();
    reporter_is_blind();
    exhausted_report(true);
    if (agent_options.leak_check_at_exit)
        write_releases(true);
    uint64_t n = report_all(&s, REASON_EXIT, agent_options.leak_check_at_exit ? -1 : -2);
    /* `run` makes the report, from the state files; whether a site was idle it could not tell then */
    if (agent_options.leak_check_at_exit || state_dir_is_a_runs())
        print_idle_sites();
    if (agent_options.leak_check_at_exit)
        print_suppressions();
    if (its_last)
        leave_file(n);
    else
        watch_unlock();
    /* Otherwise the lock stays taken, so that nothing is checked or reported after this. */
    return n;
}
