/* SPDX-License-Identifier: MIT */
/*
 * track.c: the events of the wrappers, entered into the table.
 *
 * Runs in the program's threads, in signal handlers, and in vfork children (where it must do nothing). No lock: the thread that the kernel just gave
 * a descriptor to is the only writer of its slot; a closer detaches with compare-and-swap before the real close, so it can only ever
 * touch the generation that it saw.
 */
#include "track.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

#include "agent.h"
#include "observe.h"
#include "sites.h"
#include "sys.h"
#include "table.h"
#include "wait.h"
#include "watch.h"

ssize_t track_quiet;
static _Atomic int unused; /* inherited connections that this process has not been seen to use */

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static void count_opened(state_ref site)
{
    struct state_site *s = sites_at(site);
    if (s)
        atomic_fetch_add_explicit(&s->opened, 1, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&table_head->sockets_opened, 1, memory_order_relaxed);
}

/* By +1 at a close, by -1 when it turns out that nothing was closed. */
static void count_closed(const struct state_slot *slot, int by)
{
    struct state_share *share = table_at(slot->share);
    if (share) {
        uint32_t left = atomic_fetch_sub(&share->refs, (uint32_t)by) - (uint32_t)by;
        if (by > 0 ? left != 0 : left != 1)
            return; /* another descriptor still holds it */
    }
    struct state_site *s = sites_at(slot->site);
    if (s)
        atomic_fetch_add_explicit(&s->closed, (uint64_t)by, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&table_head->sockets_closed, (uint64_t)by, memory_order_relaxed);
}

static void settle_use(const struct state_slot *slot)
{
    uint16_t f = atomic_load(&slot->flags);
    if ((f & SLOT_AWAITED) && !(f & SLOT_USED) && atomic_fetch_sub(&unused, 1) == 1)
        track_quiet = 0;
}

/* The ends of a socketpair are how a server's processes talk; many keep some that they never use, and must not pay for that on each transfer. */
bool track_is_awaited(const struct state_slot *parents)
{
    return (atomic_load(&parents->flags) & SLOT_CONNECTED) && SLOT_ORIGIN(parents) != ORIGIN_SOCKETPAIR;
}

void track_expect_use(bool expected)
{
    atomic_store(&unused, 0);
    track_quiet = expected ? SSIZE_MAX : 0;
}

