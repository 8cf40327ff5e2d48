/* SPDX-License-Identifier: MIT */
/*
 * look.c: one look at the machine: the reports of a fleet, the kernel's tables and the counters, as
 * samples.
 *
 * Called by each form of `sockleak export`.
 */
#include "look.h"

#include <stdio.h>
#include <string.h>

#include "../base/cli.h"
#include "../base/now.h"
#include "kernel.h"
#include "ledger_file.h"
#include "member.h"

/* ---- sources --------------------------------------------------------------------------------- */

static void add_fleet(struct samples *s, struct collector *c, const struct fleet *f)
{
    uint64_t now_s = now_real_ns() / 1000000000u;
    for (size_t i = 0; i < f->n; i++) {
        member_add_stuck(s, &f->members[i], c->max_sites);
        member_add_peers(s, &f->members[i]);
        member_add_process(s, &f->members[i]);
        member_count(&c->ledger, &f->members[i], f->sym, c->max_sites, now_s);
    }
    ledger_forget(&c->ledger, now_s);
}

static void add_counters(struct samples *s, const struct ledger *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct ledger_series *t = &l->series[i];
        struct resource of = {.exe = t->exe, .container = t->container};
        for (unsigned k = 0; k < 2; k++) {
            struct sample *at = samples_add(s, k ? METRIC_CLOSED : METRIC_OPENED, &of, (double)(k ? t->count.closed : t->count.opened));
            samples_label(s, at, "site", t->site);
            samples_label(s, at, "function", t->function);
            samples_label(s, at, "file", t->file);
        }
    }
}

/* NULL: it does not carry the agent. */
static const struct fleet_member *member_of(const struct fleet *f, pid_t pid)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->members[i].from->pid == pid && load_is_live(f->members[i].from))
            return &f->members[i];
    return NULL;
}

static void add_kernel(struct samples *s, const struct fleet *f)
{
    struct kernel_tables k;
    kernel_take(&k);
    for (size_t i = 0; i < k.n; i++) {
        const struct kernel_process *p = &k.processes[i];
        const struct fleet_member *member = member_of(f, p->pid);
        /* one name for each process, whoever tells of it */
        struct resource of = {.exe = member ? member->model.report.exe : p->exe, .container = p->container, .pid = (uint32_t)p->pid};
        for (unsigned state = 1; state < KERNEL_STATES; state++)
            if (p->by_state[state])
                samples_label(s, samples_add(s, METRIC_KERNEL, &of, p->by_state[state]), "state", kernel_state_name(state));
        if (!member && !p->sockets)
            continue;
        samples_add(s, METRIC_DESCRIPTORS, &of, (double)p->descriptors);
        if (p->limit)
            samples_add(s, METRIC_DESCRIPTORS_LIMIT, &of, (double)p->limit);
    }
    kernel_free(&k);
}

/* ---- the whole look -------------------------------------------------------------------------- */

static void keep_counters(struct collector *c)
{
    if (!c->ledger_path[0] || !c->ledger.changed)
        return;
    int error = ledger_file_write(&c->ledger, c->ledger_path);
    if (error && !c->cannot_write)
        cli_warn("cannot write %s: %s; the counters will begin anew when this is started again", c->ledger_path, strerror(-error));
    c->cannot_write = error != 0;
}

bool collector_begin(struct collector *c, unsigned max_sites)
{
    const char *why;
    *c = (struct collector){.max_sites = max_sites};
    c->memory = fleet_memory_new();
    if (!c->memory)
        return false;
    if (!ledger_file_path(c->ledger_path, &why)) {
        cli_warn("no place for the counters: %s; they will begin anew when this is started again", why);
        c->ledger_path[0] = 0;
    } else if ((why = ledger_file_read(&c->ledger, c->ledger_path))) {
        char aside[sizeof c->ledger_path + 8];
        snprintf(aside, sizeof aside, "%s.bad", c->ledger_path);
        cli_warn("%s: %s; kept as %s, the counters begin anew", c->ledger_path, why, aside);
        rename(c->ledger_path, aside);
    }
    if (!c->ledger.started_real_ns)
        c->ledger.started_real_ns = now_real_ns();
    return true;
}

void collector_end(struct collector *c)
{
    fleet_memory_free(c->memory);
    ledger_free(&c->ledger);
}

void look_take(struct samples *s, struct collector *c)
{
    struct fleet f;
    uint64_t began = now_mono_ns();
    *s = (struct samples){.taken_real_ns = now_real_ns(), .started_real_ns = c->ledger.started_real_ns};
    fleet_take(&f, c->memory, false);
    add_fleet(s, c, &f);
    add_kernel(s, &f);
    fleet_free(&f);
    add_counters(s, &c->ledger);
    keep_counters(c);
    samples_add(s, METRIC_SCRAPE, NULL, (double)(now_mono_ns() - began) / 1e9);
    samples_settle(s);
}
