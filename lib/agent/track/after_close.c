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
#include "../base/descriptors.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../runtimes/runtimes.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "closed_number.h"
#include "gate.h"
#include "probe.h"
#include "quiet.h"

#define SWEEP 4u      /* closes of consecutive numbers by one thread */
#define SWEEP_KEEPS 3 /* numbers that it may leave out, at one place */
#define SWEEP_GAP_NS 1000000000ull
#define UNDER_WAY_NS 250000000ull /* no thread is preempted for so long between a call and its event */
#define USES_MAX 1024u            /* records in all */

enum told { TOLD_CLOSE = 1, TOLD_TRANSFER = 2 };

bool after_close_on;
static _Atomic unsigned any_closed; /* looks in which what was closed may be found so */
static _Atomic uint32_t n_uses;

void after_close_start(bool on)
{
    closed_number_forget_all();
    atomic_store(&n_uses, 0);
    this_thread.closing.length = 0;
    after_close_on = on;
    if (on)
        quiet_never();
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
    struct closed_number *n = closed_number_take(fd, false);
    if (!n)
        return;
    n->gen = 0;
    closed_number_leave(n);
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
static state_ref tell(struct closed_number *n, int fd, uint32_t tid, state_ref used, unsigned call, int err, unsigned flags,
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
static bool is_anothers(const struct closed_number *n, const struct state_slot *slot, uint32_t gen, uint32_t tid)
{
    return n->gen && n->gen + 1 == gen && n->closed_tid == tid && n->was_closers && slot->tid && slot->tid != tid && !slot->share &&
           SLOT_ORIGIN(slot) <= ORIGIN_SOCKETPAIR && !closed_number_has_touched(n, gen, tid, true) &&
           !closed_number_is_handed(slot->site) && thread_exists(slot->tid);
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

static void keep(struct closed_number *n, int fd, const struct state_slot *slot, uint32_t gen, uint32_t tid, state_ref closed)
{
    n->was_closers = slot->tid == tid || closed_number_has_touched(n, gen, tid, false);
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
        struct closed_number *n = closed_number_take(fd, true);
        if (n) {
            bool anothers = is_anothers(n, slot, gen, tid) && !may_be_garbage(closed);
            if (anothers)
                note_in_sweep(tell(n, fd, tid, closed, call ? call : CALL_CLOSE, 0, 0, slot));
            else if (slot->tid && slot->tid != tid)
                closed_number_hand_over(slot->site);
            keep(n, fd, slot, gen, tid, closed);
            n->told = anothers ? TOLD_CLOSE | TOLD_TRANSFER : 0; /* what its owner calls now follows from that */
            closed_number_leave(n);
        }
    }
    errno = saved;
}

void after_close_put_back(int fd) { forget(fd); }

/* N's socket was the last one under FD, and is closed. */
static bool is_closed(const struct closed_number *n, int fd)
{
    const struct state_slot *slot = slot_of(fd);
    return slot && n->gen && atomic_load(&slot->word) == SLOT_WORD(n->gen, SLOT_CLOSING);
}

/* Where a report may not be made, nothing is judged. */
static bool may_judge(void) { return gate_has_table() && !gate_is_vfork_child() && !sys_in_sandbox(); }

static void use(int fd, unsigned call, int err, unsigned flags, enum told what)
{
    struct closed_number *n = closed_number_take(fd, false);
    if (!n)
        return;
    bool is_new = is_closed(n, fd) && !(n->told & what);
    if (is_new) {
        state_ref ref = tell(n, fd, thread_tid(), sites_here_of(call, NULL), call, err, flags, NULL);
        n->told |= what;
        if (what == TOLD_CLOSE)
            note_in_sweep(ref);
    }
    closed_number_leave(n);
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
    closed_number_hand_over(slot->site);
    struct closed_number *n = closed_number_take(fd, true);
    if (!n)
        return;
    closed_number_touch(n, gen, tid);
    closed_number_leave(n);
}

void after_close_watched(int fd)
{
    int saved = errno;
    const struct state_slot *slot = slot_of(fd);
    if (may_judge() && slot && SLOT_PHASE(atomic_load(&slot->word)) == SLOT_LIVE) {
        after_close_touched(fd, slot);
        state_ref here = sites_here_of(CALL_EPOLL_CTL, NULL);
        struct closed_number *n = closed_number_take(fd, true);
        if (n && n->now_gen == SLOT_GEN(atomic_load(&slot->word)))
            n->epoll = here;
        if (n)
            closed_number_leave(n);
    }
    errno = saved;
}

/*
 * A receive on FD has returned, and FD is closed. It was under way at the close if that is long ago:
 * otherwise another thread may have closed FD in the moment since the call returned. A send says
 * nothing: it seldom waits.
 */
static void use_under_way(int fd, unsigned call)
{
    struct closed_number *n = call_receives(call) ? closed_number_take(fd, false) : NULL;
    bool before = n && clock_now() - n->closed_ns >= UNDER_WAY_NS;
    if (n)
        closed_number_leave(n);
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
    else if (!descriptors_has(fd))
        use_under_way(fd, call);
    else
        forget(fd); /* a file has the number */
    errno = saved;
}

void after_close_opened(int fd, const struct state_slot *slot)
{
    int saved = errno;
    struct closed_number *n = closed_number_take(fd, true);
    if (n) {
        n->now_gen = SLOT_GEN(atomic_load(&slot->word));
        n->n_touching = 0;
        n->epoll = 0;
        closed_number_leave(n);
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
    struct closed_number *n = closed_number_take(fd, false);
    bool gone = n && is_closed(n, fd) && !(n->told & TOLD_TRANSFER) && !descriptors_has(fd);
    if (n)
        closed_number_leave(n);
    return gone;
}

/* It has seen that thread inside the call before it sees that the number is closed. */
void after_close_blocked(int fd, uint32_t tid, unsigned call)
{
    struct closed_number *n = after_close_is_gone(fd) ? closed_number_take(fd, false) : NULL;
    if (!n)
        return;
    if (is_closed(n, fd)) {
        n->told |= TOLD_TRANSFER;
        tell(n, fd, tid, 0, call, 0, USE_UNDER_WAY, NULL);
    }
    closed_number_leave(n);
}
