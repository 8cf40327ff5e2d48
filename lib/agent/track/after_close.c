/* SPDX-License-Identifier: MIT */
/*
 * after_close.c: calls on a descriptor that was closed before.
 *
 * Runs in the program's threads and signal handlers. A record for each number is in private pages,
 * under a lock of its own, which is held for a few system calls and never waited for long: an event
 * that does not get it is lost, and nothing is said of that number then.
 *
 * A close that succeeds is judged with care, for programs hand sockets from thread to thread, and
 * one thread closes what others have opened all the time. It is an error only when the thread had
 * this number before, by its own open or use, closed it itself, and has never called on the socket
 * that another thread, which still runs, has opened under it since; and when no socket of that site
 * was ever used or closed by another thread than the one that opened it.
 */
#include "after_close.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>

#include "../../core/calls.h"
#include "../../core/hash.h"
#include "../base/clock.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../runtimes/runtimes.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "gate.h"
#include "probe.h"
#include "quiet.h"

#define CHUNK 64u
#define CHUNKS 16384u /* numbers from 2^20 on are not kept */
#define TURNS 50u     /* of waiting for a lock */
#define SWEEP 4u      /* closes of consecutive numbers by one thread */
#define SWEEP_KEEPS 3 /* numbers that it may leave out, at one place */
#define SWEEP_GAP_NS 1000000000ull
#define UNDER_WAY_NS 250000000ull /* no thread is preempted for so long between a call and its event */
#define USES_MAX 1024u            /* records in all */
#define TOUCHING 3u               /* threads that are remembered for each socket */
#define HANDED_BITS 4096u

enum told { TOLD_CLOSE = 1, TOLD_TRANSFER = 2 };

struct number {
    _Atomic uint32_t lock;
    /* the socket that was closed here last; gen 0: none, or nothing is to be said of it */
    uint32_t gen, opened_tid, closed_tid;
    state_ref opened, closed;
    uint64_t opened_ns, closed_ns;
    uint16_t tag;
    uint8_t family, type, origin, protocol;
    bool mptcp, was_closers; /* the thread that closed it had opened or used it */
    uint8_t told;            /* enum told: what was called on it since, and is recorded */
    char local[96], peer[96];
    /* the one that is there now */
    uint32_t now_gen, touching[TOUCHING];
    unsigned n_touching; /* more than TOUCHING: many */
    state_ref epoll;
};

bool after_close_on;
static _Atomic(struct number *) chunks[CHUNKS] LARGE_TABLE;
static _Atomic unsigned any_closed;  /* looks in which what was closed may be found so */
static _Atomic uint32_t top, n_uses; /* top: the highest chunk in use + 1 */
/* sites of which a socket was used or closed by another thread than the one that opened it */
static _Atomic uint64_t handed[HANDED_BITS / 64] LARGE_TABLE;

/*
 * In a child of fork it finds what its parent knew, some of it locked by threads that are not here. No
 * event comes before the table is open.
 */
void after_close_start(bool on)
{
    for (unsigned i = 0; i < atomic_load(&top); i++) {
        struct number *c = atomic_exchange(&chunks[i], NULL);
        if (c)
            pages_free(c, CHUNK * sizeof *c);
    }
    atomic_store(&top, 0);
    atomic_store(&n_uses, 0);
    this_thread.closing.length = 0;
    for (unsigned i = 0; i < HANDED_BITS / 64; i++)
        atomic_store_explicit(&handed[i], 0, memory_order_relaxed);
    after_close_on = on;
    if (on)
        quiet_never();
}

/* ---- the record of a number ------------------------------------------------------------------ */

static struct number *find(int fd, bool make)
{
    if (fd < 0 || (unsigned)fd >= CHUNK * CHUNKS)
        return NULL;
    _Atomic(struct number *) *at = &chunks[(unsigned)fd / CHUNK];
    struct number *c = atomic_load(at), *none = NULL;
    if (!c && make) {
        c = pages_alloc(CHUNK * sizeof *c);
        if (c && !atomic_compare_exchange_strong(at, &none, c)) {
            pages_free(c, CHUNK * sizeof *c);
            c = none;
        }
        uint32_t is = atomic_load(&top), least = (unsigned)fd / CHUNK + 1;
        while (is < least && !atomic_compare_exchange_weak(&top, &is, least))
            ;
    }
    return c ? &c[(unsigned)fd % CHUNK] : NULL;
}

/* The record of FD, locked. NULL: there is none (MAKE: no memory), or another event has it. */
static struct number *take(int fd, bool make)
{
    struct number *n = find(fd, make);
    for (unsigned turn = 0; n && turn < TURNS; turn++) {
        uint32_t is_free = 0;
        if (atomic_compare_exchange_weak_explicit(&n->lock, &is_free, 1, memory_order_acquire, memory_order_relaxed))
            return n;
        sys_yield(turn);
    }
    return NULL;
}

