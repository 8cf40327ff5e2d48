/* SPDX-License-Identifier: MIT */
/*
 * adopt.c: enters sockets that no wrapper of this process saw opened.
 *
 * Runs on the watcher, on the first thread of a forked child, or in a receive call of the program.
 * No lock.
 */
#include "adopt.h"

#include "../base/clock.h"
#include "../table/table.h"
#include "probe.h"
#include "slot.h"

uint64_t track_still(int fd, const struct state_slot *s)
{
    uint64_t stamped = atomic_load(&s->watch_gen) == SLOT_GEN(atomic_load(&s->word)) ? atomic_load(&s->cookie) : 0;
    uint64_t cookie = probe_cookie(fd);
    return !stamped || stamped == cookie ? cookie : 0;
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

bool track_resume(int fd, const struct state_slot *s, state_ref site, state_ref told_site, uint64_t cookie)
{
    uint16_t flags = atomic_load(&s->flags) & (uint16_t)~SLOT_LAST;
    struct opening o = {.family = s->family,
                        .type = (int)SLOT_TYPE(s),
                        .protocol = s->protocol,
                        .origin = flags & SLOT_INHERITED ? ORIGIN_INHERITED : ORIGIN_BEFORE_EXEC,
                        .flags = flags,
                        .now = s->opened_ns,
                        .site = site};
    if (!slot_enter_unseen(fd, &o, cookie))
        return false;
    struct state_slot *slot = slot_of(fd);
    atomic_store(&slot->told_site, told_site);
    atomic_store(&slot->told_errno, atomic_load(&s->told_errno));
    atomic_store(&slot->told_ns, atomic_load(&s->told_ns));
    return true;
}

bool track_adopt(int fd, enum origin origin, uint64_t cookie)
{
    struct observation seen;
    if (probe(fd, NULL, -1, &seen) < 0)
        return false;
    uint16_t flags = SLOT_ADOPTED | (seen.was_connected ? SLOT_CONNECTED : 0) | (origin == ORIGIN_INHERITED ? SLOT_INHERITED : 0);
    if (origin == ORIGIN_INHERITED && seen.was_connected)
        flags |= SLOT_AWAITED;
    struct opening o = {
        .family = seen.family, .type = seen.type, .protocol = seen.protocol, .origin = origin, .flags = flags, .now = clock_now()};
    return slot_enter_unseen(fd, &o, cookie);
}
