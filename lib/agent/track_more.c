/* SPDX-License-Identifier: MIT */
/*
 * track_more.c: sockets that come by other ways than being opened: second references, adopted and inherited ones; and what exec and the exit do to all.
 *
 * Runs in the program's threads and signal handlers; adopting by the watcher or a child's first thread too.
 */
#include "track.h"

#include "agent.h"
#include "observe.h"
#include "sites.h"
#include "table.h"
#include "track_slot.h"

/* ---- second references, adopted and inherited sockets ---- */

static state_ref shared(struct state_slot *slot)
{
    struct state_share *share = table_at(slot->share);
    if (share) {
        atomic_fetch_add(&share->refs, 1);
        return slot->share;
    }
    state_ref ref;
    share = table_alloc(EXTENT_SHARES, 1, &ref);
    if (!share)
        return 0;
    atomic_store(&share->refs, 2);
    slot->share = ref;
    return ref;
}

void track_duped(int old_fd, int new_fd)
{
    if (new_fd < 0 || old_fd == new_fd)
        return;
    struct state_slot *old = slot_live(old_fd);
    struct state_slot *stale = old ? NULL : slot_of(new_fd);
    if (!old && (!stale || SLOT_PHASE(atomic_load(&stale->word)) != SLOT_LIVE))
        return;
    if (agent_is_vfork_child())
        return;
    if (!old) {
        slot_leave(stale, new_fd, SLOT_EMPTY); /* the number was closed where no wrapper saw it, and is no socket now */
        return;
    }
    struct opening o = {.family = old->family,
                        .type = (int)SLOT_TYPE(old),
                        .protocol = old->protocol,
                        .origin = SLOT_ORIGIN(old),
                        .flags = SLOT_UNCOUNTED, /* one socket, opened once */
                        .now = old->opened_ns,
                        .site = old->site};
    struct state_slot *slot = slot_enter(new_fd, &o);
    if (!slot)
        return;
    slot->share = shared(old);
    slot->tid = old->tid;
    slot->tag = old->tag;
    atomic_store(&slot->told_site, atomic_load(&old->told_site));
    atomic_store(&slot->told_errno, atomic_load(&old->told_errno));
    atomic_store(&slot->told_ns, atomic_load(&old->told_ns));
    atomic_store(&slot->flags, atomic_load(&old->flags));
}

bool track_import(int fd, const struct state_slot *s, state_ref site, uint64_t cookie)
{
    uint16_t flags = atomic_load(&s->flags) & (SLOT_CONNECTED | SLOT_CONNECTING | SLOT_SHUT_WR | SLOT_SHUT_RD | SLOT_IGNORED |
                                               SLOT_CLOEXEC | SLOT_UNCOUNTED | SLOT_ADOPTED);
    struct opening o = {.family = s->family,
                        .type = (int)SLOT_TYPE(s),
                        .protocol = s->protocol,
                        .origin = ORIGIN_INHERITED,
                        .flags = flags | SLOT_INHERITED | (track_is_awaited(s) ? SLOT_AWAITED : 0),
                        .now = s->opened_ns,
                        .site = site};
    return slot_enter_unseen(fd, &o, cookie);
}

bool track_adopt(int fd, enum origin origin, uint64_t cookie)
{
    struct observation seen;
    if (observe(fd, NULL, -1, &seen) < 0)
        return false;
    uint16_t flags = SLOT_ADOPTED | (seen.was_connected ? SLOT_CONNECTED : 0) | (origin == ORIGIN_INHERITED ? SLOT_INHERITED : 0);
    if (origin == ORIGIN_INHERITED && seen.was_connected)
        flags |= SLOT_AWAITED;
    struct opening o = {
        .family = seen.family, .type = seen.type, .protocol = seen.protocol, .origin = origin, .flags = flags, .now = agent_now()};
    return slot_enter_unseen(fd, &o, cookie);
}

/* ---- the program's image ---- */

void track_exec(void)
{
    if (agent_has_table() && !agent_is_vfork_child())
        atomic_store(&table_head->end, END_EXEC);
}

void track_exec_failed(void)
{
    if (agent_has_table() && !agent_is_vfork_child())
        atomic_store(&table_head->end, END_RUNNING);
}

int track_exiting(int status, enum state_end how) { return agent_finish(status, how); }