static void leave(struct number *n) { atomic_store_explicit(&n->lock, 0, memory_order_release); }

static bool is_handed(state_ref site)
{
    uint32_t bit = (uint32_t)(hash_spread(site) >> 40) % HANDED_BITS;
    return !site || atomic_load_explicit(&handed[bit / 64], memory_order_relaxed) >> bit % 64 & 1;
}

static void hand_over(state_ref site)
{
    uint32_t bit = (uint32_t)(hash_spread(site) >> 40) % HANDED_BITS;
    if (!is_handed(site))
        atomic_fetch_or_explicit(&handed[bit / 64], 1ull << bit % 64, memory_order_relaxed);
}

/* TID has called on the socket of generation GEN; UNKNOWN: the answer where that is not known. */
static bool has_touched(const struct number *n, uint32_t gen, uint32_t tid, bool unknown)
{
    if (n->now_gen != gen)
        return unknown;
    for (unsigned i = 0; i < n->n_touching && i < TOUCHING; i++)
        if (n->touching[i] == tid)
            return true;
    return n->n_touching > TOUCHING && unknown;
}

static void touch(struct number *n, uint32_t gen, uint32_t tid)
{
    if (has_touched(n, gen, tid, true))
        return;
    if (n->n_touching < TOUCHING)
        n->touching[n->n_touching] = tid;
    n->n_touching++;
}

/* ---- sweeps ---------------------------------------------------------------------------------- */

/*
 * The calling thread closes FD; FAILED: there is none. How many consecutive numbers it has closed in
 * one go, FD included. A sweep may keep what the program still needs. Only where it has begun with
 * a number that is closed already: whoever closes what is open, and not all, may mean just that.
 */
static unsigned sweep(int fd, bool failed)
{
    struct closing_run *r = &this_thread.closing;
    uint64_t now = clock_now();
    int step = fd < r->last ? -1 : 1, distance = (fd - r->last) * step;
    bool is_next = distance == 1 || (distance > 1 && distance <= 1 + SWEEP_KEEPS && r->failed && !r->gap);
    bool goes_on = r->length && is_next && (r->length == 1 || step == r->step) && now - r->at_ns < SWEEP_GAP_NS;
    if (!goes_on) {
        r->length = 0;
        r->gap = false;
        memset(r->told, 0, sizeof r->told);
    }
    r->gap |= goes_on && distance > 1;
    r->step = step;
    r->last = fd;
    r->at_ns = now;
    r->failed = failed;
    if (r->length < SWEEP)
        r->length++;
    return r->length;
}

static void forget(int fd)
{
    struct number *n = take(fd, false);
    if (!n)
        return;
    n->gen = 0;
    leave(n);
}

/* What was said of the first closes of the sweep is taken back, and nothing is known of its numbers. */
static void settle_sweep(int fd)
{
    struct closing_run *r = &this_thread.closing;
    for (unsigned i = 0; i < SWEEP - 1; i++) {
        struct state_use *u = table_at(r->told[i]);
        if (u)
            atomic_store(&u->ready, 0);
        r->told[i] = 0;
    }
    for (int i = 0; i < (int)SWEEP + (r->gap ? SWEEP_KEEPS : 0); i++)
        forget(fd - i * r->step);
}

/* ---- a use after the close ------------------------------------------------------------------- */

