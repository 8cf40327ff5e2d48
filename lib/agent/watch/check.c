/* SPDX-License-Identifier: MIT */
/*
 * check.c: one check of the sockets in the table.
 *
 * Runs under the watch lock. One poll(2), which never blocks, for each 256 sockets. Only a socket
 * that poll reports as ended, or of which the program has had EOF, an error or its own shutdown, is
 * probed more closely. This file is the only writer of the watcher's part of each slot and of all
 * detail records.
 */
#include "check.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "../../core/finding.h"
#include "../../core/judge.h"
#include "../base/clock.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../report/counts.h"
#include "../table/header.h"
#include "../track/family.h"
#include "../track/hold.h"
#include "../track/open_close.h"
#include "../track/probe.h"
#include "../track/retract.h"
#include "../track/slot.h"
#include "../track/uring.h"
#include "held_check.h"
#include "log_place.h"
#include "marker.h"
#include "waiters.h"

#define TURNS 16 /* in so many checks every healthy connection is probed once */
/* So many are polled in one call, for which a close of each of them would wait. */
#define BATCH HOLD_MOST

struct check {
    uint64_t now, grace, interval, next_grace;
    bool thorough;
    bool keep_open;  /* with kinds=all, when somebody asks: what is open now, should the process end */
    bool ending;     /* the program ends: what is still connecting will not connect any more */
    uint32_t number; /* of this check, never 0 */
    bool asked_uring, has_uring;
};

static struct pollfd polled[BATCH] LARGE_TABLE;
static uint32_t generation[BATCH] LARGE_TABLE;

/* ---- details --------------------------------------------------------------------------------- */

/*
 * References to the details in use, and to those that are free again. Private memory: no reader of
 * the file needs them.
 */
static state_ref *in_use, *free_list;
static size_t n_in_use, n_free, refs_capacity;

static bool grow_refs(void)
{
    size_t bigger = refs_capacity ? refs_capacity * 2 : 1024;
    state_ref *a = pages_alloc(bigger * sizeof *a), *b = pages_alloc(bigger * sizeof *b);
    if (!a || !b)
        return false;
    if (refs_capacity) {
        memcpy(a, in_use, n_in_use * sizeof *a);
        memcpy(b, free_list, n_free * sizeof *b);
        pages_free(in_use, refs_capacity * sizeof *a);
        pages_free(free_list, refs_capacity * sizeof *b);
    }
    in_use = a;
    free_list = b;
    refs_capacity = bigger;
    return true;
}

static struct state_detail *new_detail(state_ref *ref)
{
    struct state_detail *d;
    if (n_in_use + n_free >= refs_capacity && !grow_refs())
        return NULL;
    if (n_free) {
        *ref = free_list[--n_free];
        d = table_at(*ref);
        memset(d, 0, sizeof *d);
    } else {
        d = table_alloc(EXTENT_DETAILS, sizeof *d / STATE_REF_UNIT, ref);
    }
    if (d)
        in_use[n_in_use++] = *ref;
    return d;
}

/* The slot that D, the detail at REF, belongs to. NULL: it holds another socket now, or none. */
static struct state_slot *owner(const struct state_detail *d, state_ref ref)
{
    struct state_slot *s = slot_of((int)d->fd);
    bool same = s && atomic_load(&s->word) == SLOT_WORD(atomic_load(&d->gen), SLOT_LIVE) &&
                atomic_load(&s->watch_gen) == atomic_load(&d->gen) && atomic_load(&s->detail) == ref;
    return same ? s : NULL;
}

static void sweep_details(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < n_in_use; i++) {
        struct state_detail *d = table_at(in_use[i]);
        if (owner(d, in_use[i])) {
            in_use[kept++] = in_use[i];
        } else {
            atomic_store(&d->gen, 0);
            free_list[n_free++] = in_use[i];
        }
    }
    n_in_use = kept;
}

