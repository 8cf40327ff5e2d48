/* SPDX-License-Identifier: MIT */
/*
 * retract.c: retractions: the closing thread keeps one for a socket that was reported, the reporter
 * logs it.
 *
 * The ring has many writers (wrappers, signal handlers) and one reader (the thread with the watch
 * lock). A writer never waits: when the ring is full the retraction is dropped and counted.
 */
#include "retract.h"

#include "../base/clock.h"
#include "../base/sys.h"
#include "../stacks/sites.h"
#include "../table/header.h"

#define RING_SIZE 512

struct note {
    _Atomic uint32_t turn; /* 1 + the place in the sequence, once it is complete */
    int fd;
    uint32_t gen; /* of its slot; 0: the slot is not checked again */
    uint8_t kind;
    uint64_t siteid, stuck_ns;
};
static struct note ring[RING_SIZE] LARGE_TABLE;
static _Atomic uint32_t head, tail;

static void add_note(int fd, uint32_t gen, uint8_t kind, uint64_t siteid, uint64_t stuck_ns)
{
    uint32_t at = atomic_load(&head);
    do
        if (at - atomic_load(&tail) >= RING_SIZE) {
            table_drop(DROP_RELEASE_RING);
            return;
        }
    while (!atomic_compare_exchange_weak(&head, &at, at + 1));
    struct note *n = &ring[at % RING_SIZE];
    n->fd = fd;
    n->gen = gen;
    n->kind = kind;
    n->siteid = siteid;
    n->stuck_ns = stuck_ns;
    atomic_store_explicit(&n->turn, at + 1, memory_order_release);
}

void retract_unmarked(const struct finding *f) { add_note(f->fd, 0, f->kind, f->siteid, clock_now() - f->since_ns); }

void retract_note(const struct leaving *was, int fd, bool last)
{
    struct state_detail *d = table_at(was->detail);
    if (!d || atomic_load(&d->gen) != was->gen)
        return;
    struct state_share *share = table_at(was->share);
    bool reported = atomic_exchange(&d->reported, 0);
    if (!last) { /* the close of its last descriptor retracts it */
        if (reported && share)
            atomic_store(&share->reported, 1);
        return;
    }
    if (share && atomic_exchange(&share->reported, 0))
        reported = true;
    if (!reported)
        return;
    const struct state_site *s = sites_at(was->site);
    bool marked = d->reported_since_ns;
    add_note(fd, was->gen, marked ? d->reported_kind : d->kind, s ? s->siteid : 0,
             clock_now() - (marked ? d->reported_since_ns : d->since_ns));
}

/*
 * The close failed, and the slot has been put back: marks it as reported again, so that a later
 * close retracts it.
 */
static bool never_happened(const struct note *n)
{
    const struct state_slot *slot = n->gen ? slot_of(n->fd) : NULL;
    struct state_detail *d = slot && atomic_load(&slot->word) == SLOT_WORD(n->gen, SLOT_LIVE) ? table_at(atomic_load(&slot->detail)) : NULL;
    if (!d || atomic_load(&d->gen) != n->gen)
        return false;
    atomic_store(&d->reported, 1);
    return true;
}

bool retract_next(struct release *r)
{
    uint32_t at = atomic_load(&tail);
    const struct note *n = &ring[at % RING_SIZE];
    if (at == atomic_load(&head) || atomic_load_explicit(&n->turn, memory_order_acquire) != at + 1)
        return false;
    *r = (struct release){.fd = n->fd, .kind = n->kind, .siteid = n->siteid, .stuck_ns = n->stuck_ns, .count = 1};
    bool happened = !never_happened(n);
    atomic_store(&tail, at + 1);
    return happened || retract_next(r);
}

void retract_reset(void)
{
    /* writes no page that was not written before */
    for (unsigned i = 0; i < RING_SIZE && i < atomic_load(&head); i++)
        atomic_store(&ring[i].turn, 0);
    atomic_store(&head, 0);
    atomic_store(&tail, 0);
}
