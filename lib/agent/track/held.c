/* SPDX-License-Identifier: MIT */
/*
 * held.c: the TCP connections that this process has closed while a process that it started may have
 * a copy of them.
 *
 * held_closing runs in the program's threads and signal handlers: no lock, no allocation but the
 * record. It asks the kernel three things (SO_COOKIE and both names), once for each socket that was
 * open when a process was started, and nothing when no record is free.
 */
#include "held.h"

#include <errno.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/sys.h"
#include "../table/table.h"
#include "gate.h"
#include "probe.h"

#define WORDS (HELD_MAX / 64)
#define PASSED 1024u

static _Atomic uint64_t taken[WORDS]; /* a bit for each record in use */
static _Atomic(struct state_held *) records[HELD_MAX] LARGE_TABLE;
static struct endpoints endpoints[HELD_MAX] LARGE_TABLE;
/* fd << 32 | generation of the last socket that was passed on, at the place of its descriptor */
static _Atomic uint64_t passed[PASSED] LARGE_TABLE;
static _Atomic bool any_passed;

/* ---- records --------------------------------------------------------------------------------- */

/* -1: none is free. */
static int take(void)
{
    for (unsigned w = 0; w < WORDS; w++) {
        uint64_t bits = atomic_load_explicit(&taken[w], memory_order_relaxed);
        while (~bits) {
            int bit = __builtin_ctzll(~bits);
            if (atomic_compare_exchange_weak(&taken[w], &bits, bits | 1ull << bit))
                return (int)w * 64 + bit;
        }
    }
    return -1;
}

static void give_back(int i) { atomic_fetch_and(&taken[i / 64], ~(1ull << i % 64)); }

static struct state_held *record_of(int i)
{
    struct state_held *h = atomic_load(&records[i]);
    state_ref ref;
    if (!h && (h = table_alloc(EXTENT_HELD, sizeof *h / STATE_REF_UNIT, &ref)))
        atomic_store(&records[i], h);
    return h;
}

struct state_held *held_next(int *i)
{
    for (unsigned next = (unsigned)(*i + 1); next < HELD_MAX; next++) {
        uint64_t bits = atomic_load(&taken[next / 64]) >> next % 64;
        if (!bits) {
            next |= 63;
            continue;
        }
        next += (unsigned)__builtin_ctzll(bits);
        struct state_held *h = atomic_load(&records[next]);
        if (h && atomic_load_explicit(&h->phase, memory_order_acquire) != HELD_FREE) {
            *i = (int)next;
            return h;
        }
    }
    return NULL;
}

const struct endpoints *held_endpoints(int i) { return &endpoints[i]; }

void held_free(int i)
{
    struct state_held *h = atomic_load(&records[i]);
    if (h)
        atomic_store(&h->phase, HELD_FREE);
    give_back(i);
}

void held_reset(void)
{
    bool ever = false;
    for (unsigned w = 0; w < WORDS; w++)
        ever |= atomic_load(&taken[w]) != 0;
    for (unsigned i = 0; i < HELD_MAX && (ever || atomic_load(&records[i])); i++)
        atomic_store(&records[i], NULL);
    for (unsigned w = 0; ever && w < WORDS; w++)
        atomic_store(&taken[w], 0);
    for (unsigned i = 0; atomic_load(&any_passed) && i < PASSED; i++)
        atomic_store(&passed[i], 0);
    atomic_store(&any_passed, false);
}

/* ---- a close --------------------------------------------------------------------------------- */

/* CALL: SYS_getsockname or SYS_getpeername. False: no address of TCP. */
static bool take_name(long call, int fd, unsigned char address[16], uint16_t *port, struct endpoints *e)
{
    struct sockaddr_in6 a; /* the larger of the two */
    unsigned len = sizeof a;
    if (SYS3(call, fd, &a, &len) < 0)
        return false;
    if (a.sin6_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)&a;
        memcpy(address, &in->sin_addr, 4);
        *port = in->sin_port;
    } else if (a.sin6_family == AF_INET6) {
        memcpy(address, &a.sin6_addr, 16);
        *port = a.sin6_port;
        e->scope = a.sin6_scope_id;
    } else {
        return false;
    }
    e->family = (uint8_t)a.sin6_family;
    return true;
}