static struct state_detail *detail_of(struct state_slot *slot, uint32_t gen)
{
    state_ref ref = atomic_load(&slot->watch_gen) == gen ? atomic_load(&slot->detail) : 0;
    struct state_detail *d = table_at(ref);
    return d && atomic_load(&d->gen) == gen ? d : NULL;
}

/* ---- one socket ------------------------------------------------------------------------------ */

/*
 * Ends the condition of a socket that is still open: for example, it has connected after all, or
 * bytes have arrived on a connection that was shut down.
 */
static void healthy(struct state_slot *slot, int fd, uint32_t gen)
{
    if (!detail_of(slot, gen))
        return;
    struct leaving was = slot_leaving(slot, SLOT_WORD(gen, SLOT_LIVE));
    retract_note(&was, fd, true);
    atomic_store(&slot->detail, 0);
}

static void take_addresses(struct state_detail *d, int fd, uint32_t gen)
{
    d->local[0] = d->peer[0] = 0;
    if (!hold_live(fd, SLOT_WORD(gen, SLOT_LIVE)))
        return;
    probe_addresses(fd, d->local, d->peer);
    hold_end();
}

/*
 * As healthy; with keep_open the addresses and the state are kept for whoever reads the file when
 * the process is gone.
 */
static void still_open(const struct check *l, struct state_slot *slot, int fd, uint32_t gen, int revents)
{
    struct state_detail *d = detail_of(slot, gen);
    struct observation o;
    state_ref ref;
    if (d && d->kind != KIND_OPEN)
        healthy(slot, fd, gen);
    bool is_open = l->keep_open && hold_live(fd, SLOT_WORD(gen, SLOT_LIVE));
    if (is_open) {
        is_open = probe(fd, slot, revents, &o) >= 0 && judge(&o).kind == KIND_OPEN;
        hold_end();
    }
    if (!is_open) {
        atomic_store(&slot->detail, 0);
        return;
    }
    if (!d || d->kind != KIND_OPEN) {
        if (!(d = new_detail(&ref)))
            return;
        atomic_store(&slot->detail, ref);
    }
    take_addresses(d, fd, gen);
    d->fd = (uint32_t)fd;
    d->kind = KIND_OPEN;
    d->tcp_state = (uint8_t)o.tcp_state;
    d->unread = o.unread;
    finding_transfer_to(d, &o.transfer);
    d->since_ns = slot->opened_ns;
    if (atomic_load(&slot->flags) & SLOT_ADOPTED && o.idle_ns && o.idle_ns < l->now) /* all that can be known */
        d->since_ns = l->now - o.idle_ns;
    d->looked_ns = l->now;
    atomic_store_explicit(&d->gen, gen, memory_order_release);
}

static bool counted_before(const struct check *l, const struct state_slot *slot)
{
    struct state_share *share = table_at(slot->share);
    return share && atomic_exchange(&share->counted, l->number) == l->number;
}

/*
 * Whether a socket of which nobody saw EOF may have been read by an io_uring. Asked at most once a
 * look, since it costs a few hundred system calls; what was open while there was one is not known
 * for good.
 */
static bool may_be_read_by_uring(struct check *l)
{
    if (!l->asked_uring && uring_is_there()) {
        l->has_uring = true;
        table_set_unwatched(l->now);
    }
    l->asked_uring = true;
    return l->has_uring;
}

static void count(const struct check *l, const struct state_slot *slot, const struct observation *o, const struct verdict *v,
                  const struct state_detail *d)
{
    bool pooled = v->kind == KIND_CLOSE_WAIT && SLOT_ORIGIN(slot) == ORIGIN_SOCKET && o->used;
    counts_add(&(struct counted){.site = slot->site,
                                 .kind = v->kind,
                                 .since_ns = d->since_ns,
                                 .lasting = l->now - d->since_ns >= l->interval,
                                 .past = d->past_grace,
                                 .pooled = pooled,
                                 .untried = v->kind == KIND_NEVER_CONNECTED && finding_may_be_reserve(v->never),
                                 .before_attach = SLOT_ORIGIN(slot) == ORIGIN_BEFORE_ATTACH});
}

