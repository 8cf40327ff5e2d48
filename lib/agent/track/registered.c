/* SPDX-License-Identifier: MIT */
/*
 * registered.c: which descriptor an event of epoll is of.
 *
 * One record a descriptor, in private pages, chained by a hash of epoll descriptor and data. Runs
 * in the program's threads and signal handlers: a lock is held for a few stores and never waited
 * for long. What cannot be told is said to be unknown: a handler that has interrupted the holder, a
 * registration that no wrapper saw.
 */
#include "registered.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

#include "../../core/hash.h"
#include "../base/clock.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../table/header.h"
#include "after_close.h"
#include "gate.h"
#include "life.h"
#include "outcome.h"

#define HEADS 4096u
#define CHUNK 1024u /* records, for so many descriptors */
#define CHUNKS 4096u
#define SAME 8u   /* descriptors that were registered with the same data */
#define TURNS 50u /* of waiting for the lock, or for another thread's registration */

struct registration {
    uint64_t data;
    int epfd;
    uint32_t gen;  /* of the slot; 0: FD was no socket */
    uint32_t next; /* the next in the chain, fd + 1; 0: none */
    bool taken;
};
static _Atomic(struct registration *) chunks[CHUNKS] LARGE_TABLE;
static uint32_t heads[HEADS] LARGE_TABLE; /* fd + 1; 0: none */
static _Atomic uint32_t lock;

static bool take_lock(void)
{
    for (unsigned turn = 0; turn < TURNS; turn++) {
        uint32_t is_free = 0;
        if (atomic_compare_exchange_weak_explicit(&lock, &is_free, 1, memory_order_acquire, memory_order_relaxed))
            return true;
        sys_yield(turn);
    }
    return false;
}

static void leave_lock(void) { atomic_store_explicit(&lock, 0, memory_order_release); }

/* Of no socket can be said any more what its program was told. */
static void nothing_is_known(void)
{
    if (table_exists())
        table_set_unwatched(clock_now());
}

static uint32_t *head_of(int epfd, uint64_t data)
{
    return &heads[hash_spread(data ^ hash_spread((uint64_t)(unsigned)epfd)) >> 32 & (HEADS - 1)];
}

static struct registration *record_of(int fd, bool make)
{
    if (fd < 0 || (unsigned)fd >= CHUNK * CHUNKS)
        return NULL;
    _Atomic(struct registration *) *chunk = &chunks[(unsigned)fd / CHUNK];
    struct registration *c = atomic_load(chunk);
    if (!c && make) {
        c = pages_alloc(CHUNK * sizeof *c); /* with the lock held: nobody else makes one */
        atomic_store(chunk, c);
    }
    return c ? &c[(unsigned)fd % CHUNK] : NULL;
}

static void unchain(int fd, struct registration *r)
{
    uint32_t *at = head_of(r->epfd, r->data);
    while (*at && *at != (uint32_t)fd + 1)
        at = &record_of((int)*at - 1, false)->next;
    if (*at)
        *at = r->next;
    r->taken = false;
    r->data = 0; /* often the number itself, which `sockleak explain` would find here */
}

static uint32_t generation(int fd)
{
    const struct state_slot *slot = table_exists() ? slot_find(fd) : NULL;
    uint64_t word = slot ? atomic_load(&slot->word) : 0;
    return SLOT_PHASE(word) == SLOT_LIVE ? SLOT_GEN(word) : 0;
}

/* One record a descriptor: if it is in a second epoll, the other's events have none. */
static bool enter(int epfd, int fd, uint64_t data)
{
    struct registration *r = record_of(fd, true);
    if (!r)
        return false;
    uint32_t gen = generation(fd);
    bool in_two = r->taken && gen && r->gen == gen && r->epfd != epfd;
    if (r->taken)
        unchain(fd, r);
    uint32_t *head = head_of(epfd, data);
    *r = (struct registration){.data = data, .epfd = epfd, .gen = gen, .next = *head, .taken = true};
    *head = (uint32_t)fd + 1;
    return !in_two;
}

void track_registered(int epfd, int op, int fd, uint64_t data)
{
    if (thread_inside() || (table_exists() && !table_is_enabled()) || gate_in_vfork_child())
        return;
    if (after_close_on && op == EPOLL_CTL_ADD)
        after_close_watched(fd);
    if (!take_lock()) {
        nothing_is_known();
        return;
    }
    bool known = true;
    if (op != EPOLL_CTL_DEL) {
        known = enter(epfd, fd, data);
    } else {
        struct registration *r = record_of(fd, false);
        if (r && r->taken && r->epfd == epfd)
            unchain(fd, r);
    }
    leave_lock();
    if (!known)
        track_unwatched(fd);
    if (op != EPOLL_CTL_MOD)
        life_registered(fd, op == EPOLL_CTL_ADD);
}

/*
 * How many descriptors were registered at EPFD with DATA, the first SAME of them in FDS and GENS.
 */
static unsigned find(int epfd, uint64_t data, int *fds, uint32_t *gens)
{
    unsigned n = 0;
    for (uint32_t at = *head_of(epfd, data); at;) {
        const struct registration *r = record_of((int)at - 1, false);
        if (r->epfd == epfd && r->data == data) {
            if (n < SAME) {
                fds[n] = (int)at - 1;
                gens[n] = r->gen;
            }
            n++;
        }
        at = r->next;
    }
    return n;
}

/* The socket of generation GEN is still there, and its peer has ended. */
static bool hangs_up(int fd, uint32_t gen)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    struct timespec none = {0, 0};
    return gen && generation(fd) == gen && SYS5(SYS_ppoll, &p, 1, &none, NULL, 0) == 1 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR));
}

/*
 * Another thread may get the event before the one that registers has returned from epoll_ctl. 0:
 * nobody saw it registered.
 */
static unsigned find_soon(int epfd, uint64_t data, unsigned turns, int *fds, uint32_t *gens)
{
    for (unsigned turn = 0; turn < turns; turn++) {
        if (!take_lock())
            return 0;
        unsigned n = find(epfd, data, fds, gens);
        leave_lock();
        if (n)
            return n;
        sys_yield(turn);
    }
    return 0;
}

void track_epoll_hung_up(int epfd, uint64_t data, unsigned events)
{
    int fds[SAME], hung[SAME];
    uint32_t gens[SAME];
    if (!gate_has_table() || gate_is_vfork_child())
        return;
    /*
     * What was registered before an attach is not known; of what was open then, nothing is anyway.
     */
    bool all_seen = !table_is_attached();
    unsigned n = find_soon(epfd, data, all_seen ? TURNS : 1, fds, gens), n_hung = 0;
    if ((!n && all_seen) || n > SAME) {
        nothing_is_known();
        return;
    }
    for (unsigned i = 0; i < n; i++)
        if (hangs_up(fds[i], gens[i]))
            hung[n_hung++] = fds[i];
    for (unsigned i = 0; i < n_hung; i++)
        if (n_hung == 1)
            track_hung_up(hung[i], events);
        else
            track_unwatched(hung[i]);
}

void track_registered_forked_child(void)
{
    if (!atomic_load(&lock))
        return;
    /* another thread of the parent was changing a chain: start empty. A few pages are lost */
    for (unsigned i = 0; i < CHUNKS; i++)
        if (atomic_load(&chunks[i]))
            atomic_store(&chunks[i], NULL);
    memset(heads, 0, sizeof heads);
    leave_lock();
}