/* Leaves LIVE for PHASE; what everybody has to know of it happens here. Returns the word that was there, 0 when it was not live. */
static uint64_t leave(struct state_slot *slot, int fd, unsigned phase)
{
    uint64_t word = atomic_load(&slot->word);
    do
        if (SLOT_PHASE(word) != SLOT_LIVE)
            return 0;
    while (!atomic_compare_exchange_weak(&slot->word, &word, SLOT_WORD(SLOT_GEN(word), phase)));
    count_closed(slot, 1);
    settle_use(slot);
    watch_released(slot, fd);
    wait_notify();
    return word;
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

struct opening {
    int family, type, protocol;
    enum origin origin;
    uint16_t flags;
    uint64_t now;
    state_ref site;
};

static struct state_slot *enter(int fd, const struct opening *o)
{
    struct state_slot *slot = slot_make(fd);
    if (!slot)
        return NULL;
    leave(slot, fd, SLOT_EMPTY); /* closed where no wrapper saw it */
    uint32_t gen = SLOT_GEN(atomic_load_explicit(&slot->word, memory_order_relaxed)) + 1;
    atomic_store_explicit(&slot->word, SLOT_WORD(gen, SLOT_FILLING), memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    slot->opened_ns = o->now;
    slot->site = o->site;
    slot->tid = agent_tid();
    slot->share = 0;
    slot->tag = agent_thread.tag;
    slot->family = (uint8_t)o->family;
    slot->type_origin = (uint8_t)((o->type & 15) | (int)o->origin << 4);
    slot->protocol = (uint8_t)o->protocol;
    atomic_store_explicit(&slot->told_site, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->told_errno, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->told_ns, 0, memory_order_relaxed);
    uint16_t flags = o->flags | (agent_thread.paused ? SLOT_IGNORED : 0) | (o->type & SOCK_CLOEXEC ? SLOT_CLOEXEC : 0);
    atomic_store_explicit(&slot->flags, flags, memory_order_relaxed);
    count_opened(o->site);
    atomic_store_explicit(&slot->word, SLOT_WORD(gen, SLOT_LIVE), memory_order_release);
    return slot;
}

static void opened(int fd, struct opening *o)
{
    bool in_signal;
    int saved = errno;
    o->now = agent_now();
    o->site = sites_here(&in_signal);
    enter(fd, o);
    if (!watch_running() && !in_signal)
        watch_start();
    errno = saved;
}

void track_opened(int fd, int family, int type, int protocol, enum origin origin)
{
    struct opening o = {.family = family, .type = type, .protocol = protocol, .origin = origin};
    if (fd >= 0 && agent_ready())
        opened(fd, &o);
}

void track_pair(const int fd[2], int family, int type, int protocol)
{
    if (!agent_ready())
        return;
    struct opening o = {.family = family, .type = type, .protocol = protocol, .origin = ORIGIN_SOCKETPAIR, .flags = SLOT_CONNECTED};
    opened(fd[0], &o);
    o.now = agent_now();
    enter(fd[1], &o);
}

void track_accepted(int listener, int fd, int flags)
{
    if (fd < 0 || !agent_ready())
        return;
    struct opening o = {.origin = ORIGIN_ACCEPT, .flags = SLOT_CONNECTED};
    const struct state_slot *l = slot_of(listener);
    if (l && SLOT_PHASE(atomic_load(&l->word)) == SLOT_LIVE) {
        o.family = l->family;
        o.type = (int)SLOT_TYPE(l);
        o.protocol = l->protocol;
    }
    o.type |= flags & SOCK_CLOEXEC;
    opened(fd, &o);
}

static void received_one(int fd)
{
    struct identity id;
    if (observe_identity(fd, &id) == 0) {
        struct opening o = {.family = id.family, .type = id.type, .protocol = id.protocol, .origin = ORIGIN_RECEIVED};
        opened(fd, &o);
        return;
    }
    struct state_slot *slot = slot_of(fd);
    if (slot)
        leave(slot, fd, SLOT_EMPTY);
}

void track_rights(const struct msghdr *msg)
{
    if (!msg->msg_control || !agent_ready())
        return;
    /* CMSG_NXTHDR wants a msghdr that may be written to; it only reads. */
    struct msghdr *m = (struct msghdr *)(uintptr_t)msg;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            received_one(fd);
        }
    }
}

/* ---- what happens to a socket ------------------------------------------------------------------------------------- */

/* The live slot of FD. In a fork's child that has no table yet, an event on an inherited socket is what makes one. */
static struct state_slot *live_slot(int fd)
{
    if (!agent_has_table() && !(inherited_has(fd) && agent_ready()))
        return NULL;
    struct state_slot *slot = slot_of(fd);
    return slot && SLOT_PHASE(atomic_load_explicit(&slot->word, memory_order_acquire)) == SLOT_LIVE ? slot : NULL;
}

static void used(struct state_slot *slot)
{
    uint16_t f = atomic_load_explicit(&slot->flags, memory_order_relaxed);
    if (!(f & SLOT_INHERITED) || (f & SLOT_USED))
        return;
    settle_use(slot);
    atomic_fetch_or(&slot->flags, SLOT_USED);
    watch_start(); /* a child of fork gets its watcher with the first socket that it uses */
}