/* The watcher looks at once, or as soon as it is certain that this is no sweep. */
static void wake_watcher(void)
{
    atomic_fetch_add(table_request_word(), 1);
    sys_futex((volatile void *)table_request_word(), FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
}

/* VICTIM: the slot of the socket that the call has hit; NULL: none. Returns the record's ref. */
static state_ref tell(struct number *n, int fd, uint32_t tid, state_ref used, unsigned call, int err, unsigned flags,
                      const struct state_slot *victim)
{
    state_ref ref = 0;
    if (atomic_fetch_add(&n_uses, 1) >= USES_MAX)
        return 0;
    struct state_use *u = table_alloc(EXTENT_CLOSES, sizeof *u / STATE_REF_UNIT, &ref);
    if (!u)
        return 0;
    u->format = STATE_CLOSES_USE;
    u->call = (uint8_t)call;
    u->error = (uint8_t)err;
    u->flags = (uint8_t)(flags | (n->mptcp ? USE_MPTCP : 0));
    u->fd = (uint32_t)fd;
    u->opened_tid = n->opened_tid;
    u->closed_tid = n->closed_tid;
    u->used_tid = tid;
    u->opened = n->opened;
    u->closed = n->closed;
    u->used = used;
    u->tag = n->tag;
    u->family = n->family;
    u->type = n->type;
    u->origin = n->origin;
    u->protocol = n->protocol;
    u->opened_ns = n->opened_ns;
    u->closed_ns = n->closed_ns;
    u->used_ns = clock_now();
    if (victim) {
        u->victim_tid = victim->tid;
        u->victim = victim->site;
        u->victim_epoll = n->epoll;
    }
    memcpy(u->local, n->local, sizeof u->local);
    memcpy(u->peer, n->peer, sizeof u->peer);
    atomic_store_explicit(&u->size, sizeof *u, memory_order_release);
    atomic_store_explicit(&u->ready, 1, memory_order_release);
    wake_watcher();
    return ref;
}

static void note_in_sweep(state_ref ref)
{
    for (unsigned i = 0; i < SWEEP - 1; i++)
        if (!this_thread.closing.told[i]) {
            this_thread.closing.told[i] = ref;
            return;
        }
}

static bool thread_exists(uint32_t tid) { return SYS3(SYS_tgkill, sys_getpid(), tid, 0) == 0; }

/* The calling thread, TID, closes by a number that it has closed before a socket that is not its own. */
static bool is_anothers(const struct number *n, const struct state_slot *slot, uint32_t gen, uint32_t tid)
{
    return n->gen && n->gen + 1 == gen && n->closed_tid == tid && n->was_closers && slot->tid && slot->tid != tid && !slot->share &&
           SLOT_ORIGIN(slot) <= ORIGIN_SOCKETPAIR && !has_touched(n, gen, tid, true) && !is_handed(slot->site) && thread_exists(slot->tid);
}

/* The stack CLOSED has code of a language runtime, or such as runtimes generate. */
static bool may_be_garbage(state_ref closed)
{
    struct state_view view = table_view();
    struct state_site_view s;
    bool found = false;
    if (!state_site_at(&view, closed, &s))
        return atomic_load_explicit(&runtimes_found, memory_order_relaxed);
    for (unsigned i = 0; i < s.nframes && !found; i++) {
        const struct state_module *m = state_module_at(&view, s.modules[i]);
        found = !m || m->interpreter; /* a runtime's frame has no module */
    }
    return found;
}

/* ---- closes ---------------------------------------------------------------------------------- */

static void keep(struct number *n, int fd, const struct state_slot *slot, uint32_t gen, uint32_t tid, state_ref closed)
{
    n->was_closers = slot->tid == tid || has_touched(n, gen, tid, false);
    n->gen = gen;
    n->opened_tid = slot->tid;
    n->closed_tid = tid;
    n->opened = slot->site;
    n->closed = closed;
    n->opened_ns = slot->opened_ns;
    n->closed_ns = clock_now();
    n->tag = slot->tag;
    n->family = slot->family;
    n->type = (uint8_t)SLOT_TYPE(slot);
    n->origin = (uint8_t)SLOT_ORIGIN(slot);
    n->protocol = slot->protocol;
    n->mptcp = atomic_load(&slot->flags) & SLOT_MPTCP;
    n->told = 0;
    n->local[0] = n->peer[0] = 0;
    probe_addresses(fd, n->local, n->peer);
    atomic_store_explicit(&any_closed, 2, memory_order_relaxed); /* at the first it may not be closed yet */
}

void after_close_leaving(int fd, const struct state_slot *slot, uint32_t gen, unsigned call)
{
    int saved = errno;
    uint32_t tid = thread_tid();
    if (!tid || sys_in_sandbox() || (atomic_load(&slot->flags) & SLOT_IGNORED)) {
        forget(fd);
    } else if (sweep(fd, false) >= SWEEP) {
        settle_sweep(fd);
    } else {
        state_ref closed = sites_here_of(call ? call : CALL_CLOSE, NULL);
        struct number *n = take(fd, true);
        if (n) {
            bool anothers = is_anothers(n, slot, gen, tid) && !may_be_garbage(closed);
            if (anothers)
                note_in_sweep(tell(n, fd, tid, closed, call ? call : CALL_CLOSE, 0, 0, slot));
            else if (slot->tid && slot->tid != tid)
                hand_over(slot->site);
            keep(n, fd, slot, gen, tid, closed);
            n->told = anothers ? TOLD_CLOSE | TOLD_TRANSFER : 0; /* what its owner calls now follows from that */
            leave(n);
        }
    }
    errno = saved;
}

void after_close_put_back(int fd) { forget(fd); }

/* N's socket was the last one under FD, and is closed. */
static bool is_closed(const struct number *n, int fd)
{
    const struct state_slot *slot = slot_of(fd);
    return slot && n->gen && atomic_load(&slot->word) == SLOT_WORD(n->gen, SLOT_CLOSING);
}

/* Where a report may not be made, nothing is judged. */
static bool may_judge(void) { return gate_has_table() && !gate_is_vfork_child() && !sys_in_sandbox(); }

static void use(int fd, unsigned call, int err, unsigned flags, enum told what)
{
    struct number *n = take(fd, false);
    if (!n)
        return;
    bool is_new = is_closed(n, fd) && !(n->told & what);
    if (is_new) {
        state_ref ref = tell(n, fd, thread_tid(), sites_here_of(call, NULL), call, err, flags, NULL);
        n->told |= what;
        if (what == TOLD_CLOSE)
            note_in_sweep(ref);
    }
    leave(n);
}

void after_close_closed(int fd, int err, unsigned call)
{
    int saved = errno;
    if (fd < 0 || !may_judge())
        return;
    unsigned length = sweep(fd, err == EBADF);
    if (length >= SWEEP)
        settle_sweep(fd);
    else if (!err) /* of a file, or of a socket that nobody saw opened: somebody has the number since */
        forget(fd);
    else if (err == EBADF)
        use(fd, call ? call : CALL_CLOSE, err, 0, TOLD_CLOSE);
    errno = saved;
}

/* ---- other events ---------------------------------------------------------------------------- */

void after_close_touched(int fd, const struct state_slot *slot)
{
    uint32_t tid = thread_tid(), gen = SLOT_GEN(atomic_load(&slot->word));
    if (!tid || !slot->tid || slot->tid == tid)
        return;
    hand_over(slot->site);
    struct number *n = take(fd, true);
    if (!n)
        return;
    touch(n, gen, tid);
    leave(n);
}

void after_close_watched(int fd)
{
    int saved = errno;
    const struct state_slot *slot = slot_of(fd);
    if (may_judge() && slot && SLOT_PHASE(atomic_load(&slot->word)) == SLOT_LIVE) {
        after_close_touched(fd, slot);
        state_ref here = sites_here_of(CALL_EPOLL_CTL, NULL);
        struct number *n = take(fd, true);
        if (n && n->now_gen == SLOT_GEN(atomic_load(&slot->word)))
            n->epoll = here;
        if (n)
            leave(n);
    }
    errno = saved;
}

static bool is_open(int fd) { return SYS3(SYS_fcntl, fd, F_GETFD, 0) >= 0; }

/*
 * A receive on FD has returned, and FD is closed. It was under way at the close if that is long ago:
 * otherwise another thread may have closed FD in the moment since the call returned. A send says
 * nothing: it seldom waits.
 */
static void use_under_way(int fd, unsigned call)
{
    struct number *n = call_receives(call) ? take(fd, false) : NULL;
    bool before = n && clock_now() - n->closed_ns >= UNDER_WAY_NS;
    if (n)
        leave(n);
    if (before)
        use(fd, call, 0, USE_UNDER_WAY, TOLD_TRANSFER);
}

void after_close_transferred(int fd, int err, unsigned call)
{
    int saved = errno;
    const struct state_slot *slot = may_judge() ? slot_of(fd) : NULL;
    if (!slot)
        return;
    if (SLOT_PHASE(atomic_load(&slot->word)) == SLOT_LIVE)
        after_close_touched(fd, slot);
    else if (err == EBADF)
        use(fd, call, err, 0, TOLD_TRANSFER);
    else if (!is_open(fd))
        use_under_way(fd, call);
    else
        forget(fd); /* a file has the number */
    errno = saved;
}

void after_close_opened(int fd, const struct state_slot *slot)
{
    int saved = errno;
    struct number *n = take(fd, true);
    if (n) {
        n->now_gen = SLOT_GEN(atomic_load(&slot->word));
        n->n_touching = 0;
        n->epoll = 0;
        leave(n);
    }
    errno = saved;
}

/* ---- for the watcher ------------------------------------------------------------------------- */

bool after_close_any(void)
{
    unsigned left = atomic_load(&any_closed);
    return left && (atomic_compare_exchange_strong(&any_closed, &left, left - 1) || left);
}

bool after_close_is_gone(int fd)
{
    struct number *n = take(fd, false);
    bool gone = n && is_closed(n, fd) && !(n->told & TOLD_TRANSFER) && !is_open(fd);
    if (n)
        leave(n);
    return gone;
}

/* It has seen that thread inside the call before it sees that the number is closed. */
void after_close_blocked(int fd, uint32_t tid, unsigned call)
{
    struct number *n = after_close_is_gone(fd) ? take(fd, false) : NULL;
    if (!n)
        return;
    if (is_closed(n, fd)) {
        n->told |= TOLD_TRANSFER;
        tell(n, fd, tid, 0, call, 0, USE_UNDER_WAY, NULL);
    }
    leave(n);
}