static void in_condition(struct check *l, struct state_slot *slot, int fd, uint32_t gen, const struct observation *o,
                         const struct verdict *v)
{
    struct state_detail *d = detail_of(slot, gen);
    struct condition c = {.kind = KIND_NONE};
    state_ref ref;
    if (d)
        c = (struct condition){d->since_ns, d->signature, d->kind, d->how};
    else if (!(d = new_detail(&ref))) {
        table_drop(DROP_LOOK);
        return;
    } else
        atomic_store(&slot->detail, ref);
    bool fresh = condition_update(&c, v, o, l->now, atomic_load(&slot->flags) & SLOT_ADOPTED ? 0 : slot->opened_ns);
    if (fresh || !d->looked_ns)
        take_addresses(d, fd, gen);
    d->fd = (uint32_t)fd;
    d->kind = v->kind;
    d->how = v->how;
    bool told_of = fresh || l->thorough || d->past_grace != (l->now - c.since_ns >= l->grace);
    d->eof = v->eof == EOF_UNREAD && !o->unread && told_of && may_be_read_by_uring(l) ? EOF_NONE : v->eof;
    atomic_fetch_and(&d->never, DETAIL_UNTIL_EXIT); /* which the program's thread may set at this moment */
    atomic_fetch_or(&d->never, v->never);
    d->tcp_state = (uint8_t)o->tcp_state;
    d->since_ns = c.since_ns;
    d->signature = c.signature;
    d->unread = o->unread;
    finding_transfer_to(d, &o->transfer);
    d->looked_ns = l->now;
    d->past_grace = l->now - c.since_ns >= l->grace;
    atomic_store_explicit(&d->gen, gen, memory_order_release);
    if (!d->past_grace && c.since_ns + l->grace < l->next_grace)
        l->next_grace = c.since_ns + l->grace;
    /*
     * An inherited socket that another process reports is not counted. Several descriptors of one
     * socket count once.
     */
    if (finding_counts(slot) && !counted_before(l, slot))
        count(l, slot, o, v, d);
}

/*
 * The first check of a socket: from now on this slot stands for the socket with this cookie. False:
 * FD is no socket.
 */
static bool stamp(struct state_slot *slot, int fd, uint32_t gen)
{
    uint64_t cookie = probe_cookie(fd);
    if (!cookie)
        return false;
    atomic_store(&slot->detail, 0);
    atomic_store(&slot->cookie, cookie);
    atomic_store_explicit(&slot->watch_gen, gen, memory_order_release);
    return true;
}

/*
 * poll(2) reports the same for a healthy connection and for one that this side has half-closed, and
 * another descriptor or process may have done that. Probing every connection at every check would
 * cost too much. Those that are known to be shared, or to be in a condition, are probed each time;
 * the others in turn; and all of them when somebody waits for the answer (thorough).
 */
static bool may_be_shut_elsewhere(const struct check *l, const struct state_slot *slot, int fd)
{
    if (slot->family == AF_UNIX || SLOT_TYPE(slot) == SOCK_DGRAM)
        return false;
    return l->thorough || slot->share || atomic_load(&slot->detail) || SLOT_ORIGIN(slot) == ORIGIN_RECEIVED ||
           ((unsigned)fd + l->number) % TURNS == 0;
}

/*
 * A connect that hangs is nobody's leak while somebody waits for it. Since when it hangs: told_ns
 * is when connect returned without an outcome; inside connect it is not known, and at most as old
 * as the socket.
 */