static void told(struct state_slot *slot, uint16_t flag, int err)
{
    bool in_signal;
    int saved = errno;
    atomic_store(&slot->told_site, sites_here(&in_signal));
    struct state_site *s = sites_at(atomic_load(&slot->told_site));
    if (s)
        atomic_fetch_add_explicit(&s->opened, 1, memory_order_relaxed);
    atomic_store(&slot->told_ns, agent_now());
    if (err)
        atomic_store(&slot->told_errno, (uint8_t)err);
    atomic_fetch_or(&slot->flags, flag);
    errno = saved;
}

void track_connected(int fd, int result, int err, const struct sockaddr *to, socklen_t len)
{
    struct state_slot *slot = live_slot(fd);
    if (!slot)
        return;
    used(slot);
    if (to && len >= sizeof to->sa_family && to->sa_family == AF_UNSPEC) {
        if (!result)
            atomic_fetch_and(&slot->flags, (uint16_t) ~(SLOT_CONNECTED | SLOT_CONNECTING | SLOT_TOLD_EOF | SLOT_TOLD_ERROR));
    } else if (!result || err == EISCONN) {
        atomic_store(&slot->told_errno, 0);
        atomic_fetch_and(&slot->flags, (uint16_t) ~(SLOT_CONNECTING | SLOT_TOLD_ERROR));
        atomic_fetch_or(&slot->flags, SLOT_CONNECTED);
    } else if (err == EINPROGRESS || err == EINTR || err == EALREADY) {
        atomic_fetch_or(&slot->flags, SLOT_CONNECTING);
    } else if (err != EBADF && err != ENOTSOCK && err != EFAULT) {
        told(slot, SLOT_TOLD_ERROR, err);
    }
}

void track_shutdown(int fd, int how)
{
    struct state_slot *slot = live_slot(fd);
    if (!slot)
        return;
    used(slot);
    uint16_t f = how == SHUT_RD ? SLOT_SHUT_RD : how == SHUT_WR ? SLOT_SHUT_WR : SLOT_SHUT_RD | SLOT_SHUT_WR;
    struct state_share *share = table_at(slot->share);
    if (!share) {
        atomic_fetch_or(&slot->flags, f);
        return;
    }
    for (int other = slot_next(0); other >= 0; other = slot_next(other + 1)) {
        struct state_slot *o = slot_of(other);
        if (o->share == slot->share && SLOT_PHASE(atomic_load(&o->word)) == SLOT_LIVE)
            atomic_fetch_or(&o->flags, f);
    }
}

/* Errors that say that the connection is over (or never came to be), as opposed to those of the call. */
static bool is_end(int err)
{
    switch (err) {
    case ECONNRESET:
    case ECONNREFUSED:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENETRESET:
    case ENONET: return true;
    default: return false;
    }
}

static void told_error(struct state_slot *slot, int err)
{
    uint16_t f = atomic_load(&slot->flags);
    used(slot);
    if (SLOT_TYPE(slot) == SOCK_DGRAM || ((f & SLOT_TOLD_ERROR) && (!err || atomic_load(&slot->told_errno))))
        return;
    told(slot, SLOT_TOLD_ERROR, err);
}

void track_told_error(int fd, int err)
{
    struct state_slot *slot = live_slot(fd);
    if (slot && (!err || is_end(err)))
        told_error(slot, err);
}

void track_sent(int fd, ssize_t result, int err)
{
    if (result < 0 && !is_end(err))
        return;
    struct state_slot *slot = live_slot(fd);
    if (!slot)
        return;
    if (result >= 0)
        used(slot);
    else
        told_error(slot, err);
}

/*
 * A read of 0 on a number without slot: a file at its end (nearly always), or a socket that nobody saw opened. The kernel is asked once a number,
 * so that a program that reads files pays one call for each, not one for each end of file.
 */
