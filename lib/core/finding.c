/* SPDX-License-Identifier: MIT */
/*
 * finding.c: one socket that is reported, as a slot of the state file and its detail describe it.
 *
 * Called for each slot when a report is made, by the agent and by the command.
 */
#include "finding.h"

#include "judge.h"

bool finding_counts(const struct state_slot *slot)
{
    uint16_t f = atomic_load(&slot->flags);
    return !(f & SLOT_IGNORED) && (!(f & SLOT_INHERITED) || (f & (SLOT_USED | SLOT_LAST)));
}

void finding_from_slot(struct finding *f, int fd, const struct state_slot *slot, const struct state_view *view)
{
    struct state_site_view site;
    *f = (struct finding){.fd = fd,
                          .kind = KIND_OPEN,
                          .origin = SLOT_ORIGIN(slot) < ORIGIN_COUNT ? (uint8_t)SLOT_ORIGIN(slot) : ORIGIN_UNSEEN,
                          .adopted = atomic_load(&slot->flags) & SLOT_ADOPTED,
                          .family = slot->family,
                          .tid = slot->tid,
                          .tag_number = slot->tag,
                          .told_site = atomic_load(&slot->told_site),
                          .told_errno = atomic_load(&slot->told_errno),
                          .opened_ns = slot->opened_ns,
                          .since_ns = slot->opened_ns};
    const struct state_family *family = state_family(view);
    if (f->origin == ORIGIN_INHERITED && (atomic_load(&slot->flags) & SLOT_LAST)) {
        f->parent = family->parent;
        f->parent_ended = atomic_load(&family->parent_ended);
    }
    if (slot->site && state_site_at(view, slot->site, &site)) {
        f->site = slot->site;
        f->siteid = site.site->siteid;
    }
}

void finding_from_detail(struct finding *f, const struct state_detail *d)
{
    f->kind = d->kind;
    f->how = d->how;
    f->eof = d->eof;
    f->tcp_state = d->tcp_state;
    f->past_grace = d->past_grace;
    f->until_exit = d->until_exit;
    f->since_ns = d->since_ns;
    f->unread = d->unread;
    f->local = d->local;
    f->peer = d->peer;
}

bool finding_is_from_outside(const struct finding *f)
{
    bool never_used = f->parent && f->kind == KIND_NEVER_CONNECTED;
    return f->origin == ORIGIN_INHERITED && (f->fd <= 2 || f->adopted || never_used) && !f->past_grace;
}

const char *finding_state(const struct finding *f)
{
    if (f->kind == KIND_CLOSE_WAIT)
        return tcp_state_name(ST_CLOSE_WAIT);
    if (f->kind == KIND_FIN_WAIT_2 && f->tcp_state != ST_FIN_WAIT_1)
        return tcp_state_name(ST_FIN_WAIT_2);
    return tcp_state_name(f->tcp_state);
}