static bool was_passed(const struct state_slot *slot, int fd)
{
    return atomic_load_explicit(&any_passed, memory_order_relaxed) &&
           atomic_load(&passed[(unsigned)fd % PASSED]) == ((uint64_t)fd << 32 | SLOT_GEN(atomic_load(&slot->word)));
}

/* A connection of TCP that this process has made, and holds with no other descriptor. */
static bool is_worth_it(const struct state_slot *slot, int fd)
{
    const struct state_share *share = table_at(slot->share);
    uint16_t flags = atomic_load(&slot->flags);
    unsigned origin = SLOT_ORIGIN(slot);
    bool ip = slot->family == AF_INET || slot->family == AF_INET6 || !slot->family;
    return ip && (origin == ORIGIN_SOCKET || origin == ORIGIN_ACCEPT) && SLOT_TYPE(slot) == SOCK_STREAM &&
           !(flags & (SLOT_IGNORED | SLOT_MPTCP)) && !(share && atomic_load(&share->refs) > 1) && !was_passed(slot, fd);
}

/*
 * All that was started since executes another program, for which this descriptor was closed. The
 * kernel is asked: the flag may have changed since the socket was opened.
 */
static bool stays_here(const struct state_slot *slot, int fd)
{
    long flags = slot->opened_ns < atomic_load(&starts_forked_ns) ? 0 : SYS3(SYS_fcntl, fd, F_GETFD, 0);
    return flags < 0 || flags & FD_CLOEXEC;
}

void held_closing(const struct state_slot *slot, int fd)
{
    struct endpoints e;
    if (sys_in_sandbox() || gate_is_vfork_child() || !is_worth_it(slot, fd) || stays_here(slot, fd))
        return;
    int i = take();
    if (i < 0)
        return;
    struct state_held *h = record_of(i);
    memset(&e, 0, sizeof e);
    uint64_t cookie = h ? probe_cookie(fd) : 0;
    if (!cookie || !take_name(SYS_getpeername, fd, e.peer, &e.peer_port, &e) ||
        !take_name(SYS_getsockname, fd, e.local, &e.local_port, &e)) {
        give_back(i);
        return;
    }
    endpoints[i] = e;
    *h = (struct state_held){.fd = (uint32_t)fd,
                             .opened_ns = slot->opened_ns,
                             .closed_ns = clock_now(),
                             .site = slot->site,
                             .tid = slot->tid,
                             .tag = slot->tag,
                             .family = e.family,
                             .type_origin = slot->type_origin,
                             .flags = atomic_load(&slot->flags),
                             .protocol = slot->protocol,
                             .copied = slot->share != 0,
                             .cookie = cookie};
    atomic_store_explicit(&h->phase, HELD_CLOSED, memory_order_release);
}

/* ---- descriptors that are passed on ---------------------------------------------------------- */

void held_passing(const struct msghdr *msg)
{
    if (!gate_has_table() || gate_is_vfork_child())
        return;
    /* CMSG_NXTHDR takes a msghdr without const, but only reads it. */
    struct msghdr *m = (struct msghdr *)(uintptr_t)msg;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
            continue;
        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            const struct state_slot *slot = slot_of(fd);
            if (!slot || SLOT_PHASE(atomic_load(&slot->word)) != SLOT_LIVE)
                continue;
            atomic_store(&passed[(unsigned)fd % PASSED], (uint64_t)fd << 32 | SLOT_GEN(atomic_load(&slot->word)));
            atomic_store(&any_passed, true);
        }
    }
}