static struct state_slot *unknown_socket(int fd)
{
    static _Atomic uint64_t asked[64]; /* descriptors below 4096 */
    if (fd < 0 || agent_inside())
        return NULL;
    if (fd < 4096) {
        uint64_t bit = 1ull << fd % 64;
        if (atomic_fetch_or_explicit(&asked[fd / 64], bit, memory_order_relaxed) & bit)
            return NULL;
    }
    struct identity id;
    if (observe_identity(fd, &id) < 0 || id.type == SOCK_DGRAM || !agent_ready())
        return NULL;
    enum origin before = atomic_load(&table_head->attached) ? ORIGIN_BEFORE_ATTACH : ORIGIN_INHERITED;
    track_adopt(fd, atomic_load(&table_head->looks) ? ORIGIN_UNSEEN : before, id.cookie);
    return live_slot(fd);
}

void track_received(int fd, ssize_t result, int err, size_t wanted, int flags)
{
    if (result < 0 && !is_end(err))
        return;
    struct state_slot *slot = live_slot(fd);
    if (result > 0) {
        if (slot)
            used(slot);
        return;
    }
    if (result == 0 && (!wanted || (flags & MSG_ERRQUEUE)))
        return;
    if (!slot)
        slot = unknown_socket(fd);
    if (!slot)
        return;
    used(slot);
    if (result < 0) {
        told_error(slot, err);
        return;
    }
    /* After an own SHUT_RD 0 says nothing of the peer; a second 0 says nothing new. */
    if (SLOT_TYPE(slot) != SOCK_DGRAM && !(atomic_load(&slot->flags) & (SLOT_TOLD_EOF | SLOT_SHUT_RD)))
        told(slot, SLOT_TOLD_EOF, 0);
}

/* ---- closing -------------------------------------------------------------------------------------------------------- */

uint64_t track_closing(int fd)
{
    if (!agent_has_table())
        return 0;
    struct state_slot *slot = slot_of(fd);
    if (!slot || SLOT_PHASE(atomic_load_explicit(&slot->word, memory_order_acquire)) != SLOT_LIVE || agent_is_vfork_child())
        return 0;
    return leave(slot, fd, SLOT_CLOSING);
}

void track_close_failed(int fd, uint64_t token)
{
    struct state_slot *slot = token ? slot_of(fd) : NULL;
    if (!slot)
        return;
    uint64_t closing = SLOT_WORD(SLOT_GEN(token), SLOT_CLOSING);
    if (atomic_compare_exchange_strong(&slot->word, &closing, token))
        count_closed(slot, -1);
}

void track_closing_range(unsigned first, unsigned last)
{
    if (!agent_has_table() || first > INT_MAX)
        return;
    bool asked = false;
    for (int fd = slot_next((int)first); fd >= 0 && (unsigned)fd <= last; fd = slot_next(fd + 1)) {
        struct state_slot *slot = slot_of(fd);
        if (SLOT_PHASE(atomic_load(&slot->word)) != SLOT_LIVE)
            continue;
        if (!asked && agent_is_vfork_child())
            return;
        asked = true;
        leave(slot, fd, SLOT_CLOSING);
    }
}

void track_vanished(int fd, uint32_t gen)
{
    struct state_slot *slot = slot_of(fd);
    uint64_t word = SLOT_WORD(gen, SLOT_LIVE);
    if (slot && atomic_load(&slot->word) == word)
        leave(slot, fd, SLOT_EMPTY);
}

/* ---- second references, adopted and inherited sockets ---------------------------------------------------------------- */

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
    struct state_slot *old = live_slot(old_fd);
    struct state_slot *stale = old ? NULL : slot_of(new_fd);
    if (!old && (!stale || SLOT_PHASE(atomic_load(&stale->word)) != SLOT_LIVE))
        return;
    if (agent_is_vfork_child())
        return;
    if (!old) {
        leave(stale, new_fd, SLOT_EMPTY); /* the number was closed where no wrapper saw it, and is no socket now */
        return;
    }
    struct opening o = {.family = old->family, .type = (int)SLOT_TYPE(old), .protocol = old->protocol, .origin = SLOT_ORIGIN(old), .now = old->opened_ns, .site = old->site};
    struct state_slot *slot = enter(new_fd, &o);
    if (!slot)
        return;
    struct state_site *s = sites_at(old->site);
    if (s)
        atomic_fetch_sub_explicit(&s->opened, 1, memory_order_relaxed); /* one socket, opened once */
    else
        atomic_fetch_sub_explicit(&table_head->sockets_opened, 1, memory_order_relaxed);
    slot->share = shared(old);
    slot->tid = old->tid;
    slot->tag = old->tag;
    atomic_store(&slot->told_site, atomic_load(&old->told_site));
    atomic_store(&slot->told_errno, atomic_load(&old->told_errno));
    atomic_store(&slot->told_ns, atomic_load(&old->told_ns));
    atomic_store(&slot->flags, atomic_load(&old->flags));
}

