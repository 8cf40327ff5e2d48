/* SPDX-License-Identifier: MIT */
/*
 * release.c: reported sockets that are closed after all: noted by the closing thread, told by the watcher.
 *
 * The ring has many writers (wrappers, signal handlers) and one reader (who holds the watch lock). A writer never waits: a full ring is counted.
 */
#include "release.h"

#include "agent.h"
#include "sites.h"
#include "table.h"
#include "watch.h"

#define ROOM 512

struct note {
    _Atomic uint32_t turn; /* 1 + the place in the sequence, once it is complete */
    int fd;
    uint8_t kind;
    uint64_t siteid, stuck_ns;
};
static struct note ring[ROOM];
static _Atomic uint32_t head, tail;

void watch_released(const struct state_slot *slot, int fd)
{
    uint32_t gen = SLOT_GEN(atomic_load(&slot->word));
    if (atomic_load(&slot->watch_gen) != gen)
        return;
    struct state_detail *d = table_at(atomic_load(&slot->detail));
    if (!d || atomic_load(&d->gen) != gen || !atomic_exchange(&d->reported, 0))
        return;
    uint32_t at = atomic_load(&head);
    do
        if (at - atomic_load(&tail) >= ROOM) {
            table_drop(DROP_RELEASE_RING);
            return;
        }
    while (!atomic_compare_exchange_weak(&head, &at, at + 1));
    struct note *n = &ring[at % ROOM];
    const struct state_site *s = sites_at(slot->site);
    n->fd = fd;
    n->kind = d->kind;
    n->siteid = s ? s->siteid : 0;
    n->stuck_ns = agent_now() - d->since_ns;
    atomic_store_explicit(&n->turn, at + 1, memory_order_release);
}

bool release_next(struct release *r)
{
    uint32_t at = atomic_load(&tail);
    const struct note *n = &ring[at % ROOM];
    if (at == atomic_load(&head) || atomic_load_explicit(&n->turn, memory_order_acquire) != at + 1)
        return false;
    *r = (struct release){.fd = n->fd, .kind = n->kind, .siteid = n->siteid, .stuck_ns = n->stuck_ns};
    atomic_store(&tail, at + 1);
    return true;
}

void release_reset(void)
{
    for (unsigned i = 0; i < ROOM; i++)
        atomic_store(&ring[i].turn, 0);
    atomic_store(&head, 0);
    atomic_store(&tail, 0);
}
