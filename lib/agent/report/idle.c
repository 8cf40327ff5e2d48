/* SPDX-License-Identifier: MIT */
/*
 * idle.c: sites that never closed a socket, and whose many open ones do nothing: no finding, a
 * note.
 *
 * Called at exit with the watch lock held, after the report. Asks the kernel only of the sockets of
 * sites that may be meant, and of these only until one has moved a byte within the grace.
 */
#include "idle.h"

#include <string.h>

#include "../../core/finding.h"
#include "../../core/hash.h"
#include "../../core/json.h"
#include "../../core/judge.h"
#include "../../core/text.h"
#include "../base/options.h"
#include "../base/scratch.h"
#include "../base/sys.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "../track/hold.h"
#include "../track/probe.h"
#include "build.h"
#include "suppressions.h"

struct idle_site {
    state_ref site; /* 0: free */
    bool busy;
    uint64_t count, least_ns;
};

static struct idle_site *find_site(struct idle_site *in, size_t room, state_ref site)
{
    size_t i = (size_t)(hash_spread(site) >> 32) & (room - 1);
    while (in[i].site && in[i].site != site)
        i = (i + 1) & (room - 1);
    return &in[i];
}

static bool never_closes(state_ref ref)
{
    const struct state_site *s = sites_at(ref);
    return s && !atomic_load(&s->closed) && atomic_load(&s->opened) >= IDLE_SITE_SOCKETS;
}

/*
 * For how long no byte has moved on the healthy connection FD; 0: it has, or it is none, or nothing
 * is known.
 */
static uint64_t idle_of(int fd, const struct state_slot *slot)
{
    struct observation o;
    if (!hold_live(fd, atomic_load(&slot->word)))
        return 0;
    long r = probe(fd, slot, -1, &o);
    hold_end();
    if (r < 0 || judge(&o).kind != KIND_OPEN || o.tcp_state != ST_ESTABLISHED)
        return 0;
    return o.idle_ns;
}

static void add_slot(struct idle_site *sites, size_t room, int fd, uint64_t grace_ns)
{
    struct state_view view = table_view();
    struct state_slot slot;
    if (!state_copy_slot(slot_of(fd), &slot) || !never_closes(slot.site))
        return;
    struct idle_site *s = find_site(sites, room, slot.site);
    s->site = slot.site;
    if (s->busy)
        return;
    uint64_t idle = finding_counts(&slot) && !state_slot_detail(&view, &slot) ? idle_of(fd, &slot) : 0;
    s->busy = idle < grace_ns || !idle;
    s->least_ns = s->count && s->least_ns < idle ? s->least_ns : idle;
    s->count++;
}

static size_t make_groups(struct built *c, const struct idle_site *sites, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < room; i++)
        if (sites[i].site && !sites[i].busy && sites[i].count >= IDLE_SITE_SOCKETS)
            c->report.groups[n++] = (struct group){.kind = KIND_OPEN,
                                                   .site = sites[i].site,
                                                   .siteid = sites_at(sites[i].site)->siteid,
                                                   .count = sites[i].count,
                                                   .youngest_ns = sites[i].least_ns};
    return n;
}

void idle_note(struct out *o, uint64_t grace_ns)
{
    struct built c;
    size_t slots = 0, room = 64;
    if (table_kinds() & KIND_BIT(KIND_OPEN)) /* they are in the report */
        return;
    memset(&c, 0, sizeof c);
    report_head(&c.report, REASON_EXIT);
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1))
        slots++;
    while (room < slots * 2)
        room *= 2;
    struct idle_site *sites = slots >= IDLE_SITE_SOCKETS ? scratch_get(&c.scratch, room * sizeof *sites) : NULL;
    for (int fd = slot_next(0); sites && fd >= 0; fd = slot_next(fd + 1))
        add_slot(sites, room, fd, grace_ns);
    c.report.groups = sites ? scratch_get(&c.scratch, (slots / IDLE_SITE_SOCKETS + 1) * sizeof *c.report.groups) : NULL;
    c.report.n_groups = c.report.groups ? make_groups(&c, sites, room) : 0;
    if (c.report.n_groups)
        report_name_frames(&c, agent_options.symbolize);
    size_t n_rules;
    struct suppression *rules = suppressions_rules(&n_rules);
    for (size_t i = 0; i < c.report.n_groups; i++) {
        const struct group *g = &c.report.groups[i];
        if (suppress_group(rules, n_rules, g))
            continue;
        if (agent_options.log_json)
            json_idle_note(o, &c.report, g);
        else
            text_idle_note(o, &c.report, g);
    }
    report_free(&c);
}
