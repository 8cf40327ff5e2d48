/* SPDX-License-Identifier: MIT */
/*
 * tell.c: what is said after a look: of groups that are due, of sockets that were closed after all, of everything at a signal, a check or the end.
 *
 * Called with the watch lock held, right after a look, by whoever looked.
 */
#include "tell.h"

#include <stdlib.h>

#include "agent.h"
#include "compose.h"
#include "look.h"
#include "release.h"
#include "scratch.h"
#include "suppressions.h"
#include "table.h"
#include "tally.h"
#include "watch.h"

void tell_releases(void)
{
    struct report r;
    struct release rel;
    struct out o;
    unsigned told = 0, more = 0;
    scratch_out(&o);
    compose_head(&r, REASON_GRACE);
    while (release_next(&rel)) {
        if (agent_options.log_json)
            json_release(&o, &r, &rel);
        else if (told++ < agent_options.max_sockets || !agent_options.max_sockets)
            text_release(&o, &r, &rel);
        else
            more++;
    }
    if (more)
        out_fmt(&o, "==%u==sockleak: and %u more released\n", r.pid, more);
    if (o.len)
        log_write(o.buf, o.len);
    scratch_out_free(&o);
}

/* A socket that is closed while the report is made would have nobody to retract it: its closer saw no mark. */
static void mark_slot(const struct state_view *view, const struct finding *f, const struct state_slot *slot, uint64_t now)
{
    struct state_detail *d = (struct state_detail *)(uintptr_t)state_slot_detail(view, slot);
    if (!d)
        return;
    d->reported_ns = now;
    atomic_store(&d->reported, 1);
    const struct state_slot *live = slot_of(f->fd);
    if (atomic_load(&live->word) != atomic_load(&slot->word) && atomic_exchange(&d->reported, 0))
        release_note(f);
}

static void mark_reported(const struct composed *c)
{
    struct state_view view = table_view();
    for (size_t g = 0; g < c->report.n_groups; g++)
        for (size_t i = 0; i < c->report.groups[g].n_findings; i++) {
            const struct finding *f = &c->report.groups[g].findings[i];
            struct state_slot slot;
            if (state_copy_slot(slot_of(f->fd), &slot) && slot.opened_ns == f->opened_ns)
                mark_slot(&view, f, &slot, c->report.now_ns);
            else
                release_note(f);
        }
}

static void write_report(const struct composed *c, int fd)
{
    if (!compose_write(c, fd))
        agent_warn("the report could not be written whole: %lu socket%s leaked", (unsigned long)c->report.leaks,
                   c->report.leaks == 1 ? "" : "s");
}

void tell_due(void)
{
    uint32_t kinds = atomic_load(&table_head->kinds);
    struct selection s = {.kinds = kinds, .due_only = true};
    struct composed c;
    if (!tally_any_due(kinds))
        return;
    if (compose(&c, &s, REASON_GRACE)) {
        mark_reported(&c);
        tally_all_reported(kinds); /* what was suppressed, or cut from the list, is not said again either until it doubles */
        if (c.report.n_groups) {
            write_report(&c, -1);
            if (agent_options.abort_on_error)
                abort();
        }
    }
    compose_free(&c);
}

static uint64_t report_all(const struct selection *s, enum reason reason, int fd)
{
    struct composed c;
    uint64_t n = 0;
    if (compose(&c, s, reason)) {
        n = c.report.leaks + (s->number_only ? c.report.suppressed : 0); /* who reports in our place counts those too */
        if (n && reason == REASON_SIGNAL)
            mark_reported(&c);
        if (n && fd != -2)
            write_report(&c, fd);
        if (n && fd != -2 && agent_options.abort_on_error && reason != REASON_CHECK) {
            compose_free(&c);
            abort();
        }
    } else {
        size_t descriptors;
        compose_count(s, &descriptors); /* no memory to say more: the number at least, and the state file is kept */
        n = descriptors;
        if (n && fd != -2)
            agent_warn("no memory for the report: %lu socket%s leaked", (unsigned long)n, n == 1 ? "" : "s");
    }
    compose_free(&c);
    return n;
}

uint64_t watch_report(const struct watch_query *q, enum reason reason, int fd)
{
    struct selection s = {.since_ns = q->since_ns, .min_ns = q->min_ns, .kinds = q->kinds, .tid = q->tid, .tag = q->tag};
    look_all(0);
    tell_releases();
    return report_all(&s, reason, fd);
}

void tell_troubles(void)
{
    if (atomic_load(&table_overflowed))
        agent_note("the file system of the state file is full: the table goes on in memory, `sockleak report` sees only a part of it", "");
    if (atomic_load(&table_head->dropped[DROP_TABLE_FULL]) + atomic_load(&table_head->dropped[DROP_SITE_FULL]))
        agent_note("no memory for more sockets or stacks: some leaks may be missing from the reports", "");
    if (atomic_load(&table_head->dropped[DROP_LOOK]))
        agent_note("the kernel did not answer what a look at a socket asks: some leaks may be missing from the reports", "");
    agent_tell_notes();
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
    compose_head(&r, REASON_EXIT);
    if (agent_options.log_json)
        suppress_json(&o, &r, rules, n);
    else
        suppress_print(&o, r.pid, rules, n);
    if (o.len)
        log_write(o.buf, o.len);
    scratch_out_free(&o);
}

/* What is stuck is left for `sockleak report`. */
static void leave_file(uint64_t stuck)
{
    char path[600];
    bool file = place_path(path, sizeof path);
    if (!stuck)
        place_remove();
    if (file)
        agent_tell("the state file is %s: %s", stuck ? "kept" : "removed", path);
    else
        agent_tell("no state file is left: the table was in memory");
}

uint64_t watch_final(bool its_last)
{
    struct selection s = {.kinds = atomic_load(&table_head->kinds),
                          .at_exit = true,
                          .counted_only = !agent_options.leak_check_at_exit,
                          .number_only = !agent_options.leak_check_at_exit};
    if (!atomic_load(&table_head->enabled)) {
        if (agent_options.verbosity)
            agent_tell_notes();
        if (its_last)
            leave_file(0);
        return 0;
    }
    if (!watch_lock(5000)) {
        agent_warn("the watcher is stuck (is nobody reading its output?); no exit report, `sockleak report` reads the state file");
        return 0;
    }
    if (its_last)
        scratch_keep(true);
    tell_troubles();
    look_all(0);
    if (agent_options.leak_check_at_exit)
        tell_releases();
    uint64_t n = report_all(&s, REASON_EXIT, agent_options.leak_check_at_exit ? -1 : -2);
    if (agent_options.leak_check_at_exit)
        print_suppressions();
    if (its_last)
        leave_file(n);
    else
        watch_unlock();
    /* The lock else stays taken: nothing is looked at or said after this. */
    return n;
}
