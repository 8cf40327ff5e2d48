/* SPDX-License-Identifier: MIT */
/*
 * hold.c: which of the program's descriptors a check is asking the kernel about at this moment.
 *
 * Written by the thread with the watch lock; read by every close of the program, in signal handlers
 * too. The holder publishes and then looks at the slot; the closer leaves the slot and then looks
 * here. Both orders are sequentially consistent, so one of the two sees the other.
 */
#include "hold.h"

#include <linux/futex.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../table/table.h"
#include "gate.h"

#define PAUSES 200u
#define LIMIT_NS (20u * (uint64_t)NS_PER_MS)

_Atomic uint64_t hold_numbers;
static _Atomic uint32_t ended; /* so many holds; a futex word */
static _Atomic uint32_t waiters;
_Atomic uint32_t hold_overdue;

/* Those of the hold that is. By the thread that has a table of its own alone. */
static struct {
    int number, copy;
} copied[HOLD_MOST];
static unsigned n_copied;

int hold_copy(int fd)
{
    for (unsigned i = 0; i < n_copied; i++)
        if (copied[i].number == fd)
            return copied[i].copy;
    long copy = n_copied < HOLD_MOST ? descriptors_copy(fd) : -EMFILE;
    if (copy >= 0) {
        copied[n_copied].number = fd;
        copied[n_copied++].copy = (int)copy;
    }
    return (int)copy;
}

static void drop_copies(void)
{
    if (descriptors_are_own())
        while (n_copied)
            descriptors_drop(copied[--n_copied].copy);
}

void hold_range(int first, int last) { atomic_store(&hold_numbers, (uint64_t)(last - first + 1) << 32 | (uint32_t)first); }

bool hold_live(int fd, uint64_t word)
{
    const struct state_slot *slot = slot_of(fd);
    hold_range(fd, fd);
    if (slot && atomic_load(&slot->word) == word)
        return true;
    hold_end();
    return false;
}

void hold_end(void)
{
    drop_copies();
    atomic_store(&hold_numbers, 0);
    atomic_fetch_add(&ended, 1);
    if (atomic_load(&waiters))
        sys_futex((volatile void *)&ended, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1 << 30, NULL, NULL, 0);
}

void hold_reset(void)
{
    atomic_store(&hold_numbers, 0);
    atomic_store(&waiters, 0);
    n_copied = 0; /* the watcher of the parent had them */
}

static bool is_held(uint64_t first, uint64_t last)
{
    uint64_t numbers = atomic_load(&hold_numbers), begin = (uint32_t)numbers, n = numbers >> 32;
    return n && last >= begin && first < begin + n;
}

void hold_await(unsigned first, unsigned last)
{
    uint32_t now = atomic_load(&ended);
    if (!is_held(first, last) || thread_inside() || gate_is_vfork_child())
        return;
    /* a later hold of the same numbers has found their slots left */
    for (unsigned i = 0; i < PAUSES; i++, arch_relax())
        if (atomic_load(&ended) != now)
            return;
    uint64_t until = clock_now() + LIMIT_NS;
    atomic_fetch_add(&waiters, 1);
    while (atomic_load(&ended) == now && is_held(first, last)) {
        uint64_t at = clock_now();
        if (at >= until || sys_in_sandbox()) {
            atomic_fetch_add(&hold_overdue, 1);
            break;
        }
        struct timespec left = {0, (long)(until - at)};
        sys_futex((volatile void *)&ended, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, now, &left, NULL, 0);
    }
    atomic_fetch_sub(&waiters, 1);
}