/* The watcher's or a child's first thread enters a socket that no wrapper of this process saw. The word moves by compare-and-swap only, for the
 * program may open the same number at this moment, and then the program is right. */
static bool enter_unseen(int fd, const struct opening *o, uint64_t cookie)
{
    struct state_slot *slot = slot_make(fd);
    if (!slot)
        return false;
    uint64_t word = atomic_load(&slot->word);
    uint32_t gen = SLOT_GEN(word) + 1;
    if (SLOT_PHASE(word) == SLOT_LIVE || SLOT_PHASE(word) == SLOT_FILLING || observe_cookie(fd) != cookie ||
        !atomic_compare_exchange_strong(&slot->word, &word, SLOT_WORD(gen, SLOT_FILLING)))
        return false;
    slot->opened_ns = o->now;
    slot->site = o->site;
    slot->tid = 0;
    slot->share = 0;
    slot->tag = 0;
    slot->family = (uint8_t)o->family;
    slot->type_origin = (uint8_t)((o->type & 15) | (int)o->origin << 4);
    slot->protocol = (uint8_t)o->protocol;
    atomic_store(&slot->told_site, 0);
    atomic_store(&slot->told_errno, 0);
    atomic_store(&slot->told_ns, 0);
    atomic_store(&slot->flags, o->flags);
    word = SLOT_WORD(gen, SLOT_FILLING);
    if (!atomic_compare_exchange_strong(&slot->word, &word, SLOT_WORD(gen, SLOT_LIVE)))
        return false;
    count_opened(o->site);
    if (o->flags & SLOT_AWAITED) {
        atomic_fetch_add(&unused, 1);
        track_quiet = SSIZE_MAX;
    }
    return true;
}

bool track_import(int fd, const struct state_slot *s, state_ref site, uint64_t cookie)
{
    uint16_t flags = atomic_load(&s->flags) & (SLOT_CONNECTED | SLOT_CONNECTING | SLOT_SHUT_WR | SLOT_SHUT_RD | SLOT_IGNORED | SLOT_CLOEXEC);
    struct opening o = {.family = s->family, .type = (int)SLOT_TYPE(s), .protocol = s->protocol, .origin = ORIGIN_INHERITED, .flags = flags | SLOT_INHERITED | (track_is_awaited(s) ? SLOT_AWAITED : 0),
                        .now = s->opened_ns, .site = site};
    return enter_unseen(fd, &o, cookie);
}

bool track_adopt(int fd, enum origin origin, uint64_t cookie)
{
    struct observation seen;
    if (observe(fd, NULL, -1, &seen) < 0)
        return false;
    uint16_t flags = (seen.was_connected ? SLOT_CONNECTED : 0) | (origin == ORIGIN_INHERITED ? SLOT_INHERITED : 0);
    if (origin == ORIGIN_INHERITED && seen.was_connected)
        flags |= SLOT_AWAITED;
    struct opening o = {.family = seen.family, .type = seen.type, .protocol = seen.protocol, .origin = origin, .flags = flags, .now = agent_now()};
    return enter_unseen(fd, &o, cookie);
}

/* ---- the program's image ---------------------------------------------------------------------------------------------- */

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

int track_exiting(int status, enum state_end how)
{
    return agent_finish(status, how);
}