static bool is_abandoned(struct check *l, const struct state_slot *slot, int fd, uint32_t gen, struct observation *o)
{
    uint64_t told = atomic_load(&slot->told_ns);
    uint64_t since = told > slot->opened_ns ? told : slot->opened_ns;
    if (!o->connecting || (o->tcp_state != ST_SYN_SENT && o->protocol != PROTOCOL_MPTCP))
        return false;
    o->idle_ns = l->now > since ? l->now - since : 0;
    if (l->ending)
        return true;
    if (o->idle_ns >= l->grace)
        return waiters_none(fd, gen);
    if (since + l->grace < l->next_grace)
        l->next_grace = since + l->grace;
    return false;
}

/*
 * How often the kernel has refused an answer so far. Where another thread adds one meanwhile, this
 * check is in doubt too; the next one settles it.
 */
static uint64_t refusals(void) { return table_drops(DROP_LOOK); }

/*
 * A connect that hangs is the only reason why a TCP socket that is not known to be connected is
 * neither writable nor hung up (but for a listener, and few connections that are full).
 */
static bool polled_for_connect(const struct state_slot *slot)
{
    return (slot->family == AF_INET || slot->family == AF_INET6) && SLOT_TYPE(slot) == SOCK_STREAM &&
           !(atomic_load(&slot->flags) & SLOT_CONNECTED);
}

/*
 * An inherited socket is reported by whoever uses it; of those that do not, by one
 * (track/family.h).
 */
static void settle_heir(struct state_slot *slot, int fd)
{
    uint16_t flags = atomic_load(&slot->flags);
    if (!(flags & SLOT_INHERITED))
        return;
    family_uses(fd, flags & SLOT_USED);
    if (!(flags & SLOT_USED) && family_is_last(fd, slot))
        atomic_fetch_or(&slot->flags, SLOT_LAST);
    else if (flags & SLOT_LAST)
        atomic_fetch_and(&slot->flags, (uint16_t)~SLOT_LAST);
}

static void check_socket(struct check *l, int fd, uint32_t gen, int revents)
{
    struct state_slot *slot = slot_of(fd);
    const uint64_t word = SLOT_WORD(gen, SLOT_LIVE);
    if (atomic_load_explicit(&slot->word, memory_order_acquire) != word)
        return;
    bool stamped = atomic_load(&slot->watch_gen) == gen && atomic_load(&slot->cookie);
    uint64_t refused = refusals();
    bool is_socket = revents < 0 || !(revents & POLLNVAL);
    if (is_socket && !stamped) {
        if (!hold_live(fd, word))
            return;
        is_socket = stamp(slot, fd, gen);
        hold_end();
    }
    if (!is_socket) {
        if (refusals() == refused)
            track_vanished(fd, gen);
        return;
    }
    settle_heir(slot, fd);
    bool told = (revents >= 0 && polled_for_connect(slot) && !(revents & POLLOUT)) ||
                slot_flags(slot) & (SLOT_SHUT_WR | SLOT_TOLD_EOF | SLOT_TOLD_ERROR) || may_be_shut_elsewhere(l, slot, fd);
    if (revents >= 0 && !(revents & (POLLHUP | POLLERR | POLLRDHUP)) && !told) {
        still_open(l, slot, fd, gen, revents);
        return;
    }
    struct observation o;
    if (!hold_live(fd, word))
        return;
    bool gone = (stamped && probe_cookie(fd) != atomic_load(&slot->cookie)) || probe(fd, slot, revents, &o) < 0;
    hold_end();
    if (refusals() != refused) /* nothing is known: it stays what it was at the last look */
        return;
    if (gone) {
        track_vanished(fd, gen);
        return;
    }
    o.abandoned = is_abandoned(l, slot, fd, gen, &o);
    if (o.read_unseen) /* and so it may have been with others */
        table_set_unwatched(l->now);
    struct verdict v = judge(&o);
    if (v.kind == KIND_NONE || v.kind == KIND_OPEN || (v.kind == KIND_HANGUP && marker_is(fd, slot, &o)))
        still_open(l, slot, fd, gen, revents);
    else
        in_condition(l, slot, fd, gen, &o, &v);
}

