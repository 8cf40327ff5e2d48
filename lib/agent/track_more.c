/* SPDX-License-Identifier: MIT */
/*
 * track_more.c: sockets that come by other ways than being opened: second references, adopted and inherited ones; and what exec and the exit do to all.
 *
 * Runs in the program's threads and signal handlers; adopting by the watcher or a child's first thread too.
 */
#include "track.h"

#include <fcntl.h>
#include <signal.h>

#include "agent.h"
#include "observe.h"
#include "sites.h"
#include "sys.h"
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
    state_ref ref, none = 0;
    share = table_alloc(EXTENT_SHARES, 1, &ref);
    if (!share)
        return 0;
    atomic_store(&share->refs, 2);
    if (__atomic_compare_exchange_n(&slot->share, &none, ref, false, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
        /* After it can be seen: a shutdown at this moment finds it, or its flag is found here. */
        atomic_fetch_or(&share->shut, atomic_load(&slot->flags) & (SLOT_SHUT_WR | SLOT_SHUT_RD));
        return ref;
    }
    share = table_at(none); /* another thread makes a second reference at the same moment */
    atomic_fetch_add(&share->refs, 1);
    return none;
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
                        .flags = atomic_load(&old->flags),
                        .now = old->opened_ns,
                        .site = old->site,
                        .like = old};
    if (!slot_make(new_fd))
        return;
    o.share = shared(old);
    slot_enter(new_fd, &o);
}

bool track_import(int fd, const struct state_slot *s, state_ref site, uint64_t cookie)
{
    uint16_t flags = atomic_load(&s->flags) & (SLOT_CONNECTED | SLOT_CONNECTING | SLOT_SHUT_WR | SLOT_SHUT_RD | SLOT_IGNORED |
                                               SLOT_CLOEXEC | SLOT_MPTCP | SLOT_UNCOUNTED | SLOT_ADOPTED);
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

/* The kernel's word: the flag may have been set or taken away where no wrapper saw it. */
static bool takes_sockets_along(void)
{
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1)) {
        const struct state_slot *slot = slot_of(fd);
        if (SLOT_PHASE(atomic_load(&slot->word)) != SLOT_LIVE)
            continue;
        long flags = SYS3(SYS_fcntl, fd, F_GETFD, 0);
        if (flags >= 0 && !(flags & FD_CLOEXEC))
            return true;
    }
    return false;
}

void track_exec(void)
{
    if (!agent_owns_table())
        return;
    atomic_store(&table_head->end, END_EXEC);
    if (!takes_sockets_along())
        place_step_aside();
}

void track_exec_failed(void)
{
    if (!agent_owns_table())
        return;
    place_step_back();
    atomic_store(&table_head->end, END_RUNNING);
}

int track_exiting(int status, enum state_end how) { return agent_finish(status, how, true); }

void track_aborting(void)
{
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } caught = {0};
    SYS4(SYS_rt_sigaction, SIGABRT, NULL, &caught, sizeof caught.mask);
    agent_finish(128 + SIGABRT, END_ABORT, caught.handler == (void *)SIG_DFL);
}
