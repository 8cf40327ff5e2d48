/* SPDX-License-Identifier: MIT */
/*
 * observe.c: from what the kernel says of a socket at a look to its detail in the state file.
 *
 * Called by look.c for each socket in the table. The judge and the condition's clock are the agent's
 * (core/judge.h).
 */
#include "observe.h"

#include <errno.h>
#include <string.h>

#include "../../core/finding.h"
#include "../../core/judge.h"
#include "probe.h"

/* A connect that is known to have failed: where it was made, and to what. REFUSED: the kernel's counters say so. */
static void tell_failure(struct process *p, struct state_slot *slot, int fd, bool refused)
{
    const struct match_asked *asked = p->seen[fd].asked;
    struct state_attempt *a = asked ? state_writer_attempt(p->file, fd) : NULL;
    if (!a)
        return;
    uint32_t gen = SLOT_GEN(atomic_load(&slot->word));
    atomic_store(&a->gen, 0);
    a->call = ATTEMPT_CONNECT;
    a->error = refused ? ECONNREFUSED : 0;
    a->at_ns = asked->at_ns;
    memcpy(a->address, asked->address, sizeof a->address);
    atomic_store(&a->gen, gen);
    atomic_store(&slot->told_ns, asked->at_ns);
    atomic_store(&slot->told_site, asked->site);
    atomic_store(&slot->told_errno, a->error);
    atomic_fetch_or(&slot->flags, SLOT_TOLD_ERROR);
}

/* It has connected after all. */
static void forget_failure(struct state_slot *slot)
{
    if (!(atomic_load(&slot->flags) & SLOT_TOLD_ERROR))
        return;
    atomic_fetch_and(&slot->flags, (uint16_t)~SLOT_TOLD_ERROR);
    atomic_store(&slot->told_site, 0);
    atomic_store(&slot->told_errno, 0);
}

static void healthy(struct process *p, struct state_slot *slot, int fd, int copy, uint32_t inode, const struct observation *o)
{
    struct state_detail *d = state_writer_detail(p->file, slot, false);
    if (d && d->kind != KIND_OPEN) {
        state_writer_drop_detail(p->file, slot);
        d = NULL;
    }
    /* what is open now, should the process end before the next look */
    if (!(atomic_load(&p->file->head->kinds) & KIND_BIT(KIND_OPEN)) || !(d = state_writer_detail(p->file, slot, true)))
        return;
    probe_addresses(copy, d->local, d->peer);
    d->fd = (uint32_t)fd;
    d->kind = KIND_OPEN;
    d->tcp_state = (uint8_t)o->tcp_state;
    d->unread = o->unread;
    d->inode = inode;
    finding_transfer_to(d, &o->transfer);
    d->since_ns = slot->opened_ns;
    d->looked_ns = p->look_began_ns;
    state_writer_detail_ready(slot, d);
}

static void in_condition(struct process *p, struct state_slot *slot, int fd, int copy, uint32_t inode, const struct observation *o,
                         const struct verdict *v)
{
    struct state_detail *d = state_writer_detail(p->file, slot, true);
    uint64_t now = p->look_began_ns, grace = atomic_load(&p->file->head->grace_ns);
    if (!d) {
        atomic_fetch_add(&p->file->head->dropped[DROP_LOOK], 1);
        return;
    }
    struct condition c = {.kind = KIND_NONE};
    if (d->looked_ns)
        c = (struct condition){d->since_ns, d->signature, d->kind, d->how};
    bool fresh = condition_update(&c, v, o, now, atomic_load(&slot->flags) & SLOT_ADOPTED ? 0 : slot->opened_ns);
    if (fresh || !d->looked_ns)
        probe_addresses(copy, d->local, d->peer);
    d->fd = (uint32_t)fd;
    d->kind = v->kind;
    d->how = v->how;
    d->eof = v->eof;
    atomic_store(&d->never, v->never);
    d->tcp_state = (uint8_t)o->tcp_state;
    d->since_ns = c.since_ns;
    d->signature = c.signature;
    d->unread = o->unread;
    d->inode = inode;
    finding_transfer_to(d, &o->transfer);
    d->looked_ns = now;
    d->past_grace = now - c.since_ns >= grace;
    state_writer_detail_ready(slot, d);
    trends_add(&p->trends, slot->site, d->kind, d->since_ns, now - d->since_ns >= atomic_load(&p->file->head->interval_ns), d->past_grace);
}

void observe_socket(struct process *p, int fd, int copy, uint32_t inode, bool ending)
{
    struct state_slot *slot = state_writer_slot(p->file, fd, false);
    struct observation o;
    if (!slot)
        return;
    probe_observe(copy, slot, &o);
    p->seen[fd].listens = o.listening;
    if (o.was_connected)
        atomic_fetch_or(&slot->flags, SLOT_CONNECTED);
    o.abandoned = ending && o.connecting;
    struct verdict v = judge(&o);
    if (v.kind == KIND_NEVER_CONNECTED && v.never == NEVER_FAILED)
        tell_failure(p, slot, fd, o.refused);
    else
        forget_failure(slot);
    if (v.kind == KIND_NONE || v.kind == KIND_OPEN)
        healthy(p, slot, fd, copy, inode, &o);
    else
        in_condition(p, slot, fd, copy, inode, &o, &v);
}