/* A number whose slot has been left since is not polled: -1 in its place, which poll ignores. */
static void drop_closing(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (atomic_load(&slot_of(polled[i].fd)->word) != SLOT_WORD(generation[i], SLOT_LIVE))
            polled[i].fd = -1;
}

/* In a thread with a descriptor table of its own: of copies, whose answers are put to the numbers. */
static bool poll_copies(unsigned n)
{
    struct pollfd copy[BATCH];
    struct timespec zero = {0, 0};
    for (unsigned i = 0; i < n; i++) {
        copy[i] = polled[i];
        if (polled[i].fd >= 0)
            copy[i].fd = hold_file(polled[i].fd);
        if (copy[i].fd < 0 && copy[i].fd != polled[i].fd && copy[i].fd != -EBADF)
            return false;
    }
    if (SYS5(SYS_ppoll, copy, n, &zero, NULL, 0) < 0)
        return false;
    for (unsigned i = 0; i < n; i++)
        polled[i].revents = copy[i].fd == -EBADF ? POLLNVAL : copy[i].revents;
    return true;
}

static bool poll_batch(unsigned n)
{
    struct timespec zero = {0, 0};
    return descriptors_are_own() ? poll_copies(n) : SYS5(SYS_ppoll, polled, n, &zero, NULL, 0) >= 0;
}

static void check_batch(struct check *l, unsigned n)
{
    if (!n)
        return;
    hold_range(polled[0].fd, polled[n - 1].fd);
    drop_closing(n);
    /*
     * ppoll fails with EINVAL when RLIMIT_NOFILE was lowered below N. Then each socket is polled by
     * probe().
     */
    bool answered = poll_batch(n);
    hold_end();
    for (unsigned i = 0; i < n; i++)
        if (polled[i].fd >= 0)
            check_socket(l, polled[i].fd, generation[i], answered ? polled[i].revents : -1);
}

static uint64_t check_table(uint64_t min_age_ns, bool ending)
{
    log_place_follow();
    struct check l = {.now = clock_now(), .grace = table_grace_ns(), .interval = table_interval_ns(), .next_grace = UINT64_MAX};
    l.ending = ending;
    l.thorough = min_age_ns <= 1;
    l.keep_open = l.thorough && table_kinds() & KIND_BIT(KIND_OPEN);
    l.number = (uint32_t)table_looks() + 1;
    unsigned n = 0;
    sweep_details();
    family_look();
    waiters_begin();
    marker_begin();
    counts_begin();
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1)) {
        struct state_slot *slot = slot_of(fd);
        uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
        if (SLOT_PHASE(word) != SLOT_LIVE || (atomic_load(&slot->flags) & SLOT_IGNORED) ||
            (min_age_ns && l.now - slot->opened_ns < min_age_ns))
            continue;
        const struct state_detail *d = detail_of(slot, SLOT_GEN(word));
        if (d && detail_is_until_exit(d)) /* closed by now: it stays what it was */
            continue;
        polled[n] = (struct pollfd){.fd = fd, .events = polled_for_connect(slot) ? POLLRDHUP | POLLOUT : POLLRDHUP};
        generation[n] = SLOT_GEN(word);
        if (++n == BATCH) {
            check_batch(&l, n);
            n = 0;
        }
    }
    check_batch(&l, n);
    uint64_t next_held = held_check(l.now, l.grace);
    if (next_held < l.next_grace)
        l.next_grace = next_held;
    counts_end(l.now, l.interval);
    table_count_look(l.now);
    return l.next_grace;
}

uint64_t check_all(uint64_t min_age_ns) { return check_table(min_age_ns, false); }

void check_at_end(void) { check_table(0, true); }

void check_reset(void)
{
    /*
     * Another thread of the parent may have been changing these at the fork: start empty. A few
     * pages are lost.
     */
    log_place_reset();
    in_use = free_list = NULL;
    n_in_use = n_free = refs_capacity = 0;
    counts_reset();
    waiters_reset();
}
