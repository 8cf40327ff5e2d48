/* SPDX-License-Identifier: MIT */
/*
 * open_close.c: the events of opening and closing sockets, entered into the table.
 *
 * Runs in the program's threads, in signal handlers, and in vfork children (where it must do
 * nothing).
 */
#include "open_close.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/sys.h"
#include "../stacks/sites.h"
#include "../table/table.h"
#include "after_close.h"
#include "closes.h"
#include "ending.h"
#include "gate.h"
#include "held.h"
#include "hold.h"
#include "probe.h"
#include "slot.h"

/* ---- opening ---- */

static inline __attribute__((always_inline)) void enter_opened(int fd, struct opening *o)
{
    bool in_signal;
    int saved = errno;
    o->now = clock_now();
    o->site = sites_here(&in_signal);
    slot_enter(fd, o);
    if (!in_signal)
        gate_hooks.want_watcher();
    errno = saved;
}

void track_opened(int fd, int family, int type, int protocol, enum origin origin)
{
    struct opening o = {.family = family, .type = type, .protocol = protocol, .origin = origin};
    if (fd >= 0 && gate_ready())
        enter_opened(fd, &o);
}

void track_pair(const int fd[2], int family, int type, int protocol)
{
    if (!gate_ready())
        return;
    struct opening o = {.family = family, .type = type, .protocol = protocol, .origin = ORIGIN_SOCKETPAIR, .flags = SLOT_CONNECTED};
    enter_opened(fd[0], &o);
    o.now = clock_now();
    slot_enter(fd[1], &o);
}

void track_accepted(int listener, int fd, int flags)
{
    if (fd < 0 || !gate_ready())
        return;
    struct opening o = {.origin = ORIGIN_ACCEPT, .flags = SLOT_CONNECTED};
    const struct state_slot *l = slot_find(listener);
    if (l && SLOT_PHASE(atomic_load(&l->word)) == SLOT_LIVE) {
        o.family = l->family;
        o.type = (int)SLOT_TYPE(l);
        o.protocol = l->protocol;
        o.flags |= atomic_load(&l->flags) & SLOT_MPTCP;
    }
    o.type |= flags & SOCK_CLOEXEC;
    enter_opened(fd, &o);
}

static void enter_received(int fd)
{
    struct identity id;
    if (probe_identity(fd, &id) == 0) {
        struct opening o = {.family = id.family, .type = id.type, .protocol = id.protocol, .origin = ORIGIN_RECEIVED};
        enter_opened(fd, &o);
        return;
    }
    struct state_slot *slot = slot_of(fd);
    if (slot)
        slot_leave(slot, fd, SLOT_EMPTY);
}

void track_rights(const struct msghdr *msg)
{
    if (!msg->msg_control || sys_in_sandbox() || !gate_ready())
        return;
    /* CMSG_NXTHDR takes a msghdr without const, but only reads it. */
    struct msghdr *m = (struct msghdr *)(uintptr_t)msg;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            enter_received(fd);
        }
    }
}

/* ---- closing ---- */

/* Out of line, so that the close of a file stays cheap. */
static __attribute__((noinline)) uint64_t leave_closing(struct state_slot *slot, int fd, unsigned call, struct closer by)
{
    struct leaving was;
    if (ending_may_keep(slot) && ending_keeps(slot))
        return 0;
    if (starts_may_share(slot))
        held_closing(slot, fd);
    uint64_t word = slot_leave_with(slot, fd, SLOT_CLOSING, &was);
    if (word)
        closes_count(&was, call, by);
    if (word && after_close_on)
        after_close_leaving(fd, slot, was.gen, call);
    hold_closing(fd); /* it has left its slot */
    return word;
}

uint64_t track_closing_by(int fd, unsigned call, struct closer by)
{
    if (!gate_is_recording())
        return 0;
    struct state_slot *slot = slot_find(fd);
    if (!slot || SLOT_PHASE(atomic_load_explicit(&slot->word, memory_order_acquire)) != SLOT_LIVE) {
        hold_closing(fd); /* the search for unseen sockets asks for every number */
        return 0;
    }
    if (gate_in_vfork_child())
        return 0;
    return leave_closing(slot, fd, call, by);
}

void track_close_failed(int fd, uint64_t token)
{
    struct state_slot *slot = token ? slot_of(fd) : NULL;
    if (!slot)
        return;
    if (after_close_on)
        after_close_put_back(fd);
    slot_put_back(slot, fd, token);
}

bool track_closing_range_by(unsigned first, unsigned last, unsigned call, struct closer by)
{
    if (!gate_has_table() || first > INT_MAX)
        return false;
    bool any = false;
    for (int fd = slot_next((int)first); fd >= 0 && (unsigned)fd <= last; fd = slot_next(fd + 1)) {
        struct state_slot *slot = slot_of(fd);
        if (SLOT_PHASE(atomic_load(&slot->word)) != SLOT_LIVE)
            continue;
        if (!any && gate_is_vfork_child())
            return false;
        if (ending_may_keep(slot) && ending_keeps(slot))
            continue;
        any = true;
        if (starts_may_share(slot))
            held_closing(slot, fd);
        struct leaving was;
        if (slot_leave_with(slot, fd, SLOT_CLOSING_MANY, &was))
            closes_count(&was, call, by);
    }
    hold_await(first, last);
    return any;
}

void track_range_closed(unsigned first, unsigned last, bool failed)
{
    int fd = slot_next((int)first);
    for (; fd >= 0 && last >= (unsigned)fd; fd = slot_next(fd + 1))
        slot_settle_many(slot_of(fd), fd, failed);
}

void track_vanished(int fd, uint32_t gen)
{
    struct state_slot *slot = slot_of(fd);
    if (slot)
        slot_leave_gen(slot, fd, gen, SLOT_EMPTY);
}
